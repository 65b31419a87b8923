import { createHash, type Hash } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { END_BYTES, headerOf, paddedSize, type BundleLayout, type LayoutEntry } from './layout.ts';

/** Everything that determines a bundle but the bodies of its files. */
export interface BundleParts {
  readonly manifestBytes: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** `planLayout` of the two. */
  readonly layout: BundleLayout;
}

/** Opens the body of an entry from `offset` on. */
export type OpenBody = (entry: LayoutEntry, offset: number) => Promise<AsyncIterable<Uint8Array>>;

export interface OrderedOutputOptions {
  readonly open: OpenBody;
  readonly signal: AbortSignal;
  /** Called with each piece of a body. `index` is the layout index. */
  readonly onBody?: (index: number, bytes: number) => void;
  /** Called when the entry and everything before it was taken by the consumer. */
  readonly onEntry?: (index: number) => void;
}

/** Where an interrupted output goes on: `received` bytes of the body of entry `index` are there and in `hash`. */
export interface OutputPosition {
  readonly index: number;
  readonly received: number;
  readonly hash: Hash;
}

/**
 * Writes a bundle front to back to any stream, with backpressure, the same bytes as the positional writer. Ends the stream.
 * Throws `E_DIGEST` when a body is not what the layout says.
 */
export async function writeBundleTo(sink: Writable, parts: BundleParts, options: OrderedOutputOptions): Promise<void> {
  await pipeline(Readable.from(orderedBytes(parts, options), { objectMode: false }), sink, { signal: options.signal });
}

/** The bytes of a bundle in order, from the start or from a position on. */
export async function* orderedBytes(
  parts: BundleParts,
  options: OrderedOutputOptions,
  from?: OutputPosition,
): AsyncGenerator<Buffer> {
  const { entries, firstFile } = parts.layout;
  if (from === undefined) yield headBytes(parts);
  for (let index = from?.index ?? firstFile; index < entries.length; index += 1) {
    const entry = entries[index]!;
    const position = from?.index === index ? from : undefined;
    if (position === undefined || position.received === 0) yield headerOf(entry.path, entry.size);
    yield* bodyBytes(entry, index, options, position);
    const padding = paddedSize(entry.size) - entry.size;
    if (padding > 0) yield Buffer.alloc(padding);
    options.onEntry?.(index);
  }
  yield Buffer.alloc(END_BYTES);
}

/** Everything in front of the first carried file. */
export function headBytes({ manifestBytes, signatures, layout }: BundleParts): Buffer {
  const contents = [manifestBytes, ...signatures];
  return Buffer.concat(
    contents.flatMap((content, index) => {
      const entry = layout.entries[index]!;
      return [headerOf(entry.path, entry.size), content, Buffer.alloc(paddedSize(entry.size) - entry.size)];
    }),
  );
}

async function* bodyBytes(
  entry: LayoutEntry,
  index: number,
  options: OrderedOutputOptions,
  position: OutputPosition | undefined,
): AsyncGenerator<Buffer> {
  const hash = position?.hash ?? createHash('sha256');
  let received = position?.received ?? 0;
  for await (const chunk of await options.open(entry, received)) {
    options.signal.throwIfAborted();
    received += chunk.length;
    if (received > entry.size) throw mismatch(entry, `more than ${entry.size} bytes`);
    hash.update(chunk);
    options.onBody?.(index, chunk.length);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (received < entry.size) throw mismatch(entry, `${received} bytes instead of ${entry.size}`);
  const hex = hash.digest('hex');
  if (hex !== entry.sha256) throw mismatch(entry, `it is ${hex}`);
}

function mismatch(entry: LayoutEntry, problem: string): AirgapError {
  return new AirgapError('E_DIGEST', `${quoteForeign(entry.path)}: source does not match its descriptor: ${problem}`, {
    hint: 'the source delivered other content than it announced; try again, or report it to its operator',
    data: { at: entry.path, offset: entry.bodyAt },
  });
}
