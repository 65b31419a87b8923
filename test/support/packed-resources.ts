/** The cluster resources that travel in a bundle for a registry, as files. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Upstream } from './upstream.ts';

/** Packs `imageset.yaml` for `registry`, with more arguments of the command; gives file name → text, sorted by name. */
export async function packedResources(
  upstream: Upstream,
  registry: string,
  ...more: readonly string[]
): Promise<Record<string, string>> {
  await upstream.succeed(
    ...['pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--unsigned', '--registry', registry, ...more],
  );
  const folder = join(upstream.folder, 'resources');
  rmSync(folder, { recursive: true, force: true });
  execFileSync('tar', ['xf', 'x.tar', '--wildcards', 'resources/*'], { cwd: upstream.folder });
  const names = readdirSync(folder).toSorted();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
