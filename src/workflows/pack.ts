import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { verifyBundle } from '../bundle/checks.ts';
import type { OciCheckOptions } from '../bundle/oci-checks.ts';
import { planLayout, type BundleLayout } from '../bundle/layout.ts';
import { takeLock } from '../bundle/lock-file.ts';
import { serializeManifest, type BundleBase, type BundleIdentity, type BundleManifest } from '../bundle/manifest.ts';
import { salvageUnfinished } from '../bundle/salvage.ts';
import { readUnfinished, type UnfinishedBundle } from '../bundle/unfinished.ts';
import { assertVolumeCount } from '../bundle/volume-size.ts';
import { openBundleFile, partialPathOf, writeBundleTo, type BundleParts } from '../bundle/writer.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, isAirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { planFileOf } from '../mirror/plan-file.ts';
import type { Base } from './base-receipt.ts';
import { ociExpectations } from './bundle-policy.ts';
import { caWarnings, loadCaBundles } from './ca-bundles.ts';
import { draftBundle, type Draft } from './draft.ts';
import { openEntry, reportBody, writeEntries, type BundleDraft } from './write-entries.ts';
import { assertOutputFolder, assertOutputPath, writeOutputFile } from './output-path.ts';
import { planImageSet, type PlanOptions, type PlanResult } from './plan.ts';
import type { PushTarget } from './push-target.ts';
import type { BundleSigner } from './signer.ts';
import { writeSigningPlan, type SigningPlan } from './signing-plan.ts';
import { stage } from './stage.ts';
import { toolEntries } from './tool-entries.ts';
import { removeVolumeIndex, writeVolumeIndex } from './volume-index.ts';

export interface PackOptions extends PlanOptions {
  /** Path of the bundle, or a stream that takes it in order (a pipe). */
  readonly output: string | Writable;
  readonly signer: BundleSigner;
  /** The stream the bundle belongs to. */
  readonly bundleName: string;
  /** Absent: the creation time in seconds. */
  readonly serial?: number;
  /** `YYYY-MM-DDThh:mm:ssZ`; absent: now. */
  readonly createdAt?: string;
  readonly expiresAt?: string;
  /** The registry of the far side, when it is known: its cluster resources travel in the bundle. */
  readonly target?: PushTarget;
  readonly toolVersion: string;
  /** `FILE` or `HOST[:PORT]=FILE`. */
  readonly caBundles: readonly string[];
  /** Bytes of each volume, or `none` for one file; absent: what `archiveSize` of the configuration says. */
  readonly volumeSize?: number | 'none';
  /** Write `X.volumes.sigstore.json` and `X.SHA256SUMS` beside volumes. */
  readonly volumeIndex: boolean;
  /** Carry the tool itself, `tool/airgap-<platform>`: these platforms, or when empty all there are; absent: not at all. */
  readonly toolPlatforms?: readonly string[];
  /** What the far side has shown to have: not carried again. */
  readonly base?: Base;
  /** Read the whole result again before it gets its name. */
  readonly fullSelfVerify: boolean;
  /** Also write the signature to this file. */
  readonly detachedSignature?: string;
  /** Write what is to be signed into this folder and stop (signing, "KMS, PKCS#11, tokens"). */
  readonly planOnly?: string;
  /** What was planned and signed elsewhere: exactly that is packed. */
  readonly signingPlan?: SigningPlan;
}

export interface PackResult {
  readonly ok: true;
  readonly output: string;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly bytes: number;
  readonly images: number;
  readonly files: number;
  /** Bytes an earlier interrupted run had already brought. */
  readonly keptBytes: number;
  readonly gaps: MirrorPlan['gaps'];
  /** What is left to an earlier bundle, in bytes; absent for a complete one. */
  readonly base?: BundleBase & { readonly bytes: number };
  /** The volumes in order, with their digests when there is an index; absent: one file. */
  readonly volumes?: readonly { readonly path: string; readonly size: number; readonly sha256?: string }[];
  /** What is to be signed, when only that was asked for. */
  readonly signingPlan?: readonly string[];
}

/**
 * Mirrors everything the configuration asks for into one signed file. Bytes go to their final place at once; the name of
 * the file appears when it is complete and its own check has passed; an interrupted run continues where it stopped as long
 * as the content to take is the same. Throws `E_USAGE` when another run is writing the same file.
 */
