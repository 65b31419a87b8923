import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { assertOutputPath } from './output-path.ts';

/** Headers and padding of one file of a bundle take at most this (signing, section 4). */
const PER_FILE_BYTES = 1024;

/** Throws `E_SPACE` when a bundle of this plan can not fit on the file system `path` would be on. */
export function assertRoom(path: string, plan: MirrorPlan): void {
  assertOutputPath(path, '--output');
  const { bavail, bsize } = statfsSync(dirname(resolve(path)));
  const free = bavail * bsize;
  const needed = plan.totalBytes + (plan.blobs.length + plan.manifests.size + plan.files.length + 10) * PER_FILE_BYTES;
  if (needed <= free) return;
  throw new AirgapError(
    'E_SPACE',
    `${path}: the bundle needs ${needed} bytes (${formatBytes(needed)}), ${free} are free`,
    {
      hint: `make ${formatBytes(needed - free)} of room, or write it elsewhere`,
      data: { needed, free },
    },
  );
}
