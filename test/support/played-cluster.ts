/**
 * The whole far side on a bare API server: an OpenShift that is ready for hosted clusters, and all controllers that answer
 * `airgap unpack`, up to the completed hosted cluster. The hosted cluster's API server is the same one.
 */
import type { KubeClient } from '../../src/apply/kube-client.ts';
import { conditionsOf, listAt, textAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import { testClient } from './apiserver.ts';
import type { SharedServer } from './apiserver-shared.ts';
import { playOperator } from './hosted-cluster-actors.ts';
import {
  condition,
  installOpenShift,
  lifecycleManager,
  machineConfigOperator,
  marketplace,
  operands,
  packageManifest,
  put,
  putAs,
  runControllers,
  syncControllerConfig,
  type Controller,
} from './openshift-cluster.ts';

export interface PlayedCluster {
  /** Version of the releases that hosted clusters run: `4.17.5`. */
  readonly version: string;
  /** Name of the CatalogSource that offers the operators. */
  readonly catalogSource: string;
}

/** What the catalog of the sample offers: package, channel, and where it wants to be. */
const OFFERS = [
  ['kubevirt-hyperconverged', 'stable', { namespace: 'openshift-cnv' }],
  ['metallb-operator', 'stable', { modes: ['AllNamespaces'] }],
  ['multicluster-engine', 'stable-2.7', { namespace: 'multicluster-engine' }],
] as const;

/** Puts the objects of a healthy OpenShift with a default StorageClass onto an empty API server. */
export async function installManagementCluster(server: SharedServer): Promise<void> {
  await installOpenShift(server);
  const client = testClient(server);
  const objects: KubeObject[] = [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'example.com/none',
    },
    {
      apiVersion: 'config.openshift.io/v1',
      kind: 'Network',
      metadata: { name: 'cluster' },
      spec: { clusterNetwork: [{ cidr: '10.128.0.0/14', hostPrefix: 23 }], serviceNetwork: ['172.30.0.0/16'] },
    },
  ];
  for (const object of objects) await putAs(server, client, object);
  for (const name of ['node-0', 'node-1', 'node-2']) {
    const ref = { apiVersion: 'v1', kind: 'Node', name };
    const allocatable = { cpu: '64', memory: '256Gi' };
    const addresses = [{ type: 'InternalIP', address: '192.0.2.10' }];
    await client.mergePatch(ref, { status: { allocatable, addresses } }, { subresource: 'status' });
    // The node controller would take this taint off a node that is ready.
    await client.mergePatch(ref, { spec: { taints: null } });
  }
}

/** Starts all controllers; the answer stops them. */
export function playCluster(server: SharedServer, played: PlayedCluster): () => Promise<void> {
  const minor = played.version.split('.').slice(0, 2).join('.');
  return runControllers(
    server,
    machineConfigOperator(),
    syncControllerConfig(),
    catalogServer(played.catalogSource),
    lifecycleManager(),
    operands([minor]),
    hyperShift(server, played.version),
  );
}

/** Packages are there before the catalog says READY: a wait for them looks only every 15 s. */
function catalogServer(catalogSource: string): Controller {
  const serve = marketplace();
  let isOffered = false;
  return async (client) => {
    const ref = {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'CatalogSource',
      namespace: 'openshift-marketplace',
      name: catalogSource,
    };
    if (!isOffered && (await client.get(ref)) !== undefined) {
      for (const [name, channel, options] of OFFERS) {
        await put(client, packageManifest(name, catalogSource, channel, options));
      }
      isOffered = true;
    }
    await serve(client);
  };
}

/** HyperShift operator and the machines: every hosted cluster comes up and completes its release, every pool its nodes. */
function hyperShift(server: SharedServer, version: string): Controller {
  const done = new Set<string>();
  return async (client) => {
    for (const cluster of await client.list({ apiVersion: HYPERSHIFT_API, kind: 'HostedCluster' })) {
      const { name, namespace = '', uid } = cluster.metadata;
      if (done.has(`${uid}`)) continue;
      const operator = playOperator(client, server, name, namespace);
      await operator.accept();
      await operator.comeUp(version);
      await mirrorInside(client, cluster);
      for (const pool of await client.list({ apiVersion: HYPERSHIFT_API, kind: 'NodePool', namespace })) {
        if (textAt(pool, 'spec', 'clusterName') !== name || conditionsOf(pool).length > 0) continue;
        await operator.growPool(pool.metadata.name, version);
        done.add(`${uid}`);
      }
      if (done.has(`${uid}`)) await operator.complete(version);
    }
  };
}

/** The operator hands the mirrors of a hosted cluster to its nodes. */
async function mirrorInside(client: KubeClient, cluster: KubeObject): Promise<void> {
  const imageDigestMirrors = listAt(cluster, 'spec', 'imageContentSources').map((entry) => ({
    source: textAt(entry, 'source'),
    mirrors: listAt(entry, 'mirrors'),
  }));
  await put(client, {
    apiVersion: 'config.openshift.io/v1',
    kind: 'ImageDigestMirrorSet',
    metadata: { name: 'cluster' },
    spec: { imageDigestMirrors },
  });
  // On a cluster of their own these mirrors would not make the operator look older than them.
  const operator = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'hypershift', name: 'operator' };
  const restartedAt = new Date(Date.now() + 5000).toISOString();
  const template = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': restartedAt } } };
  await client.mergePatch(operator, { spec: { template } });
  await put(client, {
    apiVersion: 'config.openshift.io/v1',
    kind: 'ClusterOperator',
    metadata: { name: 'ingress' },
    spec: {},
    status: { conditions: [condition('Available', 'True'), condition('Degraded', 'False')] },
  });
}
