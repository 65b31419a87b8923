import type { Writable } from 'node:stream';
import { verifyBundle } from '../bundle/checks.ts';
import type { OciCheckOptions } from '../bundle/oci-checks.ts';
import { salvageUnfinished } from '../bundle/salvage.ts';
import type { UnfinishedBundle } from '../bundle/unfinished.ts';
import { assertVolumeCount } from '../bundle/volume-size.ts';
import { openBundleFile, writeBundleTo } from '../bundle/writer.ts';
import { formatBytes } from '../core/bytes.ts';
import { isAirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { RegistryOptions } from '../registry/options.ts';
import type { BundleSigner } from './signer.ts';
import { stage } from './stage.ts';
import { removeVolumeIndex, writeVolumeIndex } from './volume-index.ts';
import { openEntry, reportBody, writeEntries, type BundleDraft } from './write-entries.ts';

export interface FileOptions {
  readonly registry: RegistryOptions;
  readonly signer: BundleSigner;
  /** Bytes of each volume; undefined for one file. */
  readonly volumeSize: number | undefined;
  readonly volumeIndex: boolean;
  /** Read the whole result again before it gets its name. */
  readonly fullSelfVerify: boolean;
  /** What the far side will expect of the layout. */
  readonly oci: OciCheckOptions;
}

export interface WrittenBundle {
  /** Bytes an earlier interrupted run had already brought. */
  readonly keptBytes: number;
  /** The volumes in order, with their digests when there is an index; absent: one file. */
  readonly volumes?: readonly { readonly path: string; readonly size: number; readonly sha256?: string }[];
}

/**
 * Writes a signed draft to a file or volumes; the names appear when everything is there and the check of the far side has
 * passed. What was brought before a failure is kept for the next run.
 */
export async function writeBundleFile(
  output: string,
  draft: BundleDraft & { readonly unfinished?: UnfinishedBundle | undefined },
  options: FileOptions,
  ctx: RunContext,
): Promise<WrittenBundle> {
  const { volumeSize } = options;
  const { size } = draft.parts.layout;
  if (volumeSize !== undefined) assertVolumeCount(size, volumeSize);
  const { unfinished } = draft;
  const salvage = unfinished === undefined ? undefined : salvageUnfinished(output, unfinished, size);
  const file = openBundleFile(output, draft.parts, { volumeSize });
  try {
    const keptBytes = await stage('pack', ctx, () => writeEntries({ ...draft, salvage }, file, options.registry, ctx));
    await selfVerify(
      file.pieces.map(({ path }) => path),
      options,
      ctx,
    );
    if (volumeSize === undefined) {
      await file.finish();
      return { keptBytes };
    }
    await removeVolumeIndex(output);
    const { layout } = draft.parts;
    const subject = {
      identity: layout.manifest.bundle,
      manifestSha256: layout.entries[0]!.sha256,
      volumeSize,
    };
    const volumes = options.volumeIndex
      ? await writeVolumeIndex({ output, pieces: file.pieces, subject, signer: options.signer }, ctx)
      : file.pieces.map(({ finalPath, size }) => ({ path: finalPath, size }));
    await file.finish();
    return { keptBytes, volumes };
  } catch (error) {
    // What went wrong first is what has to be known; a full disk fails the journal as well.
    await file.suspend().catch((second: unknown) => {
      if (systemCodeOf(second) === undefined && !isAirgapError(second)) throw second;
    });
    throw error;
  } finally {
    salvage?.close();
  }
}

/** Writes a signed draft in order, to a pipe. */
export async function writeBundleStream(
  sink: Writable,
  draft: BundleDraft,
  registry: RegistryOptions,
  ctx: RunContext,
): Promise<WrittenBundle> {
  const keptBytes = await stage('pack', ctx, async () => {
    const { entries, parts } = draft;
    const open = openEntry(draft, registry, ctx);
    ctx.report({ type: 'total', images: 0, blobs: entries.length, bytes: parts.layout.size });
    try {
      await writeBundleTo(sink, parts, {
        open: open.body,
        signal: ctx.signal,
        onBody: reportBody(parts, ctx),
      });
    } finally {
      open.close();
    }
    return { result: 0, detail: formatBytes(parts.layout.size) };
  });
  return { keptBytes };
}

/** What the far side checks before it uses anything: a bundle it refuses must not get its name here. */
async function selfVerify(
  paths: readonly string[],
  { signer, fullSelfVerify, oci }: Pick<FileOptions, 'signer' | 'fullSelfVerify' | 'oci'>,
  ctx: RunContext,
): Promise<void> {
  await stage('check', ctx, async () => {
    const { files } = await verifyBundle(
      { paths },
      { ...ctx, accept: signer.accept, contents: fullSelfVerify ? 'all' : 'as-used', oci },
    );
    return {
      result: undefined,
      detail: fullSelfVerify ? `all ${files} files` : 'signature, structure and image manifests',
    };
  });
}
