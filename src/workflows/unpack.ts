import { join } from 'node:path';
import type { BundleIdentity } from '../bundle/manifest.ts';
import { openBundle } from '../bundle/reader.ts';
import { lockState } from '../bundle/state.ts';
import type { StepResult } from '../apply/step.ts';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { createRegistryClient } from '../registry/client.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { blameVolumes } from './blame-volumes.ts';
import { readPlanFile, type AcceptanceOptions } from './bundle-policy.ts';
import { openBase } from './base-places.ts';
import { caBundlesOf, loadCaBundles, type NamedCaBundle } from './ca-bundles.ts';
import type { ClusterIdentity } from './cluster.ts';
import { openArchiveSource } from './oc-mirror/archive-source.ts';
import type { DiskToMirrorOptions } from './oc-mirror/disk-to-mirror.ts';
import { assertOutputFolder, assertOutputPath } from './output-path.ts';
import { targetBase, type PushTarget } from './push-target.ts';
import { describePush, pingTarget, pushImages, type PushOptions, type PushResult } from './push.ts';
import { confirmContent, writeReceipt, type ConfirmedContent, type Receipt } from './receipt.ts';
import { acceptFor } from './signer.ts';
import { stage } from './stage.ts';
import { prepareCluster, type ClusterRun, type OpenedBundle } from './unpack-cluster.ts';
import { verifyStage } from './verify-stage.ts';

/** Connections at once when nothing else is said. */
const DEFAULT_CONNECTIONS = 8;

export interface UnpackOptions extends AcceptanceOptions {
  /** Bundle file or its volumes. */
  readonly paths: readonly string[];
  readonly target: PushTarget;
  readonly registry: RegistryOptions;
  /** CA files of the site, beside those in the bundle. */
  readonly caFiles: readonly string[];
  /** False: the images are there already. */
  readonly push: boolean;
  /** File for the proof of what arrived; absent: beside the state of the stream. */
  readonly receipt?: string;
  /** How the vendor's program is run, for a bundle it mirrored; absent: our own engine brings that one too. */
  readonly engine?: DiskToMirrorOptions;
  /** Absent: only the registry is filled. */
  readonly cluster?: ClusterRun;
  readonly toolVersion: string;
}

export interface UnpackResult {
  readonly ok: true;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly registry: string;
  /** Absent when the push was skipped. */
  readonly push?: PushResult;
  /** What every step changed; in a dry run, would change. */
  readonly steps: readonly StepResult[];
  /** Files written by rendering. */
  readonly rendered: readonly string[];
  /** Images the sender left out. */
  readonly gaps: number;
  /** File with the proof of what arrived; absent when nothing was sent or only previewed. */
  readonly receipt?: string;
}

/**
 * Brings a bundle to the far side: signatures, layout and image closure are checked before anything is sent, every blob is
 * hashed while it is sent, and nothing is tagged before all of its content is there; then the steps on the cluster. Running
 * it again is the resume.
 */
export async function unpackBundle(options: UnpackOptions, ctx: RunContext): Promise<UnpackResult> {
  if (options.receipt !== undefined) assertOutputPath(options.receipt, '--receipt');
  if (options.cluster?.renderTo !== undefined) assertOutputFolder(options.cluster.renderTo, '--render');
  // All of it: contents are hashed while they are sent, so that a damaged volume may show as late as that.
  return blameVolumes(options.paths, ctx, () => unpackOpened(options, ctx));
}

