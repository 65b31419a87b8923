import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { isOutputError, NO_FOLLOW, openOutput, outputError } from './file-system.ts';
import { locateIn, type Piece, type PiecePlace } from './pieces.ts';

/** Where a body belongs: a layout entry, or just this much of one (what a worker is sent). */
export interface BodyPlace {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly bodyAt: number;
}

/** A body on its way: survives a broken source, so that the rest can be asked for with a range request. */
export interface BodyTransfer {
  readonly place: BodyPlace;
  /** Bytes that are hashed and in the file; a source that continues must begin here. */
  readonly received: number;
}

interface WriteBodyOptions {
  /** Continues this transfer; `body` begins at its `received`. Absent: a new one. */
  readonly transfer?: BodyTransfer;
  /** Called after each write with the bytes of the body that are in the file. */
  readonly onReceived?: (received: number) => void;
}

/** Writes bodies at their final offsets of one unfinished bundle file. */
export interface BodyWriter {
  /** A transfer that begins at the first byte. */
  begin(place: BodyPlace): BodyTransfer;
  /** A transfer that continues after `received` bytes an earlier process wrote: they are hashed from the file again. */
  resume(place: BodyPlace, received: number): BodyTransfer;
  /**
   * Writes `body` through sha256 to its place. When `body` fails, everything received is written, `transfer.received`
   * says how far it came, and the error is thrown on: call again with the same transfer. Throws `E_DIGEST` for too many,
   * too few or other bytes (a resumed transfer must then begin anew), `E_SPACE` when the disk is full.
   */
  write(place: BodyPlace, body: AsyncIterable<Uint8Array>, options?: WriteBodyOptions): Promise<void>;
  close(): void;
}

/** Bytes of one write: aligned ones of this size reach the speed of the disk (measured). */
const BUFFER_BYTES = 1024 * 1024;
/**
 * Cache-free writes cover whole units of this size only. It is the largest memory page of any Linux: no page ever holds
 * bytes of a cache-free and of an ordinary write, so neighbours can not overwrite each other with stale page content.
 */
const DIRECT_UNIT = 64 * 1024;
const WASM_PAGE = 64 * 1024;

const writeAsync = promisify(write);

/** The part of the global object we use; the type library of Node leaves it to the one of browsers. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

interface RunningTransfer extends BodyTransfer {
  received: number;
  readonly hash: Hash;
}

/**
 * Opens an unfinished file (or its volumes), which must have its final length. With `direct`, large bodies bypass the page
 * cache where the file system allows it. Several writers, also in several threads or processes, may work on one file as
 * long as each body has one writer at a time.
 */
export function openBodyWriter(
  target: string | readonly Pick<Piece, 'path' | 'size'>[],
  options: { readonly direct: boolean },
): BodyWriter {
  const pieces = typeof target === 'string' ? [{ path: target, size: Number.POSITIVE_INFINITY }] : target;
  const locate = locateIn(pieces);
  const files = pieces.map(({ path }) => openBodyFile(path, options.direct));
  const free: Buffer[] = [];

  const placeOf = (position: number): PiecePlace & { readonly file: BodyFile } => {
    const place = locate(position);
    if (place === undefined) throw new Error(`${pieces[0]!.path}: position ${position} is past the end`);
    return { ...place, file: files[place.index]! };
  };

  const writeAt = async (bytes: Buffer, position: number): Promise<void> => {
    for (let done = 0; done < bytes.length;) {
      const { file, at, room } = placeOf(position + done);
      const part = bytes.subarray(done, done + room);
      await file.write(part, at);
      done += part.length;
    }
  };

  const readAt = (bytes: Buffer, position: number): number => {
    const { file, at, room } = placeOf(position);
    return file.read(bytes.subarray(0, room), at);
  };

  /** How much is gathered before the next write: up to the next unit first, whole buffers from there on. */
  const roomAt = (position: number): number => {
    const place = locate(position);
    if (place === undefined) return BUFFER_BYTES;
    const past = place.at % DIRECT_UNIT;
    const unit = files[place.index]!.isDirect() && past > 0 ? DIRECT_UNIT - past : BUFFER_BYTES;
    return Math.min(unit, place.room);
  };

  const receive = async (
    transfer: RunningTransfer,
    body: AsyncIterable<Uint8Array>,
    buffer: Buffer,
    onReceived: WriteBodyOptions['onReceived'],
  ): Promise<void> => {
    const { place } = transfer;
    let filled = 0;
    let room = roomAt(place.bodyAt + transfer.received);
    const flush = async (): Promise<void> => {
      if (filled === 0) return;
      const bytes = buffer.subarray(0, filled);
      // Other bodies arrive and this one is hashed while the disk works.
      const written = writeAt(bytes, place.bodyAt + transfer.received);
      transfer.hash.update(bytes);
      await written;
      transfer.received += filled;
      filled = 0;
      room = roomAt(place.bodyAt + transfer.received);
      onReceived?.(transfer.received);
    };
    try {
      for await (const chunk of body) {
        if (transfer.received + filled + chunk.length > place.size) throw lengthError(place, 'more');
        for (let at = 0; at < chunk.length;) {
          const piece = chunk.subarray(at, at + room - filled);
          buffer.set(piece, filled);
          filled += piece.length;
          at += piece.length;
          if (filled === room) await flush();
        }
      }
    } catch (error) {
      // A full or broken disk is not asked again; what a broken source delivered is kept.
      if (!isOutputError(error)) await flush();
      throw error;
    }
    await flush();
  };

  return {
    begin: (place) => begin(place),
    resume(place, received) {
      if (received > place.size) throw new Error(`${place.path}: ${received} bytes of ${place.size} can not be there`);
      const transfer = begin(place);
      const buffer = free.pop() ?? alignedBuffer();
      try {
        while (transfer.received < received) {
          const position = place.bodyAt + transfer.received;
          const wanted = Math.min(roomAt(position), received - transfer.received);
          const count = readAt(buffer.subarray(0, wanted), position);
          if (count === 0) throw new Error(`${pieces[0]!.path} is shorter than its layout`);
          transfer.hash.update(buffer.subarray(0, count));
          transfer.received += count;
        }
      } finally {
        free.push(buffer);
      }
      return transfer;
    },
    async write(place, body, { transfer = begin(place), onReceived } = {}) {
      const running = transfer as RunningTransfer;
      const buffer = free.pop() ?? alignedBuffer();
      try {
        await receive(running, body, buffer, onReceived);
      } finally {
        free.push(buffer);
      }
      if (running.received < place.size) throw lengthError(place, String(running.received));
      const hex = running.hash.copy().digest('hex');
      if (hex === place.sha256) return;
      throw new AirgapError(
        'E_DIGEST',
        `${quoteForeign(place.path)}: source does not match its descriptor, it is ${hex}`,
        {
          hint: 'the source delivered other content than it announced; try again, or report it to its operator',
          data: { at: place.path, offset: place.bodyAt },
        },
      );
    },
    close() {
      for (const file of files) file.close();
    },
  };
}

