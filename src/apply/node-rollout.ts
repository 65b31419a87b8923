import type { KubeClient } from './kube-client.ts';
import { conditionsOf, listAt, numberAt, subjectOf, textAt, valueAt, type KubeObject } from './kube-object.ts';
import type { Timeouts } from './timeouts.ts';
import { describeCondition, READY, waiting, type Readiness, type Verdict } from './wait.ts';

export const POOLS = { apiVersion: 'machineconfiguration.openshift.io/v1', kind: 'MachineConfigPool' };
const NODES = { apiVersion: 'v1', kind: 'Node' };
const CONFIG_ANNOTATION = 'machineconfiguration.openshift.io';
const REGISTRIES_FILE = '/etc/containers/registries.conf';

export interface RolloutOptions {
  readonly timeouts: Timeouts;
  /** Sources that the rendered configuration must name before a roll-out counts as the one that was caused. */
  readonly sources: readonly string[];
}

/**
 * All machine config pools have rolled out what is on the cluster now, and all nodes are back. The rendered configuration must name
 * the wanted sources first: right after a write the pools still look finished. Nothing to wait for where no pools are managed.
 */
export async function whenNodesRolledOut(client: KubeClient, options: RolloutOptions): Promise<Readiness[]> {
  const pools = await client.list(POOLS);
  if (pools.length === 0) return [];
  const nodes = await client.list(NODES);
  const startedAt = Date.now();
  const { timeouts } = options;
  return [
    {
      subject: 'machine config pools and nodes',
      limitMs: timeouts.poolsMs + timeouts.poolsPerNodeMs * nodes.length,
      watches: [POOLS, NODES],
      async check(cluster) {
        const now = await cluster.list(POOLS);
        const isNoticed = Date.now() - startedAt >= timeouts.noticeMs;
        for (const pool of now) {
          const verdict =
            (await renderedVerdict(cluster, pool, options.sources, isNoticed)) ?? poolVerdict(pool, timeouts.graceMs);
          if (verdict.state !== 'ready') return verdict;
        }
        for (const node of await cluster.list(NODES)) {
          const verdict = nodeVerdict(node, timeouts.graceMs);
          if (verdict.state !== 'ready') return verdict;
        }
        return READY;
      },
    },
  ];
}

/** Whether a pool has finished (machine config operator, MachineConfigPool status). */
export function poolVerdict(pool: KubeObject, graceMs: number): Verdict {
  const name = subjectOf(pool);
  if (valueAt(pool, 'spec', 'paused') === true) {
    return {
      state: 'failed',
      reason: `${name} is paused and will never finish`,
      hint: `resume it: oc patch mcp/${pool.metadata.name} --type merge -p '{"spec":{"paused":false}}'`,
    };
  }
  const degraded = conditionsOf(pool).find(
    ({ type, status }) => /^(Node|Render)?Degraded$/.test(type) && status === 'True',
  );
  if (degraded !== undefined) {
    return {
      state: 'failed',
      reason: `${name}: ${describeCondition(degraded)}`,
      hint: 'often a drain that a PodDisruptionBudget or a VM that can not migrate holds up; see the machine-config-daemon of the node',
      graceMs,
    };
  }
  if ((numberAt(pool, 'status', 'observedGeneration') ?? 0) < (pool.metadata.generation ?? 0)) {
    return waiting(`${name}: not seen by its operator yet`);
  }
  const [wanted, current] = [
    textAt(pool, 'spec', 'configuration', 'name'),
    textAt(pool, 'status', 'configuration', 'name'),
  ];
  const count = (field: string) => numberAt(pool, 'status', field) ?? 0;
  const total = count('machineCount');
  const progress = `${name}: ${count('updatedMachineCount')} of ${total} nodes updated, ${count('readyMachineCount')} ready`;
  const isUpdated = conditionsOf(pool).some(({ type, status }) => type === 'Updated' && status === 'True');
  if (!isUpdated) return waiting(progress);
  // The worker pool of a compact cluster.
  if (total === 0) return READY;
  const isUpdating = conditionsOf(pool).some(({ type, status }) => type === 'Updating' && status !== 'False');
  const isComplete =
    !isUpdating &&
    wanted === current &&
    total === count('updatedMachineCount') &&
    total === count('readyMachineCount') &&
    count('degradedMachineCount') === 0;
  return isComplete ? READY : waiting(progress);
}

/** Whether a node is back with its configuration. Nodes that the machine config operator does not manage need only be Ready. */
export function nodeVerdict(node: KubeObject, graceMs: number): Verdict {
  const name = subjectOf(node);
  const note = (key: string) => node.metadata.annotations?.[`${CONFIG_ANNOTATION}/${key}`];
  const state = note('state');
  if (state === 'Degraded' || state === 'Unreconcilable') {
    return { state: 'failed', reason: `${name} is ${state}: ${note('reason') ?? 'no reason given'}`, graceMs };
  }
  if (note('currentConfig') !== note('desiredConfig')) return waiting(`${name} changes to ${note('desiredConfig')}`);
  if (state !== undefined && state !== 'Done') return waiting(`${name}: ${state}`);
  const ready = conditionsOf(node).find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True')
    return waiting(`${name}: ${ready === undefined ? 'Ready not reported' : describeCondition(ready)}`);
  return valueAt(node, 'spec', 'unschedulable') === true ? waiting(`${name} is cordoned`) : READY;
}

/** Registries that a rendered MachineConfig configures, or undefined when it holds no such file. */
export function configuredSources(machineConfig: KubeObject): ReadonlySet<string> | undefined {
  const file = listAt(machineConfig, 'spec', 'config', 'storage', 'files').find(
    (entry) => textAt(entry, 'path') === REGISTRIES_FILE,
  );
  const source = textAt(file, 'contents', 'source');
  const text = source === undefined ? undefined : decodeDataUrl(source);
  if (text === undefined) return undefined;
  return new Set([...text.matchAll(/^\s*(?:prefix|location)\s*=\s*"([^"]*)"/gm)].map(([, value]) => value!));
}

/** Undefined when the rendered configuration names all sources (or does not tell and had time to change). */
async function renderedVerdict(
  client: KubeClient,
  pool: KubeObject,
  sources: readonly string[],
  isNoticed: boolean,
): Promise<Verdict | undefined> {
  const name = textAt(pool, 'spec', 'configuration', 'name');
  if (sources.length === 0 || valueAt(pool, 'spec', 'paused') === true) return undefined;
  const rendered = name === undefined ? undefined : await client.get({ ...POOLS, kind: 'MachineConfig', name });
  const configured = rendered === undefined ? undefined : configuredSources(rendered);
  if (configured === undefined) {
    return isNoticed ? undefined : waiting(`${subjectOf(pool)}: waiting for the new configuration to be rendered`);
  }
  const missing = sources.filter((source) => !configured.has(source));
  if (missing.length === 0) return undefined;
  const degraded = conditionsOf(pool).find(({ type, status }) => type === 'RenderDegraded' && status === 'True');
  if (degraded !== undefined) return undefined;
  return waiting(
    `${subjectOf(pool)}: ${name} has no mirror yet for ${missing[0]}${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}`,
  );
}

function decodeDataUrl(url: string): string | undefined {
  const match = /^data:([^,]*),(.*)$/s.exec(url);
  if (match === null) return undefined;
  return match[1]!.endsWith(';base64')
    ? Buffer.from(match[2]!, 'base64').toString('utf8')
    : decodeURIComponent(match[2]!);
}
