import { closeSync, fstatSync, openSync, readSync, read as readCallback } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

const readAsync = promisify(readCallback);
const VOLUME = /^(.*)\.(\d{3,})$/s;

/** A bundle in one file or in consecutive slices, read by position as if it were one. */
export interface Volumes {
  /** In reading order. */
  readonly paths: readonly string[];
  /** Bytes of all volumes. */
  readonly size: number;
  /** Fills `buffer` from `position`, across volume borders; fewer bytes only where the input ends. */
  readSync(buffer: Uint8Array, position: number): number;
  /** The same without blocking the thread. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** File name of the volume an offset falls into; undefined when there is one file only. */
  readonly volumeAt: (offset: number) => string | undefined;
  close(): void;
}

/**
 * Opens a bundle. `X.tar.001`, `X.tar.002`, … may be given in any order (signing, section 10); other names are read in
 * the order given. Throws `E_USAGE` when one can not be opened or is no regular file.
 */
export function openVolumes(paths: readonly string[]): Volumes {
  if (paths.length === 0) throw new AirgapError('E_USAGE', 'no bundle file given');
  const ordered = orderVolumes(paths);
  const descriptors: number[] = [];
  const starts: number[] = [];
  let size = 0;
  try {
    for (const path of ordered) {
      const descriptor = openVolume(path);
      descriptors.push(descriptor);
      starts.push(size);
      size += fstatSync(descriptor).size;
    }
  } catch (error) {
    for (const descriptor of descriptors) closeSync(descriptor);
    throw error;
  }

  const indexAt = (offset: number): number => {
    const next = starts.findIndex((start) => start > offset);
    return next < 0 ? starts.length - 1 : next - 1;
  };
  const part = (position: number, wanted: number): { fd: number; at: number; length: number } | undefined => {
    if (position >= size || wanted === 0) return undefined;
    let index = indexAt(position);
    // An empty volume starts where the next one does; indexAt gives the last of equal starts, which holds the byte.
    while (starts[index + 1] === starts[index]) index += 1;
    const end = starts[index + 1] ?? size;
    return {
      fd: descriptors[index]!,
      at: position - starts[index]!,
      length: Math.min(wanted, end - position),
    };
  };

  return {
    paths: ordered,
    size,
    readSync(buffer, position) {
      let done = 0;
      for (;;) {
        const next = part(position + done, buffer.length - done);
        if (next === undefined) return done;
        const count = readSync(next.fd, buffer, done, next.length, next.at);
        if (count === 0) return done;
        done += count;
      }
    },
    async read(buffer, position) {
      let done = 0;
      for (;;) {
        const next = part(position + done, buffer.length - done);
        if (next === undefined) return done;
        const { bytesRead } = await readAsync(next.fd, buffer, done, next.length, next.at);
        if (bytesRead === 0) return done;
        done += bytesRead;
      }
    },
    volumeAt: (offset) => (ordered.length === 1 ? undefined : basename(ordered[indexAt(offset)]!)),
    close() {
      for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
    },
  };
}

/** Volumes of one bundle by their number; anything else in the order given. */
function orderVolumes(paths: readonly string[]): readonly string[] {
  const numbered = paths.map((path) => ({ path, match: VOLUME.exec(path) }));
  const stem = numbered[0]?.match?.[1];
  if (stem === undefined || numbered.some(({ match }) => basename(match?.[1] ?? '') !== basename(stem))) return paths;
  return numbered.toSorted((a, b) => Number(a.match![2]) - Number(b.match![2])).map(({ path }) => path);
}

function openVolume(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path} can not be opened: ${systemCodeOf(error)}`, {
      hint: 'check the name and the rights of the bundle file',
      cause: error,
    });
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new AirgapError('E_USAGE', `${path} is not a regular file`, {
    hint: 'a pipe is read from standard input: use -',
  });
}
