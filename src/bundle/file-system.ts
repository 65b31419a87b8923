import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';

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

/**
 * Throws `E_SPACE` with the exact numbers unless a file of `size` bytes fits beside what is there. What an unfinished
 * file at `path` already takes counts as there when it is `kept` or overwritten alike.
 */
export function assertSpace(path: string, size: number, kept: boolean): void {
  const folder = dirname(path);
  const { type, bavail, bsize } = statfsSync(folder);
  if (type === MSDOS_SUPER_MAGIC && size > LARGEST_FAT_FILE) {
    throw new AirgapError(
      'E_SPACE',
      `${path} needs ${size} bytes, a FAT file system holds ${LARGEST_FAT_FILE} in a file`,
      {
        hint: 'split the bundle with --volume-size fat32, or format the medium with exFAT',
        data: { needed: size, free: LARGEST_FAT_FILE },
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
