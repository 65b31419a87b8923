import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLong } from '../../../src/core/exec.ts';

test('a stop ends what a script around the program has started, too', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const startedAt = Date.now();
  // Without exec: the shell waits for its child and hands no signal on.
  const run = runLong('sh', ['-c', 'echo begun; sleep 15; echo ended'], {
    signal: stop.signal,
    onLine(line) {
      lines.push(line);
      // Not in the very moment in which the shell starts its child: some shells lose a signal then.
      setTimeout(() => stop.abort(new Error('stopped')), 300);
    },
  });
  await assert.rejects(run, /stopped/);
  assert.deepEqual(lines, ['begun']);
  assert.ok(Date.now() - startedAt < 10_000);
});

test('lines of both streams arrive, and how the program ended', async () => {
  const { signal } = new AbortController();
  const lines: string[] = [];
  const options = { signal, onLine: (line: string) => void lines.push(line) };
  assert.deepEqual(await runLong('sh', ['-c', 'echo out; echo err >&2; exit 3'], options), { status: 3 });
  assert.deepEqual(lines.toSorted(), ['err', 'out']);
  assert.deepEqual(await runLong('sh', ['-c', 'kill -TERM $$'], options), { signalName: 'SIGTERM' });
  await assert.rejects(runLong('/nowhere/program', [], options), { code: 'E_USAGE' });
});
