import { conditionsOf, listAt, textAt, type KubeObject } from './kube-object.ts';
import type { KubeClient } from './kube-client.ts';
import type { Timeouts } from './timeouts.ts';
import { describeCondition, READY, waiting, type Readiness, type Verdict } from './wait.ts';

/** Where an operator is, or will be. */
export interface OperatorPlace {
  readonly namespace: string;
  readonly subscription: string;
}

const API = 'operators.coreos.com/v1alpha1';
/** CSV failures that OLM repairs by itself as soon as the component is back. */
const HEALING = new Set(['ComponentUnhealthy', 'InstallCheckFailed', 'NeedsReinstall']);

/** An operator is installed: its Subscription is up to date and the CSV it installed has succeeded. */
export function whenOperatorInstalled(place: OperatorPlace, timeouts: Timeouts, isPinned: boolean): Readiness {
  return {
    ...common(place, timeouts),
    async check(client) {
      const subscription = await client.get(refOfSubscription(place));
      if (subscription === undefined) return waiting('does not exist yet');
      const failure = await subscriptionFailure(client, subscription, timeouts);
      if (failure !== undefined) return failure;
      const state = textAt(subscription, 'status', 'state');
      const installed = textAt(subscription, 'status', 'installedCSV');
      const done = isPinned ? ['AtLatestKnown', 'UpgradeAvailable', 'UpgradePending'] : ['AtLatestKnown'];
      const reached = installed ?? textAt(subscription, 'status', 'currentCSV');
      if (reached === undefined) return waiting(`state ${state ?? 'not reported yet'}`);
      const csv = await client.get({
        apiVersion: API,
        kind: 'ClusterServiceVersion',
        namespace: place.namespace,
        name: reached,
      });
      const verdict = csvVerdict(csv, reached, timeouts);
      if (verdict.state !== 'ready') return verdict;
      return installed !== undefined && done.includes(state ?? '')
        ? READY
        : waiting(`state ${state ?? 'not reported yet'}`);
    },
  };
}

/** A Subscription with manual approval has a plan to approve, or went past it. */
export function whenPlanAwaitsApproval(place: OperatorPlace, timeouts: Timeouts): Readiness {
  return {
    ...common(place, timeouts),
    async check(client) {
      const subscription = await client.get(refOfSubscription(place));
      if (subscription === undefined) return waiting('does not exist yet');
      const failure = await subscriptionFailure(client, subscription, timeouts);
      if (failure !== undefined) return failure;
      const name = textAt(subscription, 'status', 'installPlanRef', 'name');
      if (name === undefined) return waiting('no InstallPlan yet');
      const plan = await client.get({ apiVersion: API, kind: 'InstallPlan', namespace: place.namespace, name });
      const phase = textAt(plan, 'status', 'phase');
      return phase === undefined || phase === 'Planning' ? waiting(`InstallPlan ${name} is being made`) : READY;
    },
  };
}

function common(place: OperatorPlace, timeouts: Timeouts): Omit<Readiness, 'check'> {
  const { namespace, subscription } = place;
  return {
    subject: `Subscription/${namespace}/${subscription}`,
    limitMs: timeouts.operatorMs,
    watches: ['Subscription', 'ClusterServiceVersion', 'InstallPlan'].map((kind) => ({
      apiVersion: API,
      kind,
      namespace,
    })),
  };
}

async function subscriptionFailure(
  client: KubeClient,
  subscription: KubeObject,
  timeouts: Timeouts,
): Promise<Verdict | undefined> {
  const condition = (type: string) =>
    conditionsOf(subscription).find((entry) => entry.type === type && entry.status === 'True');
  const terminal = condition('BundleUnpackFailed') ?? condition('InstallPlanFailed');
  if (terminal !== undefined) {
    return {
      state: 'failed',
      reason: describeCondition(terminal),
      hint: 'usually the image of the operator bundle was not mirrored; add the package to the image set',
    };
  }
  const unresolved = condition('ResolutionFailed');
  if (unresolved !== undefined) {
    return {
      state: 'failed',
      reason: describeCondition(unresolved),
      hint: 'a package it depends on is in no catalog; add it to the image set',
      graceMs: timeouts.graceMs,
    };
  }
  const unhealthy = condition('CatalogSourcesUnhealthy');
  if (unhealthy !== undefined) return waiting(describeCondition(unhealthy));
  const name = textAt(subscription, 'status', 'installPlanRef', 'name');
  const namespace = subscription.metadata.namespace ?? '';
  const plan =
    name === undefined ? undefined : await client.get({ apiVersion: API, kind: 'InstallPlan', namespace, name });
  if (textAt(plan, 'status', 'phase') !== 'Failed') return undefined;
  const [reason] = listAt(plan, 'status', 'conditions').map((entry) => textAt(entry, 'message'));
  return { state: 'failed', reason: `InstallPlan/${namespace}/${name} failed: ${reason ?? 'no message'}` };
}

function csvVerdict(csv: KubeObject | undefined, name: string, timeouts: Timeouts): Verdict {
  const phase = textAt(csv, 'status', 'phase');
  const reason = textAt(csv, 'status', 'reason') ?? '';
  // A copy of an operator that is installed elsewhere says nothing about this one.
  if (csv === undefined || reason === 'Copied') return waiting(`${name} is not there yet`);
  if (phase === 'Succeeded') return READY;
  const text = `${name} ${phase ?? 'has no phase yet'} (${reason}): ${textAt(csv, 'status', 'message') ?? ''}`;
  if (phase !== 'Failed') return waiting(text);
  return { state: 'failed', reason: text, ...(HEALING.has(reason) ? { graceMs: timeouts.graceMs } : {}) };
}

function refOfSubscription(place: OperatorPlace) {
  return { apiVersion: API, kind: 'Subscription', namespace: place.namespace, name: place.subscription };
}
