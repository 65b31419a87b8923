import type { ManagementFacts } from './hosted-cluster-checks.ts';
import { HYPERSHIFT_API } from './hosted-cluster-object.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { LiveHostedCluster } from './hosted-cluster-plan.ts';
import { secretNames, TRUST_BUNDLE_NAME } from './hosted-cluster-secrets.ts';
import { tagMirrorsName } from './hosted-tag-mirrors.ts';
import type { KubeClient } from './kube-client.ts';
import { numberAt, textAt, valueAt, type KubeObject } from './kube-object.ts';

/** Reads what the checks of a hosted cluster look at. */
export async function readManagementFacts(client: KubeClient): Promise<ManagementFacts> {
  const list = (apiVersion: string, kind: string) => client.list({ apiVersion, kind });
  const network = await client.get({ apiVersion: 'config.openshift.io/v1', kind: 'Network', name: 'cluster' });
  const ingressController = await client.get({
    apiVersion: 'operator.openshift.io/v1',
    kind: 'IngressController',
    namespace: 'openshift-ingress-operator',
    name: 'default',
  });
  const converged = await client.servedVersion('hco.kubevirt.io', 'HyperConverged', ['v1', 'v1beta1']);
  return {
    hostedClusters: await list(HYPERSHIFT_API, 'HostedCluster'),
    managedClusters: await list('cluster.open-cluster-management.io/v1', 'ManagedCluster'),
    namespaces: await list('v1', 'Namespace'),
    nodes: await list('v1', 'Node'),
    storageClasses: await list('storage.k8s.io/v1', 'StorageClass'),
    virtualizations: [
      ...(converged === undefined ? [] : await list(converged, 'HyperConverged')),
      ...(await list('kubevirt.io/v1', 'KubeVirt')),
    ],
    isHyperShiftServed: (await client.kind(HYPERSHIFT_API, 'HostedCluster')) !== undefined,
    ...(network === undefined ? {} : { network }),
    ...(ingressController === undefined ? {} : { ingressController }),
  };
}

/** True when some node pool of a hosted cluster is to have nodes; without any it is never complete. */
export async function hasNodes(
  cluster: Pick<HostedClusterOptions, 'name' | 'namespace'>,
  context: { readonly client: KubeClient },
): Promise<boolean> {
  const { nodePools } = await readLiveHostedCluster(context.client, cluster);
  return nodePools.some(
    (pool) => (numberAt(pool, 'spec', 'replicas') ?? 0) > 0 || valueAt(pool, 'spec', 'autoScaling') !== undefined,
  );
}

/** Reads what is there of one hosted cluster. */
export async function readLiveHostedCluster(
  client: KubeClient,
  cluster: Pick<HostedClusterOptions, 'name' | 'namespace'>,
): Promise<LiveHostedCluster> {
  const { name, namespace } = cluster;
  const names = secretNames(cluster);
  const core = (kind: string, objectName: string) =>
    client.get({ apiVersion: 'v1', kind, namespace, name: objectName });
  const found = {
    hostedCluster: await client.get({ apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace, name }),
    encryptionKey: await core('Secret', names.encryptionKey),
    sshKey: await core('Secret', names.sshKey),
    trustBundle: await core('ConfigMap', TRUST_BUNDLE_NAME),
    tagMirrors: await core('ConfigMap', tagMirrorsName(cluster)),
  };
  const pools = await client.list({ apiVersion: HYPERSHIFT_API, kind: 'NodePool', namespace });
  const present = Object.entries(found).filter((entry): entry is [string, KubeObject] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(present),
    nodePools: pools.filter((pool) => textAt(pool, 'spec', 'clusterName') === name),
    otherNodePools: pools.filter((pool) => textAt(pool, 'spec', 'clusterName') !== name),
  };
}
