import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Header } from 'tar/header';
import { Pax } from 'tar/pax';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { BLOCK, BlockReader } from './block-reader.ts';
import { decompress, gzipReproducibly, gzipStreamReproducibly } from './decompress.ts';
import { digestOf, type Digest } from './digest.ts';
import { MEDIA_TYPE } from './types.ts';

/** One entry of a layer. */
export interface LayerEntry {
  /** Relative to the root of the image: no leading or trailing slash, no `.` or `..`; empty for the root itself. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Bytes of content; 0 for everything but files. */
  readonly size: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  readonly linkTarget?: string;
  /** Where the content begins in the uncompressed tar, in bytes. */
  readonly position: number;
  /** Set on whiteouts (OCI image-spec, "Whiteouts"): what of the layers below disappears. */
  readonly hides?: { readonly path: string; readonly kind: 'entry' | 'content' };
  /** The content of a file, once, before the next entry is asked for; what is not read is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

export interface LayerLimits {
  /** Most bytes a layer may unpack to. */
  readonly maxBytes?: number;
  readonly maxEntries?: number;
}

/** An entry of a layer to be built; parents that are not listed are added as directories with mode 0755. */
export interface NewLayerEntry {
  readonly path: string;
  readonly type?: 'file' | 'directory';
  /** Permission bits; default 0644 for files, 0755 for directories. */
  readonly mode?: number;
  /** Seconds since 1970; default 0. Only for times that are part of the content, never the time of building. */
  readonly modifiedAt?: number;
  /** As a function it is called once, when the entry is written, so that not all contents are in memory together. */
  readonly content?: Uint8Array | (() => Uint8Array);
}

export interface BuiltLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** Digest of the tar before compression, as the image config lists it. */
  readonly diffId: Digest;
  readonly content: Buffer;
}

/** Larger than any layer in use; stops endless ones. */
const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;
const DEFAULT_MAX_ENTRIES = 2_000_000;
/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4096;
/** Extended headers hold names and a few attributes. */
const MAX_META_BYTES = 1024 * 1024;

const LAYER_MEDIA_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:[.+](?:gzip|zstd))?)$/;

/**
 * The entries of a layer in their order. The compression (none, gzip, zstd) is told from the content, since media types
 * are often wrong about it. The stream is read to its end, so that its own check of the digest takes place, unless the
 * caller stops early; then it is destroyed. Throws `E_OCI` for what is no layer or leaves the root (`..`), `E_LIMIT`
 * for more than the limits allow. `what` names the layer in messages.
 */
export async function* layerFiles(
  stream: Readable,
  mediaType: string,
  what: string,
  limits: LayerLimits = {},
): AsyncGenerator<LayerEntry> {
  if (!LAYER_MEDIA_TYPE.test(mediaType)) {
    stream.destroy();
    throw new AirgapError('E_OCI', `${what}: ${quoteForeign(mediaType)} is no file system layer`);
  }
  const maxEntries = limits.maxEntries ?? DEFAULT_MAX_ENTRIES;
  const reader = new BlockReader(decompress(stream, what), what, limits.maxBytes ?? DEFAULT_MAX_BYTES);
  try {
    let extended: Pax | undefined;
    let global: Pax | undefined;
    for (let entries = 0; ;) {
      const block = await reader.header();
      if (block === undefined) break;
      const header = new Header(block, 0, extended, global);
      if (header.nullBlock) break;
      if (!header.cksumValid) throw new AirgapError('E_OCI', `${what}: not a tar archive, or damaged`);
      const size = header.size ?? 0;
      if (META_TYPES.has(header.type)) {
        const text = await metaText(reader, size, what);
        if (header.type === 'GlobalExtendedHeader') global = Pax.parse(text, global, true);
        else extended = withMeta(header.type, text, extended);
        continue;
      }
      entries += 1;
      if (entries > maxEntries) throw new AirgapError('E_LIMIT', `${what}: more than ${maxEntries} entries`);
      // The library lets the short fields of the header win over the long ones in front of it.
      const names = {
        path: extended?.path ?? header.path ?? '',
        linkTarget: extended?.linkpath ?? header.linkpath ?? '',
      };
      extended = undefined;
      reader.startBody(size);
      yield toEntry(header, names, { content: reader.body(), position: reader.position, what });
      await reader.skipBody();
    }
    await reader.drain();
  } finally {
    await reader.close();
    stream.destroy();
  }
}

