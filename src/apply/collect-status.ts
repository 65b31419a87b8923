import { AirgapError, isAbort } from '../core/errors.ts';
import { findApplications, type ResolveAddresses } from './hosted-applications.ts';
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
import { textAt, textMapAt, valueAt, type KindSelector, type KubeObject } from './kube-object.ts';

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
 * kinds that are not served and hosted clusters that do not answer are results, not errors. With `resolve` the DNS records of
 * base domains are looked up too.
 * Throws `E_NOT_FOUND` when the one that was asked for does not exist.
 */
export async function collectStatus(
  client: KubeClient,
  open: OpenCluster,
  wanted: { readonly namespace?: string; readonly name?: string; readonly resolve?: ResolveAddresses } = {},
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
  for (const cluster of clusters) hostedClusters.push(await statusOf(client, open, cluster, wanted.resolve));
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
  resolve?: ResolveAddresses,
): Promise<HostedClusterObjects> {
  const { namespace = '', name } = hostedCluster.metadata;
  const place = controlPlaneNamespace(namespace, name);
  const own = { labelSelector: `${INFRA_ID_LABEL}=${textAt(hostedCluster, 'spec', 'infraID') ?? ''}` };
  const machines = await openMachinePlace(client, open, hostedCluster);
  const pools = await client.list(selector(HYPERSHIFT_API, 'NodePool', namespace));
  const capi = await client.servedVersion('cluster.x-k8s.io', 'Machine', ['v1beta2', 'v1beta1']);
  const guest = await readGuestObjects(client, open, hostedCluster);
  const [service] = await machines.list('v1', 'Service', { fieldSelector: `metadata.name=${name}-apps` });
  const applications = await findApplications(hostedCluster, service, resolve);
  return {
    hostedCluster,
    nodePools: pools.filter((pool) => textAt(pool, 'spec', 'clusterName') === name),
    pods: await client.list(selector('v1', 'Pod', place)),
    components: await client.list(selector(HYPERSHIFT_API, 'ControlPlaneComponent', place)),
    machines: capi === undefined ? [] : await client.list(selector(capi, 'Machine', place)),
    virtualMachines: await machines.list('kubevirt.io/v1', 'VirtualMachine', own),
    virtualMachineInstances: await machines.list('kubevirt.io/v1', 'VirtualMachineInstance', own),
    dataVolumes: await machines.list('cdi.kubevirt.io/v1beta1', 'DataVolume', {}),
    routes: await machines.list('route.openshift.io/v1', 'Route', {}),
    ...(applications === undefined ? {} : { applications }),
    ...(guest === undefined ? {} : { guest }),
  };
}

/** Where the machines are: the control plane's namespace, or a namespace of another cluster, which may not answer. */
async function openMachinePlace(client: KubeClient, open: OpenCluster, hostedCluster: KubeObject) {
  const { namespace = '', name } = hostedCluster.metadata;
  const credentials = valueAt(hostedCluster, 'spec', 'platform', 'kubevirt', 'credentials');
  const secretName = textAt(credentials, 'infraKubeConfigSecret', 'name');
  const inCluster = { place: client, where: controlPlaneNamespace(namespace, name) };
  const elsewhere = async () => {
    const secret = await client.get({ apiVersion: 'v1', kind: 'Secret', namespace, name: secretName ?? '' });
    const text = Buffer.from(textMapAt(secret, 'data')['kubeconfig'] ?? '', 'base64').toString('utf8');
    const infra = text === '' ? undefined : open(text, `infra cluster of ${name}`);
    const isThere = infra !== undefined && (await isAnswering(infra));
    return { place: isThere ? infra : undefined, where: textAt(credentials, 'infraNamespace') ?? '' };
  };
  const { place, where } = secretName === undefined ? inCluster : await elsewhere();
  return {
    list: async (apiVersion: string, kind: string, filter: Pick<KindSelector, 'labelSelector' | 'fieldSelector'>) =>
      place === undefined ? [] : place.list({ ...selector(apiVersion, kind, where), ...filter }),
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

async function statusOf(
  client: KubeClient,
  open: OpenCluster,
  cluster: KubeObject,
  resolve: ResolveAddresses | undefined,
): Promise<HostedClusterStatus> {
  const objects = await readHostedClusterObjects(client, open, cluster, resolve);
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
