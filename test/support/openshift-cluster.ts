/** An OpenShift-like cluster on a bare API server: the objects that exist before the tool comes, and the controllers that answer it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../src/apply/kube-client.ts';
import {
  listAt,
  refOf,
  subjectOf,
  textAt,
  valueAt,
  type KubeObject,
  type ObjectRef,
} from '../../src/apply/kube-object.ts';
import { entriesOf } from '../../src/apply/mirror-rules.ts';
import { testClient } from './apiserver.ts';
import { writeAs } from './cluster-actors.ts';
import type { SharedServer } from './apiserver-shared.ts';

const TIME = '2026-01-01T00:00:00Z';
const MCO = 'machineconfiguration.openshift.io';
export const POOL_NAMES = ['master', 'worker'];
const NODE_NAMES = ['node-0', 'node-1', 'node-2'];

/** One turn of a controller: looks at the cluster and writes what is due. Called again and again. */
export type Controller = (client: KubeClient) => Promise<void>;

export function namespaceObject(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function condition(type: string, status: string, reason = 'Told', message = ''): object {
  return { type, status, reason, message, lastTransitionTime: TIME };
}

/** Creates or changes an object as its owner would, and its status. */
export async function put(client: KubeClient, object: KubeObject): Promise<void> {
  const { status, ...rest } = object;
  await client.apply(rest as KubeObject, { force: true });
  if (status !== undefined) await setStatus(client, refOf(object), status);
}

export async function setStatus(client: KubeClient, ref: ObjectRef, status: unknown): Promise<void> {
  await client.mergePatch(ref, { status }, { subresource: 'status' });
}

/** The part of OpenShift that this tool meets: version, nodes, pools, configuration, default catalogs. All well and finished. */
export async function installOpenShift(server: SharedServer): Promise<void> {
  const client = testClient(server);
  const namespaces = [
    'openshift-config',
    'openshift-config-managed',
    'openshift-marketplace',
    'openshift-ingress',
    'openshift-ingress-operator',
  ];
  await Promise.all(namespaces.map((name) => client.apply(namespaceObject(name))));
  const config = (kind: string, name: string, spec: object, status?: object): KubeObject => ({
    apiVersion: 'config.openshift.io/v1',
    kind,
    metadata: { name },
    spec,
    ...(status === undefined ? {} : { status }),
  });
  const release = { version: '4.20.1', image: 'quay.io/openshift-release-dev/ocp-release@sha256:00' };
  const history = [{ ...release, state: 'Completed', startedTime: TIME, completionTime: TIME, verified: true }];
  const versionStatus = {
    history,
    desired: release,
    observedGeneration: 1,
    versionHash: 'x',
    availableUpdates: [],
    conditions: [condition('Available', 'True'), condition('Progressing', 'False'), condition('Failing', 'False')],
  };
  const objects: KubeObject[] = [
    config('ClusterVersion', 'version', { clusterID: '00000000-0000-4000-8000-000000000000' }, versionStatus),
    config(
      'Infrastructure',
      'cluster',
      { platformSpec: { type: 'BareMetal' } },
      { platformStatus: { type: 'BareMetal' } },
    ),
    config('Image', 'cluster', {}),
    config('Proxy', 'cluster', {}),
    config('OperatorHub', 'cluster', {}),
    secret('openshift-config', 'pull-secret', { auths: { 'registry.redhat.io': { auth: 'b2xkOm9sZA==' } } }),
    ...NODE_NAMES.map(node),
    ...POOL_NAMES.flatMap(finishedPool),
    controllerConfig(),
    ...['redhat-operators', 'community-operators'].map(defaultCatalog),
    {
      apiVersion: 'operator.openshift.io/v1',
      kind: 'IngressController',
      metadata: { name: 'default', namespace: 'openshift-ingress-operator' },
      spec: { routeAdmission: { namespaceOwnership: 'InterNamespaceAllowed' } },
      status: {
        observedGeneration: 1,
        availableReplicas: 1,
        selector: 'x',
        conditions: [condition('Available', 'True'), condition('Progressing', 'False'), condition('Degraded', 'False')],
      },
    },
    workload('Deployment', 'openshift-ingress', 'router-default'),
  ];
  // The cluster's own controllers wrote these, not the tool.
  for (const object of objects) await putAs(server, client, object);
  await syncControllerConfig()(client);
}

/** `put` under the name of another field manager. */
export async function putAs(server: SharedServer, client: KubeClient, object: KubeObject): Promise<void> {
  const { status, ...rest } = object;
  await writeAs(server, 'cluster', rest as KubeObject);
  if (status !== undefined) await setStatus(client, refOf(object), status);
}

/** Runs controllers side by side until stopped; an error of one fails the test that stops it. */
export function runControllers(server: SharedServer, ...controllers: readonly Controller[]): () => Promise<void> {
  const client = testClient(server);
  let isStopped = false;
  const loops = controllers.map(async (controller) => {
    while (!isStopped) {
      await controller(client);
      await sleep(30);
    }
  });
  return async () => {
    isStopped = true;
    await Promise.all(loops);
  };
}

/** Machine config operator: renders mirror sets into pools, takes their nodes away one after the other and brings them back. */
export function machineConfigOperator(seen: string[] = []): Controller {
  let rendered = '';
  return async (client) => {
    const kinds = ['ImageDigestMirrorSet', 'ImageTagMirrorSet'].map((kind) => ({
      apiVersion: 'config.openshift.io/v1',
      kind,
    }));
    const sets = (await Promise.all(kinds.map((kind) => client.list(kind)))).flat();
    const sources = sets.flatMap((set) => entriesOf(set).map(({ source }) => source)).sort();
    const content = sources.join(',');
    if (content === rendered || sources.length === 0) return;
    rendered = content;
    seen.push(content);
    for (const pool of POOL_NAMES) {
      const name = `rendered-${pool}-${seen.length}`;
      await client.apply(machineConfig(name, sources));
      const ref = { apiVersion: `${MCO}/v1`, kind: 'MachineConfigPool', name: pool };
      await client.mergePatch(ref, { spec: { configuration: { name } } });
      await setStatus(
        client,
        ref,
        poolStatus(pool, `rendered-${pool}-${seen.length - 1}`, { isUpdated: false, generation: seen.length + 1 }),
      );
    }
    const nodeRef = { apiVersion: 'v1', kind: 'Node', name: 'node-2' };
    await client.mergePatch(nodeRef, {
      spec: { unschedulable: true },
      metadata: { annotations: { [`${MCO}/state`]: 'Working' } },
    });
    await sleep(60);
    await client.mergePatch(nodeRef, {
      spec: { unschedulable: null },
      metadata: { annotations: { [`${MCO}/state`]: 'Done' } },
    });
    for (const pool of POOL_NAMES) {
      const ref = { apiVersion: `${MCO}/v1`, kind: 'MachineConfigPool', name: pool };
      await setStatus(
        client,
        ref,
        poolStatus(pool, `rendered-${pool}-${seen.length}`, { isUpdated: true, generation: seen.length + 1 }),
      );
    }
  };
}

/** Delivers image CAs: the merged ConfigMap, then the mark on every node that it has them. */
export function syncControllerConfig(): Controller {
  return async (client) => {
    const image = await client.get({ apiVersion: 'config.openshift.io/v1', kind: 'Image', name: 'cluster' });
    const name = textAt(image, 'spec', 'additionalTrustedCA', 'name');
    const source =
      name === undefined
        ? undefined
        : await client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'openshift-config', name });
    if (source !== undefined) {
      const metadata = { name: 'merged-trusted-image-registry-ca', namespace: 'openshift-config-managed' };
      await client.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: source['data'] }, { force: true });
    }
    const config = await client.get({
      apiVersion: `${MCO}/v1`,
      kind: 'ControllerConfig',
      name: 'machine-config-controller',
    });
    for (const node of NODE_NAMES) {
      const annotations = { [`${MCO}/lastSyncedControllerConfigResourceVersion`]: config?.metadata.resourceVersion };
      await client.mergePatch({ apiVersion: 'v1', kind: 'Node', name: node }, { metadata: { annotations } });
    }
  };
}

