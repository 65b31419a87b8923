import { setTimeout as sleep } from 'node:timers/promises';

/** Total tries of a request, the first included. */
export const DEFAULT_ATTEMPTS = 6;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** A server may ask for any pause; longer ones than this are not waited for, the run fails instead. */
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly attempts?: number;
  /** Decides whether an error is worth another try; may give the pause a server asked for, in milliseconds. */
  readonly retryable: (error: unknown) => false | { readonly afterMs?: number };
  readonly onRetry?: (info: { readonly attempt: number; readonly delayMs: number; readonly error: unknown }) => void;
}

/**
 * Calls `work` until it succeeds, an error is not retryable, or the attempts are used up (the last error is thrown).
 * Pauses double from half a second up to 30 s with up to 25 % jitter, or are what the server asked for.
 */
export async function withRetry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      const verdict = options.signal.aborted ? false : options.retryable(error);
      if (verdict === false || attempt >= attempts) throw error;
      if ((verdict.afterMs ?? 0) > LONGEST_RETRY_AFTER_MS) throw error;
      const backoff = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LONGEST_DELAY_MS) * (1 + Math.random() / 4);
      const delayMs = Math.round(verdict.afterMs ?? backoff);
      options.onRetry?.({ attempt, delayMs, error });
      await sleep(delayMs, undefined, { signal: options.signal });
    }
  }
}

/** Reads a `Retry-After` header: seconds or an HTTP date. Undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value.trim()) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
