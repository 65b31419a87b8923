import { isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { DEFAULT_ATTEMPTS, withRetry } from '../core/retry.ts';
import type { BodyPlace, BodyTransfer, BodyWriter } from '../bundle/writer.ts';
import type { ImageRef } from '../oci/reference.ts';
import type { Descriptor } from '../oci/types.ts';
import type { RegistryClient } from '../registry/client.ts';
import { connectionError, isConnectionFailure, retryVerdict } from '../registry/registry-error.ts';

/** One blob to fetch from one of its sources into its place. Plain data: it is sent to workers. */
export interface FetchTask {
  /** Index of the entry in the layout. */
  readonly index: number;
  readonly place: BodyPlace;
  readonly descriptor: Descriptor;
  /** Repositories that have it, best first. */
  readonly sources: readonly ImageRef[];
  /** Bytes an earlier run left in place. */
  readonly received: number;
}

export interface FetchProgress {
  /** So many bytes of the body are in the file. */
  received(bytes: number): void;
  /** What was there is void, the body begins anew. */
  restarted(): void;
}

/** Blobs up to this size come whole: one small request each, no stream to set up. */
const WHOLE_SIZE = 64 * 1024;

/**
 * Fetches one blob to its place. A broken connection continues where it broke with a range request, also after a restart
 * of the process; content that does not match begins anew; a source that does not have it is passed over for the next.
 * Throws the last error when all of that did not help;
 * a failure of the output, and a defect of ours, at once.
 */
export async function fetchBody(
  task: FetchTask,
  io: { readonly client: RegistryClient; readonly writer: BodyWriter },
  progress: FetchProgress,
  ctx: RunContext,
): Promise<void> {
  const { place, descriptor, sources } = task;
  let transfer: BodyTransfer = task.received > 0 ? io.writer.resume(place, task.received) : io.writer.begin(place);
  let sourceAt = 0;

  async function tryOnce(): Promise<void> {
    const repository = io.client.openSource(sources[sourceAt]!);
    const offset = transfer.received;
    const onReceived = (bytes: number): void => progress.received(bytes);
    try {
      const isSmall = offset === 0 && descriptor.size <= WHOLE_SIZE;
      const body = isSmall
        ? once(await repository.fetchBytes(descriptor, ctx.signal))
        : givingBack(await repository.fetchBody(descriptor, { offset, signal: ctx.signal }));
      await io.writer.write(place, body, { transfer, onReceived });
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (isAirgapError(error, 'E_DIGEST')) {
        transfer = io.writer.begin(place);
        progress.restarted();
      }
      if (!isConnectionFailure(error)) throw error;
      throw connectionError(error, 'GET', new URL(`https://${repository.name}`));
    }
  }

  function verdictOn(error: unknown): ReturnType<typeof retryVerdict> {
    if (isAirgapError(error, 'E_NOT_FOUND') && sourceAt + 1 < sources.length) {
      sourceAt += 1;
      return { afterMs: 0 };
    }
    return retryVerdict(error);
  }

  await withRetry(tryOnce, {
    signal: ctx.signal,
    attempts: DEFAULT_ATTEMPTS + sources.length - 1,
    retryable: verdictOn,
    onRetry: ({ attempt, delayMs, error }) => {
      const reason = error instanceof Error ? error.message : String(error);
      ctx.report({ type: 'retry', subject: descriptor.digest, attempt, delayMs, reason });
    },
  });
}

/**
 * The pieces of an answer, which belong to nobody else: the memory of each is given back when the next is asked for. The
 * garbage collector would come for them rarely and go through everything else as well, half of all CPU time (measured).
 */
async function* givingBack(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of body) {
    yield piece;
    const memory = piece.buffer;
    if (memory instanceof ArrayBuffer && memory.byteLength === piece.length) memory.transfer(0);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
