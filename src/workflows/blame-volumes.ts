import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hashVolumes, indexPathsOf, readSums } from '../bundle/volume-index.ts';
import { AirgapError, isAirgapError, syscallOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';

/**
 * Runs a check of a bundle. When its content is refused and the list of its volumes (`X.SHA256SUMS`) lies beside them, says
 * which volumes are not what the list says: a digest alone tells only where a content begins. The list decides nothing.
 */
export async function blameVolumes<T>(paths: readonly string[], ctx: RunContext, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    const sums = paths.length > 1 ? sumsBeside(paths[0]!) : undefined;
    if (sums === undefined || !isAirgapError(error, 'E_DIGEST', 'E_LAYOUT', 'E_TRUNCATED', 'E_TRAILING')) throw error;
    const pieces = paths.map((path) => ({ path, finalPath: path }));
    const { volumes } = await hashVolumes(pieces, { signal: ctx.signal, onBytes: () => undefined }).catch(
      (failure: unknown) => {
        // A medium that can not be read was named by the check already.
        throw syscallOf(failure) === undefined ? failure : error;
      },
    );
    const found = new Map(volumes.map(({ path, sha256 }) => [basename(path), sha256]));
    const listed = [...readSums(readText(sums))];
    const missing = listed.filter(([name]) => !found.has(name)).map(([name]) => name);
    const wrong = listed
      .filter(([name, sha256]) => found.has(name) && found.get(name) !== sha256)
      .map(([name]) => name);
    if (missing.length + wrong.length === 0) throw error;
    const hints = [
      ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}`]),
      ...(wrong.length === 0 ? [] : [`damaged, swapped or of another bundle: ${wrong.join(', ')}`]),
    ];
    throw new AirgapError(error.code, error.message, {
      hint: `by ${basename(sums)}, ${hints.join('; ')}`,
      data: { ...error.data, volumes: [...missing, ...wrong] },
      cause: error.cause,
    });
  }
}

/** The list only helps: one that can not be read is as good as none. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (syscallOf(error) === undefined) throw error;
    return '';
  }
}

function sumsBeside(volume: string): string | undefined {
  const { sums } = indexPathsOf(basename(volume).replace(/\.\d{3}$/, ''));
  const path = join(dirname(volume), sums);
  return existsSync(path) ? path : undefined;
}
