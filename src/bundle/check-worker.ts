import { parentPort, workerData } from 'node:worker_threads';
import { checkRange, type CheckReply, type CheckTask, type CheckWorkerData } from './check-range.ts';
import { openVolumes } from './volumes.ts';

// Entry of a checking thread: takes ranges of entries one at a time, answers with what was found.
const { paths, shared, slot } = workerData as CheckWorkerData;
const volumes = openVolumes(paths);
const port = parentPort!;
port.on('message', (task: CheckTask | 'close') => {
  if (task === 'close') {
    volumes.close();
    port.close();
    return;
  }
  const failure = checkRange(volumes, task, shared, slot);
  port.postMessage({ task: task.id, failure } satisfies CheckReply);
});
