import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { toolFiles, type ToolFile } from '../core/assets.ts';
import { AirgapError } from '../core/errors.ts';
import { toolPath } from '../core/tool-path.ts';
import type { Digest } from '../oci/digest.ts';
import type { BundleEntry } from './bundle-content.ts';

/**
 * The tool's own executables as files of a bundle, `tool/airgap-<platform>`: the running one, or those that were built; of these
 * only `platforms`, where some are named. Throws `E_USAGE` when there is none, or none for a named platform.
 */
export async function toolEntries(platforms: readonly string[]): Promise<readonly BundleEntry[]> {
  const files = toolFiles();
  if (files.length === 0) {
    throw new AirgapError('E_USAGE', '--include-tool: this airgap runs in Node and no executable was built beside it', {
      hint: 'run "npm run sea" in the checkout, or pack with the executable itself',
    });
  }
  const chosen = platforms.length === 0 ? files : [...new Set(platforms)].map((platform) => toolFor(platform, files));
  return Promise.all(chosen.map(({ path, platform }) => toolEntry(path, toolPath(platform))));
}

function toolFor(platform: string, files: readonly ToolFile[]): ToolFile {
  const found = files.find((file) => file.platform === platform);
  if (found !== undefined) return found;
  const there = files.map((file) => file.platform).join(', ');
  throw new AirgapError('E_USAGE', `--tool-platform ${platform}: there is no such executable, only ${there}`, {
    hint: `run "npm run sea -- --platform ${platform}" in the checkout and pack there; names are linux-x64 and linux-arm64`,
  });
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
