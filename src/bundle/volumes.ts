import { closeSync, existsSync, fstatSync, openSync, readSync, read as readCallback } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { AirgapError, syscallOf, systemCodeOf, systemProblem } from '../core/errors.ts';

const readAsync = promisify(readCallback);
/** More names than this help nobody. */
const MOST_NAMED = 20;
/** As they are written: three digits. A longer number is somebody’s own name, a date perhaps. */
const VOLUME = /^(.*)\.(\d{3})$/s;

/** An open volume. The descriptor is good in every thread of the process. */
export interface VolumeFile {
  readonly path: string;
  readonly descriptor: number;
  /** Bytes. */
  readonly size: number;
}

/** A bundle in one file or in consecutive slices, read by position as if it were one. */
export interface Volumes {
  /** In reading order, open. */
  readonly files: readonly VolumeFile[];
  /** Bytes of all volumes. */
  readonly size: number;
  /**
   * Fills `buffer` from `position`, across volume borders; fewer bytes only where the input ends. Throws `E_TRUNCATED` for what
   * the medium does not give.
   */
  readSync(buffer: Uint8Array, position: number): number;
  /** The same without blocking the thread. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** File names of the last volumes, which are not among the given ones, of a bundle of `totalSize` bytes. */
  missing(totalSize: number): readonly string[];
  /** File name of the volume an offset falls into; undefined when there is one file only. */
  readonly volumeAt: (offset: number) => string | undefined;
  close(): void;
}

/**
 * Opens a bundle. `X.tar.001`, `X.tar.002`, … may be given in any order (signing, section 10); other names are read in
 * the order given. Throws `E_USAGE` when one can not be opened or is no regular file, `E_TRUNCATED` that names the missing ones
 * when the numbers have gaps.
 */
export function openVolumes(paths: readonly string[]): Volumes {
  if (paths.length === 0) throw new AirgapError('E_USAGE', 'no bundle file given');
  const ordered = orderVolumes(paths);
  assertConsecutive(ordered);
  const files: VolumeFile[] = [];
  const close = (): void => {
    for (const { descriptor } of files.splice(0)) closeSync(descriptor);
  };
  try {
    for (const path of ordered) files.push(openVolume(path));
  } catch (error) {
    close();
    throw error;
  }
  return { ...volumesOf([...files]), close };
}

/** Volumes somebody else opened and closes, in reading order: another thread reads the very same files. */
export function volumesOf(files: readonly VolumeFile[]): Volumes {
  const ordered = files.map(({ path }) => path);
  let size = 0;
  const starts = files.map((file) => {
    size += file.size;
    return size - file.size;
  });
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
      fd: files[index]!.descriptor,
      at: position - starts[index]!,
      length: Math.min(wanted, end - position),
    };
  };

  /** A medium that can not be read is a copy that is not all there, whatever its length says. */
  const readError = (error: unknown, offset: number): unknown => {
    if (syscallOf(error) === undefined) return error;
    const path = ordered[indexAt(offset)]!;
    return new AirgapError('E_TRUNCATED', `${path} can not be read: ${systemProblem(systemCodeOf(error))}`, {
      hint: 'the medium may be damaged: copy the bundle (or this volume) again, from another medium if need be',
      data: { at: path, offset, ...(ordered.length === 1 ? {} : { volume: basename(path) }) },
      cause: error,
    });
  };

  return {
    files,
    size,
    readSync(buffer, position) {
      let done = 0;
      for (;;) {
        const next = part(position + done, buffer.length - done);
        if (next === undefined) return done;
        let count: number;
        try {
          count = readSync(next.fd, buffer, done, next.length, next.at);
        } catch (error) {
          throw readError(error, position + done);
        }
        if (count === 0) return done;
        done += count;
      }
    },
    async read(buffer, position) {
      let done = 0;
      for (;;) {
        const next = part(position + done, buffer.length - done);
        if (next === undefined) return done;
        let bytesRead: number;
        try {
          ({ bytesRead } = await readAsync(next.fd, buffer, done, next.length, next.at));
        } catch (error) {
          throw readError(error, position + done);
        }
        if (bytesRead === 0) return done;
        done += bytesRead;
      }
    },
    missing(totalSize) {
      const stem = VOLUME.exec(ordered[0]!)?.[1];
      // All volumes but the last have the size of the first.
      const volumeSize = starts[1] ?? size;
      const count = volumeSize === 0 ? 0 : Math.ceil(totalSize / volumeSize);
      if (stem === undefined || count <= ordered.length) return [];
      return Array.from({ length: count - ordered.length }, (_, index) => volumeName(stem, ordered.length + index + 1));
    },
    volumeAt: (offset) => (ordered.length === 1 ? undefined : basename(ordered[indexAt(offset)]!)),
    close: () => undefined,
  };
}

