import { AirgapError, isAbort } from '../core/errors.ts';
import { HYPERSHIFT_API } from './hosted-cluster-object.ts';
import {
  controlPlaneNamespace,
  judgeHostedCluster,
  progressOf,
  type Blocker,
  type GuestObjects,
  type HostedClusterObjects,
} from './hosted-status.ts';
import {
  controlPlaneTables,
  dataPlaneTables,
  hostedClusterTable,
  podTable,
  type StatusTable,
} from './hosted-status-tables.ts';
import { kubeconfigSecretName, readKubeconfigSecret } from './kubeconfig.ts';
import type { KubeClient } from './kube-client.ts';
import { isTransient } from './kube-error.ts';
import type { KindSelector, KubeObject } from './kube-object.ts';

/** Opens the cluster that a kubeconfig text names. */
export type OpenCluster = (kubeconfig: string, origin: string) => KubeClient;

export interface HostedClusterStatus {
  readonly namespace: string;
  readonly name: string;
  readonly verdict: 'completed' | 'partial' | 'failed';
  /** State of the version history, `Partial` or `Completed`; empty before the first roll-out. */
  readonly progress: string;
  /** What is waited for, most important first. */
  readonly blockers: readonly Blocker[];
  readonly controlPlane: readonly StatusTable[];
  /** Empty while the API server of the hosted cluster does not answer. */
  readonly dataPlane: readonly StatusTable[];
}

export interface StatusReport {
  readonly hostedClusters: readonly HostedClusterStatus[];
  /** The hosted clusters in one table, the operator's pods, and resources of the agent platform where it is installed. */
  readonly tables: readonly StatusTable[];
}

/** An API server that answers at all does so within this. */
const GUEST_PATIENCE_MS = 5_000;
const INFRA_ID_LABEL = 'hypershift.openshift.io/infra-id';
/** Kinds of the agent platform; shown where they exist, never missed. */
const AGENT_KINDS = [
  ['Bare metal hosts', 'metal3.io/v1alpha1', 'BareMetalHost'],
  ['Agents', 'agent-install.openshift.io/v1beta1', 'Agent'],
  ['InfraEnvs', 'agent-install.openshift.io/v1beta1', 'InfraEnv'],
] as const;

/**
 * The state of the hosted clusters of a management cluster: control plane, data plane, what is waited for and why. Only reads;
 * kinds that are not served and hosted clusters that do not answer are results, not errors.
 * Throws `E_NOT_FOUND` when the one that was asked for does not exist.
 */
export async function collectStatus(
  client: KubeClient,
  open: OpenCluster,
  wanted: { readonly namespace?: string; readonly name?: string } = {},
): Promise<StatusReport> {
  const all = await client.list(selector(HYPERSHIFT_API, 'HostedCluster', wanted.namespace));
  const clusters = all.filter(({ metadata }) => wanted.name === undefined || metadata.name === wanted.name);
  if (wanted.name !== undefined && clusters.length === 0) {
    throw new AirgapError('E_NOT_FOUND', `no hosted cluster ${wanted.name}`, {
      hint:
        all.length === 0 ? 'there is none yet' : `there are: ${all.map(({ metadata }) => metadata.name).join(', ')}`,
    });
  }
  const hostedClusters: HostedClusterStatus[] = [];
  for (const cluster of clusters) hostedClusters.push(await statusOf(client, open, cluster));
  const operatorPods = await client.list(selector('v1', 'Pod', 'hypershift'));
  const tables = [hostedClusterTable(clusters), podTable('HyperShift operator', operatorPods)];
  for (const [title, apiVersion, kind] of AGENT_KINDS) {
    const objects = await client.list(selector(apiVersion, kind));
    const rows = objects.map(({ metadata }) => [metadata.namespace ?? '', metadata.name]);
    tables.push({ title, columns: ['NAMESPACE', 'NAME'], rows });
  }
  return { hostedClusters, tables: tables.filter(({ rows }) => rows.length > 0) };
}

