/** Worker entry: fetches blobs to their places with connections, hashes and writes of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { AirgapError, type ErrorCode, isAbort } from '../core/errors.ts';
import type { ProgressEvent } from '../core/events.ts';
import { openBodyWriter, type Piece } from '../bundle/writer.ts';
import { createRegistryClient } from '../registry/client.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { fetchBody, type FetchTask } from './fetch-body.ts';

export interface TransferWorkerData {
  readonly pieces: readonly Piece[];
  readonly registry: RegistryOptions;
}

export type ToWorker = { readonly type: 'fetch'; readonly task: FetchTask } | { readonly type: 'stop' };

/** Errors cross threads as data: a class would lose its members. */
export interface PlainError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly stack?: string | undefined;
}

export type FromWorker =
  | { readonly type: 'received'; readonly index: number; readonly bytes: number }
  | { readonly type: 'restarted'; readonly index: number }
  | { readonly type: 'done'; readonly index: number }
  | { readonly type: 'failed'; readonly index: number; readonly error: PlainError }
  | { readonly type: 'event'; readonly event: ProgressEvent };

if (parentPort !== null) serve(workerData as TransferWorkerData);

function serve({ pieces, registry }: TransferWorkerData): void {
  const port = parentPort!;
  const send = (message: FromWorker): void => port.postMessage(message);
  const abort = new AbortController();
  const ctx = { signal: abort.signal, report: (event: ProgressEvent) => send({ type: 'event', event }) };
  const io = {
    client: createRegistryClient({ ...registry, attempts: 1 }, ctx),
    writer: openBodyWriter(pieces, { direct: true }),
  };
  let running = 0;
  let isStopping = false;

  async function run(task: FetchTask): Promise<void> {
    const { index } = task;
    running += 1;
    try {
      await fetchBody(
        task,
        io,
        {
          received: (bytes) => send({ type: 'received', index, bytes }),
          restarted: () => send({ type: 'restarted', index }),
        },
        ctx,
      );
      send({ type: 'done', index });
    } catch (error) {
      // After a stop nobody waits for the result.
      if (!isAbort(error)) send({ type: 'failed', index, error: toPlainError(error) });
    }
    running -= 1;
    closeWhenIdle();
  }

  function closeWhenIdle(): void {
    if (!isStopping || running > 0) return;
    io.writer.close();
    io.client.close();
    port.close();
  }

  port.on('message', (message: ToWorker) => {
    if (message.type === 'fetch') {
      void run(message.task);
      return;
    }
    isStopping = true;
    abort.abort();
    closeWhenIdle();
  });
}

function toPlainError(error: unknown): PlainError {
  if (error instanceof AirgapError) {
    return { code: error.code, message: error.message, hint: error.hint, data: error.data };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { message, stack };
}
