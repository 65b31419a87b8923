import { verifyBundle } from '../bundle/checks.ts';
import type { BundleIdentity } from '../bundle/manifest.ts';
import { openBundle, type BundleReader } from '../bundle/reader.ts';
import { lockState } from '../bundle/state.ts';
import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import type { ManagementCluster } from '../apply/site-schema.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { createRegistryClient, type RegistryClient } from '../registry/client.ts';
import { createCredentialStore } from '../registry/credentials.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { ociExpectations, policyFor, readPlanFile, type AcceptanceOptions } from './bundle-policy.ts';
import { caBundlesOf, loadCaBundles, type NamedCaBundle } from './ca-bundles.ts';
import type { ClusterOptions } from './cluster.ts';
import type { ClusterFacts } from './cluster-input.ts';
import { targetPath, type PushTarget } from './push-target.ts';
import { describePush, pingTarget, pushImages, type PushResult } from './push.ts';
import { generateResources, targetBase } from './resources.ts';
import { acceptFor } from './signer.ts';
import { stage } from './stage.ts';

export interface UnpackOptions extends AcceptanceOptions {
  /** Bundle file or its volumes. */
  readonly paths: readonly string[];
  readonly target: PushTarget;
  readonly registry: RegistryOptions;
  /** CA files of the site, beside those in the bundle. */
  readonly caFiles: readonly string[];
  /** False: the images are there already. */
  readonly push: boolean;
  /** Absent: only the registry is filled. */
  readonly cluster?: ClusterRun;
  readonly toolVersion: string;
}

/** What is done on the cluster after the push. */
export interface ClusterRun extends ClusterOptions {
  readonly managementCluster?: ManagementCluster | undefined;
  readonly hosted: readonly HostedClusterOptions[];
  readonly mirrorForm: 'sets' | 'policies';
  /** Write YAML into this folder instead of applying. */
  readonly renderTo?: string;
}

export interface UnpackResult {
  readonly ok: true;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly registry: string;
  /** Absent when the push was skipped. */
  readonly push?: PushResult;
  /** What every step changed. */
  readonly steps: readonly {
    readonly step: string;
    readonly changes: readonly { subject: string; action: string }[];
  }[];
  /** Files written by rendering. */
  readonly rendered: readonly string[];
  /** Images the sender left out. */
  readonly gaps: number;
}

/**
 * Brings a bundle to the far side: signatures, layout and image closure are checked before anything is sent, every blob is
 * hashed while it is sent, and nothing is tagged before all of its content is there; then the steps on the cluster. Running
 * it again is the resume.
 */
export async function unpackBundle(options: UnpackOptions, ctx: RunContext): Promise<UnpackResult> {
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
    await verify(plan, options, ctx);
    const paths = reader.manifest.files.map((file) => file.path);
    const caBundles = [
      ...(await caBundlesOf(paths, (path) => reader.readFile(path))),
      ...(await loadCaBundles(options.caFiles.map((file) => `${options.target.registry}=${file}`))),
    ];
    const registryOptions = withCaBundles(options.registry, caBundles);
    const client = createRegistryClient(registryOptions, ctx);
    try {
      const push = options.push ? await pushAll({ reader, plan, client }, options, ctx) : undefined;
      const onCluster = await runOnCluster({ reader, plan, caBundles, client, registryOptions }, options, ctx);
      if (!isPartial(options)) {
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
        ...onCluster,
        gaps: plan.gaps.length,
      };
    } finally {
      client.close();
    }
  } finally {
    reader.close();
  }
}

async function verify(plan: PlanFile, options: UnpackOptions, ctx: RunContext): Promise<void> {
  await stage('verify', ctx, async () => {
    const { bundle, bytes } = await verifyBundle(
      { paths: options.paths },
      {
        ...ctx,
        accept: acceptFor(options.trust),
        detachedSignatures: options.detached,
        policy: policyFor(options),
        contents: 'as-used',
        oci: ociExpectations(plan),
      },
    );
    return { result: undefined, detail: `${bundle.name} serial ${bundle.serial}, ${formatBytes(bytes)}` };
  });
}

async function pushAll(
  { reader, plan, client }: Pick<Opened, 'reader' | 'plan' | 'client'>,
  options: UnpackOptions,
  ctx: RunContext,
): Promise<PushResult> {
  const { target } = options;
  await pingTarget(client, target, ctx.signal);
  return stage('push', ctx, async () => {
    const concurrency = options.registry.maxConnections ?? 8;
    const result = await pushImages({ source: reader, images: plan.images }, client, { target, concurrency }, ctx);
    return { result, detail: describePush(result) };
  });
}

interface Opened {
  readonly reader: BundleReader;
  readonly plan: PlanFile;
  readonly caBundles: readonly NamedCaBundle[];
  readonly client: RegistryClient;
  readonly registryOptions: RegistryOptions;
}

async function runOnCluster(
  opened: Opened,
  options: UnpackOptions,
  ctx: RunContext,
): Promise<Pick<UnpackResult, 'steps' | 'rendered'>> {
  const { cluster, target } = options;
  if (cluster === undefined) return { steps: [], rendered: [] };
  const { reader, plan, caBundles, client } = opened;
  const resources = await generateResources(plan, {
    target,
    readFile: (path) => reader.readFile(path),
    createdAt: reader.manifest.bundle.createdAt,
    version: options.toolVersion,
    mirrorForm: cluster.mirrorForm,
  });
  for (const warning of resources.warnings) ctx.report({ type: 'warning', ...warning });
  const credential = await credentialFor(opened.registryOptions, target, ctx);
  const facts: ClusterFacts = {
    plan,
    target,
    caBundles,
    cluster: cluster.managementCluster,
    hosted: cluster.hosted,
    ...(credential === undefined ? {} : { credential }),
  };
  const { renderCluster, runClusterSteps } = await import('./cluster.ts');
  const registry = client;
  if (cluster.renderTo !== undefined) {
    return {
      steps: [],
      rendered: await renderCluster(cluster.renderTo, facts, { resources, registry, ...cluster }, ctx),
    };
  }
  if (cluster.kubeconfig === undefined) {
    throw new AirgapError('E_USAGE', 'nothing says which cluster to work on', {
      hint: 'give --kubeconfig, set KUBECONFIG, or name it in the site file; --render writes files instead',
    });
  }
  const { kubeconfig } = cluster;
  return { steps: await runClusterSteps(facts, { resources, registry, ...cluster, kubeconfig }, ctx), rendered: [] };
}

/** The entry a cluster's pull secret needs for the target registry; undefined when it takes pulls from everybody. */
async function credentialFor(
  registry: RegistryOptions,
  target: PushTarget,
  ctx: RunContext,
): Promise<Record<string, unknown> | undefined> {
  const found = await createCredentialStore(registry.authFiles).find(
    target.registry,
    targetPath(target, ''),
    ctx.signal,
  );
  if (found === undefined) return undefined;
  if (found.kind === 'identity') return { identitytoken: found.token };
  return { auth: Buffer.from(`${found.username}:${found.password}`).toString('base64') };
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
