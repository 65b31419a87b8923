import type { Change, Write } from '../apply.ts';
import type { KubeClient } from '../kube-client.ts';
import { listAt, subjectOf, textAt, valueAt, refOf, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput, SelectedPackage } from '../management-input.ts';
import { listPackages } from '../package-manifest.ts';
import { withoutProvenance } from '../provenance.ts';
import { podProblem } from '../pod-problem.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import {
  currentCondition,
  describeCondition,
  READY,
  selectorOf,
  unmetCondition,
  waiting,
  type Readiness,
} from '../wait.ts';

export const MARKETPLACE = 'openshift-marketplace';
const HUB: ObjectRef = { apiVersion: 'config.openshift.io/v1', kind: 'OperatorHub', name: 'cluster' };
const CATALOG_SOURCES = { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'CatalogSource' };
const CLUSTER_CATALOGS = { apiVersion: 'olm.operatorframework.io/v1', kind: 'ClusterCatalog' };
const DEFAULT_SOURCES = ['redhat-operators', 'certified-operators', 'community-operators', 'redhat-marketplace'];

/**
 * The catalogs of the bundle replace those of the public registries. The defaults go first: a catalog of ours that carries a default
 * name would be removed with them otherwise. Ends when the catalogs serve and offer every selected package and channel.
 */
export function catalogsStep(input: ManagementInput): Step {
  return {
    id: 'catalogs',
    title: 'Operator catalogs',
    needs: ['preflight', 'mirror-sets'],
    phases: () => [
      ...(input.cluster.catalogs.disableDefaultSources ? [defaultsPhase()] : []),
      catalogPhase(),
      packagesPhase(input.packages),
    ],
  };
}

function defaultsPhase(): Phase {
  return {
    title: 'default catalogs off',
    async writes({ client, resources }): Promise<Write[]> {
      if ((await client.kind(HUB.apiVersion, HUB.kind)) === undefined) return [];
      const ours = new Set(
        resources.filter(({ kind }) => kind === CLUSTER_CATALOGS.kind).map(({ metadata }) => metadata.name),
      );
      const defaults = (await client.list(CLUSTER_CATALOGS)).filter(
        ({ metadata }) =>
          DEFAULT_SOURCES.some((name) => metadata.name === `openshift-${name}`) && !ours.has(metadata.name),
      );
      return [
        apply(HUB, { disableAllDefaultSources: true }),
        // The OperatorHub setting does not reach these; they would retry for ever.
        ...defaults.map((object) => apply(refOf(object), { availabilityMode: 'Unavailable' })),
      ];
    },
    async ready(context) {
      const isKnown = (await context.client.kind(HUB.apiVersion, HUB.kind)) !== undefined;
      return isKnown ? [whenDefaultsGone(context)] : [];
    },
  };
}

function whenDefaultsGone({ resources, timeouts }: StepContext): Readiness {
  const ours = new Set(
    resources.filter(({ kind }) => kind === CATALOG_SOURCES.kind).map(({ metadata }) => metadata.name),
  );
  return {
    subject: 'default CatalogSources',
    limitMs: timeouts.catalogMs,
    watches: [selectorOf(HUB), { ...CATALOG_SOURCES, namespace: MARKETPLACE }],
    async check(client) {
      const present = new Set(
        (await client.list({ ...CATALOG_SOURCES, namespace: MARKETPLACE })).map(({ metadata }) => metadata.name),
      );
      const sources = listAt(await client.get(HUB), 'status', 'sources');
      const isDisabled = (name: string) =>
        sources.some((entry) => textAt(entry, 'name') === name && valueAt(entry, 'disabled') === true);
      const left = DEFAULT_SOURCES.filter((name) => present.has(name) && !ours.has(name) && !isDisabled(name));
      return left.length === 0 ? READY : waiting(`still there: ${left.join(', ')}`);
    },
  };
}

function catalogPhase(): Phase {
  return {
    title: 'catalogs of the bundle',
    async writes({ client, resources }): Promise<Write[]> {
      const knowsClusterCatalogs =
        (await client.kind(CLUSTER_CATALOGS.apiVersion, CLUSTER_CATALOGS.kind)) !== undefined;
      return resources
        .filter(({ kind }) => kind === CATALOG_SOURCES.kind || (kind === CLUSTER_CATALOGS.kind && knowsClusterCatalogs))
        .map((object) => ({ how: 'apply', object: withoutProvenance(object) }));
    },
    ready: (context, changes) =>
      context.resources.flatMap((object) => {
        if (object.kind === CATALOG_SOURCES.kind) return [whenCatalogReady(context, object, changes)];
        return object.kind === CLUSTER_CATALOGS.kind ? [whenClusterCatalogServes(context, object)] : [];
      }),
  };
}

