import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOutputFolder, makeOutputFolder, writeOutputFile } from '../../../src/workflows/output-path.ts';
import { temporaryFolder } from '../../support/run-cli.ts';

test('a folder that can not be made is refused, and nothing is left of the attempt', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  for (const [path, message] of [
    [join(folder, 'file'), /--render .*file is no folder/],
    [join(folder, 'file/below/it'), /--render .*file is no folder/],
    ['/proc/nope/below', /--render .*\/proc\/nope can not be made/],
  ] as const) {
    for (const check of [assertOutputFolder, makeOutputFolder]) {
      assert.throws(() => check(path, '--render'), { code: 'E_USAGE', message });
    }
  }
  assertOutputFolder(join(folder, 'a/b'), '--render');
  assert.deepEqual(readdirSync(folder), ['file']);
  makeOutputFolder(join(folder, 'a/b'), '--render');
  assertOutputFolder(join(folder, 'a/b'), '--render');
  assert.ok(existsSync(join(folder, 'a/b')));
});

test('a result file is replaced as a whole, through a link as well', async (t) => {
  const folder = temporaryFolder(t);
  const [file, link] = [join(folder, 'file'), join(folder, 'link')];
  writeFileSync(file, 'a longer text than the next');
  symlinkSync(file, link);
  await writeOutputFile(link, 'short', { flag: '--out' });
  assert.equal(readFileSync(file, 'utf8'), 'short');
  assert.deepEqual(
    readdirSync(folder, { withFileTypes: true }).map((entry) => [entry.name, entry.isFile()]),
    [
      ['file', true],
      ['link', false],
    ],
  );
  mkdirSync(join(folder, 'taken'));
  const failure = { code: 'E_USAGE', message: /--out .*can not be written/ };
  await assert.rejects(writeOutputFile(join(folder, 'taken'), 'x', { flag: '--out' }), failure);
  await assert.rejects(writeOutputFile(join(folder, 'file/x'), 'x', { flag: '--out' }), failure);
  await assert.rejects(writeOutputFile('/proc/x', 'x', { flag: '--out' }), failure);
  const full = { code: 'E_SPACE', message: /--out \/dev\/full .*the disk is full/ };
  await assert.rejects(writeOutputFile('/dev/full', 'x', { flag: '--out' }), full);
});

test('a new file that could not be written as a whole is not there', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'new');
  // A disk that is full stops at the same place.
  const half = async function* () {
    yield 'half';
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  const full = { code: 'E_SPACE', message: /--out .*the disk is full/ };
  await assert.rejects(writeOutputFile(path, half() as never, { flag: '--out', isNew: true }), full);
  assert.deepEqual(readdirSync(folder), []);
  await writeOutputFile(path, 'whole', { flag: '--out', isNew: true });
  const failure = { code: 'E_USAGE', message: /--out .* is there and is never overwritten/ };
  await assert.rejects(writeOutputFile(path, 'other', { flag: '--out', isNew: true }), failure);
  assert.equal(readFileSync(path, 'utf8'), 'whole');
});
