import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { toolFiles } from '../core/assets.ts';
import { AirgapError } from '../core/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { BundleEntry } from './bundle-content.ts';

/**
 * The tool's own executables as files of a bundle, `tool/airgap-<platform>`: the running one, or those that were built.
 * Throws `E_USAGE` when there is none.
 */
export async function toolEntries(): Promise<readonly BundleEntry[]> {
  const files = toolFiles();
  if (files.length === 0) {
    throw new AirgapError('E_USAGE', '--include-tool: this airgap runs in Node and no executable was built beside it', {
      hint: 'run "npm run sea" in the checkout, or pack with the executable itself',
    });
  }
  return Promise.all(files.map(({ path, name }) => toolEntry(path, `tool/${name}`)));
}

async function toolEntry(file: string, path: string): Promise<BundleEntry> {
  const { size } = await stat(file);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const sha256 = hash.digest('hex');
  const digest: Digest = `sha256:${sha256}`;
  const descriptor = { mediaType: 'application/octet-stream', digest, size };
  // Too large to be held in memory: read again when it is written.
  const open = async () => createReadStream(file);
  return { path, size, sha256, blob: { descriptor, sources: [], generated: { descriptor, open } } };
}
