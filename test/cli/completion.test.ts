/** The completion scripts, run by the shells they are for. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanEnvironment, ENTRY, runCli, temporaryFolder } from '../support/run-cli.ts';

/** Answers of the bash completion, asked in one shell: the last word is the one to complete. */
function complete(folder: string, lines: readonly (readonly string[])[]): string[][] {
  // As a person does it: the script comes from the tool itself.
  const script = [
    'airgap() { "$NODE" "$ENTRY" "$@"; }',
    'source <(airgap completion bash)',
    'complete -p airgap >/dev/null || exit 1',
    ...lines.map(
      (words) =>
        `COMP_WORDS=(airgap ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; COMPREPLY=(); _airgap; echo "\${COMPREPLY[*]}"`,
    ),
  ].join('\n');
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], {
    cwd: folder,
    env: { ...cleanEnvironment(folder), NODE: process.execPath, ENTRY },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['commands', ['un'], ['unpack']],
  ['topics like commands', ['tru'], ['trust']],
  ['the second word of a topic', ['trust', ''], ['adopt', 'export', 'show']],
  ['flags', ['pack', '--vol'], ['--volume-index', '--volume-size']],
  ['flags of a command of two words', ['trust', 'adopt', '--cur'], ['--current']],
  ['negated flags', ['pack', '--no-v'], ['--no-volume-index']],
  ['flags after file names', ['verify', 'trip.tar', '--manifest'], ['--manifest-only']],
  ['values of a closed set', ['keygen', '--type', ''], ['p256', 'rsa3072']],
  ['values after an equals sign', ['keygen', '--type', '=', 'r'], ['rsa3072']],
  ['nothing where only the user knows', ['pack', '--bundle-name', ''], []],
  ['files as values', ['verify', '--key', 'rel'], ['release.pub']],
  ['folders as values', ['unpack', '--render', 'g'], ['gitops']],
  ['files as arguments', ['verify', 'trip'], ['trip.tar']],
  ['no files where a name is meant', ['status', 'trip'], []],
  ['shells', ['completion', ''], ['bash', 'zsh']],
];

test('bash completes', async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['release.pub', 'trip.tar', 'given']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'gitops'));
  const words = CASES.map(([, typed]) => typed);
  const answers = complete(folder, words);
  for (const [index, [what, typed, expected]] of CASES.entries()) {
    await t.test(`${what}: airgap ${typed.join(' ')}`, () => {
      assert.deepEqual(answers[index]!.toSorted(), expected.toSorted());
    });
  }
});

test('zsh accepts its script', async (t) => {
  if (spawnSync('zsh', ['--version']).status !== 0) {
    assert.notEqual(process.env['AIRGAP_REQUIRE_REAL'], '1', 'zsh is not installed');
    return t.skip('zsh is not installed');
  }
  const folder = temporaryFolder(t);
  const { status, stdout } = await runCli(['completion', 'zsh'], { cwd: folder });
  assert.equal(status, 0);
  writeFileSync(join(folder, 'airgap.zsh'), stdout);
  const checked = spawnSync('zsh', ['-f', '-n', join(folder, 'airgap.zsh')], { encoding: 'utf8' });
  assert.equal(`${checked.status}${checked.stderr}`, '0');
});
