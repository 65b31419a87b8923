import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { readHostedClusterFiles, requiredRepositories } from '../apply/hosted-cluster-files.ts';
import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import type { HostedClusterRequest, HostedEnvironment } from '../apply/hosted-environment.ts';
import type { OpenCluster } from '../apply/collect-status.ts';
import type { Write } from '../apply/apply.ts';
import { createKubeClient, type KubeClient } from '../apply/kube-client.ts';
import { openKubeConnection, type KubeconfigSource } from '../apply/kube.ts';
import { textAt } from '../apply/kube-object.ts';
import { managementSteps } from '../apply/management-steps.ts';
import { renderNewHostedCluster } from '../apply/render-hosted-clusters.ts';
import type { Resource } from '../apply/resource-file.ts';
import type { ClusterResources } from '../apply/resources.ts';
import { createAbsentCluster, renderSteps, type RenderedStep } from '../apply/render.ts';
import {
  runSteps,
  selectSteps,
  type Step,
  type StepContext,
  type StepResult,
  type StepSelection,
} from '../apply/step.ts';
import { hostedCatalogsStep } from '../apply/steps/hosted-catalogs.ts';
import { hostedClusterStep } from '../apply/steps/hosted-cluster.ts';
import { withHostedChecks } from '../apply/steps/hosted-preflight.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from '../apply/timeouts.ts';
import { isAirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { formatKubernetesYamlStream } from '../core/kubernetes-yaml.ts';
import { parseReference } from '../oci/reference.ts';
import type { RegistryClient } from '../registry/client.ts';
import { bundleContent, managementInput, type ClusterFacts } from './cluster-input.ts';
import { makeOutputFolder, writeOutputFile } from './output-path.ts';

export interface ClusterOptions {
  /** Absent: only rendering without a cluster is possible. */
  readonly kubeconfig?: KubeconfigSource;
  readonly selection: StepSelection;
  readonly dryRun: boolean;
  readonly forceConflicts: boolean;
  readonly replaceMirrors: boolean;
  readonly timeouts?: Partial<Timeouts>;
  confirm(question: string): Promise<boolean>;
}

/** What the far side has made of the bundle so far. */
export interface ClusterParts {
  readonly resources: ClusterResources;
  readonly registry: RegistryClient;
}

/** Comes before the push, which may take hours. */
const PREFLIGHT = 'preflight';

/**
 * Runs the selected steps: management cluster, then hosted clusters. Each step is diffed, applied and waited for; a second
 * run changes nothing. `part` says which of them now. Throws `E_USAGE` for an unknown step, whichever part is asked for.
 */
export async function runClusterSteps(
  facts: ClusterFacts,
  options: ClusterOptions &
    ClusterParts & { readonly kubeconfig: KubeconfigSource; readonly part: 'preflight' | 'others' },
  ctx: RunContext,
): Promise<StepResult[]> {
  const connection = openKubeConnection(options.kubeconfig);
  try {
    const context = stepContext(createKubeClient(connection, ctx), options.resources.resources, options, ctx);
    const steps = selectSteps(await allSteps(facts, options, ctx), options.selection);
    return await runSteps(
      steps.filter(({ id }) => (id === PREFLIGHT) === (options.part === 'preflight')),
      context,
    );
  } finally {
    connection.close();
  }
}

/** Server and user of a kubeconfig, as the API server sees them. */
export interface ClusterIdentity {
  readonly server: string;
  readonly user?: string;
}

/** Asks the API server who the user of a kubeconfig is (Kubernetes, SelfSubjectReview); unknown to servers before 1.28. */
export async function readClusterIdentity(kubeconfig: KubeconfigSource, ctx: RunContext): Promise<ClusterIdentity> {
  const connection = openKubeConnection(kubeconfig);
  try {
    const client = createKubeClient(connection, ctx);
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: { name: '' } };
    const { server } = connection;
    if ((await client.kind(review.apiVersion, review.kind)) === undefined) return { server };
    const user = textAt(await client.create(review), 'status', 'userInfo', 'username');
    return { server, ...(user === undefined ? {} : { user }) };
  } finally {
    connection.close();
  }
}

/**
 * Writes everything that would be applied as YAML files into a folder, a file per step, for GitOps. With a kubeconfig what is
 * on the cluster is taken into account; without one everything is written as for an empty cluster. Secrets are left out.
 * Returns the paths.
 */
export async function renderCluster(
  folder: string,
  facts: ClusterFacts,
  options: ClusterOptions & ClusterParts,
  ctx: RunContext,
): Promise<string[]> {
  const { kubeconfig } = options;
  const rendered = await (kubeconfig === undefined
    ? renderForEmptyCluster(facts, options, ctx)
    : renderForCluster(facts, { ...options, kubeconfig }, ctx));
  const files = rendered.map(({ step, objects }, index) => ({
    path: join(folder, `${String(index + 1).padStart(2, '0')}-${step}.yaml`),
    content: formatKubernetesYamlStream(objects),
  }));
  makeOutputFolder(folder, '--render');
  for (const { path, content } of files) await writeOutputFile(path, content, { flag: '--render' });
  return files.map(({ path }) => path);
}