/** A CatalogSource has no observed generation: after a change only a connection made later than it counts. */
function whenCatalogReady({ timeouts }: StepContext, object: KubeObject, changes: readonly Change[]): Readiness {
  const ref = refOf(object);
  const subject = subjectOf(object);
  const hasNewImage = changes.some(
    (change) =>
      change.subject === subject && change.differences.some(({ path }) => path === 'spec.image' || path === ''),
  );
  // Timestamps of the API have whole seconds.
  const writtenAt = Math.floor(Date.now() / 1000) * 1000;
  const pods = {
    apiVersion: 'v1',
    kind: 'Pod',
    labelSelector: `olm.catalogSource=${ref.name}`,
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
  };
  return {
    subject,
    limitMs: timeouts.catalogMs,
    watches: [selectorOf(ref), pods],
    async check(client) {
      const live = await client.get(ref);
      const state = textAt(live, 'status', 'connectionState', 'lastObservedState');
      const connectedAt = Date.parse(textAt(live, 'status', 'connectionState', 'lastConnect') ?? '');
      if (state === 'READY' && (!hasNewImage || connectedAt >= writtenAt)) return READY;
      for (const pod of await client.list(pods)) {
        const problem = podProblem(pod);
        if (problem !== undefined) {
          return {
            state: 'failed',
            reason: problem,
            hint: 'mirror, CA or credentials of the catalog image',
            graceMs: timeouts.graceMs,
          };
        }
      }
      return waiting(
        state === 'READY' ? 'still connected to the catalog before this one' : `connection ${state ?? 'not tried yet'}`,
      );
    },
  };
}

function whenClusterCatalogServes({ timeouts }: StepContext, object: KubeObject): Readiness {
  const ref = refOf(object);
  return {
    subject: subjectOf(object),
    limitMs: timeouts.catalogMs,
    watches: [selectorOf(ref)],
    async check(client) {
      if ((await client.kind(ref.apiVersion, ref.kind)) === undefined) return READY;
      const live = await client.get(ref);
      if (live === undefined) return waiting('does not exist yet');
      const progress = currentCondition(live, 'Progressing');
      if (progress?.status === 'False' && progress.reason === 'Blocked') {
        return { state: 'failed', reason: describeCondition(progress) };
      }
      if (progress?.reason !== 'Succeeded') {
        return waiting(progress === undefined ? 'Progressing not reported yet' : describeCondition(progress));
      }
      return unmetCondition(live, { Serving: 'True' }) ?? READY;
    },
  };
}

function packagesPhase(packages: readonly SelectedPackage[]): Phase {
  return {
    title: 'packages of the catalogs',
    writes: async () => [],
    ready: ({ timeouts }) =>
      packages.length === 0
        ? []
        : [
            {
              subject: 'packages of the bundle',
              limitMs: timeouts.catalogMs,
              // The aggregated API has no watch worth having, and lags its catalog.
              watches: [],
              check: async (client) => {
                const missing = await missingPackages(client, packages);
                return missing.length === 0 ? READY : waiting(`not offered yet: ${missing.join(', ')}`);
              },
            },
          ],
  };
}

/** Selected packages and channels (`package` or `package/channel`) that the cluster does not offer from their catalog. */
export async function missingPackages(client: KubeClient, packages: readonly SelectedPackage[]): Promise<string[]> {
  const offered = await listPackages(client);
  return packages.flatMap(({ name, channels, catalogSource }) => {
    const found = offered.find((entry) => entry.name === name && entry.catalogSource === catalogSource);
    if (found === undefined) return [`${name} (${catalogSource})`];
    return channels
      .filter((channel) => !found.channels.some((entry) => entry.name === channel))
      .map((channel) => `${name}/${channel}`);
  });
}

function apply(ref: ObjectRef, spec: Readonly<Record<string, unknown>>): Write {
  return { how: 'apply', object: { apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: ref.name }, spec } };
}
