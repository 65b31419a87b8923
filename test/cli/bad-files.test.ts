/** A file that can not be read or written is said with its name and what to do, whichever flag named it. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundleOf, bytesOfBundle } from '../support/served-bundle.ts';
import { image } from '../support/images.ts';
import { jsonOf, writeImageSet, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

/** Names that no file can be read from: a link to itself, a folder, below a file, longer than any name, a read that fails. */
const UNREADABLE = ['loop', 'folder', 'file/x', 'n'.repeat(300), '/proc/self/mem'];
/** Names that nothing can be written to. */
const UNWRITABLE = ['loop', 'file/x', 'n'.repeat(300)];

const world = { folder: '' };
const cleanUps: (() => void)[] = [];

before(() => {
  const folder = temporaryFolder({ after: (work: () => void) => void cleanUps.push(work) });
  world.folder = folder;
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), 'x');
  symlinkSync('loop', join(folder, 'loop'));
  writeKeys(folder);
  writeImageSet(folder, [{ name: '127.0.0.1:1/team/app:v1' }]);
  const images = [{ content: image().layer('a', 'b').build(), repository: freshRepository('bad'), tag: 'v1' }];
  writeFileSync(join(folder, 'trip.tar'), bytesOfBundle(bundleOf(images)));
});

after(() => {
  for (const work of cleanUps) work();
});

async function assertSaid(args: readonly string[], name: string): Promise<void> {
  const result = await runCli([...args, '--json'], { cwd: world.folder });
  const error = jsonOf(result);
  assert.match(String(error['code']), /^E_(USAGE|CONFIG|SPACE)$/, `${args.join(' ')}: ${result.stdout}`);
  assert.ok(result.status === 2 || error['code'] === 'E_SPACE');
  assert.ok(String(error['message']).includes(name), String(error['message']));
  assert.ok(String(error['hint']).length > 0);
}

const SIGNED = ['pack', '-c', 'imageset.yaml', '-o', 'x.tar'];
const READING: readonly (readonly [string, readonly string[]])[] = [
  ['verify --key', ['verify', 'trip.tar', '--key']],
  ['verify --trust-policy', ['verify', 'trip.tar', '--trust-policy']],
  [
    'verify --trusted-root',
    ['verify', 'trip.tar', '--certificate-identity', 'a', '--certificate-oidc-issuer', 'b', '--trusted-root'],
  ],
  ['pack --sign-key', [...SIGNED, '--sign-key']],
  ['pack --identity-token', [...SIGNED, '--keyless', '--identity-token']],
  ['trust show', ['trust', 'show']],
];
const WRITING: readonly (readonly [string, readonly string[]])[] = [
  ['pack -o', ['pack', '-c', 'imageset.yaml', '--unsigned', '-o']],
  ['pack --detached-signature', [...SIGNED, '--sign-key', 'release.key', '--detached-signature']],
  ['init -o', ['init', '--channel', 'stable-4.17', '-o']],
  ['inspect --report', ['inspect', 'trip.tar', '--report']],
];

describe('what is read', () => {
  for (const [what, args] of READING) {
    test(what, async () => {
      for (const name of UNREADABLE) await assertSaid([...args, name], name);
    });
  }
});

describe('what is written', () => {
  for (const [what, args] of WRITING) {
    test(what, async () => {
      for (const name of UNWRITABLE) await assertSaid([...args, name], name);
    });
  }

  test('keygen --out-prefix', async () => {
    for (const name of ['file/x', 'nowhere/x']) await assertSaid(['keygen', '--plain', '--out-prefix', name], name);
  });

  test('unpack --state-dir and --receipt', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const unpack = ['unpack', 'trip.tar', '--insecure-unsigned', '--registry', access.host];
    for (const name of [...UNWRITABLE, 'file']) await assertSaid([...unpack, '--state-dir', name], name);
    for (const name of UNWRITABLE) await assertSaid([...unpack, '--receipt', name], name);
  });
});
