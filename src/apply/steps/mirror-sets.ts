import { AirgapError } from '../../core/errors.ts';
import { formatDuration } from '../../core/bytes.ts';
import type { Change, Write } from '../apply.ts';
import type { KubeClient } from '../kube-client.ts';
import { refOf, type KubeObject } from '../kube-object.ts';
import {
  asContentSourcePolicy,
  drainReasons,
  entriesOf,
  isMirrorKind,
  lintMirrorSets,
  reloadReasons,
  unionOfEntries,
  withEntries,
} from '../mirror-rules.ts';
import { withoutProvenance } from '../provenance.ts';
import { poolConfigurations, POOLS, whenNodesRolledOut } from '../node-rollout.ts';
import { DRAIN_MS, forecastRollout } from '../rollout-forecast.ts';
import type { Phase, Step, StepContext } from '../step.ts';

const DIGEST_SETS = { apiVersion: 'config.openshift.io/v1', kind: 'ImageDigestMirrorSet' };
const TAG_SETS = { apiVersion: 'config.openshift.io/v1', kind: 'ImageTagMirrorSet' };
const POLICIES = { apiVersion: 'operator.openshift.io/v1alpha1', kind: 'ImageContentSourcePolicy' };
const SIGNATURES = { namespace: 'openshift-config-managed', label: 'release.openshift.io/verification-signatures' };

/**
 * The mirror sets of the bundle, all in one go so that nodes roll out once, beside the signatures of its releases. Sets never
 * lose entries that an earlier bundle brought, unless asked to. Ends when every pool and node is done.
 */
export function mirrorSetsStep(): Step {
  return {
    id: 'mirror-sets',
    title: 'Mirror sets',
    needs: ['preflight', 'pull-secret', 'registry-ca'],
    phases: ({ resources }) => [...(resources.some(isSignatureMap) ? [signaturePhase()] : []), mirrorPhase()],
  };
}

/** The sets that this bundle would leave on the cluster, beside those of others; empty without any in the bundle. */
async function plannedSets(context: StepContext): Promise<KubeObject[]> {
  const { client, report } = context;
  const given = context.resources.filter(({ kind }) => isMirrorKind(kind));
  const knowsDigestSets = (await client.kind(DIGEST_SETS.apiVersion, DIGEST_SETS.kind)) !== undefined;
  const knowsPolicies = (await client.kind(POLICIES.apiVersion, POLICIES.kind)) !== undefined;
  if (given.length > 0 && !knowsDigestSets && !knowsPolicies) {
    throw new AirgapError(
      'E_PREFLIGHT',
      'the cluster knows neither ImageDigestMirrorSet nor ImageContentSourcePolicy',
      {
        hint: 'is the kubeconfig that of an OpenShift cluster?',
      },
    );
  }
  const planned: KubeObject[] = [];
  for (const object of given) {
    const usable = knowsDigestSets ? object : await olderForm(object, report);
    if (usable === undefined) continue;
    const live = context.options.replaceMirrors ? undefined : await client.get(refOf(usable));
    const entries = live === undefined ? entriesOf(usable) : unionOfEntries(entriesOf(live), entriesOf(usable));
    planned.push(withEntries(usable, entries));
  }
  await refusePolicyBesideSets(client, planned);
  return planned;
}

/** All mirror sets and policies on the cluster. */
export async function existingSets(client: KubeClient): Promise<readonly KubeObject[]> {
  return (await Promise.all([DIGEST_SETS, TAG_SETS, POLICIES].map((kind) => client.list(kind)))).flat();
}

/** Existing sets with the planned ones in the place of those they replace. */
export function setsAfter(existing: readonly KubeObject[], planned: readonly KubeObject[]): KubeObject[] {
  const key = ({ kind, metadata }: KubeObject) => `${kind}/${metadata.name}`;
  const replaced = new Set(planned.map(key));
  return [...existing.filter((set) => !replaced.has(key(set))), ...planned];
}

