import { AirgapError } from '../core/errors.ts';
import type { Write } from './apply.ts';
import type { KubeClient } from './kube-client.ts';
import { listAt, textAt, valueAt, type KubeObject } from './kube-object.ts';
import { chooseChannel, listPackages, type OfferedChannel, type OfferedPackage } from './package-manifest.ts';
import type { OperatorChoice } from './site-schema.ts';
import { whenOperatorInstalled, whenPlanAwaitsApproval, type OperatorPlace } from './olm-readiness.ts';
import type { Phase, StepContext } from './step.ts';

/** An operator to install, and what holds when its PackageManifest does not say otherwise. */
export interface OperatorInstall {
  readonly package: string;
  readonly choice: OperatorChoice;
  readonly namespace: string;
  readonly channel?: string;
  /** Pod security and other labels its operands need on the namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The mode used when it is supported: watch its own namespace only, or all. */
  readonly prefers: 'OwnNamespace' | 'AllNamespaces';
}

export const SUBSCRIPTIONS = { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'Subscription' };
const GROUPS = { apiVersion: 'operators.coreos.com/v1', kind: 'OperatorGroup' };
const PLANS = { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'InstallPlan' };

/** The phases that install an operator through OLM: subscribe, approve where that is manual, wait for its CSV. */
export function operatorPhases(install: OperatorInstall): Phase[] {
  const subscribe: Phase = {
    title: `subscribe to ${install.package}`,
    writes: (context) => subscriptionWrites(context, install),
    ready: async (context) => {
      const { timeouts } = context;
      const place = await placeOf(context, install);
      return install.choice.approval === 'Manual'
        ? [whenPlanAwaitsApproval(place, timeouts)]
        : [whenOperatorInstalled(place, timeouts, install.choice.startingCSV !== undefined)];
    },
  };
  if (install.choice.approval === 'Automatic') return [subscribe];
  const approve: Phase = {
    title: `approve ${install.package}`,
    writes: (context) => approvalWrites(context, install),
    ready: async (context) => [whenOperatorInstalled(await placeOf(context, install), context.timeouts, true)],
  };
  return [subscribe, approve];
}

/** Namespace and Subscription of an operator: where it is subscribed to already, else where it will be. */
export async function placeOf(context: StepContext, install: OperatorInstall): Promise<OperatorPlace> {
  const existing = await existingSubscription(context.client, install.package);
  if (existing !== undefined) {
    return { namespace: existing.metadata.namespace ?? install.namespace, subscription: existing.metadata.name };
  }
  const offered = await offeredPackage(context, install);
  const suggested =
    offered === undefined ? undefined : chooseChannel(offered, wantedChannel(install))?.suggestedNamespace;
  return { namespace: install.choice.namespace ?? suggested ?? install.namespace, subscription: install.package };
}

async function subscriptionWrites(context: StepContext, install: OperatorInstall): Promise<Write[]> {
  const { client } = context;
  const { choice } = install;
  const existing = await existingSubscription(client, install.package);
  const offered = await offeredPackage(context, install);
  if (offered === undefined && !context.options.dryRun && existing === undefined) {
    throw new AirgapError('E_PREFLIGHT', `no catalog offers the package ${install.package}`, {
      hint: 'add it to the image set, or name its catalog as `source` in the site file',
    });
  }
  const channel = offered === undefined ? undefined : channelOf(offered, install);
  const place = await placeOf(context, install);
  if (existing !== undefined && existing.metadata.name !== install.package) {
    reportDifferences(context, existing, { channel: channel?.name, source: offered?.catalogSource });
    return [];
  }
  const channelName = channel?.name ?? textAt(existing, 'spec', 'channel') ?? wantedChannel(install);
  const source = offered?.catalogSource ?? textAt(existing, 'spec', 'source') ?? choice.source ?? install.package;
  const group = await operatorGroup(client, place.namespace, modeOf(install, channel));
  return [
    { how: 'apply', object: namespaceObject(place.namespace, install) },
    ...(group === undefined ? [] : [{ how: 'apply', object: group } as const]),
    {
      how: 'apply',
      object: {
        ...SUBSCRIPTIONS,
        metadata: { name: place.subscription, namespace: place.namespace },
        spec: {
          name: install.package,
          ...(channelName === undefined ? {} : { channel: channelName }),
          source,
          sourceNamespace: offered?.catalogSourceNamespace ?? 'openshift-marketplace',
          installPlanApproval: choice.approval,
          ...(choice.startingCSV === undefined ? {} : { startingCSV: choice.startingCSV }),
        },
      },
    },
  ];
}

async function approvalWrites(context: StepContext, install: OperatorInstall): Promise<Write[]> {
  const { client } = context;
  const place = await placeOf(context, install);
  const subscription = await client.get({ ...SUBSCRIPTIONS, namespace: place.namespace, name: place.subscription });
  const name = textAt(subscription, 'status', 'installPlanRef', 'name');
  const plan = name === undefined ? undefined : await client.get({ ...PLANS, namespace: place.namespace, name });
  if (plan === undefined || textAt(plan, 'status', 'phase') !== 'RequiresApproval') return [];
  const brought = listAt(plan, 'spec', 'clusterServiceVersionNames').map(String);
  const expected = install.choice.startingCSV ?? textAt(subscription, 'status', 'currentCSV');
  if (expected !== undefined && !brought.includes(expected)) {
    throw new AirgapError(
      'E_FAILED',
      `InstallPlan/${place.namespace}/${name} would bring ${brought.join(', ')}, not ${expected}`,
      {
        hint: 'look at the plan and approve or delete it by hand',
      },
    );
  }
  const ref = { ...PLANS, namespace: place.namespace, name: plan.metadata.name };
  return [
    {
      how: 'merge',
      ref,
      patch: (live) => (valueAt(live, 'spec', 'approved') === true ? undefined : { spec: { approved: true } }),
    },
  ];
}

