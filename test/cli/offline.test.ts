/** What is checked on the far side needs no network at all, and what is quick to say is quick to start. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { image, pushContent } from '../support/images.ts';
import { needOffline, runOffline } from '../support/offline.ts';
import { openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const ENTRY = new URL('../../bin/run.js', import.meta.url).pathname;
const RECORDER = new URL('../support/record-modules.ts', import.meta.url).href;

test('verify and inspect work without network and open no socket', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  const strace = needProgram(t, 'strace');
  if (access === undefined || strace === undefined || !needOffline(t)) return;
  const folder = temporaryFolder(t);
  const repository = freshRepository('offline');
  await pushContent(openRepository(t, access, repository), image().layer('a', 'b').build(), 'v1');
  const { key, pub } = writeKeys(folder);
  const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key], { cwd: folder });

  for (const args of [
    ['verify', 'x.tar', '--key', pub],
    ['verify', 'x.tar', '--key', pub, '--deep', '--json'],
    ['verify', 'x.tar', '--insecure-unsigned', '--manifest-only'],
    ['inspect', 'x.tar'],
    ['inspect', 'x.tar', '--json'],
  ]) {
    const trace = ['-f', '-qq', '-e', 'trace=socket', '-e', 'signal=none', '-o', 'trace.txt'];
    const result = runOffline(strace, [...trace, process.execPath, ENTRY, ...args], { cwd: folder });
    assert.equal(result.status, 0, result.stderr);
    const sockets = readFileSync(join(folder, 'trace.txt'), 'utf8').split('\n');
    // The C library asks the name service cache of the machine, over a local socket, who the user is.
    const toNetworks = sockets.filter((line) => line.includes('socket(') && !line.includes('AF_UNIX'));
    assert.deepEqual(toNetworks, [], `airgap ${args.join(' ')}`);
  }
});

describe('start', () => {
  /** Said before anything is read, connected to or parsed. */
  const QUICK: readonly (readonly [readonly string[], number])[] = [
    [['--version'], 0],
    [['--help'], 0],
    ...['plan', 'pack', 'unpack', 'verify', 'keygen'].map((command) => [[command, '--help'], 0] as const),
    [['plan'], 2],
    [['pack', '--nope'], 2],
    [['unpack', '--nope'], 2],
  ];
  /** Except what commands need of keyless signing for their help; it loads nothing more. */
  const HEAVY =
    /node_modules\/(zod|undici|@kubernetes|@sigstore|execa|ora|tar|js-yaml|smol-toml|semver)\/|dist\/(workflows|registry|mirror|bundle(?!\/keyless-options\.js))\//;

  const folder = temporaryFolder({ after: (work: () => void) => after(work) });

  for (const [args, status] of QUICK) {
    test(`airgap ${args.join(' ')} loads nothing heavy`, async () => {
      const list = join(folder, 'modules.txt');
      writeFileSync(list, '');
      const env = { NODE_OPTIONS: `--import=${RECORDER}`, AIRGAP_TEST_MODULES: list };
      const result = await runCli(args, { cwd: folder, env });
      assert.equal(result.status, status, result.stderr);
      const loaded = readFileSync(list, 'utf8').trimEnd().split('\n');
      assert.ok(
        loaded.some((url) => url.includes('@oclif/core')),
        'the list of modules is written',
      );
      assert.deepEqual(
        loaded.filter((url) => HEAVY.test(url)),
        [],
      );
    });
  }

  test('what loads the heavy modules is seen by this test', async () => {
    const list = join(folder, 'modules.txt');
    writeFileSync(list, '');
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, AIRGAP_TEST_MODULES: list };
    await runCli(['plan', '-c', 'gone.yaml'], { cwd: folder, env });
    assert.match(readFileSync(list, 'utf8'), HEAVY);
  });

  // The one bound on time: three times the budget of 150 ms (ARCHITECTURE.md), median of five.
  test('--version answers within three times its budget', async () => {
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const start = performance.now();
      await runCli(['--version'], { cwd: folder });
      times.push(performance.now() - start);
    }
    const median = times.toSorted((a, b) => a - b)[2]!;
    assert.ok(median < 450, `${Math.round(median)} ms`);
  });
});