async function unpackOpened(options: UnpackOptions, ctx: RunContext): Promise<UnpackResult> {
  const accept = acceptFor(options.trust);
  const reader = await openBundle(options.paths, { accept, detachedSignatures: options.detached });
  try {
    const plan = await readPlanFile(reader);
    if (plan === undefined) {
      throw new AirgapError('E_MANIFEST', 'the bundle has no plan.json and nothing says where its images go', {
        hint: 'use a bundle made by airgap pack',
      });
    }
    const { bundle } = reader.manifest;
    await using state = options.stateDir === undefined ? undefined : await lockState(options.stateDir, bundle.name);
    await verifyStage({ reader, plan }, options, ctx);
    const paths = reader.manifest.files.map((file) => file.path);
    const caBundles = [
      ...(await caBundlesOf(paths, (path) => reader.readFile(path))),
      ...(await loadCaBundles(options.caFiles.map((file) => `${options.target.registry}=${file}`))),
    ];
    const registryOptions = withCaBundles(options.registry, caBundles);
    const client = createRegistryClient(registryOptions, ctx);
    try {
      const opened = { reader, plan, caBundles, client, registryOptions };
      const { target, toolVersion } = options;
      const cluster =
        options.cluster === undefined
          ? undefined
          : await prepareCluster(opened, { run: options.cluster, target, toolVersion }, ctx);
      if (options.push) await pingTarget(client, target, ctx.signal);
      const before = (await cluster?.preflight()) ?? [];
      const { push, confirmed } = options.push ? await bringImages(opened, options, ctx) : {};
      const receipt = receiptPath(reader.manifest.bundle, options);
      // Before the steps on the cluster, which may take hours: they need every image.
      const content = receipt === undefined ? undefined : (confirmed ?? (await confirm(opened, options, ctx)));
      const after = (await cluster?.others()) ?? { steps: [], rendered: [] };
      const steps = [...before, ...after.steps];
      if (receipt !== undefined && content !== undefined) {
        const identity = await cluster?.identity();
        await writeReceipt(receipt, receiptOf(opened, { content, steps, identity }, options));
      }
      // Nobody vouches for the serial of an unsigned bundle: recorded, a forged one would lock genuine bundles out.
      if (!isPartial(options) && options.trust !== 'unsigned') {
        await state?.record({
          bundle,
          manifestSha256: reader.manifestSha256,
          manifest: reader.manifestBytes,
          signatures: reader.signatures,
          appliedAt: new Date(),
        });
      }
      return {
        ok: true,
        bundle,
        manifestSha256: reader.manifestSha256,
        registry: targetBase(options.target),
        ...(push === undefined ? {} : { push }),
        steps,
        rendered: after.rendered,
        gaps: plan.gaps.length,
        ...(receipt === undefined ? {} : { receipt }),
      };
    } finally {
      client.close();
    }
  } finally {
    reader.close();
  }
}

/** By the engine the bundle was made with. */
async function bringImages(
  opened: OpenedBundle,
  options: UnpackOptions,
  ctx: RunContext,
): Promise<{ readonly push?: PushResult; readonly confirmed?: ConfirmedContent }> {
  const { engine } = opened.plan;
  const run = options.engine;
  if (engine === undefined && run !== undefined && (run.workDir !== undefined || run.args.length > 0)) {
    const message = 'this bundle was not mirrored by oc-mirror: what is said about that program has no effect';
    ctx.report({ type: 'warning', code: 'W_ENGINE', message });
  }
  if (engine === undefined || run === undefined) return { push: await pushAll(opened, options, ctx) };
  const { mirrorFromDisk, removeWork } = await import('./oc-mirror/disk-to-mirror.ts');
  const { wasThere } = await mirrorFromDisk(
    { ...opened, engine },
    { ...options, run, registry: opened.registryOptions, isThere: () => isThere(opened, options, ctx) },
    ctx,
  );
  // Nobody else has looked at what the other program did.
  const confirmed = await confirm(opened, options, ctx);
  await removeWork(run, options.paths);
  const { images, totalBytes } = opened.plan;
  const { manifests, blobs } = confirmed;
  const push = {
    ...{ images: images.length, manifests: manifests.length, blobs: blobs.length, mounts: 0 },
    pushedBytes: wasThere ? 0 : totalBytes,
    presentBytes: wasThere ? totalBytes : 0,
  };
  return { push, confirmed };
}