/** Marketplace: default catalogs go when they are disabled, others become READY and offer their packages. */
export function marketplace(offers: Readonly<Record<string, readonly KubeObject[]>> = {}): Controller {
  const connected = new Map<string, string>();
  return async (client) => {
    const hub = await client.get({ apiVersion: 'config.openshift.io/v1', kind: 'OperatorHub', name: 'cluster' });
    const kind = { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'CatalogSource' };
    for (const source of await client.list(kind)) {
      const ref = refOf({ ...source, ...kind });
      if (source.metadata.labels?.['default'] === 'true') {
        if (valueAt(hub, 'spec', 'disableAllDefaultSources') === true) await client.remove(ref);
        continue;
      }
      const image = textAt(source, 'spec', 'image') ?? '';
      if (connected.get(ref.name) === image) continue;
      connected.set(ref.name, image);
      await setStatus(client, ref, {
        connectionState: { lastObservedState: 'READY', lastConnect: new Date().toISOString(), address: 'x:50051' },
      });
      for (const manifest of offers[ref.name] ?? []) await put(client, manifest);
    }
    for (const catalog of await client.list({ apiVersion: 'olm.operatorframework.io/v1', kind: 'ClusterCatalog' })) {
      if (listAt(catalog, 'status', 'conditions').length > 0) continue;
      const ref = { apiVersion: 'olm.operatorframework.io/v1', kind: 'ClusterCatalog', name: catalog.metadata.name };
      await setStatus(client, ref, {
        conditions: [condition('Serving', 'True'), condition('Progressing', 'True', 'Succeeded')],
      });
    }
  };
}

