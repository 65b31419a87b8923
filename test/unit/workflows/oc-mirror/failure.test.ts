import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { LongRunEnd } from '../../../../src/core/exec.ts';
import { failureOf } from '../../../../src/workflows/oc-mirror/failure.ts';
import type { Said } from '../../../../src/workflows/oc-mirror/output.ts';

const nothing: Said = { errors: [], failed: [], copied: 0 };

function workingDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'logs'));
  return folder;
}

const judge = (end: LongRunEnd, folder: string, said = nothing) =>
  failureOf({ end, said, startedAt: Date.now(), workingDir: folder, hint: 'go on' });

test('every bit of the exit status is named', async (t) => {
  const folder = workingDir(t);
  const cases: readonly (readonly [LongRunEnd, string, readonly string[]])[] = [
    [{ status: 1 }, 'oc-mirror ended with status 1', []],
    [{ status: 2 }, 'oc-mirror ended with status 2: releases failed', ['releases']],
    [
      { status: 12 },
      'oc-mirror ended with status 12: operators, additional images failed',
      ['operators', 'additional images'],
    ],
    [{ status: 16 }, 'oc-mirror ended with status 16: Helm charts failed', ['Helm charts']],
    [{ status: 255 }, 'oc-mirror ended with status 255', []],
    [{ signalName: 'SIGKILL' }, 'oc-mirror was ended by SIGKILL', []],
  ];
  for (const [end, message, parts] of cases) {
    const failure = await judge(end, folder);
    assert.equal(failure?.code, 'E_FAILED');
    assert.equal(failure.message, message);
    assert.deepEqual(failure.data?.['parts'], parts);
    assert.equal(failure.hint, 'go on');
  }
  assert.equal(await judge({ status: 0 }, folder), undefined);
});

test('its list of failures comes first, an older one does not count', async (t) => {
  const folder = workingDir(t);
  const list = join(folder, 'logs/mirroring_errors_20260821_091233.txt');
  writeFileSync(
    list,
    Array.from({ length: 7 }, (_, at) => `error mirroring image quay.io/a/b:${at} error: gone\n`).join(''),
  );
  const said = { ...nothing, errors: ['[Executor] some errors occurred'] };
  const failure = await judge({ status: 8 }, folder, said);
  assert.equal(failure?.message.split('\n').length, 1 + 5 + 1);
  assert.match(failure.message, /\n {2}error mirroring image quay\.io\/a\/b:0 error: gone\n[^]*\n {2}and 2 more$/);
  assert.match(failure.hint ?? '', /^all errors: .*mirroring_errors_20260821_091233\.txt; go on$/);

  const before = new Date(Date.now() - 60_000);
  utimesSync(list, before, before);
  assert.equal((await judge({ status: 8 }, folder, said))?.message.split('\n')[1], '  [Executor] some errors occurred');
});

test('a run that ended before it made its folder', async () => {
  const failure = await judge({ status: 1 }, '/nonexistent/working-dir', {
    ...nothing,
    errors: ['[Executor] no such file'],
  });
  assert.equal(failure?.message, 'oc-mirror ended with status 1\n  [Executor] no such file');
});