function mirrorPhase(): Phase {
  let before: ReadonlyMap<string, string | undefined> | undefined;
  return {
    title: 'mirror sets',
    async writes(context): Promise<Write[]> {
      const planned = await plannedSets(context);
      const errors = lintMirrorSets(setsAfter(await existingSets(context.client), planned)).filter(
        ({ level }) => level === 'error',
      );
      if (errors.length > 0) {
        throw new AirgapError(
          'E_PREFLIGHT',
          `nodes would refuse the mirror sets: ${errors.map(({ message }) => message).join('; ')}`,
          {
            hint: 'make the policies equal, or remove the older set',
          },
        );
      }
      return planned.map((object) => ({ how: 'apply', object }));
    },
    async forecast(context) {
      const existing = await existingSets(context.client);
      // What is left out was told when the change set was made.
      const after = setsAfter(existing, await plannedSets({ ...context, report: () => {} }));
      return [
        ...(await forecastRollout(context.client, 'drain', drainReasons(existing, after))),
        ...(await forecastRollout(context.client, 'reload', reloadReasons(existing, after))),
      ];
    },
    async review(context, changes) {
      await reviewDrain(context, changes);
      before = await poolConfigurations(context.client);
    },
    async ready(context, changes) {
      const planned = await plannedSets(context);
      const locations = planned.flatMap((set) => entriesOf(set).flatMap(({ source, mirrors }) => [source, ...mirrors]));
      const isWritten = changes.some(({ action }) => action !== 'unchanged');
      return whenNodesRolledOut(context.client, {
        timeouts: context.timeouts,
        locations: [...new Set(locations)],
        before: isWritten ? before : undefined,
      });
    },
  };
}

/** Signatures are merged by key into what is there; needed for upgrades of the management cluster, harmless otherwise. */
function signaturePhase(): Phase {
  return {
    title: 'release signatures',
    writes: async ({ resources }) =>
      resources.filter(isSignatureMap).map((object) => ({ how: 'apply', object: withoutProvenance(object) })),
  };
}

async function reviewDrain(context: StepContext, changes: readonly Change[]): Promise<void> {
  if (changes.every(({ action }) => action === 'unchanged')) return;
  const { client, timeouts } = context;
  const pools = await client.list(POOLS);
  const paused = pools.filter((pool) => (pool['spec'] as { paused?: boolean } | undefined)?.paused === true);
  if (paused.length > 0) {
    const names = paused.map(({ metadata }) => metadata.name).join(', ');
    throw new AirgapError('E_PREFLIGHT', `machine config pools are paused: ${names}`, {
      hint: 'resume them first; mirror sets would never reach their nodes',
    });
  }
  if (pools.length === 0) {
    const message = 'no machine config pools: the nodes of this cluster get their mirrors elsewhere';
    context.report({ type: 'warning', code: 'W_CLUSTER', message });
    return;
  }
  const existing = await existingSets(client);
  const reasons = drainReasons(existing, setsAfter(existing, await plannedSets(context)));
  if (reasons.length === 0) return;
  const nodes = (await client.list({ apiVersion: 'v1', kind: 'Node' })).length;
  const expected = formatDuration(nodes * DRAIN_MS);
  const limit = formatDuration(timeouts.poolsMs + nodes * timeouts.poolsPerNodeMs);
  const shown = reasons.slice(0, 3).join(', ') + (reasons.length > 3 ? ` and ${reasons.length - 3} more` : '');
  const question = `${nodes} nodes will be drained one after the other, about ${expected} (given up after ${limit}), because of ${shown}. Go on?`;
  if (await context.confirm(question)) return;
  throw new AirgapError('E_PREFLIGHT', 'stopped before the mirror sets: draining the nodes was not confirmed', {
    hint: 'run again in a maintenance window, or with --yes',
  });
}

async function olderForm(object: KubeObject, report: StepContext['report']): Promise<KubeObject | undefined> {
  if (object.kind === 'ImageDigestMirrorSet') return asContentSourcePolicy(object);
  if (object.kind === 'ImageContentSourcePolicy') return object;
  const message = `${object.kind}/${object.metadata.name} is left out: this cluster can not redirect references by tag`;
  report({ type: 'warning', code: 'W_CLUSTER', message });
  return undefined;
}

/** HyperShift before 4.16 ignores every policy as soon as a digest mirror set exists. */
async function refusePolicyBesideSets(client: KubeClient, planned: readonly KubeObject[]): Promise<void> {
  if (!planned.some(({ kind }) => kind === 'ImageContentSourcePolicy')) return;
  const sets = await client.list(DIGEST_SETS);
  if (sets.length === 0) return;
  throw new AirgapError(
    'E_PREFLIGHT',
    `an ImageContentSourcePolicy would be ignored: the cluster has ImageDigestMirrorSet/${sets[0]!.metadata.name}`,
    { hint: 'generate mirror sets instead of policies for this cluster' },
  );
}

function isSignatureMap({ kind, metadata }: KubeObject): boolean {
  return (
    kind === 'ConfigMap' && metadata.namespace === SIGNATURES.namespace && SIGNATURES.label in (metadata.labels ?? {})
  );
}
