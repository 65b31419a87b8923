import { accessSync, constants, existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createFile } from '../bundle/file-system.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';

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
  if (isFileOrNew(path, flag)) return;
  throw new AirgapError('E_USAGE', `${flag} ${path} is there and is no file`, { hint: 'name another file' });
}

function isFileOrNew(path: string, flag: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
  } catch (error) {
    throw unwritable(`${flag} ${path}`, error);
  }
}

/**
 * Throws `E_USAGE` when the folder `flag` names can not be made. What is missing is made and taken away again: permissions
 * alone do not tell, least of all to root, and a run that fails for another reason leaves nothing behind.
 */
export function assertOutputFolder(path: string, flag: string): void {
  for (const folder of makeOutputFolder(path, flag).toReversed()) rmdirSync(folder);
}

/** Makes the folder `flag` names with what is missing above it, and returns what it made. Throws `E_USAGE`. */
export function makeOutputFolder(path: string, flag: string): readonly string[] {
  const missing: string[] = [];
  let nearest = resolve(path);
  for (; !existsSync(nearest); nearest = dirname(nearest)) missing.unshift(nearest);
  const problem = folderProblem(nearest);
  if (problem !== undefined) throw unusableFolder(`${flag} ${path}: ${nearest} ${problem}`);
  const made: string[] = [];
  for (const folder of missing) {
    try {
      // One by one: the recursive form does not come back from a file system that takes no folders (Node 24, /proc).
      mkdirSync(folder);
      made.push(folder);
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === undefined) throw error;
      for (const done of made.toReversed()) rmdirSync(done);
      throw unusableFolder(`${flag} ${path}: ${folder} can not be made (${code})`, error);
    }
  }
  return made;
}

function unusableFolder(message: string, cause?: unknown): AirgapError {
  return new AirgapError('E_USAGE', message, { hint: 'name a folder that may be written to', cause });
}

/**
 * Writes a small result file that `flag` names; it appears complete or not at all. Throws `E_USAGE` when that can not be;
 * with `isNew` also when it is there.
 */
export async function writeOutputFile(
  path: string,
  content: string | Uint8Array,
  options: { readonly flag: string; readonly isNew?: boolean },
): Promise<void> {
  try {
    if (options.isNew === true) await createFile(path, content);
    else await replaceFile(path, content);
  } catch (error) {
    throw unwritable(`${options.flag} ${path}`, error);
  }
}

/**
 * What a failure to write a result is thrown as: a full disk as `E_SPACE`, anything else of the system as `E_USAGE`. `what` is the
 * file, with the flag that named it. What is no error of the system is returned unchanged.
 */
export function unwritable(what: string, error: unknown): unknown {
  const code = systemCodeOf(error);
  if (code === undefined || error instanceof AirgapError) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new AirgapError('E_SPACE', `${what} can not be written: the disk is full`, {
      hint: 'make room or name another place, and run the same command again',
      cause: error,
    });
  }
  const problem =
    code === 'EEXIST' ? 'is there and is never overwritten' : `can not be written: ${systemProblem(code, 'folder')}`;
  return new AirgapError('E_USAGE', `${what} ${problem}`, { hint: 'name another file', cause: error });
}

/** A link stays a link, and a device or pipe is written to. */
async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) return writeFile(path, content);
  const final = there === undefined ? path : await realpath(path);
  const temporary = `${final}.partial-${process.pid}`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, final);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function folderProblem(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return 'is no folder';
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' ? 'is not there' : `can not be written to (${code})`;
  }
}