export async function packBundle(options: PackOptions, ctx: RunContext): Promise<PackResult> {
  const { output, detachedSignature } = options;
  if (typeof output === 'string' && options.planOnly === undefined) assertOutputPath(output, '--output');
  if (options.planOnly !== undefined) assertOutputFolder(options.planOnly, '--plan');
  if (detachedSignature !== undefined) assertOutputPath(detachedSignature, '--detached-signature');
  // Held to the end: a second run would write into the same unfinished file.
  await using _lock =
    typeof output === 'string' && options.planOnly === undefined
      ? await takeLock(`${partialPathOf(output)}.lock`, partialPathOf(output))
      : undefined;
  const caBundles = await loadCaBundles(options.caBundles);
  const tools = options.toolPlatforms === undefined ? [] : await toolEntries(options.toolPlatforms);
  const planned = await planImageSet(options, ctx);
  for (const warning of caWarnings(caBundles, Date.now())) ctx.report({ type: 'warning', ...warning });

  const unfinished =
    typeof output === 'string' && options.planOnly === undefined
      ? await readUnfinished(partialPathOf(output))
      : undefined;
  const draft = await draftBundle(options, { planned, caBundles, tools }, unfinished);
  if (options.planOnly !== undefined) {
    const files = await writeSigningPlan(options.planOnly, serializeManifest(draft.manifest), draft.manifest.bundle);
    return {
      ...resultOf(draft, planned),
      ok: true,
      output: options.planOnly,
      bytes: 0,
      keptBytes: 0,
      signingPlan: files,
    };
  }
  const parts = await signDraft(draft, options, ctx);
  const result = {
    ...resultOf(draft, planned),
    ok: true as const,
    output: typeof output === 'string' ? output : '-',
    bytes: parts.layout.size,
  };
  const written =
    typeof output === 'string'
      ? await packToFile(
          output,
          // Another bundle or signature than the one that was interrupted: its bodies are used, its names are not.
          { entries: draft.entries, parts, unfinished: parts.signatures === draft.signatures ? undefined : unfinished },
          { ...options, volumeSize: sizeOf(options, planned), oci: expectationsOf(planned) },
          ctx,
        )
      : await packToStream(output, { entries: draft.entries, parts }, options, ctx);
  if (detachedSignature !== undefined) {
    await writeOutputFile(detachedSignature, parts.signatures[0] ?? '', { flag: '--detached-signature' });
  }
  return { ...result, ...written };
}

function resultOf(draft: Draft, { plan }: PlanResult) {
  return {
    bundle: draft.manifest.bundle,
    manifestSha256: createHash('sha256').update(serializeManifest(draft.manifest)).digest('hex'),
    images: plan.images.length,
    files: draft.manifest.files.length,
    gaps: plan.gaps,
    ...baseOf(draft.manifest),
  };
}

function baseOf({ base, files }: BundleManifest): Pick<PackResult, 'base'> {
  if (base === undefined) return {};
  const bytes = files.reduce((sum, file) => sum + (file.base === true ? file.size : 0), 0);
  return { base: { ...base, bytes } };
}

/** Bytes of each volume, or undefined for one file. `archiveSize` counts GiB, as in the vendor's tool. */
function sizeOf({ volumeSize }: PackOptions, { imageSet }: PlanResult): number | undefined {
  if (volumeSize === 'none') return undefined;
  const { archiveSize = 0 } = imageSet;
  return volumeSize ?? (archiveSize > 0 ? archiveSize * 2 ** 30 : undefined);
}

/** What the far side will expect of the layout. */
function expectationsOf({ plan, facts }: PlanResult): OciCheckOptions {
  return ociExpectations(planFileOf(plan, facts));
}

type FileOptions = Omit<PackOptions, 'volumeSize'> & {
  readonly volumeSize: number | undefined;
  readonly oci: OciCheckOptions;
};

type Written = Pick<PackResult, 'keptBytes' | 'volumes'>;

/** Signs, or keeps the signatures of the unfinished run when the signer's own check still accepts them. */
async function signDraft(draft: Draft, options: PackOptions, ctx: RunContext): Promise<BundleParts> {
  const manifestBytes = serializeManifest(draft.manifest);
  const { signer } = options;
  const kept = draft.signatures;
  const signatures =
    kept !== undefined && signer.keepsSignatures && signer.accepts(manifestBytes, kept)
      ? kept
      : await signer.sign(manifestBytes, draft.manifest.bundle, ctx);
  if (!signer.accepts(manifestBytes, signatures)) {
    throw new AirgapError('E_SIGNATURE', 'the signature just made is not accepted by the check of the same key', {
      hint: 'the key file may be damaged; verify it with cosign, or make a new one with airgap keygen',
    });
  }
  const layout: BundleLayout = planLayout(manifestBytes, signatures, draft.manifest);
  return { manifestBytes, signatures, layout };
}

async function packToFile(
  output: string,
  draft: BundleDraft & { readonly unfinished?: UnfinishedBundle | undefined },
  options: FileOptions,
  ctx: RunContext,
): Promise<Written> {
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

async function packToStream(
  sink: Writable,
  draft: BundleDraft,
  options: PackOptions,
  ctx: RunContext,
): Promise<Written> {
  const keptBytes = await stage('pack', ctx, async () => {
    const { entries, parts } = draft;
    const open = openEntry(draft, options.registry, ctx);
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
