/**
 * Preloaded into a run of the CLI (`NODE_OPTIONS=--import=…`): writes the largest resident size the process ever had, in KiB,
 * to the file AIRGAP_TEST_MEMORY names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env['AIRGAP_TEST_MEMORY'];
if (path !== undefined && isMainThread) {
  // Not getrusage(2): its maximum includes the size of the process that started this one.
  process.on('exit', () => {
    writeFileSync(path, /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '');
  });
}
