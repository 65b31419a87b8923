import { parentPort, workerData } from 'node:worker_threads';
import { checkRange, type CheckReply, type CheckTask, type CheckWorkerData } from './check-range.ts';
import { volumesOf } from './volumes.ts';

// Entry of a checking thread: takes ranges of entries one at a time, answers with what was found.
const { files, shared, slot } = workerData as CheckWorkerData;
const volumes = volumesOf(files);
const port = parentPort!;
port.on('message', (task: CheckTask | 'close') => {
  if (task === 'close') {
    port.close();
    return;
  }
  const failure = checkRange(volumes, task, shared, slot);
  port.postMessage({ task: task.id, failure } satisfies CheckReply);
});
