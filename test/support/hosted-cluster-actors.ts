/** A management cluster that is ready for hosted clusters, and the operators that would work on it, played by tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_TIMEOUTS } from '../../src/apply/timeouts.ts';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import type { HostedContext, HostedEnvironment, HostedClusterRequest } from '../../src/apply/hosted-environment.ts';
import { createKubeClient, type KubeClient } from '../../src/apply/kube-client.ts';
import { openKubeConnection } from '../../src/apply/kube.ts';
import { refOf, type KubeObject, type ObjectRef } from '../../src/apply/kube-object.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import { carriedKubeconfig } from './apiserver.ts';
import { EMPTY_BUNDLE } from './hosted-cluster.ts';
import type { SharedServer } from './apiserver-shared.ts';

export const condition = (type: string, status: string, reason = 'AsExpected', message = '') => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2027-01-01T00:00:00Z',
});

/** Applies an object and sets its status. */
export async function put(client: KubeClient, object: KubeObject): Promise<void> {
  const { status, ...rest } = object;
  await client.apply(rest, { force: true });
  if (status !== undefined) await setStatus(client, refOf(object), status as object);
}

export async function setStatus(client: KubeClient, ref: ObjectRef, status: object): Promise<void> {
  await client.mergePatch(ref, { status }, { subresource: 'status' });
}

/** Three nodes, a default storage class, virtualization, the operator's support matrix. */
export async function buildManagementCluster(client: KubeClient): Promise<void> {
  const namespace = (name: string) => put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const name of ['hypershift', 'openshift-cnv', 'openshift-ingress-operator']) await namespace(name);
  for (const name of ['a', 'b', 'c']) {
    await put(client, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/arch': 'amd64', 'node-role.kubernetes.io/worker': '' } },
      status: {
        conditions: [condition('Ready', 'True')],
        addresses: [{ type: 'InternalIP', address: '192.0.2.10' }],
        allocatable: { cpu: '64', memory: '256Gi' },
      },
    });
    // The node controller would take this taint off a node that is ready.
    await client.mergePatch({ apiVersion: 'v1', kind: 'Node', name }, { spec: { taints: null } });
  }
  await put(client, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'example.com/none',
  });
  await put(client, {
    apiVersion: 'hco.kubevirt.io/v1beta1',
    kind: 'HyperConverged',
    metadata: { name: 'kubevirt-hyperconverged', namespace: 'openshift-cnv' },
    spec: {},
    status: { conditions: [condition('Available', 'True')] },
  });
  await put(client, {
    apiVersion: 'config.openshift.io/v1',
    kind: 'Network',
    metadata: { name: 'cluster' },
    spec: { clusterNetwork: [{ cidr: '10.128.0.0/14', hostPrefix: 23 }], serviceNetwork: ['172.30.0.0/16'] },
  });
  await put(client, {
    apiVersion: 'operator.openshift.io/v1',
    kind: 'IngressController',
    metadata: { name: 'default', namespace: 'openshift-ingress-operator' },
    spec: { routeAdmission: { wildcardPolicy: 'WildcardsAllowed' } },
  });
  await put(client, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'supported-versions', namespace: 'hypershift' },
    data: { 'supported-versions': '{"versions":["4.21","4.20"]}' },
  });
}

