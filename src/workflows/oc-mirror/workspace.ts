import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AirgapError, systemCodeOf } from '../../core/errors.ts';
import { assertOutputFolder } from '../output-path.ts';
import type { PlanResult } from '../plan.ts';
import { chunkNames } from './archive.ts';
import type { OcMirror } from './program.ts';
import { acceptedPath, type OcMirrorOptions } from './run.ts';

/** Where everything of a run lies, beside the bundle. */
export interface Workspace {
  readonly folder: string;
  /** As the program is told. */
  readonly disk: string;
  readonly cache: string;
  /** Says for which content the archive in `disk` is complete. */
  readonly mark: string;
}

/** The folders of a run for this bundle; nothing is made yet. Throws `E_USAGE` when they could not be, or the program refuses them. */
export function openWorkspace(output: string, { cacheDir }: OcMirrorOptions): Workspace {
  const folder = `${output}.oc-mirror`;
  assertNoLink(folder, 'remove it, or write the bundle elsewhere');
  assertOutputFolder(folder, '--engine oc-mirror:');
  if (cacheDir !== undefined) assertOutputFolder(cacheDir, '--oc-mirror-cache');
  return {
    folder,
    disk: acceptedPath(join(folder, 'disk')),
    cache: cacheDir ?? join(folder, 'cache'),
    mark: join(folder, 'complete.json'),
  };
}

/**
 * Throws `E_USAGE` when a folder whose content we remove is a symbolic link: it could be anybody's. `otherwise` says what to do.
 */
export function assertNoLink(folder: string, otherwise: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  throw new AirgapError('E_USAGE', `${folder} is a symbolic link, which is not followed`, { hint: otherwise });
}

/** What an archive must have been made for to be used again. */
export function markOf(
  { plan, configText }: PlanResult,
  { version }: OcMirror,
  { args }: Pick<OcMirrorOptions, 'args'>,
): string {
  const names = plan.images.map(({ target, root }) => `${target.repository}:${target.tag} ${root.digest}`).toSorted();
  const content = createHash('sha256')
    .update(JSON.stringify([configText, names, args]))
    .digest('hex');
  return `${JSON.stringify({ content, version })}\n`;
}

/** Whether the folder holds an archive for exactly this. */
export async function isComplete({ mark, disk }: Workspace, expected: string): Promise<boolean> {
  try {
    return (await readFile(mark, 'utf8')) === expected && (await chunkNames(disk)).length > 0;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
