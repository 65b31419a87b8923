import { AirgapError } from '../../core/errors.ts';
import type { Write } from '../apply.ts';
import type { KubeClient } from '../kube-client.ts';
import { listAt, textAt, textMapAt, valueAt, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { operatorPhases, type OperatorInstall } from '../olm.ts';
import { listPackages } from '../package-manifest.ts';
import type { MulticlusterEngineChoice } from '../site-schema.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import { READY, waiting, whenConditions, type Readiness, type Verdict } from '../wait.ts';
import { operatorRestartPhase, whenOperatorServes } from './hypershift-operator.ts';

const PACKAGE = 'multicluster-engine';
const ENGINE = { apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' };
const HUB = { apiVersion: 'operator.open-cluster-management.io/v1', kind: 'MultiClusterHub' };
const HUB_ANNOTATION = 'installer.open-cluster-management.io/mce-subscription-spec';
const COMPONENTS = ['hypershift', 'hypershift-local-hosting', 'local-cluster'];
/** The operator fails to reconcile without the secret of the telemetry service, which an air gap does not have. */
const TELEMETRY_FLAG = '--enable-uwm-telemetry-remote-write';

/**
 * Multicluster engine and the HyperShift operator it brings, made fit for an air gap, and restarted when it started before the
 * registry's trust or the mirror sets were complete. On a cluster with Advanced Cluster Management, that installs the engine.
 */
export function multiclusterEngineStep(input: ManagementInput): Step {
  const choice = input.cluster.multiclusterEngine;
  return {
    id: 'multicluster-engine',
    title: 'Multicluster engine and HyperShift',
    needs: ['preflight', 'catalogs', 'mirror-sets', 'storage'],
    phases: () =>
      choice?.install === true
        ? [...enginePhases(choice), localClusterPhase(), flagsPhase(choice), addonPhase(), operatorRestartPhase()]
        : [],
  };
}

function enginePhases(choice: MulticlusterEngineChoice): Phase[] {
  const install: OperatorInstall = { package: PACKAGE, choice, namespace: PACKAGE, prefers: 'OwnNamespace' };
  const [subscribe, ...rest] = operatorPhases(install);
  return [
    {
      ...subscribe!,
      writes: async (context) => {
        const hub = await existingHub(context.client);
        return hub === undefined ? subscribe!.writes(context) : hubWrites(context, hub, choice);
      },
      ready: async (context, changes) =>
        (await existingHub(context.client)) === undefined ? subscribe!.ready!(context, changes) : [],
    },
    ...rest.map((phase): Phase => ({
      ...phase,
      writes: async (context) => ((await existingHub(context.client)) === undefined ? phase.writes(context) : []),
      ready: async (context, changes) =>
        (await existingHub(context.client)) === undefined ? phase.ready!(context, changes) : [],
    })),
    {
      title: 'MultiClusterEngine',
      writes: async (context) => engineWrites(context, choice),
      ready: ({ timeouts }) => [
        {
          subject: ENGINE.kind,
          limitMs: timeouts.engineMs,
          watches: [ENGINE],
          check: async (client) => engineVerdict((await client.list(ENGINE))[0], timeouts.graceMs),
        },
      ],
    },
  ];
}

/** The hub installs the engine itself; this tells it from which catalog (read by Advanced Cluster Management only). */
async function hubWrites(
  { client, resources }: StepContext,
  hub: KubeObject,
  choice: MulticlusterEngineChoice,
): Promise<Write[]> {
  const own = new Set(resources.filter(({ kind }) => kind === 'CatalogSource').map(({ metadata }) => metadata.name));
  const offers = (await listPackages(client)).filter(({ name }) => name === PACKAGE);
  const source =
    choice.source ?? (offers.find(({ catalogSource }) => own.has(catalogSource)) ?? offers[0])?.catalogSource;
  if (source === undefined) return [];
  const spec = { source, ...(choice.channel === undefined ? {} : { channel: choice.channel }) };
  const { apiVersion, kind, metadata } = hub;
  const { name, namespace } = metadata;
  const annotations = { [HUB_ANNOTATION]: JSON.stringify(spec) };
  return [
    {
      how: 'apply',
      object: { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }), annotations } },
    },
  ];
}

async function engineWrites({ client }: StepContext, choice: MulticlusterEngineChoice): Promise<Write[]> {
  const [existing] = await client.list(ENGINE);
  const metadata = { name: existing?.metadata.name ?? 'multiclusterengine' };
  const disabled = listAt(existing, 'spec', 'overrides', 'components').filter(
    (entry) => valueAt(entry, 'enabled') === false && COMPONENTS.includes(textAt(entry, 'name') ?? ''),
  );
  if (existing === undefined) {
    if ((await existingHub(client)) !== undefined) return [];
    const spec = choice.availability === undefined ? {} : { availabilityConfig: choice.availability };
    return [{ how: 'apply', object: { ...ENGINE, metadata, spec } }];
  }
  if (disabled.length === 0) return [];
  // The list is keyed by name: only these entries change hands, and hosted clusters can not do without them.
  const components = disabled.map((entry) => ({ name: textAt(entry, 'name'), enabled: true }));
  return [{ how: 'apply', force: true, object: { ...ENGINE, metadata, spec: { overrides: { components } } } }];
}