/** Everything that is known about one hosted cluster. */
export async function readHostedClusterObjects(
  client: KubeClient,
  open: OpenCluster,
  hostedCluster: KubeObject,
): Promise<HostedClusterObjects> {
  const { namespace = '', name } = hostedCluster.metadata;
  const place = controlPlaneNamespace(namespace, name);
  const spec = hostedCluster['spec'] as { infraID?: string } | undefined;
  const machines = { labelSelector: `${INFRA_ID_LABEL}=${spec?.infraID ?? ''}` };
  const pools = await client.list(selector(HYPERSHIFT_API, 'NodePool', namespace));
  const capi = await client.servedVersion('cluster.x-k8s.io', 'Machine', ['v1beta2', 'v1beta1']);
  const guest = await readGuestObjects(client, open, hostedCluster);
  return {
    hostedCluster,
    nodePools: pools.filter((pool) => (pool['spec'] as { clusterName?: string } | undefined)?.clusterName === name),
    pods: await client.list(selector('v1', 'Pod', place)),
    components: await client.list(selector(HYPERSHIFT_API, 'ControlPlaneComponent', place)),
    machines: capi === undefined ? [] : await client.list(selector(capi, 'Machine', place)),
    virtualMachines: await client.list({ ...selector('kubevirt.io/v1', 'VirtualMachine', place), ...machines }),
    virtualMachineInstances: await client.list({
      ...selector('kubevirt.io/v1', 'VirtualMachineInstance', place),
      ...machines,
    }),
    dataVolumes: await client.list(selector('cdi.kubevirt.io/v1beta1', 'DataVolume', place)),
    routes: await client.list(selector('route.openshift.io/v1', 'Route', place)),
    ...(guest === undefined ? {} : { guest }),
  };
}

/** A client for the hosted cluster, or undefined while it has no kubeconfig or does not answer. */
export async function openHostedCluster(
  client: KubeClient,
  open: OpenCluster,
  hostedCluster: KubeObject,
): Promise<KubeClient | undefined> {
  const { namespace = '', name } = hostedCluster.metadata;
  const secretName = kubeconfigSecretName(hostedCluster);
  if (secretName === undefined) return undefined;
  const secret = await client.get({ apiVersion: 'v1', kind: 'Secret', namespace, name: secretName });
  if (secret === undefined) return undefined;
  const guest = open(readKubeconfigSecret(secret, hostedCluster), `hosted cluster ${name}`);
  return (await isAnswering(guest)) ? guest : undefined;
}

async function statusOf(client: KubeClient, open: OpenCluster, cluster: KubeObject): Promise<HostedClusterStatus> {
  const objects = await readHostedClusterObjects(client, open, cluster);
  const { state, blockers } = judgeHostedCluster(objects);
  return {
    namespace: cluster.metadata.namespace ?? '',
    name: cluster.metadata.name,
    verdict: state,
    progress: progressOf(cluster),
    blockers,
    controlPlane: controlPlaneTables(objects),
    dataPlane: objects.guest === undefined ? [] : dataPlaneTables(objects.guest),
  };
}

async function readGuestObjects(
  client: KubeClient,
  open: OpenCluster,
  hostedCluster: KubeObject,
): Promise<GuestObjects | undefined> {
  const guest = await openHostedCluster(client, open, hostedCluster);
  if (guest === undefined) return undefined;
  const version = { apiVersion: 'config.openshift.io/v1', kind: 'ClusterVersion', name: 'version' };
  const clusterVersion = await guest.get(version);
  return {
    nodes: await guest.list(selector('v1', 'Node')),
    clusterOperators: await guest.list(selector('config.openshift.io/v1', 'ClusterOperator')),
    ...(clusterVersion === undefined ? {} : { clusterVersion }),
  };
}

async function isAnswering(guest: KubeClient): Promise<boolean> {
  const signal = AbortSignal.timeout(GUEST_PATIENCE_MS);
  try {
    await guest.within({ signal }).read('/readyz');
    return true;
  } catch (error) {
    const isTimeout = signal.aborted && error instanceof Error && (isAbort(error) || error.name === 'TimeoutError');
    if (isTimeout || isTransient(error)) return false;
    throw error;
  }
}

function selector(apiVersion: string, kind: string, namespace?: string): KindSelector {
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }) };
}
