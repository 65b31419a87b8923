import type { Rollout, RolloutEffect } from '../core/events.ts';
import type { KubeClient } from './kube-client.ts';
import { numberAt, valueAt } from './kube-object.ts';
import { POOLS } from './node-rollout.ts';

/** Typical time of one node that drains. */
export const DRAIN_MS = 10 * 60_000;

/**
 * What a change that concerns every node does to the nodes of this cluster. Empty without a reason, and where no machine config
 * pools are managed: those nodes get their files elsewhere.
 */
export async function forecastRollout(
  client: KubeClient,
  effect: RolloutEffect,
  because: readonly string[],
): Promise<Rollout[]> {
  if (because.length === 0) return [];
  const pools = (await client.list(POOLS)).map((pool) => ({
    name: pool.metadata.name,
    nodes: numberAt(pool, 'status', 'machineCount') ?? 0,
    ...(valueAt(pool, 'spec', 'paused') === true ? { isPaused: true as const } : {}),
  }));
  if (pools.length === 0) return [];
  const nodes = pools.reduce((sum, pool) => sum + pool.nodes, 0);
  return [{ effect, pools, because, ...(effect === 'drain' ? { expectedMs: nodes * DRAIN_MS } : {}) }];
}
