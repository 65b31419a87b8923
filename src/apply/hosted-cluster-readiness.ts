import { openHostedCluster, readHostedClusterObjects } from './collect-status.ts';
import { TERMINAL_CONDITIONS, TERMINAL_GRACE_MS } from './hosted-conditions.ts';
import { HYPERSHIFT_API } from './hosted-cluster-object.ts';
import type { HostedContext } from './hosted-environment.ts';
import { judgeHostedCluster, progressOf } from './hosted-status.ts';
import type { KubeClient } from './kube-client.ts';
import { conditionsOf, subjectOf, textAt, type KubeObject, type ObjectRef } from './kube-object.ts';
import {
  currentCondition,
  describeCondition,
  READY,
  selectorOf,
  unmetCondition,
  waiting,
  type Readiness,
  type Verdict,
} from './wait.ts';

interface Identity {
  readonly namespace: string;
  readonly name: string;
}

export function hostedClusterRef({ namespace, name }: Identity): ObjectRef {
  return { apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace, name };
}

/** Ready when the operator has seen the hosted cluster and refuses nothing about it. */
export function whenAccepted(cluster: Identity, context: HostedContext): Readiness {
  return whenHostedCluster(
    cluster,
    context,
    context.timeouts.controlPlaneMs,
    async (hostedCluster) =>
      unmetCondition(hostedCluster, Object.fromEntries(TERMINAL_CONDITIONS.map((type) => [type, 'True'] as const))) ??
      READY,
  );
}

/** Ready when the control plane answers. */
export function whenAvailable(cluster: Identity, context: HostedContext): Readiness {
  const wanted = {
    InfrastructureReady: 'True',
    EtcdAvailable: 'True',
    KubeAPIServerAvailable: 'True',
    Available: 'True',
  } as const;
  return whenHostedCluster(cluster, context, context.timeouts.controlPlaneMs, async (hostedCluster, client) => {
    const unmet = unmetCondition(hostedCluster, wanted);
    if (unmet !== undefined) return withCause(unmet, hostedCluster, client, context);
    const guest = await openHostedCluster(client, context.hosted.openCluster, hostedCluster);
    return guest === undefined ? waiting('its kubeconfig is not reported or its API server does not answer') : READY;
  });
}

/** Ready when the hosted cluster runs `releaseImage` completely. */
export function whenCompleted(
  cluster: Identity,
  context: HostedContext,
  options: { readonly releaseImage?: string; readonly limitMs: number },
): Readiness {
  return whenHostedCluster(cluster, context, options.limitMs, async (hostedCluster, client) => {
    const running = textAt(hostedCluster, 'status', 'version', 'history', 0, 'image');
    if (options.releaseImage !== undefined && !isSameImage(options.releaseImage, running ?? ''))
      return waiting(`runs ${running ?? 'nothing yet'}, not ${options.releaseImage}`);
    const objects = await readHostedClusterObjects(client, context.hosted.openCluster, hostedCluster);
    const { blockers } = judgeHostedCluster(objects);
    if (progressOf(hostedCluster) === 'Completed' && objects.guest !== undefined) {
      const operators = blockers.filter(({ waitingFor }) => waitingFor.includes('ClusterOperator'));
      return operators[0] === undefined ? READY : waiting(`${operators[0].waitingFor} — ${operators[0].cause}`);
    }
    const first = blockers[0];
    return waiting(first === undefined ? 'its API server does not answer' : `${first.waitingFor} — ${first.cause}`);
  });
}

/** Ready when at least one node of the hosted cluster is, as the nodes need the mirrors, credentials and trust we gave them. */
export function whenFirstNode(cluster: Identity, context: HostedContext): Readiness {
  return whenHostedCluster(cluster, context, context.timeouts.hostedClusterMs, async (hostedCluster, client) => {
    const objects = await readHostedClusterObjects(client, context.hosted.openCluster, hostedCluster);
    const nodes = objects.guest?.nodes ?? [];
    if (nodes.some((node) => currentCondition(node, 'Ready')?.status === 'True')) return READY;
    const first = judgeHostedCluster(objects).blockers[0];
    return waiting(first === undefined ? 'no node is ready' : `${first.waitingFor} — ${first.cause}`);
  });
}

/** The same image under another name: the digest decides. A reference without one can not be compared. */
function isSameImage(wanted: string, running: string): boolean {
  const digest = /@(sha(?:256|512):[0-9a-f]+)$/.exec(wanted)?.[1];
  return digest === undefined ? running !== '' : running.endsWith(`@${digest}`);
}

/**
 * Readiness of something about a hosted cluster. Conditions after which the operator does nothing more are failures once they have
 * held for two minutes: references that are created late heal by themselves.
 */
function whenHostedCluster(
  cluster: Identity,
  context: HostedContext,
  limitMs: number,
  check: (hostedCluster: KubeObject, client: KubeClient) => Promise<Verdict>,
): Readiness {
  const ref = hostedClusterRef(cluster);
  return {
    subject: subjectOf(ref),
    limitMs,
    watches: [selectorOf(ref)],
    async check(client) {
      const hostedCluster = await client.get(ref);
      if (hostedCluster === undefined) return waiting('does not exist yet');
      if (conditionsOf(hostedCluster).length === 0) {
        return waiting('the HyperShift operator has not reported anything: check its pods in namespace hypershift');
      }
      return terminalFailure(hostedCluster, context) ?? (await check(hostedCluster, client));
    },
  };
}

function terminalFailure(hostedCluster: KubeObject, context: HostedContext): Verdict | undefined {
  for (const type of TERMINAL_CONDITIONS) {
    const condition = currentCondition(hostedCluster, type);
    if (condition?.status !== 'False') continue;
    return {
      state: 'failed',
      reason: describeCondition(condition),
      graceMs: Math.min(TERMINAL_GRACE_MS, context.timeouts.graceMs),
      hint: 'settle the cause and run the same command again; it makes the operator look once more',
    };
  }
  return undefined;
}

/** A wait with the most likely cause behind what the cluster says. */
async function withCause(
  unmet: Verdict,
  hostedCluster: KubeObject,
  client: KubeClient,
  context: HostedContext,
): Promise<Verdict> {
  if (unmet.state !== 'waiting') return unmet;
  const objects = await readHostedClusterObjects(client, context.hosted.openCluster, hostedCluster);
  const first = judgeHostedCluster(objects).blockers[0];
  return first === undefined ? unmet : waiting(`${first.waitingFor} — ${first.cause}`);
}
