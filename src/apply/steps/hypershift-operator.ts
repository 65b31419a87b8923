import type { Write } from '../apply.ts';
import type { KubeClient } from '../kube-client.ts';
import { listAt, textAt, textMapAt, valueAt, conditionsOf, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { Phase } from '../step.ts';
import { READY, waiting, type Readiness } from '../wait.ts';
import { whenWorkload } from './load-balancer.ts';

const NAMESPACE = 'hypershift';
const OPERATOR: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: NAMESPACE, name: 'operator' };
const PODS = { apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE, labelSelector: 'name=operator' };
const RESTARTED = 'kubectl.kubernetes.io/restartedAt';
const IMAGE_CONFIG: ObjectRef = { apiVersion: 'config.openshift.io/v1', kind: 'Image', name: 'cluster' };
const MIRROR_KINDS = [
  { apiVersion: 'config.openshift.io/v1', kind: 'ImageDigestMirrorSet' },
  { apiVersion: 'operator.openshift.io/v1alpha1', kind: 'ImageContentSourcePolicy' },
];

/** The operator runs, its API is established, its webhook has endpoints and it says which releases it supports. */
export function whenOperatorServes(limitMs: number): Readiness[] {
  return [
    whenWorkload(OPERATOR, limitMs),
    {
      subject: 'CustomResourceDefinition/hostedclusters.hypershift.openshift.io',
      limitMs,
      watches: [],
      async check(client) {
        const name = 'hostedclusters.hypershift.openshift.io';
        const crd = await client.get({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name });
        const isEstablished =
          crd !== undefined &&
          conditionsOf(crd).some(({ type, status }) => type === 'Established' && status === 'True');
        const versions = listAt(crd, 'spec', 'versions').filter((entry) => valueAt(entry, 'served') === true);
        if (!isEstablished) return waiting('not established yet');
        return versions.some((entry) => textAt(entry, 'name') === 'v1beta1')
          ? READY
          : waiting('does not serve v1beta1');
      },
    },
    {
      subject: `webhook in ${NAMESPACE}`,
      limitMs,
      watches: [{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: NAMESPACE }],
      async check(client) {
        const slices = await client.list({
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          namespace: NAMESPACE,
        });
        const ready = slices
          .flatMap((slice) => listAt(slice, 'endpoints'))
          .filter((entry) => valueAt(entry, 'conditions', 'ready') !== false);
        return ready.length > 0 ? READY : waiting('no endpoints yet');
      },
    },
    {
      subject: `ConfigMap/${NAMESPACE}/supported-versions`,
      limitMs,
      watches: [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE }],
      check: async (client) =>
        (await supportedVersions(client)) === undefined ? waiting('no list of versions yet') : READY,
    },
  ];
}

/** Releases (`X.Y`) that the installed operator takes, or undefined while it does not say. */
export async function supportedVersions(client: KubeClient): Promise<readonly string[] | undefined> {
  const configMap = await client.get({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: NAMESPACE,
    name: 'supported-versions',
  });
  const text = textMapAt(configMap, 'data')['supported-versions'];
  if (text === undefined) return undefined;
  try {
    const versions = valueAt(JSON.parse(text), 'versions');
    return Array.isArray(versions) ? versions.map(String) : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/**
 * Restarts the operator when it started before the last change of image CAs or mirror sets: it reads both at start only (the
 * mirror sets in releases before 4.16). Judged by times on the cluster, so that a second run finds nothing to do.
 */
export function operatorRestartPhase(): Phase {
  return {
    title: 'restart of the HyperShift operator',
    async writes({ client }): Promise<Write[]> {
      const operator = await client.get(OPERATOR);
      if (operator === undefined || !(await isOlderThanTrust(client, operator))) return [];
      const restartedAt = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      const template = { metadata: { annotations: { [RESTARTED]: restartedAt } } };
      return [{ how: 'merge', ref: OPERATOR, patch: () => ({ spec: { template } }) }];
    },
    ready: async ({ client, timeouts }) =>
      (await client.get(OPERATOR)) === undefined ? [] : [whenWorkload(OPERATOR, timeouts.addonMs)],
  };
}

async function isOlderThanTrust(client: KubeClient, operator: KubeObject): Promise<boolean> {
  const changedAt = await trustChangedAt(client);
  const startedAt = await operatorStartedAt(client, operator);
  return changedAt >= startedAt;
}

/** When image CAs or mirror sets last changed, in milliseconds; 0 when there are none. */
async function trustChangedAt(client: KubeClient): Promise<number> {
  const sets = (await Promise.all(MIRROR_KINDS.map((kind) => client.list(kind)))).flat();
  const config = await client.get(IMAGE_CONFIG);
  const name = textAt(config, 'spec', 'additionalTrustedCA', 'name');
  const authorities =
    name === undefined
      ? undefined
      : await client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'openshift-config', name });
  return Math.max(0, ...[...sets, ...(authorities === undefined ? [] : [authorities])].map(lastSpecChange));
}

function lastSpecChange({ metadata }: KubeObject): number {
  const writes = (metadata.managedFields ?? []).filter(
    ({ subresource }) => subresource === undefined || subresource === '',
  );
  const times = [metadata.creationTimestamp, ...writes.map(({ time }) => time)].map((time) => Date.parse(time ?? ''));
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time)));
}

/** When the oldest running pod started; without pods, when the Deployment was made or last restarted. */
async function operatorStartedAt(client: KubeClient, operator: KubeObject): Promise<number> {
  const restartedAt = Date.parse(textAt(operator, 'spec', 'template', 'metadata', 'annotations', RESTARTED) ?? '');
  const asked = Number.isNaN(restartedAt) ? Date.parse(operator.metadata.creationTimestamp ?? '') : restartedAt;
  const pods = await client.list(PODS);
  const starts = pods
    .map((pod) => Date.parse(textAt(pod, 'status', 'startTime') ?? ''))
    .filter((time) => !Number.isNaN(time));
  // A restart that was asked for already counts, though its pods may still be starting.
  return starts.length === 0 ? asked : Math.max(asked, Math.min(...starts));
}
