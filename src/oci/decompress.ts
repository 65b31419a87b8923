import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, createZstdDecompress, gzipSync, type ZstdDecompress } from 'node:zlib';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** A zstd stream may begin with a skippable frame: any of 16 magic numbers that end in these bytes. */
const ZSTD_SKIPPABLE_TAIL = Buffer.from([0x2a, 0x4d, 0x18]);
/** Offset of the operating system in a gzip header (RFC 1952) and its value for "unknown". */
const GZIP_OS_OFFSET = 9;
const GZIP_OS_UNKNOWN = 255;
const GZIP_LEVEL = 6;
/** Bytes of output per step; the default of 16 KiB costs more in calls than in compression. */
const GZIP_CHUNK = 256 * 1024;

/**
 * The bytes of a stream, unpacked when they begin like gzip or zstd. Errors of the stream itself pass through; damaged
 * compression is `E_OCI`. Memory stays bounded whatever the input unpacks to.
 */
export async function* decompress(stream: Readable, what: string): AsyncGenerator<Buffer> {
  const source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const head = await firstBytes(source, ZSTD_MAGIC.length);
  const whole = joined(head, source);
  try {
    if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) yield* gunzip(whole);
    else if (isZstd(head)) yield* unpackFrames(whole);
    else yield* whole;
  } catch (error) {
    if (!/^(?:Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(systemCodeOf(error) ?? '')) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AirgapError('E_OCI', `${what}: damaged compression (${reason})`, { cause: error });
  }
}

/** gzip without time and operating system, so that the same bytes give the same file everywhere. */
export function gzipReproducibly(content: Uint8Array): Buffer {
  const packed = gzipSync(content, { level: GZIP_LEVEL });
  packed[GZIP_OS_OFFSET] = GZIP_OS_UNKNOWN;
  return packed;
}

/** The same result from parts that are made while it runs. */
export async function gzipStreamReproducibly(parts: Iterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await pipeline(Readable.from(parts), createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK }), async (stream) => {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  });
  const packed = Buffer.concat(chunks);
  packed[GZIP_OS_OFFSET] = GZIP_OS_UNKNOWN;
  return packed;
}

async function* gunzip(source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const unpacker = createGunzip();
  const finished = pipeline(Readable.from(source, { objectMode: false }), unpacker);
  // Its failure surfaces in the loop; a caller that stops early must not leave it unhandled.
  finished.catch(() => undefined);
  yield* unpacker as AsyncIterable<Buffer>;
  await finished;
}

/**
 * Node's zstd stream ends with the first frame, but layers may have many (seekable ones do). The bytes it did not use
 * start the next.
 */
async function* unpackFrames(source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let chunk = await nextOf(source);
  while (chunk !== undefined) {
    const unpacker = createZstdDecompress();
    const feeding = feedFrame(unpacker, chunk, source);
    feeding.catch((error: unknown) => unpacker.destroy(error instanceof Error ? error : undefined));
    yield* unpacker as AsyncIterable<Buffer>;
    chunk = await feeding;
  }
}

/** Writes until the frame is complete; returns what belongs to the next one, undefined at the end of the source. */
async function feedFrame(
  unpacker: ZstdDecompress,
  first: Buffer,
  source: AsyncGenerator<Buffer>,
): Promise<Buffer | undefined> {
  let fed = 0;
  for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await nextOf(source)) {
    fed += chunk.length;
    await new Promise<void>((resolve, reject) => {
      unpacker.write(chunk, (error) => (error == null ? resolve() : reject(error)));
    });
    const unused = fed - unpacker.bytesWritten;
    if (unused > 0) return chunk.subarray(chunk.length - unused);
  }
  unpacker.end();
  return undefined;
}

async function nextOf(source: AsyncGenerator<Buffer>): Promise<Buffer | undefined> {
  const next = await source.next();
  return next.done === true ? undefined : next.value;
}

function isZstd(head: Buffer): boolean {
  const isSkippable = (head[0] ?? 0) >> 4 === 5 && head.subarray(1, 4).equals(ZSTD_SKIPPABLE_TAIL);
  return isSkippable || head.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC);
}

async function firstBytes(source: AsyncIterator<Buffer>, count: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < count) {
    const next = await source.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
