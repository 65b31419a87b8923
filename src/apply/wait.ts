import { setTimeout as sleep } from 'node:timers/promises';
import { AirgapError, isAbort } from '../core/errors.ts';
import { formatDuration } from '../core/bytes.ts';
import type { RunContext } from '../core/events.ts';
import { isTransient } from './kube-error.ts';
import type { KubeClient } from './kube-client.ts';
import {
  conditionsOf,
  numberAt,
  subjectOf,
  type Condition,
  type KindSelector,
  type KubeObject,
  type ObjectRef,
} from './kube-object.ts';

export type Verdict =
  | { readonly state: 'ready' }
  | { readonly state: 'waiting'; readonly reason: string }
  /** `graceMs`: the operator may mend this by itself, so it counts only after it has held that long. */
  | { readonly state: 'failed'; readonly reason: string; readonly hint?: string; readonly graceMs?: number };

/** Something that must become true on the cluster. */
export interface Readiness {
  /** `Kind/namespace/name`, or what is waited for in words. */
  readonly subject: string;
  readonly limitMs: number;
  /** Changes of these kinds are a reason to look again at once. */
  readonly watches: readonly KindSelector[];
  check(client: KubeClient): Promise<Verdict>;
}

export interface WaitOptions extends RunContext {
  /** Milliseconds after which it is looked again without any change seen. */
  readonly pollMs: number;
}

export const READY: Verdict = { state: 'ready' };

export function waiting(reason: string): Verdict {
  return { state: 'waiting', reason };
}

/** An event about an unchanged wait is repeated at this interval, so that a log shows the run is alive. */
const REPEAT_EVENT_MS = 30_000;

interface Pending {
  readonly readiness: Readiness;
  reason: string;
  reportedAt: number;
  failingSince: number | undefined;
}

/**
 * Waits until everything in `list` is ready; looks at each change and at least every `pollMs`. Failures that no operator
 * mends end it at once (`E_FAILED`), others after their grace period; `E_TIMEOUT` names everything still missing with the last
 * reason seen. API servers that restart or refuse for a while (nodes drain) only prolong the wait.
 */
export async function waitUntilReady(
  client: KubeClient,
  list: readonly Readiness[],
  options: WaitOptions,
): Promise<void> {
  const startedAt = Date.now();
  let pending = list.map((readiness): Pending => ({ readiness, reason: '', reportedAt: 0, failingSince: undefined }));
  if (pending.length === 0) return;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const bell = createBell();
  const watches = uniqueSelectors(list).map((selector) =>
    client.within({ signal }).watch(selector, { signal, onEvent: bell.ring, pauseMs: Math.min(2000, options.pollMs) }),
  );
  try {
    for (;;) {
      bell.reset();
      const still: Pending[] = [];
      for (const item of pending) if (!(await isReady(client, item, startedAt, options))) still.push(item);
      pending = still;
      if (pending.length === 0) return;
      const elapsedMs = Date.now() - startedAt;
      const late = pending.filter(({ readiness }) => elapsedMs >= readiness.limitMs);
      if (late.length > 0) throw timeoutError(pending, late);
      const remaining = Math.min(...pending.map(({ readiness }) => readiness.limitMs)) - elapsedMs;
      await bell.wait(Math.min(options.pollMs, remaining), options.signal);
    }
  } finally {
    stop.abort();
    await Promise.all(watches);
  }
}

/**
 * Readiness of one object by its conditions. A condition counts only when it was observed for the current generation
 * (`observedGeneration` on the condition or in `status`, where the kind has it).
 */
export function whenConditions(
  ref: ObjectRef,
  wanted: Readonly<Record<string, 'True' | 'False'>>,
  options: { readonly limitMs: number; readonly also?: (object: KubeObject) => Verdict },
): Readiness {
  return {
    subject: subjectOf(ref),
    limitMs: options.limitMs,
    watches: [selectorOf(ref)],
    async check(client) {
      const object = await client.get(ref);
      if (object === undefined) return waiting('does not exist yet');
      const own = options.also?.(object) ?? READY;
      if (own.state !== 'ready') return own;
      return unmetCondition(object, wanted) ?? READY;
    },
  };
}

