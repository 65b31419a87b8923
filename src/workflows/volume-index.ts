import { rm } from 'node:fs/promises';
import {
  formatSums,
  hashVolumes,
  indexPathsOf,
  volumeStatement,
  type Volume,
  type VolumeSubject,
} from '../bundle/volume-index.ts';
import type { Piece } from '../bundle/writer.ts';
import { formatBytes } from '../core/bytes.ts';
import type { RunContext } from '../core/events.ts';
import type { BundleSigner } from './signer.ts';
import { writeOutputFile } from './output-path.ts';
import { stage } from './stage.ts';

export interface VolumeIndexOptions {
  /** `X.tar`. */
  readonly output: string;
  readonly pieces: readonly Piece[];
  readonly subject: VolumeSubject;
  readonly signer: BundleSigner;
}

/**
 * Writes what lets people check volumes one medium at a time: a signed statement with the digest of each, and the same for
 * `sha256sum -c`. Reads everything once more. Without a key there is only the latter.
 */
export async function writeVolumeIndex(
  { output, pieces, subject, signer }: VolumeIndexOptions,
  ctx: RunContext,
): Promise<readonly Volume[]> {
  return stage('index', ctx, async () => {
    const bytes = pieces.reduce((sum, { size }) => sum + size, 0);
    ctx.report({ type: 'total', images: 0, blobs: pieces.length, bytes });
    const digest = `sha256:${subject.manifestSha256}`;
    const hashed = await hashVolumes(pieces, {
      signal: ctx.signal,
      onBytes: (count) => ctx.report({ type: 'blob', digest, size: bytes, bytes: count, done: false }),
    });
    const paths = indexPathsOf(output);
    const signature = await signer.signStatement?.(volumeStatement(hashed, subject));
    if (signature !== undefined) await writeOutputFile(paths.index, signature, { flag: 'the index of volumes' });
    await writeOutputFile(paths.sums, formatSums(hashed), { flag: 'the digests of volumes' });
    return { result: hashed.volumes, detail: `${pieces.length} volumes, ${formatBytes(bytes)}` };
  });
}

/** Removes the index of an earlier bundle of the same name, which would speak of other volumes. */
export async function removeVolumeIndex(output: string): Promise<void> {
  const { index, sums } = indexPathsOf(output);
  await Promise.all([rm(index, { force: true }), rm(sums, { force: true })]);
}
