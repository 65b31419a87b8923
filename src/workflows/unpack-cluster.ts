import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import type { KubeconfigSource } from '../apply/kube.ts';
import type { ManagementCluster } from '../apply/site-schema.ts';
import type { StepResult } from '../apply/step.ts';
import type { BundleReader } from '../bundle/reader.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { RegistryClient } from '../registry/client.ts';
import { createCredentialStore } from '../registry/credentials.ts';
import type { RegistryOptions } from '../registry/options.ts';
import type { NamedCaBundle } from './ca-bundles.ts';
import type { ClusterIdentity, ClusterOptions } from './cluster.ts';
import type { ClusterFacts } from './cluster-input.ts';
import { targetPath, type PushTarget } from './push-target.ts';
import { generateResources } from './resources.ts';

/** What is done on the cluster beside the push. */
export interface ClusterRun extends ClusterOptions {
  readonly managementCluster?: ManagementCluster | undefined;
  readonly hosted: readonly HostedClusterOptions[];
  readonly mirrorForm: 'sets' | 'policies';
  /** Write YAML into this folder instead of applying. */
  readonly renderTo?: string;
}

/** What the run has opened so far. */
export interface OpenedBundle {
  readonly reader: BundleReader;
  readonly plan: PlanFile;
  readonly caBundles: readonly NamedCaBundle[];
  readonly client: RegistryClient;
  readonly registryOptions: RegistryOptions;
}

/** The part of a run that is on the cluster: first what can be checked before the push, then the rest. */
export interface ClusterPart {
  preflight(): Promise<readonly StepResult[]>;
  others(): Promise<{ readonly steps: readonly StepResult[]; readonly rendered: readonly string[] }>;
  /** Who acts on which cluster; undefined when only files are written. */
  identity(): Promise<ClusterIdentity | undefined>;
}

/**
 * Prepares the steps on the cluster: generated resources, credentials, site file. Throws `E_USAGE` when nothing names a cluster
 * and something is to be applied.
 */
export async function prepareCluster(
  opened: OpenedBundle,
  options: { readonly run: ClusterRun; readonly target: PushTarget; readonly toolVersion: string },
  ctx: RunContext,
): Promise<ClusterPart> {
  const { run, target } = options;
  const { reader, plan, caBundles, client: registry } = opened;
  const resources = await generateResources(plan, {
    target,
    readFile: (path) => reader.readFile(path),
    createdAt: reader.manifest.bundle.createdAt,
    version: options.toolVersion,
    mirrorForm: run.mirrorForm,
  });
  for (const warning of resources.warnings) ctx.report({ type: 'warning', ...warning });
  const credential = await credentialFor(opened.registryOptions, target, ctx);
  const facts: ClusterFacts = {
    plan,
    target,
    caBundles,
    cluster: run.managementCluster,
    hosted: run.hosted,
    ...(credential === undefined ? {} : { credential }),
  };
  const { readClusterIdentity, renderCluster, runClusterSteps } = await import('./cluster.ts');
  const { renderTo } = run;
  if (renderTo !== undefined) {
    const parts = { resources, registry, ...run };
    return {
      preflight: async () => [],
      others: async () => ({ steps: [], rendered: await renderCluster(renderTo, facts, parts, ctx) }),
      identity: async () => undefined,
    };
  }
  const kubeconfig = needKubeconfig(run);
  const parts = { resources, registry, ...run, kubeconfig };
  return {
    preflight: () => runClusterSteps(facts, { ...parts, part: 'preflight' }, ctx),
    others: async () => ({ steps: await runClusterSteps(facts, { ...parts, part: 'others' }, ctx), rendered: [] }),
    identity: () => readClusterIdentity(kubeconfig, ctx),
  };
}

function needKubeconfig({ kubeconfig }: ClusterRun): KubeconfigSource {
  if (kubeconfig !== undefined) return kubeconfig;
  throw new AirgapError('E_USAGE', 'nothing says which cluster to work on', {
    hint: 'give --kubeconfig, set KUBECONFIG, or name it in the site file; --render writes files instead',
  });
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
