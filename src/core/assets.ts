import { readFileSync } from 'node:fs';

/**
 * The text of a file shipped with the tool, by its path below the package root (`manifests/…`, `schemas/…`).
 */
export function readAsset(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
