// Memory does not grow with content: each job runs in a process of its own and says what it used at most.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './../support/bundles.ts';

const CHILD = fileURLToPath(new URL('../support/memory-child.ts', import.meta.url));
/** A bare Node takes about 60 MiB; the entry has 400 MiB. */
const MOST_BYTES = 300 * 2 ** 20;

test('writing, verifying and piping an entry of 400 MiB takes a small fixed amount of memory', (t) => {
  const path = join(temporaryFolder(t), 'X.tar');
  for (const job of ['write', 'verify', 'pipe']) {
    const used = Number(execFileSync(process.execPath, [CHILD, job, path], { encoding: 'utf8' }));
    assert.ok(used > 0 && used < MOST_BYTES, `${job} used ${used} bytes`);
    t.diagnostic(`${job}: ${Math.round(used / 2 ** 20)} MiB`);
  }
});
