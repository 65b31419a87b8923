import { AirgapError } from '../core/errors.ts';
import type { Rollout } from '../core/events.ts';
import type { Change } from './apply.ts';
import { hasNodes, readLiveHostedCluster } from './hosted-cluster-facts.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { numberAt, subjectOf } from './kube-object.ts';
import type { StepContext } from './step.ts';

/** Fields whose change makes the operator replace every node, by the beginning of the subject. */
const ROLLING: readonly (readonly [RegExp, RegExp])[] = [
  [/^HostedCluster\//, /^spec\.(?:additionalTrustBundle|imageContentSources|pullSecret|sshKey)\b/],
  [/^NodePool\//, /^spec\.(?:config|platform\.kubevirt|release)\b/],
  [/^ConfigMap\/.*(?:\/user-ca-bundle|-tag-mirrors)$/, /^data\b/],
  [/^Secret\/.*-(?:pull-secret|ssh-key)$/, /^data\b/],
];

/** Changes of existing objects that replace nodes, as `subject field`. (HyperShift API reference, "NodePool".) */
export function rollingChanges(changes: readonly Change[]): string[] {
  return changes
    .filter(({ action }) => action === 'configured')
    .flatMap(({ subject, differences }) => {
      const fields = ROLLING.find(([subjects]) => subjects.test(subject))?.[1];
      const found = differences.find(({ path }) => fields?.test(path) === true);
      return found === undefined ? [] : [`${subject} ${found.path}`];
    });
}

/** The replacement of a hosted cluster's nodes that these changes would cause; empty when they cause none, or it has no nodes. */
export async function forecastReplacement(
  { name, namespace }: Pick<HostedClusterOptions, 'name' | 'namespace'>,
  context: StepContext,
  changes: readonly Change[],
): Promise<Rollout[]> {
  const because = rollingChanges(changes);
  if (because.length === 0 || !(await hasNodes({ name, namespace }, context))) return [];
  const { nodePools } = await readLiveHostedCluster(context.client, { name, namespace });
  const pools = nodePools
    // A change of one pool is nothing to the others.
    .filter((pool) =>
      because.some((reason) => !reason.startsWith('NodePool/') || reason.startsWith(`${subjectOf(pool)} `)),
    )
    .map((pool) => ({
      name: pool.metadata.name,
      nodes: numberAt(pool, 'status', 'replicas') ?? numberAt(pool, 'spec', 'replicas') ?? 0,
    }));
  return [{ effect: 'replace', pools, because }];
}

/** Asks before the nodes of a hosted cluster are replaced; throws `E_PREFLIGHT` when that is not wanted. */
export async function confirmRollout(
  { name, namespace }: Pick<HostedClusterOptions, 'name' | 'namespace'>,
  context: StepContext,
  changes: readonly Change[],
): Promise<void> {
  const reasons = rollingChanges(changes);
  if (reasons.length === 0 || !(await hasNodes({ name, namespace }, context))) return;
  const question = `The nodes of hosted cluster ${name} will be replaced one after the other, because of ${reasons.join(', ')}. Go on?`;
  if (await context.confirm(question)) return;
  throw new AirgapError('E_PREFLIGHT', `stopped before hosted cluster ${name}: replacing its nodes was not confirmed`, {
    hint: 'run again in a maintenance window, or with --yes',
  });
}
