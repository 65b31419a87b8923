import type { LimitFunction } from 'p-limit';

/**
 * Runs `work` on every item within `limit`. After a failure nothing is begun any more; it is thrown, the first one in the order
 * of the items, when all that was running has ended: nothing may still be sending when the run is given up. An abort wins.
 */
export async function runAll<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  { limit, signal }: { readonly limit: LimitFunction; readonly signal: AbortSignal },
): Promise<void> {
  const stop = new AbortController();
  const results = await Promise.allSettled(
    items.map((item) =>
      limit(async () => {
        if (stop.signal.aborted || signal.aborted) return;
        try {
          await work(item);
        } catch (error) {
          stop.abort();
          throw error;
        }
      }),
    ),
  );
  signal.throwIfAborted();
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
