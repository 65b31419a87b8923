/** The report for a change board: in every bundle, and made of one by `inspect --report`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createAuthority } from '../support/certificates.ts';
import { image, index, pushContent } from '../support/images.ts';
import {
  FIXED_IDENTITY,
  jsonOf,
  openRepository,
  succeed,
  textOf,
  writeImageSet,
  writeKeys,
} from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const base = { 'etc/base': Buffer.alloc(50_000, 'base ') };
const app = index([
  image().layer(base).layer('app', 'amd64').build(),
  image().platform('linux/arm64').layer(base).layer('app', 'arm64').build(),
]).build();
const tool = image().layer(base).layer('tool', 'x').build();

test('a bundle carries its report, inspect writes one with signers and difference, and overwrites none', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const cwd = folder;
  const repository = freshRepository('report');
  await pushContent(openRepository(t, access, `${repository}/app`), app, 'v1');
  await pushContent(openRepository(t, access, `${repository}/tool`), tool, 'v1');
  const [appName, toolName] = ['app', 'tool'].map((name) => `${access.host}/${repository}/${name}:v1`);
  const { key, pub } = writeKeys(folder);
  const ca = join(folder, 'lab-ca.pem');
  writeFileSync(ca, createAuthority().ca);
  const config = writeImageSet(folder, [{ name: appName! }, { name: toolName! }]);
  const packWith = async (output: string, ...more: string[]): Promise<void> => {
    const pack = ['pack', '-o', output, '--sign-key', key, '--bundle-name', 'trip', ...more];
    await succeed(pack, { cwd });
  };
  const entry = (bundle: string, path: string): Buffer => execFileSync('tar', ['xOf', bundle, path], { cwd });

  // In the bundle: the same content and identity give the same report, signed like every other file.
  const withCa = ['--ca-bundle', `registry.lab:8443=${ca}`];
  await packWith('x.tar', '-c', config, ...withCa, ...FIXED_IDENTITY);
  await packWith('again.tar', '-c', config, ...withCa, ...FIXED_IDENTITY);
  const inside = entry('x.tar', 'REPORT.html');
  assert.ok(entry('again.tar', 'REPORT.html').equals(inside));
  const page = inside.toString();
  assert.match(page, /travels inside the bundle/);
  assert.match(page, /CN=airgap test authority/);
  for (const text of [appName!, toolName!, app.root.digest, tool.root.digest]) assert.ok(page.includes(text), text);
  assert.ok(!page.includes(folder), 'a path of this machine is in the report');
  await succeed(['verify', 'x.tar', '--key', pub, '--deep'], { cwd });

  // Made by inspect.
  const other = writeImageSet(folder, [{ name: appName! }], 'other.yaml');
  await packWith('before.tar', '-c', other, '--serial', '6');
  const inspect = ['inspect', 'x.tar', '--key', pub, '--against', 'before.tar', '--report', 'x.html'];
  const result = jsonOf(await succeed([...inspect, '--json'], { cwd }));
  assert.equal(result['report'], 'x.html');
  const signers = result['signers'] as { kind: string; key: string }[];
  assert.equal(signers[0]?.kind, 'key');
  const report = textOf(join(folder, 'x.html'));
  assert.match(report, /signature accepted/);
  assert.ok(report.includes(signers[0].key));
  assert.ok(report.includes(String(result['manifestSha256'])));
  assert.match(report, /1 added/);
  assert.match(report, /trip serial 6/);
  // Sizes read back from the bundle are those pack planned with.
  assert.equal(pictureOf(report), pictureOf(page));

  // What exists stays.
  writeFileSync(join(folder, 'mine.html'), 'mine');
  const refused = await runCli(['inspect', 'x.tar', '--report', 'mine.html', '--json'], { cwd });
  assert.equal(refused.status, 2);
  assert.equal(jsonOf(refused)['code'], 'E_USAGE');
  assert.match(String(jsonOf(refused)['hint']), /another name/);
  assert.equal(readFileSync(join(folder, 'mine.html'), 'utf8'), 'mine');
  const nowhere = await runCli(['inspect', 'x.tar', '--report', 'no/folder.html', '--json'], { cwd });
  assert.equal(jsonOf(nowhere)['code'], 'E_USAGE');

  // Without a key nothing is claimed; with a wrong one nothing is written.
  const unverified = await succeed(['inspect', 'x.tar', '--report', 'unverified.html'], { cwd });
  assert.match(unverified.stdout, /^unverified\.html {2}trip serial 7 {2}UNVERIFIED\n$/);
  assert.match(textOf(join(folder, 'unverified.html')), /No signature was checked/);
  const { pub: wrong } = writeKeys(folder, 'wrong');
  const rejected = await runCli(['inspect', 'x.tar', '--key', wrong, '--report', 'wrong.html'], { cwd });
  assert.equal(rejected.status, 3);
  assert.ok(!existsSync(join(folder, 'wrong.html')));
});

function pictureOf(page: string): string {
  return /<div class="scroll picture">[\s\S]*?<\/div>/.exec(page)![0];
}
