import { existsSync } from 'node:fs';
import { readFile, realpath, rename, rm } from 'node:fs/promises';
import { combineKubeconfigs, mergeIntoKubeconfig, type HostedKubeconfig } from '../apply/kubeconfig.ts';
import { createFile } from '../bundle/file-system.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { unwritable } from '../workflows/output-path.ts';

/** It holds the credentials of an administrator. */
const MODE = 0o600;

/**
 * Writes kubeconfigs to a new file, merges them into an existing one, or gives the text back to be printed. Files have mode
 * 0600. Throws `E_USAGE` when `out` exists.
 */
export async function writeKubeconfigs(
  configs: readonly HostedKubeconfig[],
  where: { readonly out: string | undefined; readonly merge: string | undefined },
): Promise<{ readonly file?: string; readonly text?: string }> {
  if (where.merge !== undefined) {
    const merged = mergeIntoKubeconfig(await readIfThere(where.merge), where.merge, configs);
    // A link stays a link: the file is often kept elsewhere.
    const final = existsSync(where.merge) ? await realpath(where.merge) : where.merge;
    const temporary = `${final}.partial-${process.pid}`;
    try {
      await createFile(temporary, merged, MODE);
      await rename(temporary, final);
    } catch (error) {
      await rm(temporary, { force: true });
      throw unwritable(`--merge ${where.merge}`, error);
    }
    return { file: where.merge };
  }
  const [first] = configs;
  const text = configs.length === 1 ? first!.text : combineKubeconfigs(configs);
  if (where.out === undefined) return { text };
  try {
    await createFile(where.out, text, MODE);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw unwritable(`--out ${where.out}`, error);
    throw new AirgapError('E_USAGE', `${where.out} exists`, {
      hint: 'choose another file, or add to it with --merge',
      cause: error,
    });
  }
  return { file: where.out };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT') return '';
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `--merge ${path} can not be read: ${systemProblem(code)}`, {
      hint: 'name a kubeconfig, or a file that is not there yet',
      cause: error,
    });
  }
}
