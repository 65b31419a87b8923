import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, syscallOf, systemCodeOf, systemProblem } from '../core/errors.ts';

/** statfs(2) types of file systems that have no holes: growing a file writes zeros. */
const MSDOS_SUPER_MAGIC = 0x4d44;
const EXFAT_SUPER_MAGIC = 0x2011bab0;
/** FAT stores a file's length in 32 bits. */
const LARGEST_FAT_FILE = 2 ** 32 - 1;
/** Unit of `blocks` in stat(2), whatever the file system uses. */
const STAT_BLOCK = 512;
/** What could not be done, by system call. */
const VERBS: Readonly<Record<string, string>> = {
  mkdir: 'made',
  open: 'opened',
  read: 'read',
  rename: 'renamed',
  rm: 'removed',
  scandir: 'read',
  unlink: 'removed',
};
/** Says in the data of an error that the result could not be written, as opposed to its source. */
const OUTPUT = 'output';

/** False on FAT and exFAT, where a file of final length would first be filled with zeros as a whole. */
export function canBeSparse(folder: string): boolean {
  const { type } = statfsSync(folder);
  return type !== MSDOS_SUPER_MAGIC && type !== EXFAT_SUPER_MAGIC;
}

export interface SpaceOptions {
  /** What the unfinished files already take is part of the result; otherwise it is overwritten. */
  readonly kept?: boolean;
  /** Bytes of the largest single file; absent: all in one. */
  readonly largestFile?: number;
  /** The unfinished files, which may be there already; absent: `path`. */
  readonly files?: readonly string[];
}

/** Throws `E_SPACE` with the exact numbers unless `size` bytes fit into the folder of `path`. */
export function assertSpace(path: string, size: number, options: SpaceOptions = {}): void {
  const { kept = false, largestFile = size, files = [path] } = options;
  const folder = dirname(path);
  const { type, bavail, bsize } = statfsSync(folder);
  if (type === MSDOS_SUPER_MAGIC && largestFile > LARGEST_FAT_FILE) {
    throw new AirgapError(
      'E_SPACE',
      `${path} needs a file of ${largestFile} bytes, a FAT file system holds ${LARGEST_FAT_FILE} in one`,
      {
        hint: 'format the medium with exFAT, or write to another disk',
        data: { needed: largestFile, free: LARGEST_FAT_FILE },
      },
    );
  }
  const blocks = files.map((file) => statSync(file, { throwIfNoEntry: false })?.blocks ?? 0);
  const taken = blocks.reduce((sum, count) => sum + count, 0) * STAT_BLOCK;
  const needed = Math.max(0, kept ? size - taken : size);
  const free = bavail * bsize + (kept ? 0 : taken);
  if (needed <= free) return;
  throw new AirgapError(
    'E_SPACE',
    `${path} needs ${needed} bytes (${formatBytes(needed)}) more, ${free} bytes (${formatBytes(free)}) are free in ${folder}`,
    { hint: `free ${needed - free} bytes, or write to another disk`, data: { needed, free } },
  );
}

/**
 * What a failure of the unfinished file is thrown as: a full disk as `E_SPACE` (also when `error` is undefined), anything else
 * the system says (`EIO`, `EROFS`, …) as `E_USAGE`, the code of every output that can not be written: it will not come right by
 * asking again, the user has to name another place. What is no error of the system is returned unchanged.
 */
export function outputError(path: string, error: unknown): unknown {
  const code = systemCodeOf(error);
  const data = { side: OUTPUT };
  if (error === undefined || code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new AirgapError('E_SPACE', `${path}: the disk is full`, {
      hint: 'make room and run the same command again: it continues where it stopped',
      data,
      ...(error === undefined ? {} : { cause: error }),
    });
  }
  const call = syscallOf(error);
  if (call === undefined) return error;
  if (code === 'ELOOP') {
    return new AirgapError('E_USAGE', `${path} is a symbolic link, which is not followed`, {
      hint: 'remove it; to write elsewhere, name that place itself',
      data,
      cause: error,
    });
  }
  return new AirgapError(
    'E_USAGE',
    `${path} can not be ${VERBS[call] ?? 'written'}: ${systemProblem(code, 'folder')}`,
    {
      hint: 'check the disk, its mount and the rights (dmesg says more), or write to another place',
      data,
      cause: error,
    },
  );
}

/** True for the errors of {@link outputError}, also after they crossed threads: every other body would fail the same way. */
export function isOutputError(error: unknown): error is AirgapError {
  return error instanceof AirgapError && error.data?.['side'] === OUTPUT;
}

/** A name somebody else could have put into the folder must not lead elsewhere. */
export const NO_FOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;

const OPEN_FLAGS = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  'w+': constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
} as const;

/**
 * Opens a file of the unfinished bundle, never through a symbolic link. Throws what {@link outputError} makes of a failure.
 */
export function openOutput(path: string, flags: keyof typeof OPEN_FLAGS): number {
  return onOutput(path, () => openSync(path, OPEN_FLAGS[flags] | NO_FOLLOW, 0o644));
}

/** Does something to a file of the unfinished bundle. Throws what {@link outputError} makes of a failure. */
export function onOutput<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw outputError(path, error);
  }
}

/** {@link onOutput} for work that is under way. */
export async function orOutputError<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw outputError(path, error);
  }
}

/**
 * Writes a file that is not there yet, durable. After a failure it is not there either: half of it would be taken for
 * somebody's own by the next run. Throws what the system says.
 */
export async function createFile(path: string, content: string | Uint8Array, mode = 0o666): Promise<void> {
  await using file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** Gives a file of the bundle another name, as {@link onOutput}. */
export function renameOutput(path: string, to: string): void {
  onOutput(`${path} (to become ${basename(to)})`, () => renameSync(path, to));
}

/** Removes a file of the unfinished bundle if it is there, as {@link onOutput}. */
export function removeOutput(path: string): void {
  onOutput(path, () => rmSync(path, { force: true }));
}

/** Makes names in a folder durable, as {@link onOutput}. */
export function syncFolder(path: string): void {
  onOutput(path, () => {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}
