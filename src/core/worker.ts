import { Worker } from 'node:worker_threads';

/**
 * Starts the worker whose entry file `name` (no ending) lies beside the calling module, given by its `import.meta.url`.
 * The entry has the caller's own ending: `.ts` when the sources run unbuilt, `.js` when built. The only place that
 * knows where worker code comes from.
 */
export function startWorker(name: string, callerUrl: string, workerData: unknown): Worker {
  const ending = callerUrl.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./${name}.${ending}`, callerUrl), { workerData });
}