/** Whether the engine runs in the version it should (multicluster engine, MultiClusterEngine status). */
export function engineVerdict(engine: KubeObject | undefined, graceMs: number): Verdict {
  if (engine === undefined) return waiting('does not exist yet');
  const phase = textAt(engine, 'status', 'phase');
  const lagging = listAt(engine, 'status', 'components').find(
    (entry) => valueAt(entry, 'status') === 'False' && textAt(entry, 'type') === 'Available',
  );
  const detail = lagging === undefined ? '' : `: ${textAt(lagging, 'name')}: ${textAt(lagging, 'message') ?? ''}`;
  const reason = `phase ${phase ?? 'not reported yet'}${detail}`;
  if (phase === 'Error' || phase === 'Unimplemented') return { state: 'failed', reason, graceMs };
  if (phase === 'Paused' || phase === 'Uninstalling') {
    return {
      state: 'failed',
      reason,
      hint: 'the engine will not continue by itself; resume it or wait for its removal',
    };
  }
  if (phase !== 'Available') return waiting(reason);
  const [current, desired] = [textAt(engine, 'status', 'currentVersion'), textAt(engine, 'status', 'desiredVersion')];
  return current === desired ? READY : waiting(`version ${current ?? 'unknown'} becomes ${desired}`);
}

/** Name of the cluster that hosts the engine: itself, as one of its managed clusters. */
export async function localClusterName(client: KubeClient): Promise<string> {
  const [engine] = await client.list(ENGINE);
  return textAt(engine, 'spec', 'localClusterName') ?? 'local-cluster';
}

function localClusterPhase(): Phase {
  return {
    title: 'local cluster',
    writes: async () => [],
    async ready({ client, timeouts }) {
      const ref = {
        apiVersion: 'cluster.open-cluster-management.io/v1',
        kind: 'ManagedCluster',
        name: await localClusterName(client),
      };
      const wanted = {
        HubAcceptedManagedCluster: 'True',
        ManagedClusterJoined: 'True',
        ManagedClusterConditionAvailable: 'True',
      } as const;
      return [whenConditions(ref, wanted, { limitMs: timeouts.addonMs })];
    },
  };
}

/** Flags are a string that the administrator may have filled already: what is there stays. */
function flagsPhase(choice: MulticlusterEngineChoice): Phase {
  return {
    title: 'installation flags of HyperShift',
    async writes({ client }): Promise<Write[]> {
      const namespace = await localClusterName(client);
      const ref: ObjectRef = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace,
        name: 'hypershift-operator-install-flags',
      };
      const live = await client.get(ref);
      const data = mergedFlags(textMapAt(live, 'data'), choice);
      if (live === undefined) {
        const { apiVersion, kind, name } = ref;
        return [{ how: 'apply', object: { apiVersion, kind, metadata: { name, namespace }, data } }];
      }
      return [
        {
          how: 'merge',
          ref,
          patch: (now) => {
            const current = textMapAt(now, 'data');
            const merged = mergedFlags(current, choice);
            return Object.entries(merged).every(([key, value]) => current[key] === value)
              ? undefined
              : { data: merged };
          },
        },
      ];
    },
  };
}

/** Space-separated flag lists with ours added; a value that has them all stays byte for byte. */
export function mergedFlags(
  data: Readonly<Record<string, string>>,
  choice: Pick<MulticlusterEngineChoice, 'installFlagsToAdd' | 'installFlagsToRemove'>,
): Record<string, string> {
  const lists = {
    installFlagsToAdd: choice.installFlagsToAdd,
    installFlagsToRemove: [...new Set([TELEMETRY_FLAG, ...choice.installFlagsToRemove])],
  };
  return Object.fromEntries(
    Object.entries(lists).flatMap(([key, wanted]) => {
      const text = data[key] ?? '';
      const present = text.split(/\s+/).filter((flag) => flag !== '');
      const missing = wanted.filter((flag) => !present.includes(flag));
      if (missing.length === 0) return text === '' ? [] : [[key, text]];
      return [[key, [...present, ...missing].join(' ')]];
    }),
  );
}

function addonPhase(): Phase {
  return {
    title: 'HyperShift addon',
    writes: async () => [],
    async ready({ client, timeouts }): Promise<Readiness[]> {
      const namespace = await localClusterName(client);
      const ref = {
        apiVersion: 'addon.open-cluster-management.io/v1alpha1',
        kind: 'ManagedClusterAddOn',
        namespace,
        name: 'hypershift-addon',
      };
      const limitMs = timeouts.addonMs;
      return [
        whenConditions(ref, { Available: 'True', Degraded: 'False' }, { limitMs }),
        ...whenOperatorServes(limitMs),
      ];
    },
  };
}

async function existingHub(client: KubeClient): Promise<KubeObject | undefined> {
  const hubs = await client.list(HUB);
  if (hubs.length > 1) {
    throw new AirgapError('E_PREFLIGHT', `the cluster has ${hubs.length} MultiClusterHubs`, { hint: 'keep one' });
  }
  return hubs[0];
}
