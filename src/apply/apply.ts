import { setTimeout as sleep } from 'node:timers/promises';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { differencesBetween, maskedObject, type Difference } from './change-set.ts';
import type { KubeClient } from './kube-client.ts';
import { conflictsOf, isStale, isWebhookNotReady } from './kube-error.ts';
import { refOf, subjectOf, valueAt, type KubeObject, type ObjectRef } from './kube-object.ts';

/** One wish about the cluster. */
export type Write =
  /** The fields we own, by server-side apply. `force` only where a rule says that taking over is right. */
  | { readonly how: 'apply'; readonly object: KubeObject; readonly force?: boolean }
  /**
   * A change computed from the live object and written under its resourceVersion (optimistic lock): for values that several
   * writers share in one string. `patch` gives undefined when nothing has to change.
   */
  | { readonly how: 'merge'; readonly ref: ObjectRef; readonly patch: (live: KubeObject) => object | undefined };

export type Action = 'created' | 'configured' | 'unchanged' | 'skipped';

export interface Change {
  /** `Kind/namespace/name`. */
  readonly subject: string;
  readonly action: Action;
  /** What differs, Secret values as length and digest. Empty for `unchanged`. */
  readonly differences: readonly Difference[];
  /** Why the change could not be previewed (API not there yet, webhook without dry run). */
  readonly note?: string;
}

export interface PlannedWrite {
  readonly write: Write;
  readonly change: Change;
}

export interface ApplyOptions extends RunContext {
  /** Take over fields of other managers. */
  readonly forceConflicts: boolean;
  /** Milliseconds for which a webhook that does not answer yet is tried again. */
  readonly webhookMs: number;
}

/** Managers whose fields are ours to take: the tool this one stands in for, a hand-made `kubectl apply`, and ourselves. */
const YIELDING_MANAGERS: ReadonlySet<string> = new Set([
  'hypershift-cli',
  'kubectl-client-side-apply',
  'airgap',
  'airgap-unpack',
]);
/** Reads and writes of a locked change before giving up on a busy object. */
const LOCK_ATTEMPTS = 8;
const WEBHOOK_PAUSE_MS = 2000;

/** Kinds that others need, in the order they are written; everything else follows in the order given. */
const KIND_ORDER: readonly string[] = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
  'Secret',
  'ConfigMap',
  'OperatorGroup',
  'CatalogSource',
];

/** Writes in kind order: what others need first. Stable for the rest. */
export function inKindOrder(writes: readonly Write[]): Write[] {
  const rank = (write: Write) => {
    const index = KIND_ORDER.indexOf(targetOf(write).kind);
    return index < 0 ? KIND_ORDER.length : index;
  };
  return writes.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * What writing would change, found by the API server itself (dry run). Nothing is written. Throws what the server would
 * answer: `E_CONFLICT`, `E_REJECTED`, `E_UNAUTHORIZED`.
 */
export async function planWrites(
  client: KubeClient,
  writes: readonly Write[],
  options: ApplyOptions,
): Promise<PlannedWrite[]> {
  const planned: PlannedWrite[] = [];
  const coming = new Set<string>();
  for (const write of inKindOrder(writes)) {
    const change = await planOne(client, write, coming, options);
    if (change.action === 'created') coming.add(change.subject);
    planned.push({ write, change });
  }
  return planned;
}

/** Writes everything of a plan that changes something and reports each. The returned change says what really happened. */
export async function applyPlan(
  client: KubeClient,
  planned: readonly PlannedWrite[],
  options: ApplyOptions,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const { write, change } of planned) {
    const done = change.action === 'unchanged' ? change : await writeOne(client, write, change, options);
    options.report({ type: 'change', subject: done.subject, action: done.action });
    changes.push(done);
  }
  return changes;
}

