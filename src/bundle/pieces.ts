import { closeSync, fdatasync, fsyncSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { onOutput, openOutput, outputError } from './file-system.ts';

const fdatasyncAsync = promisify(fdatasync);

/** One file of an unfinished bundle: all of it, or one volume. */
export interface Piece {
  /** Name while it is unfinished. */
  readonly path: string;
  readonly finalPath: string;
  /** Bytes when it is complete. */
  readonly size: number;
}

/**
 * The files of an unfinished bundle, read and written by position as if they were one. What the system refuses is thrown as
 * `outputError` of the file it is about.
 */
export interface OpenPieces {
  /** Writes all of `bytes`, across borders. */
  writeSync(bytes: Uint8Array, position: number): void;
  /** Fills `bytes`, across borders; fewer only where the input ends. */
  readSync(bytes: Uint8Array, position: number): number;
  /** Cuts or grows the whole to `length` bytes: the files before that place to their size, the ones after it to nothing. */
  truncate(length: number): void;
  /** Makes contents durable. */
  syncData(): Promise<void>;
  /** Makes contents and lengths durable. */
  sync(): void;
  close(): void;
}

/** Where a position falls: in which file, at which offset, and how many bytes follow it there. */
export interface PiecePlace {
  readonly index: number;
  readonly at: number;
  readonly room: number;
}

/** Name under which a bundle or a volume is written until all of it is complete. */
export function partialPathOf(finalPath: string): string {
  return `${finalPath}.partial`;
}

/** The inverse of {@link partialPathOf}. */
export function finalPathOf(partialPath: string): string {
  return partialPath.slice(0, -'.partial'.length);
}

/** Name of a volume; numbers have three digits, so that `cat X.tar.*` joins them in order (signing, section 10). */
function volumePath(finalPath: string, number: number): string {
  return `${finalPath}.${String(number).padStart(3, '0')}`;
}

/** The files a bundle of `size` bytes is written to: one, or consecutive slices of `volumeSize` bytes. */
export function piecesOf(finalPath: string, size: number, volumeSize: number | undefined): Piece[] {
  if (volumeSize === undefined) return [{ path: partialPathOf(finalPath), finalPath, size }];
  return Array.from({ length: Math.ceil(size / volumeSize) }, (_, index) => {
    const volume = volumePath(finalPath, index + 1);
    const length = Math.min(volumeSize, size - index * volumeSize);
    return { path: partialPathOf(volume), finalPath: volume, size: length };
  });
}

/** Finds places in pieces. A position at a border belongs to the later piece; one at or past the end to none. */
export function locateIn(pieces: readonly Pick<Piece, 'size'>[]): (position: number) => PiecePlace | undefined {
  let end = 0;
  const ends = pieces.map(({ size }) => (end += size));
  return (position) => {
    const index = ends.findIndex((one) => one > position);
    if (index < 0) return undefined;
    return { index, at: position - (ends[index - 1] ?? 0), room: ends[index]! - position };
  };
}

/** Opens files that are there (`r+`), or makes empty ones (`w+`). */
export function openPieces(pieces: readonly Piece[], flags: 'r' | 'r+' | 'w+'): OpenPieces {
  const descriptors: number[] = [];
  const close = (): void => {
    for (const fd of descriptors.splice(0)) closeSync(fd);
  };
  try {
    for (const { path } of pieces) descriptors.push(openOutput(path, flags));
  } catch (error) {
    close();
    throw error;
  }
  const locate = locateIn(pieces);
  return {
    writeSync(bytes, position) {
      for (let done = 0; done < bytes.length;) {
        const place = locate(position + done);
        if (place === undefined) throw new Error(`${pieces[0]!.path}: position ${position + done} is past the end`);
        const length = Math.min(place.room, bytes.length - done);
        const { path } = pieces[place.index]!;
        done += onOutput(path, () => writeSync(descriptors[place.index]!, bytes, done, length, place.at));
      }
    },
    readSync(bytes, position) {
      let done = 0;
      while (done < bytes.length) {
        const place = locate(position + done);
        if (place === undefined) break;
        const length = Math.min(place.room, bytes.length - done);
        const { path } = pieces[place.index]!;
        const count = onOutput(path, () => readSync(descriptors[place.index]!, bytes, done, length, place.at));
        if (count === 0) break;
        done += count;
      }
      return done;
    },
    truncate(length) {
      let start = 0;
      for (const [index, { path, size }] of pieces.entries()) {
        onOutput(path, () => ftruncateSync(descriptors[index]!, Math.max(0, Math.min(size, length - start))));
        start += size;
      }
    },
    async syncData() {
      for (const [index, fd] of descriptors.entries()) {
        await fdatasyncAsync(fd).catch((error: unknown) => {
          throw outputError(pieces[index]!.path, error);
        });
      }
    },
    sync() {
      for (const [index, fd] of descriptors.entries()) onOutput(pieces[index]!.path, () => fsyncSync(fd));
    },
    close,
  };
}
