import assert from 'node:assert/strict';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from '../../../src/bundle/lock-file.ts';
import { temporaryFolder } from '../../support/bundles.ts';

test('a lock is held by one at a time and leaves nothing behind', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'X.lock');
  {
    await using _held = await takeLock(lock, 'X');
    await assert.rejects(takeLock(lock, 'X'), { code: 'E_USAGE', message: `X is in use by process ${process.pid}` });
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('a lock that is a symbolic link is refused, wherever it leads', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'X.lock');
  symlinkSync(join(folder, 'nowhere'), lock);
  await assert.rejects(takeLock(lock, 'X'), { code: 'E_USAGE', message: /symbolic link/ });
});