async function renderForCluster(
  facts: ClusterFacts,
  options: ClusterOptions & ClusterParts & { readonly kubeconfig: KubeconfigSource },
  ctx: RunContext,
): Promise<RenderedStep[]> {
  const connection = openKubeConnection(options.kubeconfig);
  try {
    // As in a dry run: what is not ready yet is no reason to write nothing.
    const dry = { ...options, dryRun: true };
    const context = stepContext(createKubeClient(connection, ctx), options.resources.resources, dry, ctx);
    return await renderSteps(selectSteps(await allSteps(facts, dry, ctx), options.selection), context);
  } finally {
    connection.close();
  }
}

async function renderForEmptyCluster(
  facts: ClusterFacts,
  options: ClusterOptions & ClusterParts,
  ctx: RunContext,
): Promise<RenderedStep[]> {
  const objects = await Promise.all(
    (await hostedRequests(facts)).map((request) => renderNewHostedCluster(request, bundleContent(facts), false)),
  );
  const writes = objects.flat().map((object): Write => ({ how: 'apply', object }));
  const hosted: Step[] = [
    {
      id: 'hosted-cluster',
      title: 'Hosted clusters',
      needs: [],
      phases: () => [{ title: 'new', writes: async () => writes }],
    },
    // Lives inside the hosted clusters, which are not there.
    { id: 'hosted-catalogs', title: 'Catalogs of hosted clusters', needs: [], phases: () => [] },
  ];
  const steps = selectSteps(
    [...managementSteps(managementInput(facts)), ...(facts.hosted.length === 0 ? [] : hosted)],
    {
      ...options.selection,
      skip: [...(options.selection.skip ?? []), PREFLIGHT],
    },
  );
  // As in a dry run: nothing can be asked of the cluster, and nothing is written to it.
  const absent = { ...options, dryRun: true };
  return renderSteps(steps, stepContext(createAbsentCluster(), options.resources.resources, absent, ctx));
}

/** A client for the cluster a kubeconfig text names. */
export function clusterOpener(ctx: RunContext): OpenCluster {
  return (text, origin) => createKubeClient(openKubeConnection({ text, origin }), ctx);
}

async function allSteps(facts: ClusterFacts, { registry, dryRun }: ClusterParts & ClusterOptions, ctx: RunContext) {
  const input = managementInput(facts);
  if (facts.hosted.length === 0) return managementSteps(input);
  const plain = await hostedEnvironment(facts, registry, ctx);
  // A dry run pushes nothing: what the bundle brings counts as there.
  const brought = new Set(bundleContent(facts).releases.map(({ diskImage }) => diskImage));
  const environment = dryRun
    ? { ...plain, imageExists: async (image: string) => brought.has(image) || plain.imageExists(image) }
    : plain;
  return [
    ...managementSteps(input).map((step) => (step.id === PREFLIGHT ? withHostedChecks(step, environment) : step)),
    hostedClusterStep(environment),
    hostedCatalogsStep(environment, input),
  ];
}

function stepContext(
  client: KubeClient,
  resources: readonly Resource[],
  options: ClusterOptions,
  ctx: RunContext,
): StepContext {
  return {
    ...ctx,
    client,
    resources,
    options: {
      dryRun: options.dryRun,
      forceConflicts: options.forceConflicts,
      replaceMirrors: options.replaceMirrors,
    },
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    confirm: (question) => options.confirm(question),
  };
}

async function hostedEnvironment(
  facts: ClusterFacts,
  registry: RegistryClient,
  ctx: RunContext,
): Promise<HostedEnvironment> {
  const resolveDigest = async (reference: string): Promise<string | undefined> => {
    const ref = parseReference(reference);
    try {
      return (await registry.openRepository(ref).resolve(ref.digest ?? ref.tag!, ctx.signal)).digest;
    } catch (error) {
      if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  return {
    clusters: await hostedRequests(facts),
    bundle: bundleContent(facts),
    imageExists: async (reference) => (await resolveDigest(reference)) !== undefined,
    resolveDigest,
    resolveAddresses,
    openCluster: clusterOpener(ctx),
  };
}

async function hostedRequests(facts: ClusterFacts): Promise<HostedClusterRequest[]> {
  const { imageContentSources } = bundleContent(facts);
  // A registry that lets everybody pull needs no credentials in the pull secret.
  const needed = (options: HostedClusterOptions): string[] =>
    facts.credential === undefined ? [] : requiredRepositories(options, imageContentSources);
  return Promise.all(
    facts.hosted.map(async (options) => ({ options, files: await readHostedClusterFiles(options, needed(options)) })),
  );
}

/** Addresses a name has on this machine; empty when it has none. */
export async function resolveAddresses(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    if (['ENOTFOUND', 'ENODATA', 'EAI_AGAIN'].includes(systemCodeOf(error) ?? '')) return [];
    throw error;
  }
}