/** OLM: every Subscription gets its CSV, which succeeds; manual ones wait for their InstallPlan to be approved. */
export function lifecycleManager(): Controller {
  const api = 'operators.coreos.com/v1alpha1';
  return async (client) => {
    for (const subscription of await client.list({ apiVersion: api, kind: 'Subscription' })) {
      const { namespace = '', name } = subscription.metadata;
      const ref = { apiVersion: api, kind: 'Subscription', namespace, name };
      if (textAt(subscription, 'status', 'state') === 'AtLatestKnown') continue;
      const csv = `${name}.v1.0.0`;
      const plan = { apiVersion: api, kind: 'InstallPlan', namespace, name: `install-${name}` };
      const installPlanRef = { apiVersion: api, kind: 'InstallPlan', namespace, name: plan.name };
      if (textAt(subscription, 'spec', 'installPlanApproval') === 'Manual') {
        const live = await client.get(plan);
        if (live === undefined) {
          await put(client, {
            apiVersion: api,
            kind: 'InstallPlan',
            metadata: { name: plan.name, namespace },
            spec: { approval: 'Manual', approved: false, clusterServiceVersionNames: [csv] },
            status: { phase: 'RequiresApproval', plan: [], catalogSources: [] },
          });
          await setStatus(client, ref, { lastUpdated: TIME, state: 'UpgradePending', currentCSV: csv, installPlanRef });
          continue;
        }
        if (valueAt(live, 'spec', 'approved') !== true) continue;
      }
      const strategy = { strategy: 'deployment', spec: { deployments: [] } };
      await put(client, {
        apiVersion: api,
        kind: 'ClusterServiceVersion',
        metadata: { name: csv, namespace },
        spec: { displayName: name, install: strategy },
        status: { phase: 'Succeeded', reason: 'InstallSucceeded' },
      });
      await setStatus(client, ref, { lastUpdated: TIME, state: 'AtLatestKnown', installedCSV: csv, currentCSV: csv });
    }
  };
}