/** A verdict about the first condition that is not as wanted, or undefined when all are. */
export function unmetCondition(
  object: KubeObject,
  wanted: Readonly<Record<string, 'True' | 'False'>>,
): Verdict | undefined {
  for (const [type, status] of Object.entries(wanted)) {
    const condition = currentCondition(object, type);
    if (condition?.status === status) continue;
    return waiting(condition === undefined ? `${type} not reported yet` : describeCondition(condition));
  }
  return undefined;
}

/** The condition of a type when it speaks about the current generation of the object, else undefined. */
export function currentCondition(object: KubeObject, type: string): Condition | undefined {
  const condition = conditionsOf(object).find((entry) => entry.type === type);
  if (condition === undefined) return undefined;
  const observed = condition.observedGeneration ?? numberAt(object, 'status', 'observedGeneration');
  const generation = object.metadata.generation;
  return observed !== undefined && generation !== undefined && observed < generation ? undefined : condition;
}

/** A condition as one line: `Available=False (Reason): message`. */
export function describeCondition({ type, status, reason, message }: Condition): string {
  const why = reason === undefined || reason === '' ? '' : ` (${reason})`;
  const what = message === undefined || message === '' ? '' : `: ${message}`;
  return `${type}=${status}${why}${what}`;
}

/** Selects one object, for a watch. */
export function selectorOf(ref: ObjectRef): KindSelector {
  const { apiVersion, kind, namespace, name } = ref;
  return {
    apiVersion,
    kind,
    fieldSelector: `metadata.name=${name}`,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

async function isReady(client: KubeClient, item: Pending, startedAt: number, options: WaitOptions): Promise<boolean> {
  const { subject, limitMs } = item.readiness;
  const verdict = await verdictOf(client, item.readiness);
  if (verdict.state === 'ready') return true;
  const now = Date.now();
  if (verdict.state === 'failed') {
    item.failingSince ??= now;
    if (now - item.failingSince >= (verdict.graceMs ?? 0)) {
      throw new AirgapError('E_FAILED', `${subject}: ${verdict.reason}`, {
        ...(verdict.hint === undefined ? {} : { hint: verdict.hint }),
        data: { subject, reason: verdict.reason },
      });
    }
  } else {
    item.failingSince = undefined;
  }
  if (verdict.reason !== item.reason || now - item.reportedAt >= REPEAT_EVENT_MS) {
    options.report({ type: 'waiting', subject, reason: verdict.reason, elapsedMs: now - startedAt, limitMs });
    item.reportedAt = now;
  }
  item.reason = verdict.reason;
  return false;
}

async function verdictOf(client: KubeClient, readiness: Readiness): Promise<Verdict> {
  try {
    return await readiness.check(client);
  } catch (error) {
    if (!isTransient(error)) throw error;
    return waiting(error.message);
  }
}

function timeoutError(pending: readonly Pending[], late: readonly Pending[]): AirgapError {
  const limit = formatDuration(Math.max(...late.map(({ readiness }) => readiness.limitMs)));
  const lines = pending.map(({ readiness, reason }) => `${readiness.subject}: ${reason}`);
  return new AirgapError('E_TIMEOUT', `not ready within ${limit}: ${lines.join('; ')}`, {
    hint: 'settle the cause and run the same command again; it continues where it stopped',
    data: { pending: pending.map(({ readiness, reason }) => ({ subject: readiness.subject, reason })) },
  });
}

function uniqueSelectors(list: readonly Readiness[]): KindSelector[] {
  return [...new Map(list.flatMap(({ watches }) => watches).map((entry) => [JSON.stringify(entry), entry])).values()];
}

/** Wakes a sleeper; a ring between two sleeps is not lost. */
function createBell() {
  let alarm = new AbortController();
  return {
    ring: () => alarm.abort(),
    reset() {
      alarm = new AbortController();
    },
    async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
      try {
        await sleep(Math.max(1, milliseconds), undefined, { signal: AbortSignal.any([signal, alarm.signal]) });
      } catch (error) {
        if (!isAbort(error) || signal.aborted) throw error;
      }
    },
  };
}
