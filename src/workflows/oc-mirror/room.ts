import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes } from '../../core/bytes.ts';
import { AirgapError } from '../../core/errors.ts';

/** Throws `E_SPACE` when `needed` bytes are not free where `folder` is: the vendor's program does not look. */
export async function assertRoom(folder: string, needed: number, otherwise: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(folder));
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new AirgapError(
    'E_SPACE',
    `${folder}: oc-mirror needs ${formatBytes(needed)} for its archive and cache, ${formatBytes(free)} are free`,
    { hint: `make ${formatBytes(needed - free)} of room, or ${otherwise}`, data: { needed, free } },
  );
}