/** The operators' operators: operands become available, with the objects they bring. */
export function operands(): Controller {
  const done = new Set<string>();
  const good = [
    condition('Available', 'True'),
    condition('ReconcileComplete', 'True'),
    condition('Progressing', 'False'),
    condition('Degraded', 'False'),
  ];
  return async (client) => {
    const once = async (kind: { apiVersion: string; kind: string }, work: (object: KubeObject) => Promise<void>) => {
      for (const object of await client.list(kind)) {
        const key = `${subjectOf(object)} ${object.metadata.uid}`;
        if (done.has(key)) continue;
        await work({ ...object, ...kind });
        done.add(key);
      }
    };
    await once({ apiVersion: 'hco.kubevirt.io/v1beta1', kind: 'HyperConverged' }, async (object) => {
      await put(client, {
        apiVersion: 'kubevirt.io/v1',
        kind: 'KubeVirt',
        metadata: { name: 'kubevirt', namespace: object.metadata.namespace ?? '' },
        spec: {},
        status: { observedKubeVirtVersion: 'v1.6.0' },
      });
      for (const name of NODE_NAMES) {
        await client.mergePatch(
          { apiVersion: 'v1', kind: 'Node', name },
          { metadata: { labels: { 'kubevirt.io/schedulable': 'true' } } },
        );
        await setStatus(
          client,
          { apiVersion: 'v1', kind: 'Node', name },
          { allocatable: { 'devices.kubevirt.io/kvm': '1k' } },
        );
      }
      await setStatus(client, refOf(object), { conditions: good, observedGeneration: object.metadata.generation });
    });
    await once({ apiVersion: 'lvm.topolvm.io/v1alpha1', kind: 'LVMCluster' }, async (object) => {
      await put(client, {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'lvms-vg1' },
        provisioner: 'topolvm.io',
        volumeBindingMode: 'WaitForFirstConsumer',
      });
      await setStatus(client, refOf(object), {
        state: 'Ready',
        ready: true,
        conditions: [condition('ResourcesAvailable', 'True'), condition('VolumeGroupsReady', 'True')],
      });
    });
    await once({ apiVersion: 'metallb.io/v1beta1', kind: 'MetalLB' }, async (object) => {
      const namespace = object.metadata.namespace ?? '';
      await put(client, workload('Deployment', namespace, 'controller'));
      await put(client, workload('DaemonSet', namespace, 'speaker'));
      await setStatus(client, refOf(object), { conditions: good });
    });
    await once({ apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' }, async (object) => {
      for (const name of ['local-cluster', 'hypershift']) await client.apply(namespaceObject(name));
      await put(client, {
        apiVersion: 'cluster.open-cluster-management.io/v1',
        kind: 'ManagedCluster',
        metadata: { name: 'local-cluster' },
        spec: { hubAcceptsClient: true },
        status: {
          conditions: ['HubAcceptedManagedCluster', 'ManagedClusterJoined', 'ManagedClusterConditionAvailable'].map(
            (type) => condition(type, 'True'),
          ),
          version: {},
        },
      });
      await put(client, {
        apiVersion: 'addon.open-cluster-management.io/v1alpha1',
        kind: 'ManagedClusterAddOn',
        metadata: { name: 'hypershift-addon', namespace: 'local-cluster' },
        spec: {},
        status: { conditions: [condition('Available', 'True'), condition('Degraded', 'False')] },
      });
      await put(client, workload('Deployment', 'hypershift', 'operator'));
      await put(client, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'operator', namespace: 'hypershift' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
        ports: [],
      });
      await put(client, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'supported-versions', namespace: 'hypershift' },
        data: { 'supported-versions': JSON.stringify({ versions: ['4.20', '4.19'] }) },
      });
      await setStatus(client, refOf(object), {
        phase: 'Available',
        currentVersion: '2.10.0',
        desiredVersion: '2.10.0',
      });
    });
    const routers = { apiVersion: 'operator.openshift.io/v1', kind: 'IngressController' };
    for (const router of await client.list(routers)) {
      const observedGeneration = router.metadata.generation;
      if (valueAt(router, 'status', 'observedGeneration') !== observedGeneration)
        await setStatus(client, refOf({ ...router, ...routers }), { observedGeneration });
    }
    for (const deployment of await client.list({ apiVersion: 'apps/v1', kind: 'Deployment' })) {
      if (valueAt(deployment, 'status', 'observedGeneration') === deployment.metadata.generation) continue;
      await setStatus(
        client,
        refOf({ ...deployment, apiVersion: 'apps/v1', kind: 'Deployment' }),
        workloadStatus('Deployment', deployment.metadata.generation ?? 1),
      );
    }
  };
}

/** A package as the aggregated API of the marketplace shows it. */
export function packageManifest(
  name: string,
  catalogSource: string,
  channel: string,
  options: { readonly namespace?: string; readonly modes?: readonly string[] } = {},
): KubeObject {
  const installModes = ['OwnNamespace', 'SingleNamespace', 'MultiNamespace', 'AllNamespaces'].map((type) => ({
    type,
    supported: (options.modes ?? ['OwnNamespace']).includes(type),
  }));
  const annotations =
    options.namespace === undefined ? {} : { 'operatorframework.io/suggested-namespace': options.namespace };
  return {
    apiVersion: 'packages.operators.coreos.com/v1',
    kind: 'PackageManifest',
    metadata: { name, namespace: 'openshift-marketplace', labels: { catalog: catalogSource } },
    status: {
      packageName: name,
      catalogSource,
      catalogSourceNamespace: 'openshift-marketplace',
      defaultChannel: channel,
      channels: [
        { name: channel, currentCSV: `${name}.v1.0.0`, entries: [], currentCSVDesc: { installModes, annotations } },
      ],
    },
  };
}

