import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import { jsonOf, succeed } from '../support/packing.ts';
import { cleanEnvironment, runCli, temporaryFolder } from '../support/run-cli.ts';

const SCHEMA = new URL('../../schemas/imageset.schema.json', import.meta.url);
const ENTRY = new URL('../../bin/run.js', import.meta.url).pathname;

/** Runs a command on a terminal of its own (program `script`) and types `input`. */
async function onTerminal(folder: string, args: string, input: string): Promise<string> {
  const command = `${process.execPath} ${ENTRY} ${args}`;
  // The status of the command is not looked at: what it said tells.
  const running = promisify(execFile)('script', ['-qc', command, '/dev/null'], {
    cwd: folder,
    env: { ...cleanEnvironment(folder), TERM: 'xterm' },
    timeout: 60_000,
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

test('init writes a configuration and its schema; plan accepts it and both are never overwritten', async (t) => {
  const folder = temporaryFolder(t);
  const result = jsonOf(await succeed(['init', '--channel', 'stable-4.20', '--json'], { cwd: folder }));
  assert.deepEqual(result, { ok: true, path: 'imageset.yaml', schema: 'imageset.schema.json' });
  assert.deepEqual(readFileSync(join(folder, 'imageset.schema.json')), readFileSync(SCHEMA));
  const text = readFileSync(join(folder, 'imageset.yaml'), 'utf8');
  assert.deepEqual(loadImageSet(text, 'imageset.yaml').warnings, []);

  writeFileSync(join(folder, 'imageset.yaml'), 'mine');
  writeFileSync(join(folder, 'imageset.schema.json'), 'mine too');
  const again = await runCli(['init', '--channel', 'stable-4.20'], { cwd: folder });
  assert.equal(again.status, 2);
  assert.match(again.stderr, /E_USAGE: imageset\.yaml exists/);
  await succeed(['init', '--channel', 'stable-4.20', '-o', 'other.yaml'], { cwd: folder });
  assert.equal(readFileSync(join(folder, 'imageset.yaml'), 'utf8'), 'mine');
  assert.equal(readFileSync(join(folder, 'imageset.schema.json'), 'utf8'), 'mine too');
});

test('without a terminal and a channel init asks for the flag', async (t) => {
  const folder = temporaryFolder(t);
  const result = await runCli(['init'], { cwd: folder });
  assert.equal(result.status, 2);
  assert.match(result.stderr, /fix: give --channel/);
  assert.equal(existsSync(join(folder, 'imageset.yaml')), false);
});

test('on a terminal init asks, explains answers that can not be, and asks again', async (t) => {
  const folder = temporaryFolder(t);
  const said = await onTerminal(folder, 'init', 'stable-4.12\nstable-4.18\n4.18.3\narm64\n\n\n');
  assert.match(said, /need release 4\.14 or newer, not 4\.12/);
  assert.match(said, /do not run on "arm64"/);
  const imageSet = loadImageSet(readFileSync(join(folder, 'imageset.yaml'), 'utf8'), 'imageset.yaml');
  assert.equal(imageSet.platform?.channels[0]?.name, 'stable-4.18');
  assert.equal(imageSet.platform?.channels[0]?.minVersion, '4.18.3');
  assert.equal(imageSet.operators[0]?.packages?.length, 4);
});

test('input that ends before the last answer writes nothing', async (t) => {
  const folder = temporaryFolder(t);
  const said = await onTerminal(folder, 'init', 'stable-4.18\n\u0004');
  assert.match(said, /E_USAGE: no answer to/);
  assert.equal(existsSync(join(folder, 'imageset.yaml')), false);
});

test('a terminal of unknown width gets plain lines', async (t) => {
  const folder = temporaryFolder(t);
  // Nothing listens there: the stage lasts as long as the attempts, and an endless redraw would last for ever.
  const image = { name: '127.0.0.1:9/nothing:v1' };
  const document = { apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration' };
  writeFileSync(join(folder, 'imageset.yaml'), JSON.stringify({ ...document, mirror: { additionalImages: [image] } }));
  // The terminal of the program script has no width unless somebody sets one.
  const said = await onTerminal(folder, 'plan -c imageset.yaml', '');
  assert.match(said, /E_UNREACHABLE/);
});
