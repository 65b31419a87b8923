import { setTimeout as sleep } from 'node:timers/promises';
import { AirgapError } from '../../core/errors.ts';
import type { KubeClient } from '../kube-client.ts';
import { listAt, numberAt, textAt, valueAt, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { operatorPhases, placeOf, type OperatorInstall } from '../olm.ts';
import type { LoadBalancerChoice } from '../site-schema.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import { READY, selectorOf, waiting, whenConditions, type Readiness } from '../wait.ts';

const API = 'metallb.io/v1beta1';
const PLATFORMS_WITH_BALANCER = new Set(['AWS', 'Azure', 'GCP', 'IBMCloud', 'OpenStack', 'PowerVS']);
const PROBE: ObjectRef = {
  apiVersion: 'v1',
  kind: 'Service',
  namespace: 'default',
  name: 'airgap-load-balancer-probe',
};

/**
 * Addresses for Services of type LoadBalancer: every hosted API server is one. Installs MetalLB with the site's address pools, or
 * checks that something else on the cluster hands out addresses.
 */
export function loadBalancerStep(input: ManagementInput): Step {
  const choice = input.cluster.loadBalancer;
  return {
    id: 'load-balancer',
    title: 'Load balancer',
    needs: ['preflight', 'catalogs'],
    phases: () => {
      if (choice === undefined) return [];
      return choice.install ? metalLbPhases(choice) : [probePhase()];
    },
  };
}

function metalLbPhases(choice: LoadBalancerChoice): Phase[] {
  const install: OperatorInstall = {
    package: 'metallb-operator',
    choice,
    namespace: 'metallb-system',
    channel: 'stable',
    prefers: 'AllNamespaces',
  };
  const namespaceOf = async (context: StepContext) => (await placeOf(context, install)).namespace;
  const operand: Phase = {
    title: 'MetalLB',
    // The operator takes no other name.
    writes: async (context) => [apply('MetalLB', 'metallb', await namespaceOf(context), {})],
    async ready(context) {
      const namespace = await namespaceOf(context);
      const limitMs = context.timeouts.operatorMs;
      const ref = { apiVersion: API, kind: 'MetalLB', namespace, name: 'metallb' };
      return [
        whenConditions(ref, { Available: 'True', Degraded: 'False' }, { limitMs }),
        whenWorkload({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'controller' }, limitMs),
        whenWorkload({ apiVersion: 'apps/v1', kind: 'DaemonSet', namespace, name: 'speaker' }, limitMs),
      ];
    },
  };
  const pools: Phase = {
    title: 'address pools',
    async writes(context) {
      const namespace = await namespaceOf(context);
      const names = choice.addressPools.map(({ name }) => name);
      return [
        ...choice.addressPools.map(({ name, addresses, autoAssign }) =>
          apply('IPAddressPool', name, namespace, { addresses, autoAssign }),
        ),
        ...(choice.layer2 && names.length > 0
          ? [apply('L2Advertisement', 'airgap', namespace, { ipAddressPools: names })]
          : []),
      ];
    },
  };
  return [...operatorPhases(install), operand, pools];
}

function probePhase(): Phase {
  return {
    title: 'existing load balancer',
    writes: async () => [],
    async ready(context) {
      if (await hasLoadBalancer(context)) return [];
      throw new AirgapError('E_PREFLIGHT', 'nothing on the cluster gives addresses to Services of type LoadBalancer', {
        hint: 'set loadBalancer.install: true with addressPools in the site file',
      });
    },
  };
}

/**
 * Whether Services of type LoadBalancer get an address: by what the cluster shows, else by a short-lived Service that is removed
 * again. Never called in a dry run.
 */
export async function hasLoadBalancer(context: StepContext): Promise<boolean> {
  const { client, timeouts, signal } = context;
  const shown = await showsLoadBalancer(client);
  if (shown) return true;
  const { apiVersion, kind, name, namespace } = PROBE;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  // Selects no pod: only its address matters.
  const spec = { type: 'LoadBalancer', selector: { 'airgap/probe': 'none' }, ports: [{ port: 6443, protocol: 'TCP' }] };
  await client.apply({ apiVersion, kind, metadata, spec });
  try {
    const until = Date.now() + timeouts.probeMs;
    while (Date.now() < until) {
      if (listAt(await client.get(PROBE), 'status', 'loadBalancer', 'ingress').length > 0) return true;
      await sleep(Math.min(1000, timeouts.pollMs), undefined, { signal });
    }
    return false;
  } finally {
    await client.within({ signal: AbortSignal.timeout(30_000) }).remove(PROBE);
  }
}

/** Signs of a working load balancer: address pools, a platform that has one, or a Service that got an address. */
export async function showsLoadBalancer(client: KubeClient): Promise<boolean> {
  const pools = await client.list({ apiVersion: API, kind: 'IPAddressPool' });
  if (pools.length > 0) return true;
  const infrastructure = await client.get({
    apiVersion: 'config.openshift.io/v1',
    kind: 'Infrastructure',
    name: 'cluster',
  });
  if (PLATFORMS_WITH_BALANCER.has(textAt(infrastructure, 'status', 'platformStatus', 'type') ?? '')) return true;
  return (await client.list({ apiVersion: 'v1', kind: 'Service' })).some(hasAddress);
}

function hasAddress(service: KubeObject): boolean {
  return (
    valueAt(service, 'spec', 'type') === 'LoadBalancer' &&
    listAt(service, 'status', 'loadBalancer', 'ingress').length > 0
  );
}

/** A Deployment or DaemonSet has all its pods, of its current generation. */
export function whenWorkload(ref: ObjectRef, limitMs: number): Readiness {
  return {
    subject: `${ref.kind}/${ref.namespace}/${ref.name}`,
    limitMs,
    watches: [selectorOf(ref)],
    async check(client) {
      const live = await client.get(ref);
      if (live === undefined) return waiting('does not exist yet');
      if ((numberAt(live, 'status', 'observedGeneration') ?? 0) < (live.metadata.generation ?? 0))
        return waiting('not seen yet');
      const isDaemon = ref.kind === 'DaemonSet';
      const wanted = isDaemon
        ? numberAt(live, 'status', 'desiredNumberScheduled')
        : (numberAt(live, 'spec', 'replicas') ?? 1);
      const count = (field: string) => numberAt(live, 'status', field) ?? 0;
      const updated = count(isDaemon ? 'updatedNumberScheduled' : 'updatedReplicas');
      const available = count(isDaemon ? 'numberAvailable' : 'availableReplicas');
      const isDone = updated === wanted && available === wanted && (isDaemon || count('replicas') === wanted);
      return isDone ? READY : waiting(`${available} of ${wanted ?? 0} pods available, ${updated} updated`);
    },
  };
}

function apply(kind: string, name: string, namespace: string, spec: Readonly<Record<string, unknown>>) {
  return { how: 'apply', object: { apiVersion: API, kind, metadata: { name, namespace }, spec } } as const;
}
