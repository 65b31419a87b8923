import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** The executable of one platform. */
export interface ToolFile {
  readonly path: string;
  /** `linux-x64`. */
  readonly platform: string;
}

/**
 * The text of a file shipped with the tool, by its path below the package root (`manifests/…`, `schemas/…`).
 */
export function readAsset(path: string): string {
  if (isSea()) return getAsset(path, 'utf8');
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The tool as single executables: the one that is running, or those built beside the sources. Empty when there are none. */
export function toolFiles(): readonly ToolFile[] {
  if (isSea()) return [{ path: process.execPath, platform: `${process.platform}-${process.arch}` }];
  const folder = fileURLToPath(new URL('../../dist-sea', import.meta.url));
  if (!existsSync(folder)) return [];
  return globSync('airgap-*', { cwd: folder })
    .toSorted()
    .map((name) => ({ path: join(folder, name), platform: name.replace(/^airgap-/, '') }));
}