async function isThere(opened: OpenedBundle, options: UnpackOptions, { signal }: RunContext): Promise<boolean> {
  try {
    // Only asked: what is not there is no finding yet.
    await confirm(opened, options, { signal, report: () => undefined });
    return true;
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return false;
    throw error;
  }
}

async function pushAll(
  { reader, plan, client, registryOptions }: OpenedBundle,
  options: UnpackOptions,
  ctx: RunContext,
): Promise<PushResult> {
  // What is read and what is sent must not wait for each other's connections: it is the same registry.
  const places = createRegistryClient(registryOptions, ctx);
  try {
    // After the checks of the cluster, before anything is sent.
    const base = await openBase(reader, places, options.target, ctx);
    return await stage('push', ctx, async () => {
      const own = plan.engine === undefined ? reader : await openArchiveSource(reader, plan.engine);
      const content = { source: base?.source ?? own, images: plan.images, heldAt: base?.heldAt };
      const result = await pushImages(content, client, pushOptionsOf(options), ctx);
      return { result, detail: describePush(result) };
    });
  } finally {
    places.close();
  }
}

function pushOptionsOf({ target, registry }: UnpackOptions): PushOptions {
  return { target, concurrency: registry.maxConnections ?? DEFAULT_CONNECTIONS };
}

/** Where the receipt goes: after a push beside the state of the stream; else only where it is asked for. Previews leave none. */
function receiptPath(bundle: BundleIdentity, options: UnpackOptions): string | undefined {
  const { cluster, stateDir, receipt } = options;
  if (cluster?.dryRun === true || cluster?.renderTo !== undefined) return undefined;
  if (receipt !== undefined) return receipt;
  if (stateDir === undefined || !options.push) return undefined;
  return join(stateDir, 'receipts', `${bundle.name}-${bundle.serial}.json`);
}

async function confirm(opened: OpenedBundle, options: UnpackOptions, ctx: RunContext): Promise<ConfirmedContent> {
  const content = { source: opened.reader, images: opened.plan.images };
  return confirmContent(content, opened.client, pushOptionsOf(options), ctx);
}

function receiptOf(
  { reader, plan }: OpenedBundle,
  done: {
    readonly content: ConfirmedContent;
    readonly steps: readonly StepResult[];
    readonly identity: ClusterIdentity | undefined;
  },
  options: UnpackOptions,
): Receipt {
  const { name, serial, createdAt } = reader.manifest.bundle;
  return {
    apiVersion: 'airgap/v1alpha1',
    kind: 'Receipt',
    createdAt: new Date().toISOString(),
    toolVersion: options.toolVersion,
    bundle: { name, serial, createdAt, manifestSha256: reader.manifestSha256 },
    registry: targetBase(options.target),
    content: done.content,
    ...(done.identity === undefined ? {} : { cluster: done.identity }),
    steps: done.steps.map(({ step, changes }) => ({
      step,
      changes: changes.map(({ subject, action }) => ({ subject, action })),
    })),
    gaps: plan.gaps.map(({ origin }) => origin),
  };
}

/** A run of chosen steps, a dry run or a rendering leaves the stream where it is. */
function isPartial({ cluster, push }: UnpackOptions): boolean {
  if (!push) return true;
  if (cluster === undefined) return false;
  const { steps, skip, from } = cluster.selection;
  return (
    cluster.dryRun ||
    cluster.renderTo !== undefined ||
    steps !== undefined ||
    (skip?.length ?? 0) > 0 ||
    from !== undefined
  );
}

/** The CA certificates of the bundle are trusted for the push, beside the system's and the user's. */
function withCaBundles(registry: RegistryOptions, bundles: readonly NamedCaBundle[]): RegistryOptions {
  const hostCa: Record<string, readonly string[]> = { ...registry.hostCa };
  const extraCa = [...(registry.extraCa ?? [])];
  for (const bundle of bundles) {
    if (bundle.registry === undefined) extraCa.push(bundle.pem);
    else hostCa[bundle.registry] = [...(hostCa[bundle.registry] ?? []), bundle.pem];
  }
  return { ...registry, extraCa, hostCa };
}
