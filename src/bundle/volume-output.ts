import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, write as writeCallback } from 'node:fs';
import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import { callbackify, promisify } from 'node:util';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { assertSpace, spaceError, syncFolder } from './file-system.ts';

const writeAsync = promisify(writeCallback);

/** One slice of a bundle. `size` is bytes. */
export interface Volume {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** What was written, as the volume index and a `SHA256SUMS` file need it (signing, section 10). */
export interface WrittenVolumes {
  readonly volumes: readonly Volume[];
  readonly totalSize: number;
  readonly wholeSha256: string;
}

/** A bundle on its way into volumes. */
export interface VolumeOutput {
  /** Takes the bundle front to back, from `writeBundleTo`. */
  readonly sink: Writable;
  /** The files as they are named until they are published, in order: what a check of the result reads. */
  partialPaths(): readonly string[];
  /** Gives all volumes their final names. The sink must have finished. */
  publish(): WrittenVolumes;
  /** Removes what was written: volumes can not be continued. */
  discard(): void;
}

/** Three digits in the name keep `cat X.tar.*` in order. */
const MOST_VOLUMES = 999;
/** What is gathered before one write. */
const GATHERED_BYTES = 1024 * 1024;

/** Sizes of real media, with room for the file system around the file. */
const MEDIA_BYTES: Readonly<Record<string, number>> = {
  fat32: 2 ** 32 - 65_536,
  dvd: 4_600_000_000,
  bd25: 24_900_000_000,
};
const UNIT_BYTES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** The bytes of a volume from `fat32`, `dvd`, `bd25`, or a number with KiB, MiB, GiB or TiB. Throws `E_USAGE`. */
export function parseVolumeSize(text: string): number {
  const [, amount, unit] = /^([1-9][0-9]{0,5})(KiB|MiB|GiB|TiB)$/.exec(text) ?? [];
  const bytes =
    amount !== undefined && unit !== undefined
      ? Number(amount) * UNIT_BYTES[unit]!
      : Object.hasOwn(MEDIA_BYTES, text)
        ? MEDIA_BYTES[text]
        : undefined;
  if (bytes !== undefined) return bytes;
  throw new AirgapError('E_USAGE', `${quoteForeign(text)} is no volume size`, {
    hint: `use ${Object.keys(MEDIA_BYTES).join(', ')}, or a number with its unit such as 4GiB`,
  });
}

/**
 * Splits a bundle of `totalSize` bytes into `finalPath.001`, `finalPath.002`, … of `volumeSize` bytes each, the last one
 * shorter: plain consecutive slices (signing, section 10). Checks free space first. Throws `E_SPACE`, `E_USAGE` when there would be
 * more than 999.
 */
export function openVolumeOutput(finalPath: string, totalSize: number, volumeSize: number): VolumeOutput {
  const count = Math.ceil(totalSize / volumeSize);
  if (count > MOST_VOLUMES) {
    throw new AirgapError('E_USAGE', `${totalSize} bytes in volumes of ${volumeSize} make ${count} volumes`, {
      hint: `at most ${MOST_VOLUMES} are written: choose larger volumes`,
    });
  }
  assertSpace(finalPath, totalSize, { largestFile: Math.min(totalSize, volumeSize) });
  const volumes: Volume[] = [];
  const whole = createHash('sha256');
  let totalWritten = 0;
  let current: { readonly path: string; readonly fd: number; readonly hash: Hash; size: number } | undefined;

  const endVolume = (): void => {
    if (current === undefined) return;
    const { path, fd, size, hash } = current;
    current = undefined;
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    volumes.push({ path, size, sha256: hash.digest('hex') });
  };
  const write = async (bytes: Buffer): Promise<void> => {
    for (let at = 0; at < bytes.length;) {
      if (current?.size === volumeSize) endVolume();
      if (current === undefined) {
        const path = `${finalPath}.${String(volumes.length + 1).padStart(3, '0')}`;
        current = { path, fd: openSync(partialOf(path), 'w', 0o644), hash: createHash('sha256'), size: 0 };
      }
      const piece = bytes.subarray(at, at + volumeSize - current.size);
      for (let done = 0; done < piece.length;) {
        const { bytesWritten } = await writeAsync(current.fd, piece, done);
        done += bytesWritten;
      }
      current.hash.update(piece);
      current.size += piece.length;
      at += piece.length;
    }
    whole.update(bytes);
    totalWritten += bytes.length;
  };
  const take = callbackify(async (bytes: Buffer): Promise<void> => {
    try {
      await write(bytes);
    } catch (error) {
      throw spaceError(finalPath, error);
    }
  });

  return {
    sink: new Writable({
      highWaterMark: GATHERED_BYTES,
      write: (chunk: Buffer, _encoding, done) => take(chunk, done),
      writev: (items, done) => take(Buffer.concat(items.map(({ chunk }) => chunk as Buffer)), done),
      final(done) {
        endVolume();
        done();
      },
    }),
    partialPaths: () => volumes.map(({ path }) => partialOf(path)),
    publish() {
      if (totalWritten !== totalSize)
        throw new Error(`${finalPath}: ${totalWritten} of ${totalSize} bytes are written`);
      for (const { path } of volumes) renameSync(partialOf(path), path);
      syncFolder(dirname(finalPath));
      return { volumes, totalSize, wholeSha256: whole.digest('hex') };
    },
    discard() {
      const begun = current === undefined ? volumes : [...volumes, current];
      if (current !== undefined) closeSync(current.fd);
      current = undefined;
      for (const { path } of begun) rmSync(partialOf(path), { force: true });
    },
  };
}

function partialOf(path: string): string {
  return `${path}.partial`;
}
