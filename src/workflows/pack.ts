import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { OciCheckOptions } from '../bundle/oci-checks.ts';
import { planLayout, type BundleLayout } from '../bundle/layout.ts';
import { takeLock } from '../bundle/lock-file.ts';
import { serializeManifest, type BundleBase, type BundleIdentity, type BundleManifest } from '../bundle/manifest.ts';
import { readUnfinished } from '../bundle/unfinished.ts';
import { partialPathOf, type BundleParts } from '../bundle/writer.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { planFileOf, type PlanFacts } from '../mirror/plan-file.ts';
import type { Base } from './base-receipt.ts';
import { ociExpectations } from './bundle-policy.ts';
import { caWarnings, loadCaBundles } from './ca-bundles.ts';
import { draftBundle, type Draft } from './draft.ts';
import type { MirrorToDisk } from './oc-mirror/mirror-to-disk.ts';
import type { OcMirrorOptions } from './oc-mirror/run.ts';
import { assertOutputFolder, assertOutputPath, writeOutputFile } from './output-path.ts';
import { planImageSet, type PlanOptions, type PlanResult } from './plan.ts';
import type { PushTarget } from './push-target.ts';
import type { BundleSigner } from './signer.ts';
import { writeSigningPlan, type SigningPlan } from './signing-plan.ts';
import { toolEntries } from './tool-entries.ts';
import { writeBundleFile, writeBundleStream, type WrittenBundle } from './write-bundle.ts';

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
  /** Mirror with the vendor's program; absent: with our own engine. */
  readonly engine?: OcMirrorOptions;
}

export interface PackResult extends WrittenBundle {
  readonly ok: true;
  readonly output: string;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly bytes: number;
  readonly images: number;
  readonly files: number;
  readonly gaps: MirrorPlan['gaps'];
  /** What is left to an earlier bundle, in bytes; absent for a complete one. */
  readonly base?: BundleBase & { readonly bytes: number };
  /** What is to be signed, when only that was asked for. */
  readonly signingPlan?: readonly string[];
  /** The program that mirrored, and where it did something else than was planned. */
  readonly engine?: NonNullable<PlanFacts['engine']>;
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
  const engine = await openEngine(options, ctx);
  const ownPlan = await planImageSet(options, ctx);
  for (const warning of caWarnings(caBundles, Date.now())) ctx.report({ type: 'warning', ...warning });

  const mirrored = await engine?.mirror(ownPlan);
  const planned = mirrored?.planned ?? ownPlan;

  const unfinished =
    typeof output === 'string' && options.planOnly === undefined
      ? await readUnfinished(partialPathOf(output))
      : undefined;
  const content = {
    ...{ planned, caBundles, tools },
    ...(mirrored === undefined ? {} : { archive: mirrored.entries, engineFiles: mirrored.files }),
  };
  const draft = await draftBundle(options, content, unfinished);
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
      ? await writeBundleFile(
          output,
          // Another bundle or signature than the one that was interrupted: its bodies are used, its names are not.
          { entries: draft.entries, parts, unfinished: parts.signatures === draft.signatures ? undefined : unfinished },
          { ...options, volumeSize: sizeOf(options, planned), oci: expectationsOf(planned) },
          ctx,
        )
      : await writeBundleStream(output, { entries: draft.entries, parts }, options.registry, ctx);
  await mirrored?.cleanUp();
  if (detachedSignature !== undefined) {
    await writeOutputFile(detachedSignature, parts.signatures[0] ?? '', { flag: '--detached-signature' });
  }
  return { ...result, ...written };
}

function resultOf(draft: Draft, { plan, facts }: PlanResult) {
  return {
    bundle: draft.manifest.bundle,
    manifestSha256: createHash('sha256').update(serializeManifest(draft.manifest)).digest('hex'),
    images: plan.images.length,
    files: draft.manifest.files.length,
    gaps: plan.gaps,
    ...(facts.engine === undefined ? {} : { engine: facts.engine }),
    ...baseOf(draft.manifest),
  };
}

/** The other engine, when it is asked for. Throws `E_USAGE` for what it can not do. */
async function openEngine(options: PackOptions, ctx: RunContext): Promise<MirrorToDisk | undefined> {
  const { engine, output, planOnly, signingPlan } = options;
  if (engine === undefined) return undefined;
  if (planOnly !== undefined || signingPlan !== undefined) {
    throw new AirgapError(
      'E_USAGE',
      '--engine oc-mirror can not pack in two phases: its archive is another at each run',
      {
        hint: 'pack with --unsigned, and sign the result elsewhere with airgap sign',
      },
    );
  }
  if (options.base !== undefined) {
    throw new AirgapError('E_USAGE', '--base and --engine oc-mirror exclude each other: its archive is complete', {
      hint: 'leave one of them out',
    });
  }
  if (typeof output !== 'string') {
    throw new AirgapError('E_USAGE', '--engine oc-mirror needs room beside the bundle, a pipe has none', {
      hint: 'write to a file with -o FILE',
    });
  }
  const { openMirrorToDisk } = await import('./oc-mirror/mirror-to-disk.ts');
  return openMirrorToDisk({ plan: options, output, engine }, ctx);
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
