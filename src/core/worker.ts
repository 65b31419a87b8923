import { getAsset, isSea } from 'node:sea';
import { Worker } from 'node:worker_threads';

/**
 * Workers move bytes and keep nothing: a small young generation is collected often and lets go of the socket buffers its
 * objects hold, which would otherwise add up to more than all else (measured).
 */
const SMALL_HEAP = { maxYoungGenerationSizeMb: 2 };

/**
 * Starts the worker whose entry file `name` (no ending) lies beside the calling module, given by its `import.meta.url`.
 * The entry has the caller's own ending: `.ts` when the sources run unbuilt, `.js` when built. Inside the single
 * executable there are no files: the code is one of its assets. The only place that knows where worker code comes from.
 */
export function startWorker(name: string, callerUrl: string, workerData: unknown): Worker {
  if (isSea())
    return new Worker(getAsset(`workers/${name}.js`, 'utf8'), { eval: true, workerData, resourceLimits: SMALL_HEAP });
  const ending = callerUrl.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./${name}.${ending}`, callerUrl), { workerData, resourceLimits: SMALL_HEAP });
}