async function existingSubscription(client: KubeClient, packageName: string): Promise<KubeObject | undefined> {
  const all = await client.list(SUBSCRIPTIONS);
  return all.find((subscription) => textAt(subscription, 'spec', 'name') === packageName);
}

/** The package from the named catalog, else from one of this bundle, else from the only one that has it. */
async function offeredPackage(context: StepContext, install: OperatorInstall): Promise<OfferedPackage | undefined> {
  const offers = (await listPackages(context.client)).filter(({ name }) => name === install.package);
  const { source } = install.choice;
  if (source !== undefined) return offers.find(({ catalogSource }) => catalogSource === source);
  const own = new Set(
    context.resources.filter(({ kind }) => kind === 'CatalogSource').map(({ metadata }) => metadata.name),
  );
  const chosen = offers.find(({ catalogSource }) => own.has(catalogSource)) ?? offers[0];
  if (offers.length > 1 && chosen !== undefined && !own.has(chosen.catalogSource)) {
    throw new AirgapError(
      'E_PREFLIGHT',
      `the package ${install.package} is in several catalogs: ${offers.map(({ catalogSource }) => catalogSource).join(', ')}`,
      {
        hint: 'name one as `source` in the site file',
      },
    );
  }
  return chosen;
}

function channelOf(offered: OfferedPackage, install: OperatorInstall): OfferedChannel {
  const wanted = wantedChannel(install);
  const channel =
    chooseChannel(offered, wanted) ??
    (install.choice.channel === undefined ? chooseChannel(offered, undefined) : undefined);
  if (channel !== undefined) return channel;
  throw new AirgapError(
    'E_PREFLIGHT',
    `the package ${install.package} has no channel ${wanted ?? offered.defaultChannel}`,
    {
      hint: `it has: ${offered.channels.map(({ name }) => name).join(', ')}; name one in the site file`,
    },
  );
}

function wantedChannel(install: OperatorInstall): string | undefined {
  return install.choice.channel ?? install.channel;
}

/** The group a namespace needs, undefined when it has one. More than one makes every CSV in it fail. */
async function operatorGroup(
  client: KubeClient,
  namespace: string,
  mode: OperatorInstall['prefers'],
): Promise<KubeObject | undefined> {
  const groups = await client.list({ ...GROUPS, namespace });
  if (groups.length > 1) {
    throw new AirgapError('E_PREFLIGHT', `the namespace ${namespace} has ${groups.length} OperatorGroups`, {
      hint: 'keep one: with more, no operator in it can be installed',
    });
  }
  const [existing] = groups;
  if (existing === undefined || existing.metadata.name === namespace) {
    const spec = mode === 'OwnNamespace' ? { targetNamespaces: [namespace] } : {};
    return { ...GROUPS, metadata: { name: namespace, namespace }, spec };
  }
  const isGlobal = listAt(existing, 'spec', 'targetNamespaces').length === 0;
  if (isGlobal === (mode === 'AllNamespaces')) return undefined;
  throw new AirgapError(
    'E_PREFLIGHT',
    `OperatorGroup/${namespace}/${existing.metadata.name} selects ${isGlobal ? 'all namespaces' : 'its own namespaces'}, the operator needs ${mode}`,
    { hint: 'remove that group, or install the operator into another namespace' },
  );
}

function modeOf(install: OperatorInstall, channel: OfferedChannel | undefined): OperatorInstall['prefers'] {
  const modes = channel?.installModes ?? [];
  if (modes.length === 0 || modes.includes(install.prefers)) return install.prefers;
  return install.prefers === 'OwnNamespace' ? 'AllNamespaces' : 'OwnNamespace';
}

function namespaceObject(name: string, install: OperatorInstall): KubeObject {
  const monitoring = name.startsWith('openshift-') ? { 'openshift.io/cluster-monitoring': 'true' } : {};
  const labels = { ...monitoring, ...install.labels };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...(Object.keys(labels).length === 0 ? {} : { labels }) },
  };
}

function reportDifferences(
  { report }: StepContext,
  existing: KubeObject,
  wanted: Readonly<Record<string, string | undefined>>,
): void {
  const { namespace, name } = existing.metadata;
  const differences = Object.entries(wanted)
    .filter(([field, value]) => value !== undefined && textAt(existing, 'spec', field) !== value)
    .map(([field, value]) => `${field} is ${textAt(existing, 'spec', field)}, wanted ${value}`);
  if (differences.length === 0) return;
  const message = `Subscription/${namespace}/${name} is used as it is: ${differences.join(', ')}`;
  report({ type: 'warning', code: 'W_CLUSTER', message });
}