export function secret(namespace: string, name: string, config: unknown): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') },
  };
}

export function workload(kind: 'Deployment' | 'DaemonSet', namespace: string, name: string): KubeObject {
  const labels = { name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'registry.example/main' }] } },
    },
    status: workloadStatus(kind, 1),
  };
}

function workloadStatus(kind: 'Deployment' | 'DaemonSet', observedGeneration: number): object {
  return kind === 'Deployment'
    ? { observedGeneration, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 }
    : {
        observedGeneration,
        currentNumberScheduled: 3,
        desiredNumberScheduled: 3,
        numberMisscheduled: 0,
        numberReady: 3,
        numberAvailable: 3,
        updatedNumberScheduled: 3,
      };
}

function node(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/arch': 'amd64' },
      annotations: {
        [`${MCO}/currentConfig`]: 'rendered-worker-0',
        [`${MCO}/desiredConfig`]: 'rendered-worker-0',
        [`${MCO}/state`]: 'Done',
      },
    },
    status: { conditions: [{ ...condition('Ready', 'True'), lastHeartbeatTime: TIME }] },
  };
}

function finishedPool(name: string): KubeObject[] {
  return [
    machineConfig(`rendered-${name}-0`, []),
    {
      apiVersion: `${MCO}/v1`,
      kind: 'MachineConfigPool',
      metadata: { name },
      spec: { paused: false, configuration: { name: `rendered-${name}-0` } },
      status: poolStatus(name, `rendered-${name}-0`, { isUpdated: true, generation: 1 }),
    },
  ];
}

export function poolStatus(
  pool: string,
  configuration: string,
  state: { readonly isUpdated: boolean; readonly generation: number },
): object {
  const machineCount = pool === 'worker' ? 0 : 3;
  return {
    observedGeneration: state.generation,
    configuration: { name: configuration },
    machineCount,
    updatedMachineCount: state.isUpdated ? machineCount : 0,
    readyMachineCount: machineCount,
    degradedMachineCount: 0,
    conditions: [
      condition('Updated', state.isUpdated ? 'True' : 'False'),
      condition('Updating', state.isUpdated ? 'False' : 'True'),
      condition('Degraded', 'False'),
    ],
  };
}

export function machineConfig(name: string, sources: readonly string[]): KubeObject {
  const text = sources.map((source) => `[[registry]]\n  prefix = ""\n  location = "${source}"\n`).join('\n');
  const source = `data:text/plain;charset=utf-8;base64,${Buffer.from(text).toString('base64')}`;
  const files = [{ path: '/etc/containers/registries.conf', mode: 420, overwrite: true, contents: { source } }];
  return {
    apiVersion: `${MCO}/v1`,
    kind: 'MachineConfig',
    metadata: { name },
    spec: { config: { ignition: { version: '3.4.0' }, storage: { files } } },
  };
}

function controllerConfig(): KubeObject {
  return {
    apiVersion: `${MCO}/v1`,
    kind: 'ControllerConfig',
    metadata: { name: 'machine-config-controller' },
    spec: {
      additionalTrustBundle: 'AAAA',
      baseOSContainerImage: 'x',
      cloudProviderCAData: 'AAAA',
      cloudProviderConfig: '',
      clusterDNSIP: '10.0.0.10',
      dns: { apiVersion: 'config.openshift.io/v1', kind: 'DNS', metadata: {}, spec: { baseDomain: 'example.com' } },
      images: {},
      infra: { apiVersion: 'config.openshift.io/v1', kind: 'Infrastructure', metadata: {}, spec: {} },
      ipFamilies: 'IPv4',
      kubeAPIServerServingCAData: 'AAAA',
      network: { mtuMigration: {} },
      proxy: {},
      releaseImage: 'x',
      rootCAData: 'AAAA',
    },
  };
}

function defaultCatalog(name: string): KubeObject {
  return {
    apiVersion: 'operators.coreos.com/v1alpha1',
    kind: 'CatalogSource',
    metadata: { name, namespace: 'openshift-marketplace', labels: { default: 'true' } },
    spec: { sourceType: 'grpc', image: `registry.redhat.io/redhat/${name}:v4.20` },
  };
}