async function planOne(
  client: KubeClient,
  write: Write,
  coming: ReadonlySet<string>,
  options: ApplyOptions,
): Promise<Change> {
  const target = targetOf(write);
  const subject = subjectOf(target);
  const live = await client.get(target);
  const action = live === undefined ? 'created' : 'configured';
  const unseen = (note: string): Change => ({
    subject,
    action,
    note,
    differences: write.how === 'apply' ? differencesBetween(undefined, maskedObject(write.object)) : [],
  });
  if (target.namespace !== undefined && coming.has(`Namespace/${target.namespace}`)) {
    return unseen('its namespace is created first');
  }
  try {
    const after = await send(client, write, live, { ...options, dryRun: true });
    return after === undefined ? { subject, action: 'unchanged', differences: [] } : changeOf(subject, live, after);
  } catch (error) {
    if (isNotServed(error)) return unseen('its API is not installed yet');
    if (isNamespaceMissing(error)) return unseen('its namespace does not exist yet');
    if (isDryRunRefused(error)) return unseen('its admission webhook allows no preview');
    throw error;
  }
}

async function writeOne(client: KubeClient, write: Write, planned: Change, options: ApplyOptions): Promise<Change> {
  for (let attempt = 1; ; attempt += 1) {
    const live = await client.get(targetOf(write));
    try {
      const after = await send(client, write, live, { ...options, dryRun: false });
      if (after === undefined) return { subject: planned.subject, action: 'unchanged', differences: [] };
      const change = changeOf(planned.subject, live, after);
      return planned.note === undefined ? change : { ...change, note: planned.note };
    } catch (error) {
      if (!isStale(error) || attempt >= LOCK_ATTEMPTS) throw error;
      options.report({ type: 'retry', subject: planned.subject, attempt, delayMs: 0, reason: error.message });
    }
  }
}

/** The object after the write, or undefined when a locked change found nothing to do. */
async function send(
  client: KubeClient,
  write: Write,
  live: KubeObject | undefined,
  options: ApplyOptions & { readonly dryRun: boolean },
): Promise<KubeObject | undefined> {
  const { dryRun } = options;
  if (write.how === 'merge') {
    if (live === undefined) {
      throw new AirgapError('E_NOT_FOUND', `${subjectOf(write.ref)} does not exist`, { data: { status: 404 } });
    }
    const patch = write.patch(live);
    if (patch === undefined) return undefined;
    const { resourceVersion } = live.metadata;
    const metadata = { ...(valueAt(patch, 'metadata') as object | undefined), resourceVersion };
    return patiently(() => client.mergePatch(write.ref, { ...patch, metadata }, { dryRun }), options);
  }
  const force = options.forceConflicts || write.force === true;
  return patiently(async () => {
    try {
      return await client.apply(write.object, { dryRun, force });
    } catch (error) {
      const conflicts = conflictsOf(error);
      if (conflicts.length === 0 || !conflicts.every(({ manager }) => YIELDING_MANAGERS.has(manager))) throw error;
      return client.apply(write.object, { dryRun, force: true });
    }
  }, options);
}

/** Tries again while a webhook's server is not up: operators that were just installed or move between nodes. */
async function patiently<T>(work: () => Promise<T>, options: ApplyOptions): Promise<T> {
  const until = Date.now() + options.webhookMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isWebhookNotReady(error) || Date.now() >= until) throw error;
      const delayMs = Math.min(WEBHOOK_PAUSE_MS, options.webhookMs);
      options.report({ type: 'retry', subject: 'webhook', attempt, delayMs, reason: error.message });
      await sleep(delayMs, undefined, { signal: options.signal });
    }
  }
}

function changeOf(subject: string, before: KubeObject | undefined, after: KubeObject): Change {
  const differences = differencesBetween(before && maskedObject(before), maskedObject(after));
  if (before === undefined) return { subject, action: 'created', differences };
  return { subject, action: differences.length === 0 ? 'unchanged' : 'configured', differences };
}

function targetOf(write: Write): ObjectRef {
  return write.how === 'apply' ? refOf(write.object) : write.ref;
}

function isNotServed(error: unknown): boolean {
  return isAirgapError(error, 'E_NOT_FOUND') && valueAt(error.data, 'reason') === 'NoKind';
}

function isNamespaceMissing(error: unknown): boolean {
  return isAirgapError(error, 'E_NOT_FOUND') && /namespaces "[^"]*" not found/.test(error.message);
}

function isDryRunRefused(error: unknown): boolean {
  return isAirgapError(error, 'E_REJECTED') && /does not support dry run/i.test(error.message);
}
