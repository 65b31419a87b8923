import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { AirgapError, isAbort } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { startWorker } from '../core/worker.ts';
import { isOutputError } from '../bundle/file-system.ts';
import { openBodyWriter, type BundleFileWriter } from '../bundle/writer.ts';
import { createRegistryClient } from '../registry/client.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { fetchBody, type FetchTask } from './fetch-body.ts';
import type { FromWorker, PlainError, ToWorker, TransferWorkerData } from './transfer-worker.ts';

/** Below this much content starting workers costs more than they bring. */
const WORKER_MIN_BYTES = 64 * 1024 * 1024;
/** Each moves about a gigabyte a second and takes 45 MiB; no line brings more than a few of them can. */
const MAX_WORKERS = 3;
const DEFAULT_CONNECTIONS = 8;
/** Progress of a body is told at most this often, in bytes: often enough to see, seldom enough to cost nothing. */
const REPORT_STEP = 1024 * 1024;

interface Outcome {
  readonly task: FetchTask;
  readonly error?: AirgapError;
}

/**
 * Fetches blobs to their places in an unfinished bundle file, largest first, in worker threads when there is enough to
 * do; the connections of `registry` are shared among them. Every blob is tried before a failure is thrown, so that a rerun finds all others in place. The journal of `file`
 * knows what is complete. Throws the first failure with the number of the others; the abort of the signal at once.
 */
export async function transferBlobs(
  tasks: readonly FetchTask[],
  file: BundleFileWriter,
  registry: RegistryOptions,
  ctx: RunContext,
): Promise<void> {
  const queue = tasks.toSorted((a, b) => b.place.size - a.place.size);
  const bytes = queue.reduce((sum, task) => sum + task.place.size - task.received, 0);
  const connections = registry.maxConnections ?? DEFAULT_CONNECTIONS;
  const most = Math.min(availableParallelism(), MAX_WORKERS, queue.length, connections);
  const workers = bytes < WORKER_MIN_BYTES ? 0 : most;
  const book = createBook(file, ctx);
  const failures = workers < 2 ? await runHere(queue, connections) : await runInWorkers(queue, workers, connections);
  if (failures.length > 0) throw failed(failures);

  async function runHere(pending: readonly FetchTask[], parallel: number): Promise<Outcome[]> {
    // `fetchBody` repeats what failed; two loops inside each other would multiply their tries and pauses.
    const client = createRegistryClient({ ...registry, attempts: 1 }, ctx);
    const writer = openBodyWriter(file.pieces, { direct: true });
    const failures: Outcome[] = [];
    const next = pending[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const task of next) {
        try {
          await fetchBody(task, { client, writer }, book.progressOf(task), ctx);
          book.done(task);
        } catch (error) {
          if (isAbort(error) || !(error instanceof AirgapError) || isOutputError(error)) throw error;
          failures.push({ task, error });
        }
      }
    };
    try {
      const lanes = await Promise.allSettled(Array.from({ length: Math.min(parallel, pending.length) }, lane));
      // All lanes have ended before the file is closed under them.
      for (const { status, reason } of lanes as PromiseRejectedResult[]) if (status === 'rejected') throw reason;
    } finally {
      writer.close();
      client.close();
    }
    return failures;
  }

  function runInWorkers(pending: readonly FetchTask[], count: number, parallel: number): Promise<Outcome[]> {
    // Together exactly as many as the user allows, the remainder with the first ones.
    const shares = Array.from(
      { length: count },
      (_, at) => Math.floor(parallel / count) + (at < parallel % count ? 1 : 0),
    );
    const failures: Outcome[] = [];
    const byIndex = new Map(pending.map((task) => [task.index, task]));
    let nextAt = 0;
    let open = pending.length;
    const pool = shares.map((maxConnections) => {
      const data: TransferWorkerData = { pieces: file.pieces, registry: { ...registry, maxConnections } };
      return startWorker('transfer-worker', import.meta.url, data);
    });

    return new Promise<Outcome[]>((resolve, reject) => {
      const stop = (): void => {
        ctx.signal.removeEventListener('abort', onAbort);
        for (const worker of pool) worker.postMessage({ type: 'stop' } satisfies ToWorker);
      };
      const fail = (error: Error): void => {
        stop();
        void closed(pool).then(() => reject(error));
      };
      const onAbort = (): void => fail(ctx.signal.reason as Error);
      const feed = (worker: Worker): void => {
        const task = pending[nextAt];
        if (task === undefined) return;
        nextAt += 1;
        worker.postMessage({ type: 'fetch', task } satisfies ToWorker);
      };
      const settled = (worker: Worker): void => {
        open -= 1;
        if (open > 0) return feed(worker);
        stop();
        void closed(pool).then(() => resolve(failures));
      };
      const onMessage = (worker: Worker, message: FromWorker): void => {
        if (message.type === 'event') return ctx.report(message.event);
        const task = byIndex.get(message.index)!;
        switch (message.type) {
          case 'received':
            return book.progressOf(task).received(message.bytes);
          case 'restarted':
            return book.progressOf(task).restarted();
          case 'done':
            book.done(task);
            return settled(worker);
          case 'failed': {
            const error = fromPlainError(message.error);
            if (!(error instanceof AirgapError) || isOutputError(error)) return fail(error);
            failures.push({ task, error });
            return settled(worker);
          }
        }
      };
      ctx.signal.addEventListener('abort', onAbort, { once: true });
      for (const [at, worker] of pool.entries()) {
        worker.on('message', (message: FromWorker) => onMessage(worker, message));
        worker.on('error', fail);
        // Twice as many as are under way, so that a worker never waits for the next one.
        for (let slot = 0; slot < shares[at]! * 2; slot += 1) feed(worker);
      }
      if (ctx.signal.aborted) onAbort();
    });
  }
}

interface Book {
  progressOf(task: FetchTask): { received(bytes: number): void; restarted(): void };
  done(task: FetchTask): void;
}

/** Tells the journal and the reporter what arrived. */
function createBook(file: BundleFileWriter, ctx: RunContext): Book {
  const told = new Map<number, number>();
  const tell = (task: FetchTask, received: number, done: boolean): void => {
    const before = told.get(task.index) ?? task.received;
    told.set(task.index, received);
    const { digest } = task.descriptor;
    ctx.report({ type: 'blob', digest, size: task.place.size, bytes: received - before, done });
  };
  return {
    progressOf: (task) => ({
      received(bytes) {
        file.progressed(task.index, bytes);
        if (bytes - (told.get(task.index) ?? task.received) >= REPORT_STEP) tell(task, bytes, false);
      },
      restarted() {
        file.restarted(task.index);
        tell(task, 0, false);
      },
    }),
    done(task) {
      file.completed(task.index);
      tell(task, task.place.size, true);
      told.delete(task.index);
    },
  };
}

function closed(pool: readonly Worker[]): Promise<unknown> {
  return Promise.all(pool.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
}

function fromPlainError(error: PlainError): Error {
  if (error.code === undefined) return Object.assign(new Error(error.message), { stack: error.stack });
  return new AirgapError(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.data === undefined ? {} : { data: error.data }),
  });
}

function failed(failures: readonly Outcome[]): AirgapError {
  const first = failures[0]!;
  const error = first.error!;
  const more = failures.length === 1 ? '' : ` (and ${failures.length - 1} more blobs failed)`;
  return new AirgapError(error.code, `source: ${error.message}${more}`, {
    hint: error.hint ?? 'run the same command again: everything else is in place and is not fetched twice',
    cause: error.cause,
    data: { ...error.data, side: 'source', failed: failures.map(({ task }) => task.descriptor.digest) },
  });
}
