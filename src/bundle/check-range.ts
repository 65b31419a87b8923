import { isAirgapError } from '../core/errors.ts';
import { checkEntries, lengthOf } from './entry-check.ts';
import type { BundleFailure } from './failure.ts';
import type { LayoutEntry } from './layout.ts';
import type { VolumeFile, Volumes } from './volumes.ts';

/** Bytes of one read: larger ones bring nothing, smaller ones cost system calls (measured). */
const READ_BYTES = 1024 * 1024;

/** Consecutive entries that one thread checks in one go. */
export interface CheckTask {
  readonly id: number;
  /** Index of the first entry in the layout. */
  readonly first: number;
  readonly entries: readonly LayoutEntry[];
}

/** A failure with the layout index of its entry, by which the first one in the archive is found. */
export type IndexedFailure = BundleFailure & { readonly index: number };

export interface CheckReply {
  readonly task: number;
  readonly failure: IndexedFailure | undefined;
}

/** Memory all threads see, sampled by the main thread instead of messages for every piece. */
export interface CheckShared {
  /** [0]: entries from this layout index on need no more checking (a failure lies before them). */
  readonly limit: Int32Array;
  /** Bytes checked so far, one slot per thread. */
  readonly bytes: BigInt64Array;
}

export interface CheckWorkerData {
  readonly files: readonly VolumeFile[];
  readonly shared: CheckShared;
  readonly slot: number;
}

let reused: Buffer | undefined;

/**
 * Checks the entries of a task by synchronous positional reads into one reused buffer. Stops without a failure where
 * `shared.limit` says that nobody needs the answer.
 */
export function checkRange(
  volumes: Volumes,
  task: CheckTask,
  shared: CheckShared,
  slot: number,
): IndexedFailure | undefined {
  for (const step of checkRangeInSteps(volumes, task, shared, slot)) if (step !== undefined) return step;
  return undefined;
}

/** The same in steps of one read, for a thread that has other things to do in between. */
export function* checkRangeInSteps(
  volumes: Volumes,
  task: CheckTask,
  shared: CheckShared,
  slot: number,
): Generator<IndexedFailure | undefined> {
  const buffer = (reused ??= Buffer.allocUnsafeSlow(READ_BYTES));
  let done = 0;
  const check = checkEntries(task.entries, { onEntry: () => (done += 1) });
  const indexed = (failure: BundleFailure): IndexedFailure => ({ ...failure, index: task.first + done });
  let position = task.entries[0]?.headerAt ?? 0;
  let left = lengthOf(task.entries);
  while (left > 0) {
    if (task.first + done >= Atomics.load(shared.limit, 0)) return;
    const wanted = Math.min(left, buffer.length);
    let count: number;
    try {
      count = volumes.readSync(buffer.subarray(0, wanted), position);
    } catch (error) {
      if (!isAirgapError(error, 'E_TRUNCATED')) throw error;
      // As data: errors lose their kind between threads.
      const { code, message } = error;
      yield indexed({
        code,
        message,
        at: (task.entries[done] ?? task.entries.at(-1)!).path,
        offset: Number(error.data?.['offset'] ?? position),
      });
      return;
    }
    const failure = check.push(buffer.subarray(0, count)) ?? (count < wanted ? check.end() : undefined);
    if (failure !== undefined) {
      yield indexed(failure);
      return;
    }
    Atomics.add(shared.bytes, slot, BigInt(count));
    position += count;
    left -= count;
    yield undefined;
  }
}
