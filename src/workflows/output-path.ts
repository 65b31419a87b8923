import { accessSync, constants, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

/**
 * Throws `E_USAGE` when no file can be written at `path`: hours of fetching must not end with that. `flag` is the flag that
 * named it.
 */
export function assertOutputPath(path: string, flag: string): void {
  const folder = dirname(resolve(path));
  const problem = folderProblem(folder);
  if (problem !== undefined) {
    throw new AirgapError('E_USAGE', `${flag} ${path}: ${folder} ${problem}`, {
      hint: 'name a file in a folder that is there and may be written to',
    });
  }
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isFile()) return;
  throw new AirgapError('E_USAGE', `${flag} ${path} is there and is no regular file`, { hint: 'name another file' });
}

/** Writes a small result file that `flag` names. Throws `E_USAGE` when that can not be; with `isNew` also when it is there. */
export async function writeOutputFile(
  path: string,
  content: string | Uint8Array,
  options: { readonly flag: string; readonly isNew?: boolean },
): Promise<void> {
  try {
    await writeFile(path, content, { flag: options.isNew === true ? 'wx' : 'w' });
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined || code === 'ENOSPC') throw error;
    const problem = code === 'EEXIST' ? 'is there and is never overwritten' : `can not be written: ${code}`;
    throw new AirgapError('E_USAGE', `${options.flag} ${path} ${problem}`, { hint: 'name another file', cause: error });
  }
}

function folderProblem(folder: string): string | undefined {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return statSync(folder).isDirectory() ? undefined : 'is no folder';
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' ? 'is not there' : `can not be written to (${code})`;
  }
}