/** All of an entry in memory; `E_LIMIT` above `limit` bytes. */
export async function readEntry(entry: LayerEntry, limit: number, what: string): Promise<Buffer> {
  if (entry.size > limit) {
    throw new AirgapError(
      'E_LIMIT',
      `${what}: ${quoteForeign(entry.path)} has ${entry.size} bytes, at most ${limit} are read`,
    );
  }
  const chunks: Buffer[] = [];
  for await (const chunk of entry.content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * A gzip layer that is the same for the same entries on every machine: sorted by path, owner 0, times and modes as given.
 * Duplicate paths and paths that leave the root are defects and throw.
 */
export function buildLayer(entries: readonly NewLayerEntry[], mediaType: string = MEDIA_TYPE.ociLayerGzip): BuiltLayer {
  const blocks = withParents(entries).flatMap((entry) => entryBlocks(entry));
  const tar = Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
  const content = gzipReproducibly(tar);
  return { mediaType, digest: digestOf(content), size: content.length, diffId: digestOf(tar), content };
}

/** The same for much content: one entry at a time is in memory, and the compressed result. */
export async function buildLargeLayer(
  entries: readonly NewLayerEntry[],
  mediaType: string = MEDIA_TYPE.ociLayerGzip,
): Promise<BuiltLayer> {
  const tar = createHash('sha256');
  const blocks = function* (): Generator<Buffer> {
    for (const entry of withParents(entries)) yield* entryBlocks(entry);
    yield Buffer.alloc(2 * BLOCK);
  };
  const hashed = function* (): Generator<Buffer> {
    for (const block of blocks()) {
      tar.update(block);
      yield block;
    }
  };
  const content = await gzipStreamReproducibly(hashed());
  return {
    mediaType,
    digest: digestOf(content),
    size: content.length,
    diffId: `sha256:${tar.digest('hex')}`,
    content,
  };
}

const META_TYPES: ReadonlySet<string> = new Set([
  'ExtendedHeader',
  'OldExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
]);

async function metaText(reader: BlockReader, size: number, what: string): Promise<string> {
  if (size > MAX_META_BYTES) throw new AirgapError('E_LIMIT', `${what}: an extended header of ${size} bytes`);
  reader.startBody(size);
  const chunks: Buffer[] = [];
  for await (const chunk of reader.body()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function withMeta(type: string, text: string, extended: Pax | undefined): Pax {
  if (type === 'ExtendedHeader' || type === 'OldExtendedHeader') return Pax.parse(text, extended, false);
  const value = text.replace(/\0.*$/s, '');
  const known = extended ?? new Pax({});
  return Object.assign(known, type === 'NextFileHasLongLinkpath' ? { linkpath: value } : { path: value });
}

function toEntry(
  header: Header,
  names: { readonly path: string; readonly linkTarget: string },
  { what, ...body }: { readonly content: AsyncIterable<Buffer>; readonly position: number; readonly what: string },
): LayerEntry {
  const path = safePath(names.path, what);
  const type = ENTRY_TYPES[header.type];
  if (type === undefined) {
    throw new AirgapError('E_OCI', `${what}: ${quoteForeign(path)} is a ${header.type}, which layers can not hold`);
  }
  const hides = hiddenBy(path);
  return {
    path,
    type,
    size: type === 'file' ? (header.size ?? 0) : 0,
    mode: (header.mode ?? 0) & 0o7777,
    modifiedAt: Math.floor((header.mtime?.getTime() ?? 0) / 1000),
    ...(names.linkTarget === '' ? {} : { linkTarget: names.linkTarget }),
    ...(hides === undefined ? {} : { hides }),
    ...body,
  };
}

const ENTRY_TYPES: Readonly<Record<string, LayerEntry['type']>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
  CharacterDevice: 'other',
  BlockDevice: 'other',
  FIFO: 'other',
};

/** A path as container engines read it: below the root whatever it starts with. Anything that climbs out is refused. */
function safePath(written: string, what: string): string {
  const parts = written.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || written.includes('\0') || Buffer.byteLength(written) > MAX_PATH_BYTES) {
    throw new AirgapError('E_OCI', `${what}: unsafe path ${quoteForeign(written)}`);
  }
  return parts.join('/');
}

function hiddenBy(path: string): LayerEntry['hides'] {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (!name.startsWith('.wh.') || name === '.wh.') return undefined;
  const folder = slash < 0 ? '' : path.slice(0, slash);
  if (name === '.wh..wh..opq') return { path: folder, kind: 'content' };
  // Other names with this prefix are reserved for the file system that made the layer and hide nothing.
  if (name.startsWith('.wh..wh.')) return undefined;
  return { path: `${folder === '' ? '' : `${folder}/`}${name.slice('.wh.'.length)}`, kind: 'entry' };
}

function withParents(entries: readonly NewLayerEntry[]): NewLayerEntry[] {
  const byPath = new Map<string, NewLayerEntry>();
  for (const entry of entries) {
    const path = safePath(entry.path, 'layer to build');
    if (path === '' || byPath.has(path))
      throw new Error(`layer to build: ${JSON.stringify(entry.path)} twice or empty`);
    byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, type: 'directory' });
    }
  }
  return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function entryBlocks(entry: NewLayerEntry): Buffer[] {
  const isDirectory = entry.type === 'directory';
  const given = typeof entry.content === 'function' ? entry.content() : (entry.content ?? new Uint8Array());
  const content = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const fields = {
    path: entry.path,
    mode: entry.mode ?? (isDirectory ? 0o755 : 0o644),
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: new Date((entry.modifiedAt ?? 0) * 1000),
  };
  const type = isDirectory ? 'Directory' : 'File';
  let header = new Header({ ...fields, type });
  const blocks: Buffer[] = [];
  if (header.encode()) {
    // The name that does not fit goes in front; a prefix left in the header would be put before it by some readers.
    blocks.push(new Pax({ path: entry.path, size: content.length }).encode());
    header = new Header({ ...fields, path: `@/${digestOf(entry.path).slice(-16)}`, type });
    header.encode();
  }
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return [...blocks, header.block!, content, padding];
}
