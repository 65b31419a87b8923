import { closeSync, fsyncSync, openSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

/** statfs(2) types of file systems that have no holes: growing a file writes zeros. */
const MSDOS_SUPER_MAGIC = 0x4d44;
const EXFAT_SUPER_MAGIC = 0x2011bab0;
/** FAT stores a file's length in 32 bits. */
const LARGEST_FAT_FILE = 2 ** 32 - 1;
/** Unit of `blocks` in stat(2), whatever the file system uses. */
const STAT_BLOCK = 512;

/** False on FAT and exFAT, where a file of final length would first be filled with zeros as a whole. */
export function canBeSparse(folder: string): boolean {
  const { type } = statfsSync(folder);
  return type !== MSDOS_SUPER_MAGIC && type !== EXFAT_SUPER_MAGIC;
}

export interface SpaceOptions {
  /** What an unfinished file at the path already takes is part of the result; otherwise it is overwritten. */
  readonly kept?: boolean;
  /** Bytes of the largest single file; absent: all in one. */
  readonly largestFile?: number;
}

/** Throws `E_SPACE` with the exact numbers unless `size` bytes fit into the folder of `path`. */
export function assertSpace(path: string, size: number, options: SpaceOptions = {}): void {
  const { kept = false, largestFile = size } = options;
  const folder = dirname(path);
  const { type, bavail, bsize } = statfsSync(folder);
  if (type === MSDOS_SUPER_MAGIC && largestFile > LARGEST_FAT_FILE) {
    throw new AirgapError(
      'E_SPACE',
      `${path} needs a file of ${largestFile} bytes, a FAT file system holds ${LARGEST_FAT_FILE} in one`,
      {
        hint: 'split the bundle with --volume-size fat32, or format the medium with exFAT',
        data: { needed: largestFile, free: LARGEST_FAT_FILE },
      },
    );
  }
  const taken = (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * STAT_BLOCK;
  const needed = Math.max(0, kept ? size - taken : size);
  const free = bavail * bsize + (kept ? 0 : taken);
  if (needed <= free) return;
  throw new AirgapError(
    'E_SPACE',
    `${path} needs ${needed} bytes (${formatBytes(needed)}) more, ${free} bytes (${formatBytes(free)}) are free in ${folder}`,
    { hint: `free ${needed - free} bytes, or write to another disk`, data: { needed, free } },
  );
}

/** What a failed write is thrown as: a full disk as `E_SPACE` (also when `error` is undefined), anything else unchanged. */
export function spaceError(path: string, error: unknown): unknown {
  const code = systemCodeOf(error);
  if (error !== undefined && code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return error;
  return new AirgapError('E_SPACE', `${path}: the disk is full`, {
    hint: 'make room and run the same command again: it continues where it stopped',
    ...(error === undefined ? {} : { cause: error }),
  });
}

/** Makes names in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
