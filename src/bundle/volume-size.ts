import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';

/** Three digits in a name keep `cat X.tar.*` in order. */
const MOST_VOLUMES = 999;
/** Smaller volumes are a slip of the pen, not a medium. */
const SMALLEST_VOLUME = 1024 * 1024;

/** Bytes of a file that fills a medium, its file system's own needs left out. */
const MEDIA: Readonly<Record<string, number>> = {
  // The largest file FAT32 can hold.
  fat32: 2 ** 32 - 1,
  // 4.7 GB single layer (4,700,372,992 bytes), less 10 MB for UDF.
  dvd: 4_690_000_000,
  // 25 GB single layer formatted with spare area (24,220,008,448 bytes), less 20 MB for UDF.
  bd25: 24_200_000_000,
};

const UNITS: Readonly<Record<string, number>> = {
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Bytes of a volume from `fat32`, `dvd`, `bd25`, or a number with its unit (`4GiB`, `700MB`, `4.7GB`). Throws `E_USAGE`, also for
 * sizes below 1 MiB.
 */
export function parseVolumeSize(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?(MB|GB|TB|MiB|GiB|TiB)$/.exec(text);
  const bytes = match === null ? mediumSize(text) : Math.floor(Number(match[1]) * UNITS[match[2]!]!);
  if (bytes === undefined) {
    throw new AirgapError('E_USAGE', `${quoteForeign(text)} is no volume size`, {
      hint: `write ${Object.keys(MEDIA).join(', ')}, or a number with its unit such as 4GiB or 700MB`,
    });
  }
  if (bytes >= SMALLEST_VOLUME) return bytes;
  throw new AirgapError('E_USAGE', `volumes of ${bytes} bytes are too small`, { hint: 'write at least 1MiB' });
}

/** Throws `E_USAGE` when a bundle of `totalSize` bytes would need more volumes than names have room for. */
export function assertVolumeCount(totalSize: number, volumeSize: number): void {
  const count = Math.ceil(totalSize / volumeSize);
  if (count <= MOST_VOLUMES) return;
  throw new AirgapError('E_USAGE', `${totalSize} bytes in volumes of ${volumeSize} make ${count} volumes`, {
    hint: `at most ${MOST_VOLUMES} are written: choose volumes of ${Math.ceil(totalSize / MOST_VOLUMES / 2 ** 20)}MiB or more`,
  });
}

function mediumSize(text: string): number | undefined {
  return Object.hasOwn(MEDIA, text) ? MEDIA[text] : undefined;
}
