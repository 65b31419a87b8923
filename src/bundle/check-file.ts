import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../core/worker.ts';
import {
  checkRangeInSteps,
  type CheckReply,
  type CheckShared,
  type CheckTask,
  type CheckWorkerData,
  type IndexedFailure,
} from './check-range.ts';
import { checkEnd, lengthOf } from './entry-check.ts';
import type { BundleFailure } from './failure.ts';
import { END_BYTES, entryEnd, type BundleLayout, type LayoutEntry } from './layout.ts';
import type { Volumes } from './volumes.ts';

/** Below this a thread costs more than it brings. */
const SMALLEST_FOR_WORKERS = 64 * 1024 * 1024;
const MOST_WORKERS = 8;
/** Small entries are checked in runs of about this many bytes, so that messages do not count. */
const RUN_BYTES = 8 * 1024 * 1024;
const SAMPLE_MS = 200;

export interface CheckFileOptions {
  readonly signal: AbortSignal;
  /** Threads to use at most: the cores of the machine, as the caller knows them. */
  readonly cores: number;
  /** Bytes checked since the last call, sampled. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Steps 6 and 7 of signing, section 7.1, on a file: disjoint runs of entries in parallel, largest first. Whatever the
 * order of work, the failure returned is the first one in the archive.
 */
export async function checkFile(
  volumes: Volumes,
  layout: BundleLayout,
  options: CheckFileOptions,
): Promise<BundleFailure | undefined> {
  const tasks = planTasks(layout);
  const workers = layout.size < SMALLEST_FOR_WORKERS ? 0 : Math.min(options.cores, MOST_WORKERS, tasks.length);
  const shared = makeShared(Math.max(1, workers));
  let reported = 0n;
  const sample = (): void => {
    const total = shared.bytes.reduce((sum, _, slot) => sum + Atomics.load(shared.bytes, slot), 0n);
    if (total > reported) options.onBytes(Number(total - reported));
    reported = total;
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const failure =
      workers < 2
        ? await checkHere(volumes, tasks, shared, options.signal)
        : await checkInWorkers(volumes, tasks, shared, { count: workers, signal: options.signal });
    sample();
    return failure ?? checkFileEnd(volumes, layout);
  } finally {
    clearInterval(timer);
  }
}

/** Runs of neighbouring entries; an entry larger than a run is one by itself. In archive order. */
function planTasks(layout: BundleLayout): CheckTask[] {
  const tasks: CheckTask[] = [];
  let run: LayoutEntry[] = [];
  let first = layout.firstFile;
  const flush = (next: number): void => {
    if (run.length > 0) tasks.push({ id: tasks.length, first, entries: run });
    run = [];
    first = next;
  };
  for (let index = layout.firstFile; index < layout.entries.length; index += 1) {
    const entry = layout.entries[index]!;
    if (run.length > 0 && entryEnd(entry) - run[0]!.headerAt > RUN_BYTES) flush(index);
    run.push(entry);
  }
  flush(layout.entries.length);
  return tasks;
}

async function checkHere(
  volumes: Volumes,
  tasks: readonly CheckTask[],
  shared: CheckShared,
  signal: AbortSignal,
): Promise<IndexedFailure | undefined> {
  for (const task of tasks) {
    for (const failure of checkRangeInSteps(volumes, task, shared, 0)) {
      if (failure !== undefined) return failure;
      // A turn of the event loop per read: the interrupt key and the progress line stay alive.
      await nextTurn();
      signal.throwIfAborted();
    }
  }
  return undefined;
}

async function checkInWorkers(
  volumes: Volumes,
  tasks: readonly CheckTask[],
  shared: CheckShared,
  options: { readonly count: number; readonly signal: AbortSignal },
): Promise<IndexedFailure | undefined> {
  const queue = tasks.toSorted((a, b) => lengthOf(b.entries) - lengthOf(a.entries));
  let first: IndexedFailure | undefined;
  const nextTask = (): CheckTask | undefined => {
    for (;;) {
      const task = queue.shift();
      if (task === undefined || first === undefined || task.first < first.index) return task;
    }
  };
  const settle = (failure: IndexedFailure | undefined): void => {
    if (failure === undefined || (first !== undefined && first.index <= failure.index)) return;
    first = failure;
    Atomics.store(shared.limit, 0, failure.index);
  };
  const workers = Array.from({ length: options.count }, (_, slot) =>
    startWorker('check-worker', import.meta.url, { files: volumes.files, shared, slot } satisfies CheckWorkerData),
  );
  const stop = (): void => {
    // A limit of 0 ends every range at its next read.
    Atomics.store(shared.limit, 0, 0);
  };
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.all(workers.map((worker) => driveWorker(worker, nextTask, settle, options.signal)));
    options.signal.throwIfAborted();
    return first;
  } finally {
    options.signal.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Feeds one worker until no task is left. */
function driveWorker(
  worker: Worker,
  nextTask: () => CheckTask | undefined,
  settle: (failure: IndexedFailure | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const feed = (): void => {
      const task = signal.aborted ? undefined : nextTask();
      if (task === undefined) resolve();
      else worker.postMessage(task, []);
    };
    worker.on('message', (reply: CheckReply) => {
      settle(reply.failure);
      feed();
    });
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`a checking thread ended with status ${status}`)));
    feed();
  });
}

function checkFileEnd(volumes: Volumes, layout: BundleLayout): BundleFailure | undefined {
  // One byte more than must be there shows whether anything follows.
  const buffer = Buffer.alloc(END_BYTES + 1);
  const count = volumes.readSync(buffer, layout.endAt);
  const check = checkEnd(layout.endAt);
  return check.push(buffer.subarray(0, count)) ?? check.end();
}

function makeShared(slots: number): CheckShared {
  const limit = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  limit[0] = 2 ** 31 - 1;
  return { limit, bytes: new BigInt64Array(new SharedArrayBuffer(slots * BigInt64Array.BYTES_PER_ELEMENT)) };
}
