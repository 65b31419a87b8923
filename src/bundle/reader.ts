import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import type { ContentSource } from '../oci/content.ts';
import { hexOf, isDigest, type Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/graph.ts';
import { MAX_MANIFEST_SIZE, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { firstDifference } from './entry-check.ts';
import { failureError } from './failure.ts';
import { BLOCK, headerOf, type LayoutEntry } from './layout.ts';
import type { BundleManifest } from './manifest.ts';
import { filesByPath, LAYOUT_INDEX_PATH, MAX_INDEX_BYTES, REFERENCE_NAME, type LayoutFiles } from './oci-checks.ts';
import { orderedVolumes } from './ordered-input.ts';
import { blobPath } from './paths.ts';
import { acceptPreamble, readPreamble, type AcceptedBundle, type AcceptOptions } from './preamble.ts';
import { openVolumes, type Volumes } from './volumes.ts';

/** Bytes of one read of a content that is passed on. */
const READ_BYTES = 512 * 1024;

/**
 * An accepted bundle, read in place. As a {@link ContentSource} it serves the blobs of its OCI layout; every content read
 * from its start is hashed again on the way and fails with `E_DIGEST` when the medium has changed.
 */
export interface BundleReader extends ContentSource, LayoutFiles {
  readonly manifest: BundleManifest;
  readonly manifestSha256: string;
  readonly manifestBytes: Buffer;
  /** The signatures inside the bundle. */
  readonly signatures: readonly Buffer[];
  readonly signers: readonly unknown[];
  /** The open files. */
  readonly volumes: Volumes;
  /** All of a small file. Throws `E_NOT_FOUND`, `E_BASE` when it is left to the base, `E_LIMIT` above `limit` bytes. */
  readFile(path: string, limit?: number): Promise<Buffer>;
  /** A file as a stream, from `offset` (default 0) on. */
  openFile(path: string, options: { readonly signal: AbortSignal; readonly offset?: number }): Readable;
  close(): void;
}

/**
 * Opens a bundle (one file or its volumes in any order) whose signatures `accept` accepts; steps 1 to 4 of signing,
 * section 7.1, with their errors. Positions are computed from the bundle manifest; nothing is scanned.
 */
export async function openBundle(
  paths: readonly string[],
  options: Omit<AcceptOptions<unknown>, 'volumeAt'>,
): Promise<BundleReader> {
  const volumes = openVolumes(paths);
  try {
    const preamble = await readPreamble(orderedVolumes(volumes), volumes.volumeAt);
    return readerOf(volumes, acceptPreamble(preamble, { ...options, volumeAt: volumes.volumeAt }));
  } catch (error) {
    volumes.close();
    throw error;
  }
}

/** A reader over volumes that are open already; its `close` closes them. */
export function readerOf(volumes: Volumes, accepted: AcceptedBundle): BundleReader {
  const { manifest, entries, firstFile } = accepted.layout;
  const files = filesByPath(manifest);
  const places = new Map<string, LayoutEntry>();
  for (let index = firstFile; index < entries.length; index += 1) places.set(entries[index]!.path, entries[index]!);

  const entryOf = (path: string): LayoutEntry => {
    const entry = places.get(path);
    if (entry !== undefined) return entry;
    if (!files.has(path)) throw new AirgapError('E_NOT_FOUND', `the bundle has no file ${quoteForeign(path)}`);
    throw new AirgapError('E_BASE', `${quoteForeign(path)} is not in this bundle but in its base`, {
      hint: 'the base bundle must have been applied before',
      data: { at: path, offset: 0 },
    });
  };

  const blobEntry = (descriptor: Descriptor): LayoutEntry => {
    const path = blobPath(hexOf(descriptor.digest));
    const entry = descriptor.digest.startsWith('sha256:') ? entryOf(path) : undefined;
    if (entry === undefined) throw new AirgapError('E_NOT_FOUND', `the bundle has no ${descriptor.digest}`);
    if (entry.size === descriptor.size) return entry;
    const message = `${descriptor.digest} should have ${descriptor.size} bytes, in the bundle it has ${entry.size}`;
    throw new AirgapError('E_DIGEST', message, { data: { at: path, offset: entry.bodyAt } });
  };

  const lent: Buffer[] = [];
  const reader: BundleReader = {
    manifest,
    manifestSha256: accepted.manifestSha256,
    manifestBytes: accepted.manifestBytes,
    signatures: accepted.signatures,
    signers: accepted.signers,
    volumes,
    find: (path) => files.get(path),
    async read(path) {
      return files.get(path)?.base === true ? undefined : reader.readFile(path, MAX_INDEX_BYTES);
    },
    async readFile(path, limit = MAX_INDEX_BYTES) {
      const entry = entryOf(path);
      if (entry.size > limit) {
        throw new AirgapError('E_LIMIT', `${quoteForeign(path)} has ${entry.size} bytes, at most ${limit} are read`);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of readEntry(volumes, entry)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    openFile: (path, options) =>
      Readable.from(readEntry(volumes, entryOf(path), { offset: options.offset ?? 0 }), {
        objectMode: false,
        highWaterMark: READ_BYTES,
        signal: options.signal,
      }),
    fetch: async (descriptor, options) => reader.openFile(blobEntry(descriptor).path, options),
    async *lend(descriptor, signal) {
      const entry = blobEntry(descriptor);
      const memory = lent.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
      for await (const piece of readEntry(volumes, entry, { memory })) {
        signal.throwIfAborted();
        yield piece;
      }
      // Only now: who gave up early may still be sending from it.
      lent.push(memory);
    },
    resolve: (reference, signal) => resolveReference(reader, reference, signal),
    close: () => volumes.close(),
  };
  return reader;
}

interface ReadEntryOptions {
  readonly offset?: number;
  /** Every piece is read into this; absent: each has memory of its own. */
  readonly memory?: Buffer;
}

/** The content of an entry in order, its header compared first. */
async function* readEntry(
  volumes: Volumes,
  entry: LayoutEntry,
  { offset = 0, memory }: ReadEntryOptions = {},
): AsyncGenerator<Buffer> {
  const header = Buffer.alloc(BLOCK);
  const count = await volumes.read(header, entry.headerAt);
  const difference = firstDifference(header.subarray(0, count), headerOf(entry.path, entry.size).subarray(0, count));
  if (difference >= 0) {
    const message = `here must be ${quoteForeign(entry.path)}, the archive holds another entry`;
    const failure = { code: 'E_LAYOUT', message, at: entry.path, offset: entry.headerAt + difference } as const;
    throw failureError(failure, volumes.volumeAt);
  }
  const hash = offset === 0 ? createHash('sha256') : undefined;
  for (let done = offset; done < entry.size;) {
    const wanted = Math.min(READ_BYTES, entry.size - done);
    const buffer = memory?.subarray(0, wanted) ?? Buffer.allocUnsafeSlow(wanted);
    const got = await volumes.read(buffer, entry.bodyAt + done);
    if (got < buffer.length) {
      const message = `the bundle ends within ${quoteForeign(entry.path)}`;
      const failure = { code: 'E_TRUNCATED', message, at: entry.path, offset: entry.bodyAt + done + got } as const;
      throw failureError(failure, volumes.volumeAt);
    }
    hash?.update(buffer);
    done += got;
    // The last piece is passed on only when the whole is right: no consumer ever sees all of a wrong content.
    if (done === entry.size) assertDigest(volumes, entry, hash?.digest('hex'));
    yield buffer;
  }
  if (entry.size === 0) assertDigest(volumes, entry, hash?.digest('hex'));
}

function assertDigest(volumes: Volumes, entry: LayoutEntry, hex: string | undefined): void {
  if (hex === undefined || hex === entry.sha256) return;
  const message = `the content of ${quoteForeign(entry.path)} is not what the bundle manifest says`;
  throw failureError({ code: 'E_DIGEST', message, at: entry.path, offset: entry.bodyAt }, volumes.volumeAt);
}

async function resolveReference(reader: BundleReader, reference: string, signal: AbortSignal): Promise<Descriptor> {
  signal.throwIfAborted();
  const index = parseIndex(await reader.readFile(LAYOUT_INDEX_PATH), MEDIA_TYPE.ociIndex, LAYOUT_INDEX_PATH);
  const found = index.manifests.find(
    ({ digest, annotations }) => digest === reference || annotations?.[REFERENCE_NAME] === reference,
  );
  if (found !== undefined) return found;
  if (isDigest(reference)) return describeDocument(reader, reference);
  throw new AirgapError('E_NOT_FOUND', `the bundle has no image ${quoteForeign(reference)}`);
}

/** The descriptor of an image manifest that only another index points to: its media type is in the document. */
async function describeDocument(reader: BundleReader, digest: Digest): Promise<Descriptor> {
  const content = await reader.readFile(blobPath(hexOf(digest)), MAX_MANIFEST_SIZE);
  const document = parseDocument(content, digest);
  const implied = document.manifests === undefined ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex;
  const mediaType = typeof document.mediaType === 'string' ? document.mediaType : implied;
  return { mediaType, digest, size: content.length };
}

function parseDocument(content: Buffer, digest: Digest): { mediaType?: unknown; manifests?: unknown } {
  try {
    return Object(JSON.parse(content.toString('utf8')));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_OCI', `${digest} is no image manifest: it is not JSON`, { cause: error });
  }
}
