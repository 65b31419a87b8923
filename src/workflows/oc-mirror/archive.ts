import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { AirgapError, isAirgapError } from '../../core/errors.ts';
import type { RunContext } from '../../core/events.ts';
import { quoteForeign } from '../../core/quote.ts';
import { isDigest, type Digest } from '../../oci/digest.ts';
import { layerFiles, readEntry, type LayerEntry } from '../../oci/layer.ts';
import { MAX_MANIFEST_SIZE, MEDIA_TYPE } from '../../oci/types.ts';

/** One file of the vendor's archive. */
export interface ArchiveChunk {
  /** `mirror_000001.tar` */
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** Where a blob is: in which file of the archive, from which byte on, and how many. */
export interface BlobPlace {
  readonly chunk: string;
  readonly position: number;
  readonly size: number;
}

/** What an archive of the vendor's program holds: the storage of its registry, and its working directory. */
export interface ArchiveContents {
  readonly chunks: readonly ArchiveChunk[];
  /** `repository:tag` → digest. */
  readonly tags: ReadonlyMap<string, Digest>;
  /** Every blob, manifests included; each was hashed. */
  readonly blobs: ReadonlyMap<Digest, BlobPlace>;
  readonly manifests: ReadonlyMap<Digest, Buffer>;
  /** Small documents of the working directory: its pinned configurations and its version file, by name. */
  readonly documents: ReadonlyMap<string, Buffer>;
}

const CHUNK_NAME = /^mirror_\d{6}\.tar$/;
const TAG_LINK = /^docker\/registry\/v2\/repositories\/(.+)\/_manifests\/tags\/([^/]+)\/current\/link$/;
const REVISION_LINK = /^docker\/registry\/v2\/repositories\/.+\/_manifests\/revisions\/sha256\/([0-9a-f]{64})\/link$/;
const BLOB = /^docker\/registry\/v2\/blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/;
const DOCUMENT = /^working-dir\/(?:internal\/)?((?:isc|disc)_pinned_[^/]+\.yaml|oc-mirror-version\.json)$/;
const MOST_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** A digest with its algorithm. */
const MOST_LINK_BYTES = 200;

/** The chunks of a folder in their order; empty when there are none. */
export async function chunkNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => CHUNK_NAME.test(name)).toSorted();
}

/**
 * Reads an archive (oc-mirror behaviour, "Archive") once, from the first chunk to the last: every blob is hashed, the chunks
 * themselves too. Throws `E_FAILED` for content that is not what its name says. Progress is the bytes read.
 */
export async function readArchive(folder: string, ctx: RunContext): Promise<ArchiveContents> {
  const names = await chunkNames(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  ctx.report({ type: 'total', images: 0, blobs: 0, bytes: sizes.reduce((sum, size) => sum + size, 0) });
  const found: Found = {
    tags: new Map(),
    blobs: new Map(),
    manifests: new Map(),
    documents: new Map(),
    revisions: new Set(),
  };
  const chunks: ArchiveChunk[] = [];
  for (const [index, name] of names.entries()) {
    const size = sizes[index]!;
    chunks.push({ name, size, sha256: await readChunk(join(folder, name), { name, size, found }, ctx) });
  }
  const { revisions: _, ...contents } = found;
  return { chunks, ...contents };
}

interface Found {
  readonly tags: Map<string, Digest>;
  readonly blobs: Map<Digest, BlobPlace>;
  readonly manifests: Map<Digest, Buffer>;
  readonly documents: Map<string, Buffer>;
  /** Blobs that are manifests; their links come before all blobs. */
  readonly revisions: Set<string>;
}

async function readChunk(
  path: string,
  { name, size, found }: { readonly name: string; readonly size: number; readonly found: Found },
  ctx: RunContext,
): Promise<string> {
  const hash = createHash('sha256');
  const counter = new Transform({
    highWaterMark: 1024 * 1024,
    transform(bytes: Buffer, _encoding, done) {
      hash.update(bytes);
      ctx.report({ type: 'blob', digest: name, size, bytes: bytes.length, done: false });
      done(null, bytes);
    },
  });
  const file = createReadStream(path, { highWaterMark: 1024 * 1024, signal: ctx.signal });
  file.on('error', (error) => counter.destroy(error));
  const limits = { maxBytes: Number.MAX_SAFE_INTEGER, maxEntries: Number.MAX_SAFE_INTEGER };
  try {
    for await (const entry of layerFiles(file.pipe(counter), MEDIA_TYPE.ociLayer, name, limits)) {
      if (entry.type === 'file') await takeEntry(entry, found, name);
    }
  } catch (error) {
    if (!isAirgapError(error, 'E_OCI', 'E_LIMIT')) throw error;
    throw new AirgapError('E_FAILED', `oc-mirror wrote an archive that can not be read: ${error.message}`, {
      hint: 'the disk may be full or damaged: check it, remove the file, and run the same command again',
      cause: error,
      data: { chunk: path },
    });
  } finally {
    file.destroy();
  }
  return hash.digest('hex');
}

async function takeEntry(entry: LayerEntry, found: Found, chunk: string): Promise<void> {
  const { path } = entry;
  const revision = REVISION_LINK.exec(path)?.[1];
  if (revision !== undefined) {
    found.revisions.add(revision);
    return;
  }
  const tag = TAG_LINK.exec(path);
  if (tag !== null) {
    const text = (await readEntry(entry, MOST_LINK_BYTES, chunk)).toString('latin1').trim();
    if (!isDigest(text)) throw damaged(chunk, `the tag ${quoteForeign(`${tag[1]}:${tag[2]}`)} points to no digest`);
    found.tags.set(`${tag[1]}:${tag[2]}`, text);
    return;
  }
  const hex = BLOB.exec(path)?.[1];
  if (hex !== undefined) {
    await takeBlob(entry, hex, found, chunk);
    return;
  }
  const document = DOCUMENT.exec(path)?.[1];
  if (document !== undefined) found.documents.set(document, await readEntry(entry, MOST_DOCUMENT_BYTES, chunk));
}

async function takeBlob(entry: LayerEntry, hex: string, found: Found, chunk: string): Promise<void> {
  const digest: Digest = `sha256:${hex}`;
  const isKept = found.revisions.has(hex) && entry.size <= MAX_MANIFEST_SIZE;
  const kept: Buffer[] = [];
  const hash = createHash('sha256');
  for await (const bytes of entry.content) {
    hash.update(bytes);
    if (isKept) kept.push(bytes);
  }
  if (hash.digest('hex') !== hex) throw damaged(chunk, `the content of ${digest} has another digest`);
  found.blobs.set(digest, { chunk, position: entry.position, size: entry.size });
  if (isKept) found.manifests.set(digest, Buffer.concat(kept));
}

function damaged(chunk: string, what: string): AirgapError {
  return new AirgapError('E_FAILED', `oc-mirror wrote an archive that is damaged: ${chunk}: ${what}`, {
    hint: 'check the disk, remove the folder of the unfinished run, and run the same command again',
  });
}
