import type { Readable } from 'node:stream';
import { AirgapError } from '../core/errors.ts';
import type { Digest } from './digest.ts';
import type { Descriptor } from './types.ts';

/** Content bound to one repository, or to one bundle. */
export interface ContentSource {
  /** The descriptor behind a tag or digest. Throws `E_NOT_FOUND` when there is none. */
  resolve(reference: string, signal: AbortSignal): Promise<Descriptor>;
  /**
   * The bytes of `descriptor` from `offset` (default 0) on. When read from 0 the stream fails with `E_DIGEST`
   * unless it is exactly what the descriptor says; from an offset the caller checks.
   */
  fetch(descriptor: Descriptor, options: FetchOptions): Promise<Readable>;
  /**
   * `fetch` from 0 for who is done with a piece before asking for the next: large content passes through without new memory
   * for every piece, which costs more to clean up than hashing (measured). Absent where `fetch` is as good.
   */
  lend?(descriptor: Descriptor, signal: AbortSignal): LentPieces;
}

/** Content in pieces; the memory of one may be used again as soon as the next is asked for. Readables are such too. */
export type LentPieces = AsyncIterable<Buffer>;

/** Opens content from its first byte; may be called again. */
export type OpenPieces = () => Promise<LentPieces>;

export interface FetchOptions {
  readonly signal: AbortSignal;
  readonly offset?: number;
}

/** A repository that also knows what refers to a manifest (OCI 1.1 referrers, by API or by fallback tag). */
export interface ReferrerSource extends ContentSource {
  /** Descriptors of all referrers of `digest`, with `artifactType`; empty when there are none. */
  referrers(digest: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>;
}

/** A place content goes to, bound to one repository. */
export interface ContentSink {
  has(descriptor: Descriptor, signal: AbortSignal): Promise<boolean>;
  /** `body` is a thunk, so that a retry can open the content again. */
  push(descriptor: Descriptor, body: () => Promise<Readable>, signal: AbortSignal): Promise<void>;
  tag(descriptor: Descriptor, tag: string, signal: AbortSignal): Promise<void>;
}

/** All of a (small) content in memory. `limit` bytes at most, else `E_LIMIT`. */
export async function readContent(
  source: ContentSource,
  descriptor: Descriptor,
  options: { readonly signal: AbortSignal; readonly limit: number },
): Promise<Buffer> {
  if (descriptor.size > options.limit) {
    throw new AirgapError(
      'E_LIMIT',
      `${descriptor.digest} (${descriptor.mediaType}) has ${descriptor.size} bytes, at most ${options.limit} are read`,
    );
  }
  const chunks: Buffer[] = [];
  for await (const chunk of await source.fetch(descriptor, options)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