/** Volumes of one bundle by their number; anything else in the order given. */
function orderVolumes(paths: readonly string[]): readonly string[] {
  const numbered = paths.map((path) => ({ path, match: VOLUME.exec(path) }));
  const stem = numbered[0]?.match?.[1];
  if (stem === undefined || numbered.some(({ match }) => basename(match?.[1] ?? '') !== basename(stem))) return paths;
  return numbered.toSorted((a, b) => Number(a.match![2]) - Number(b.match![2])).map(({ path }) => path);
}

/** Numbers that begin at 1 without gap or repetition; the last ones can only be missed by the length. */
function assertConsecutive(ordered: readonly string[]): void {
  const twice = ordered.find((path, index) => ordered.indexOf(path) !== index);
  if (twice !== undefined) {
    throw new AirgapError('E_USAGE', `${basename(twice)} is given twice`, { hint: 'give every file once' });
  }
  const numbers = ordered.map((path) => Number(VOLUME.exec(path)?.[2]));
  const stem = VOLUME.exec(ordered[0]!)?.[1];
  if (stem === undefined || numbers.includes(Number.NaN)) return;
  const repeated = ordered.find((_, index) => numbers[index] === numbers[index - 1]);
  if (repeated !== undefined) {
    throw new AirgapError('E_USAGE', `${basename(repeated)} is given twice`, { hint: 'give every volume once' });
  }
  const missing = Array.from({ length: numbers.at(-1)! }, (_, index) => index + 1)
    .filter((number) => !numbers.includes(number))
    .map((number) => volumeName(stem, number));
  if (missing.length > 0) throw missingError(missing, 0);
}

/** Says which volumes are not among the given ones. `offset` is where the first of them belongs, as far as that is known. */
export function missingError(missing: readonly string[], offset: number): AirgapError {
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return new AirgapError('E_TRUNCATED', `missing volumes: ${missing.slice(0, MOST_NAMED).join(', ')}${more}`, {
    hint: 'give all volumes of the bundle, in any order',
    data: { at: missing[0], offset, volume: missing[0] },
  });
}

function volumeName(stem: string, number: number): string {
  return `${basename(stem)}.${String(number).padStart(3, '0')}`;
}

function openVolume(path: string): VolumeFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path} can not be opened: ${systemProblem(systemCodeOf(error))}`, {
      hint: existsSync(`${path}.001`)
        ? `it is in volumes; give them all: ${path}.0*`
        : 'check the name and the rights of the bundle file',
      cause: error,
    });
  }
  const found = fstatSync(descriptor);
  if (found.isFile()) return { path, descriptor, size: found.size };
  closeSync(descriptor);
  throw found.isDirectory()
    ? new AirgapError('E_USAGE', `${path} is a folder`, { hint: 'name the bundle file in it, or its volumes' })
    : new AirgapError('E_USAGE', `${path} is not a regular file`, {
        hint: 'copy it to a file; verify also reads standard input: verify -',
      });
}
