import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { verifyBundle } from '../bundle/checks.ts';
import { planLayout, type BundleLayout } from '../bundle/layout.ts';
import { planManifest, serializeManifest, type BundleIdentity, type BundleManifest } from '../bundle/manifest.ts';
import { readUnfinished, type UnfinishedBundle } from '../bundle/unfinished.ts';
import { openBundleFile, partialPathOf, writeBundleTo, type BundleParts } from '../bundle/writer.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { formatLock, LOCK_PATH } from '../mirror/lock.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { planFileOf } from '../mirror/plan-file.ts';
import { bundleEntries, type BundleEntry, type ExtraFile } from './bundle-content.ts';
import { bundleReadme } from './bundle-readme.ts';
import { caWarnings, loadCaBundles, type NamedCaBundle } from './ca-bundles.ts';
import { openEntry, reportBody, writeEntries, type BundleDraft } from './write-entries.ts';
import { planImageSet, type PlanOptions, type PlanResult } from './plan.ts';
import type { PushTarget } from './push.ts';
import { generateResources } from './resources.ts';
import type { BundleSigner } from './signer.ts';
import { stage } from './stage.ts';

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
  /** Read the whole result again before it gets its name. */
  readonly fullSelfVerify: boolean;
  /** Also write the signature to this file. */
  readonly detachedSignature?: string;
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
}

/**
 * Mirrors everything the configuration asks for into one signed file. Bytes go to their final place at once; the name of
 * the file appears when it is complete and its own check has passed; an interrupted run continues where it stopped as long
 * as the content to take is the same.
 */
export async function packBundle(options: PackOptions, ctx: RunContext): Promise<PackResult> {
  const caBundles = await loadCaBundles(options.caBundles);
  const planned = await planImageSet(options, ctx);
  const { plan } = planned;
  for (const warning of caWarnings(caBundles, Date.now())) ctx.report({ type: 'warning', ...warning });

  const { output } = options;
  const unfinished = typeof output === 'string' ? await readUnfinished(partialPathOf(output)) : undefined;
  const draft = await draftBundle(options, { planned, caBundles }, unfinished);
  const parts = await signDraft(draft, options, ctx);
  const result = {
    ok: true as const,
    output: typeof output === 'string' ? output : '-',
    bundle: draft.manifest.bundle,
    manifestSha256: createHash('sha256').update(parts.manifestBytes).digest('hex'),
    bytes: parts.layout.size,
    images: plan.images.length,
    files: draft.manifest.files.length,
    gaps: plan.gaps,
  };
  const keptBytes =
    typeof output === 'string'
      ? await packToFile(output, { entries: draft.entries, parts }, options, ctx)
      : await packToStream(output, { entries: draft.entries, parts }, options, ctx);
  if (options.detachedSignature !== undefined) await writeFile(options.detachedSignature, parts.signatures[0] ?? '');
  return { ...result, keptBytes };
}

interface Draft {
  readonly entries: readonly BundleEntry[];
  readonly manifest: BundleManifest;
  /** Signatures of the unfinished run this one continues. */
  readonly signatures?: readonly Uint8Array[];
}

interface Content {
  readonly planned: PlanResult;
  readonly caBundles: readonly NamedCaBundle[];
}

/** The bundle manifest; that of the unfinished run when it holds the same content and nothing else was asked for. */
async function draftBundle(
  options: PackOptions,
  content: Content,
  unfinished: UnfinishedBundle | undefined,
): Promise<Draft> {
  if (unfinished !== undefined && mayContinue(options, unfinished.manifest.bundle)) {
    const draft = await draftFor(unfinished.manifest.bundle, content, options);
    if (serializeManifest(draft.manifest).equals(unfinished.manifestBytes)) {
      return { ...draft, signatures: unfinished.signatures };
    }
  }
  return draftFor(newIdentity(options), content, options);
}

async function draftFor(identity: BundleIdentity, content: Content, options: PackOptions): Promise<Draft> {
  const { planned, caBundles } = content;
  const { plan, facts } = planned;
  const extra: ExtraFile[] = [
    { path: 'config/imageset.yaml', content: Buffer.from(planned.configText) },
    { path: LOCK_PATH, content: Buffer.from(formatLock(planned.lock)) },
    ...caBundles.map((bundle) => ({ path: bundle.path, content: Buffer.from(bundle.pem) })),
    ...(options.target === undefined ? [] : await resourceFiles(planned, options.target, identity, options)),
    {
      path: 'README.txt',
      content: bundleReadme({
        ...identity,
        images: plan.images.length,
        bytes: plan.totalBytes,
        certificates: caBundles.flatMap((bundle) => bundle.certificates),
        gaps: plan.gaps.length,
      }),
    },
  ];
  const entries = bundleEntries(plan, facts, extra);
  const files = entries.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
  return { entries, manifest: planManifest(identity, files) };
}

async function resourceFiles(
  { plan, facts }: PlanResult,
  target: PushTarget,
  identity: BundleIdentity,
  options: PackOptions,
): Promise<ExtraFile[]> {
  const files = new Map(plan.files.map((file) => [file.path, file.content]));
  const { files: resources } = await generateResources(planFileOf(plan, facts), {
    target,
    readFile: async (path) => files.get(path)!,
    createdAt: identity.createdAt,
    version: options.toolVersion,
    mirrorForm: 'sets',
  });
  return resources.map(({ name, content }) => ({ path: `resources/${name}`, content: Buffer.from(content) }));
}

function mayContinue(options: PackOptions, identity: BundleIdentity): boolean {
  return (
    options.bundleName === identity.name &&
    options.expiresAt === identity.expiresAt &&
    (options.serial === undefined || options.serial === identity.serial) &&
    (options.createdAt === undefined || options.createdAt === identity.createdAt)
  );
}

function newIdentity(options: PackOptions): BundleIdentity {
  const createdAt = options.createdAt ?? `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    name: options.bundleName,
    serial: options.serial ?? Math.floor(Date.parse(createdAt) / 1000),
    createdAt,
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
  };
}

/** Signs, or keeps the signatures of the unfinished run when the signer's own check still accepts them. */
async function signDraft(draft: Draft, options: PackOptions, ctx: RunContext): Promise<BundleParts> {
  const manifestBytes = serializeManifest(draft.manifest);
  const { signer } = options;
  const kept = draft.signatures;
  const signatures =
    kept !== undefined && signer.accepts(manifestBytes, kept)
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

async function packToFile(output: string, draft: BundleDraft, options: PackOptions, ctx: RunContext): Promise<number> {
  const file = openBundleFile(output, draft.parts);
  try {
    const kept = await stage('pack', ctx, () => writeEntries(draft, file, options.registry, ctx));
    await selfVerify(file.partialPath, options, ctx);
    await file.finish();
    return kept;
  } catch (error) {
    await file.suspend();
    throw error;
  }
}

async function packToStream(
  sink: Writable,
  draft: BundleDraft,
  options: PackOptions,
  ctx: RunContext,
): Promise<number> {
  return stage('pack', ctx, async () => {
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
}

async function selfVerify(path: string, options: PackOptions, ctx: RunContext): Promise<void> {
  await stage('check', ctx, async () => {
    const { files } = await verifyBundle(
      { paths: [path] },
      { ...ctx, accept: options.signer.accept, manifestOnly: !options.fullSelfVerify },
    );
    return {
      result: undefined,
      detail: options.fullSelfVerify ? `all ${files} files` : 'signature and bundle manifest',
    };
  });
}
