import type { RunContext } from '../core/events.ts';

/** Runs one stage of a command and reports its begin, its end with a line about the result, and its time. */
export async function stage<T>(
  name: string,
  ctx: RunContext,
  work: () => Promise<{ readonly result: T; readonly detail: string }>,
): Promise<T> {
  const start = performance.now();
  ctx.report({ type: 'stage', name, state: 'started' });
  const { result, detail } = await work();
  ctx.report({ type: 'stage', name, state: 'finished', detail, elapsedMs: performance.now() - start });
  return result;
}