/** A context for steps, with short waits; everything reported is collected in `events`. */
export function hostedContext(
  server: SharedServer,
  clusters: readonly HostedClusterRequest[],
  change: Partial<HostedEnvironment> & {
    readonly dryRun?: boolean;
    readonly replaceMirrors?: boolean;
    readonly limitMs?: number;
  } = {},
): HostedContext & { readonly events: ProgressEvent[] } {
  const { dryRun = false, replaceMirrors = false, limitMs = 20_000, ...environment } = change;
  const events: ProgressEvent[] = [];
  const run = { signal: new AbortController().signal, report: (event: ProgressEvent) => void events.push(event) };
  const timeouts = Object.fromEntries(Object.keys(DEFAULT_TIMEOUTS).map((key) => [key, limitMs]));
  return {
    ...run,
    events,
    client: createKubeClient(openKubeConnection({ files: [server.kubeconfig] }), run),
    resources: [],
    options: { dryRun, forceConflicts: false, replaceMirrors },
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts, graceMs: 300, pollMs: 50 },
    confirm: async () => true,
    hosted: {
      clusters,
      bundle: EMPTY_BUNDLE,
      imageExists: async () => true,
      resolveDigest: async () => undefined,
      resolveAddresses: async () => [],
      openCluster: (text, origin) => createKubeClient(openKubeConnection({ text, origin }), run),
      ...environment,
    },
  };
}

/** Waits until something is on the cluster. */
export async function untilThere(client: KubeClient, ref: ObjectRef): Promise<KubeObject> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const found = await client.get(ref);
    if (found !== undefined) return found;
    await sleep(25);
  }
  throw new Error(`${ref.kind}/${ref.name} did not appear`);
}

/** Waits until an event says so. */
export async function untilReported(events: readonly ProgressEvent[], text: RegExp): Promise<string> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const found = events.find((event) => event.type === 'waiting' && text.test(`${event.subject}: ${event.reason}`));
    if (found?.type === 'waiting') return found.reason;
    await sleep(25);
  }
  throw new Error(`nothing reported about ${text}; last: ${JSON.stringify(events.slice(-3))}`);
}

/** The HyperShift operator's part: what it reports about a hosted cluster. */
export function playOperator(client: KubeClient, server: SharedServer, name: string, namespace = 'clusters') {
  const ref = { apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace, name };
  const history = (state: string, image: string, version: string) => [
    {
      state,
      image,
      version,
      startedTime: '2027-01-01T00:00:00Z',
      verified: false,
      // Null while it is partial; but null in a merge patch would remove a field that is required.
      completionTime: '2027-01-01T01:00:00Z',
    },
  ];
  const ACCEPTED = ['ValidConfiguration', 'ValidReleaseImage', 'SupportedHostedCluster'].map((type) =>
    condition(type, 'True'),
  );
  const UP = ['InfrastructureReady', 'EtcdAvailable', 'KubeAPIServerAvailable', 'Available'].map((type) =>
    condition(type, 'True'),
  );
  const imageOf = async () => ((await untilThere(client, ref))['spec'] as { release: { image: string } }).release.image;
  const statusOf = async (state: string, version: string) => ({
    version: {
      desired: { image: await imageOf(), version },
      observedGeneration: 1,
      availableUpdates: [],
      history: history(state, await imageOf(), version),
    },
  });
  return {
    ref,
    async report(...conditions: object[]) {
      await untilThere(client, ref);
      await setStatus(client, ref, { conditions });
    },
    async accept() {
      await this.report(...ACCEPTED);
    },
    /** The control plane answers; the "hosted cluster" is the same API server. */
    async comeUp(version = '4.20.3') {
      await untilThere(client, ref);
      const secret = `${name}-admin-kubeconfig`;
      const data = { kubeconfig: Buffer.from(carriedKubeconfig(server)).toString('base64') };
      await put(client, { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, namespace }, data });
      await setStatus(client, ref, {
        conditions: [...ACCEPTED, ...UP],
        kubeconfig: { name: secret },
        ...(await statusOf('Partial', version)),
      });
    },
    async complete(version = '4.20.3') {
      await setStatus(client, ref, { conditions: [...ACCEPTED, ...UP], ...(await statusOf('Completed', version)) });
    },
    /** Machines of a pool run. */
    async growPool(pool = name, version = '4.20.3') {
      const poolRef = { apiVersion: HYPERSHIFT_API, kind: 'NodePool', namespace, name: pool };
      const object = await untilThere(client, poolRef);
      await setStatus(client, poolRef, { replicas: (object['spec'] as { replicas: number }).replicas, version });
    },
  };
}
