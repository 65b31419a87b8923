import { Readable } from 'node:stream';
import { z } from 'zod';
import type { BundleReader } from '../../bundle/reader.ts';
import { AirgapError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import type { ContentSource } from '../../oci/content.ts';
import { hasherFor, hexOf, type Digest } from '../../oci/digest.ts';
import type { PlanFile } from '../../mirror/plan-file.ts';
import { blobPath } from '../bundle-content.ts';
import type { BlobPlace } from './archive.ts';

/** Files of the archive inside the bundle, and for the hex digest of each blob: which file, from which byte on, how many. */
const BlobIndexSchema = z.strictObject({
  files: z.array(z.string()),
  blobs: z.record(
    z.string().regex(/^[0-9a-f]{64}$/),
    z.tuple([z.int().nonnegative(), z.int().nonnegative(), z.int().nonnegative()]),
  ),
});

/** `blobs.json`: where the blobs of an archive are whose files lie in `folder` of the bundle. Sorted, so that it can be made again. */
export function formatBlobIndex(blobs: ReadonlyMap<Digest, BlobPlace>, folder: string): string {
  const chunks = [...new Set([...blobs.values()].map(({ chunk }) => chunk))].toSorted();
  const entries = [...blobs]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([digest, { chunk, position, size }]) => [hexOf(digest), [chunks.indexOf(chunk), position, size]] as const);
  return `${JSON.stringify({
    files: chunks.map((chunk) => `${folder}/${chunk}`),
    blobs: Object.fromEntries(entries),
  })}\n`;
}

/**
 * A bundle that the vendor's program mirrored as a source: blobs are read where they are inside its archive, nothing is
 * extracted. Every content read from its start fails with `E_DIGEST` unless it is what its descriptor says. Throws
 * `E_MANIFEST` for an index that is none.
 */
export async function openArchiveSource(
  reader: BundleReader,
  engine: NonNullable<PlanFile['engine']>,
): Promise<ContentSource> {
  const { files, blobs } = parseIndex(await reader.readFile(engine.blobs), engine.blobs);
  return {
    resolve: (reference, signal) => reader.resolve(reference, signal),
    async fetch(descriptor, options) {
      // Manifests are files of their own.
      if (reader.find(blobPath(descriptor.digest)) !== undefined) return reader.fetch(descriptor, options);
      const [file, position, size] = blobs[hexOf(descriptor.digest)] ?? [];
      const path = file === undefined ? undefined : files[file];
      if (path === undefined || position === undefined || size !== descriptor.size) {
        throw new AirgapError('E_NOT_FOUND', `the archive of oc-mirror has no ${descriptor.digest}`, {
          hint: 'ask the sender to pack the bundle again',
        });
      }
      const { offset = 0, signal } = options;
      const inside = reader.openFile(path, { signal, offset: position + offset });
      const bytes = firstBytes(inside, size - offset);
      const content = offset > 0 ? bytes : checked(bytes, descriptor.digest, { at: path, offset: position });
      return Readable.from(content, { objectMode: false, signal });
    },
  };
}

function parseIndex(content: Buffer, path: string): z.infer<typeof BlobIndexSchema> {
  const parsed = BlobIndexSchema.safeParse(parseJson(content.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new AirgapError('E_MANIFEST', `${path} is no index of blobs`, {
    hint: 'the bundle was made by another version of airgap; use that version, or a newer one',
  });
}

async function* firstBytes(stream: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  if (left === 0) return;
  for await (const chunk of stream) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

/** Passes the last piece on only when the whole is right. The place in the error says that trying again does not help. */
async function* checked(
  bytes: AsyncIterable<Buffer>,
  digest: Digest,
  place: { readonly at: string; readonly offset: number },
): AsyncGenerator<Buffer> {
  const hash = hasherFor(digest);
  let held: Buffer | undefined;
  for await (const piece of bytes) {
    if (held !== undefined) yield held;
    hash.update(piece);
    held = piece;
  }
  if (hash.digest('hex') !== hexOf(digest)) {
    throw new AirgapError('E_DIGEST', `${place.at}: the content of ${digest} has another digest`, {
      hint: 'do not use this bundle; get it again from its sender',
      data: place,
    });
  }
  if (held !== undefined) yield held;
}