/** One file bodies go to. */
interface BodyFile {
  isDirect(): boolean;
  /** Writes all of `bytes`. */
  write(bytes: Buffer, position: number): Promise<void>;
  read(bytes: Buffer, position: number): number;
  close(): void;
}

function openBodyFile(path: string, wantsDirect: boolean): BodyFile {
  const plain = openOutput(path, 'r+');
  const direct = wantsDirect ? openDirect(path) : undefined;
  // Refused or not, it stays open to the end: another write may be under way.
  let isRefused = false;
  const directFor = (bytes: Buffer, position: number): number | undefined => {
    const isWhole = position % DIRECT_UNIT === 0 && bytes.length === BUFFER_BYTES;
    return isWhole && !isRefused ? direct : undefined;
  };
  return {
    isDirect: () => direct !== undefined && !isRefused,
    async write(bytes, position) {
      let done = 0;
      const cacheFree = directFor(bytes, position);
      if (cacheFree !== undefined) {
        try {
          done = (await writeAsync(cacheFree, bytes, 0, bytes.length, position)).bytesWritten;
        } catch (error) {
          // Some file systems open with O_DIRECT and refuse the write.
          if (systemCodeOf(error) !== 'EINVAL') throw outputError(path, error);
          isRefused = true;
        }
        // Half a cache-free write would put ordinary bytes into the same page; it happens only when the disk is full.
        if (done > 0 && done < bytes.length) throw outputError(path, undefined);
      }
      try {
        while (done < bytes.length)
          done += (await writeAsync(plain, bytes, done, bytes.length - done, position + done)).bytesWritten;
      } catch (error) {
        throw outputError(path, error);
      }
    },
    read(bytes, position) {
      const cacheFree = directFor(bytes, position);
      if (cacheFree !== undefined) {
        try {
          return readSync(cacheFree, bytes, 0, bytes.length, position);
        } catch (error) {
          if (systemCodeOf(error) !== 'EINVAL') throw outputError(path, error);
          isRefused = true;
        }
      }
      try {
        return readSync(plain, bytes, 0, bytes.length, position);
      } catch (error) {
        throw outputError(path, error);
      }
    },
    close() {
      closeSync(plain);
      if (direct !== undefined) closeSync(direct);
    },
  };
}

function begin(place: BodyPlace): RunningTransfer {
  return { place, received: 0, hash: createHash('sha256') };
}

/** A descriptor that bypasses the page cache, or undefined where there is no such thing. */
function openDirect(path: string): number | undefined {
  const flag = constants.O_DIRECT as number | undefined;
  if (flag === undefined) return undefined;
  try {
    return openSync(path, constants.O_RDWR | flag | NO_FOLLOW);
  } catch (error) {
    if (systemCodeOf(error) !== 'EINVAL') throw error;
    return undefined;
  }
}

/**
 * Memory that begins at a page border, as cache-free writes demand. Node has no call for it, but WebAssembly memory is always
 * mapped in whole pages.
 */
function alignedBuffer(): Buffer {
  const pages = BUFFER_BYTES / WASM_PAGE;
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}

function lengthError(place: BodyPlace, received: string): AirgapError {
  return new AirgapError(
    'E_DIGEST',
    `${quoteForeign(place.path)}: source does not match its descriptor: ${received} bytes instead of ${place.size}`,
    { data: { at: place.path, offset: place.bodyAt } },
  );
}
