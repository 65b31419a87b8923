/** How long things may take on a cluster, in milliseconds. */
export interface Timeouts {
  readonly registryCaMs: number;
  /** Roll-out of machine config pools: this much, and so much more for each node that drains. */
  readonly poolsMs: number;
  readonly poolsPerNodeMs: number;
  readonly catalogMs: number;
  readonly operatorMs: number;
  readonly virtualizationMs: number;
  readonly storageMs: number;
  readonly engineMs: number;
  readonly addonMs: number;
  readonly controlPlaneMs: number;
  readonly hostedClusterMs: number;
  readonly ingressMs: number;
  /** A failure that an operator may mend by itself counts only after it has held this long. */
  readonly graceMs: number;
  /** Time in which the machine config operator is expected to notice a change. */
  readonly noticeMs: number;
  /** Fixed pause where an old release gives nothing to observe. */
  readonly settleMs: number;
  /** How long a webhook that does not answer yet is tried again. */
  readonly webhookMs: number;
  /** How long a probe for a load balancer may take. */
  readonly probeMs: number;
  /** How often a wait looks again without any change seen. */
  readonly pollMs: number;
}

const MINUTE = 60_000;

/** Generous against what real clusters need (a drained node takes about ten minutes). */
export const DEFAULT_TIMEOUTS: Timeouts = {
  registryCaMs: 15 * MINUTE,
  poolsMs: 20 * MINUTE,
  poolsPerNodeMs: 15 * MINUTE,
  catalogMs: 15 * MINUTE,
  operatorMs: 20 * MINUTE,
  virtualizationMs: 40 * MINUTE,
  storageMs: 40 * MINUTE,
  engineMs: 40 * MINUTE,
  addonMs: 20 * MINUTE,
  controlPlaneMs: 30 * MINUTE,
  hostedClusterMs: 60 * MINUTE,
  ingressMs: 15 * MINUTE,
  graceMs: 5 * MINUTE,
  noticeMs: 2 * MINUTE,
  settleMs: 2 * MINUTE,
  webhookMs: 3 * MINUTE,
  probeMs: MINUTE,
  pollMs: 15_000,
};
