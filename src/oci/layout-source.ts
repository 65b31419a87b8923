import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { ReferrerSource } from './content.ts';
import { digestOf, hexOf, isDigest, type Digest } from './digest.ts';
import { parseIndex } from './graph.ts';
import { MEDIA_TYPE, type Descriptor } from './types.ts';
import { verifyStream } from './verify-stream.ts';

/** The selector of what a layout holds as a whole: its only manifest, or its index when there are several. */
export const LAYOUT_ROOT = '';
const REF_NAME = 'org.opencontainers.image.ref.name';

/**
 * An OCI image layout directory as a source (OCI image-spec, "Image Layout"). `resolve` takes a digest, a name its index
 * gives, or {@link LAYOUT_ROOT}. Throws `E_NOT_FOUND` for what is not there and `E_OCI` when the directory is no layout.
 */
export function openLayout(directory: string): ReferrerSource {
  let index: Promise<{ bytes: Buffer; manifests: readonly Descriptor[] }> | undefined;

  async function readIndex(): Promise<{ bytes: Buffer; manifests: readonly Descriptor[] }> {
    await readLayoutFile('oci-layout');
    const bytes = await readLayoutFile('index.json');
    return { bytes, manifests: parseIndex(bytes, MEDIA_TYPE.ociIndex, `${directory}/index.json`).manifests };
  }

  async function readLayoutFile(name: string): Promise<Buffer> {
    try {
      return await readFile(join(directory, name));
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === undefined) throw error;
      const problem = code === 'ENOENT' || code === 'ENOTDIR' ? 'is missing' : `can not be read (${code})`;
      throw new AirgapError('E_NOT_FOUND', `${directory} is no OCI image layout: ${name} ${problem}`, {
        hint: 'give the directory that holds oci-layout, index.json and blobs/',
        cause: error,
      });
    }
  }

  return {
    async resolve(reference) {
      index ??= readIndex();
      const { bytes, manifests } = await index;
      if (reference === LAYOUT_ROOT) {
        if (manifests.length === 1) return manifests[0]!;
        return { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(bytes), size: bytes.length };
      }
      const found = isDigest(reference)
        ? manifests.find((manifest) => manifest.digest === reference)
        : manifests.find((manifest) => manifest.annotations?.[REF_NAME] === reference);
      if (found !== undefined) return found;
      throw new AirgapError('E_NOT_FOUND', `${directory}: the layout has no ${JSON.stringify(reference)}`, {
        hint: 'see its index.json for what it holds',
      });
    },
    async fetch(descriptor, { signal, offset = 0 }) {
      const bytes = (await index)?.bytes;
      const path =
        bytes !== undefined && digestOf(bytes) === descriptor.digest
          ? join(directory, 'index.json')
          : join(
              directory,
              'blobs',
              descriptor.digest.slice(0, descriptor.digest.indexOf(':')),
              hexOf(descriptor.digest),
            );
      await assertThere(path, descriptor.digest);
      const stream = createReadStream(path, { start: offset, highWaterMark: 1024 * 1024, signal });
      if (offset > 0) return stream;
      const verified = verifyStream(descriptor, directory);
      stream.on('error', (error) => verified.destroy(error));
      return stream.pipe(verified);
    },
    referrers: async () => [],
  };
}

async function assertThere(path: string, digest: Digest): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    const problem = code === 'ENOENT' ? 'has no blob' : `does not let its blob be read (${code}):`;
    throw new AirgapError('E_NOT_FOUND', `the layout ${problem} ${digest}`, { cause: error, data: { path } });
  }
}
