/** Bundles that leave out what the far side has shown to have: made against its signed receipt, taken only on top of that. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startFront } from '../support/front.ts';
import { image, pushContent, type BuiltContent } from '../support/images.ts';
import { jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder, type CliResult } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const MIB = 1024 * 1024;

/** Bytes that do not repeat. */
function noise(size: number, seed: string): Buffer {
  const parts = Array.from({ length: Math.ceil(size / 32) }, (_, n) =>
    createHash('sha256').update(`${seed} ${n}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, size);
}

const shared = noise(2 * MIB, 'shared');
/** So small that it is read as a whole before a byte of it is sent. */
const small = noise(MIB / 16, 'small');
const built = (name: string): BuiltContent =>
  image()
    .rawLayer(shared, LAYER)
    .rawLayer(small, LAYER)
    .rawLayer(noise(MIB / 2, name), LAYER)
    .build();
const [one, two] = [built('one'), built('two')];

/** A first bundle that has arrived, with the receipt signed by the far side, and a second image to bring. */
async function arrived(t: TestContext, options: { readonly refusesMounts?: boolean } = {}) {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const front = await startFront(t, access.host, ({ request }) => {
    // As a registry answers that mounts nothing: it begins an upload.
    request.url = request.url?.replace(/\?mount=.*$/, '') ?? '';
    return false;
  });
  const host = options.refusesMounts === true ? front.host : access.host;
  const folder = temporaryFolder(t);
  const [near, far] = [freshRepository('near'), freshRepository('far')];
  for (const [name, content] of [
    ['one', one],
    ['two', two],
  ] as const)
    await pushContent(openRepository(t, access, `${near}/${name}`), content, 'v1');
  writeKeys(folder);
  writeKeys(folder, 'site');
  const run = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: folder });
  const done = (...args: string[]): Promise<CliResult> => succeed(args, { cwd: folder });
  const take = (...names: string[]) =>
    writeImageSet(
      folder,
      names.map((name) => ({ name: `${access.host}/${near}/${name}:v1` })),
    );
  const pack = (file: string, serial: number) => [
    ...['pack', '-c', 'imageset.yaml', '-o', file, '--sign-key', 'release.key', '--serial', String(serial), '--json'],
  ];
  const unpack = (file: string, state = 'state') => [
    ...['unpack', file, '--key', 'release.pub', '--registry', `${host}/${far}`, '--state-dir', state, '--json'],
  ];
  take('one');
  await done(...pack('first.tar', 1));
  await done(...unpack('first.tar'), '--receipt', 'receipt.json');
  await done('sign', 'receipt.json', '--sign-key', 'site.key', '--out', 'receipt.json.sigstore.json');
  take('one', 'two');
  const base = ['--base', 'receipt.json', '--base-key', 'site.pub'];
  return { access, folder, far, run, done, pack, unpack, base };
}

function assertRefused(result: CliResult, status: number, code: string, message: RegExp): void {
  assert.equal(result.status, status, result.stdout + result.stderr);
  assert.equal(jsonOf(result)['code'], code);
  assert.match(`${String(jsonOf(result)['message'])}; ${String(jsonOf(result)['hint'])}`, message);
}

test('a bundle on top of what arrived carries the rest only, and the far side ends with everything', async (t) => {
  const site = await arrived(t);
  if (site === undefined) return;
  const { access, folder, far, run, done, pack, unpack, base } = site;
  const packed = jsonOf(await done(...pack('second.tar', 2), ...base));
  assert.equal((packed['base'] as { serial: number }).serial, 1);
  assert.ok((packed['base'] as { bytes: number }).bytes > 2.5 * MIB);
  assert.ok(statSync(join(folder, 'second.tar')).size < MIB, 'the shared layer is not in it');

  await done('verify', 'second.tar', '--key', 'release.pub', '--deep', '--state-dir', 'state');
  await done('inspect', 'second.tar', '--key', 'release.pub', '--report', 'second.html');
  const inside = execFileSync('tar', ['xOf', join(folder, 'second.tar'), 'REPORT.html'], { encoding: 'utf8' });
  for (const report of [readFileSync(join(folder, 'second.html'), 'utf8'), inside]) assert.match(report, /serial 1/);
  // The sender, who has applied nothing, may check it as well.
  await done('verify', 'second.tar', '--key', 'release.pub', '--deep', '--state-dir', 'none-here');
  const served = await run('serve', 'second.tar', '--key', 'release.pub', '--json');
  assertRefused(served, 5, 'E_BASE', /can not be served alone/);

  const unpacked = jsonOf(await done(...unpack('second.tar'), '--receipt', 'second.json'));
  const push = unpacked['push'] as { pushedBytes: number; mounts: number };
  assert.ok(push.pushedBytes < MIB, 'the shared layer is not sent again');
  const signal = new AbortController().signal;
  for (const [name, content] of [
    ['one', one],
    ['two', two],
  ] as const) {
    const [path] = (
      JSON.parse(readFileSync(join(folder, 'second.json'), 'utf8')) as { content: { tags: { repository: string }[] } }
    ).content.tags
      .map(({ repository }) => repository.slice(access.host.length + 1))
      .filter((repository) => repository.startsWith(far) && repository.endsWith(`/${name}`));
    const repository = openRepository(t, access, path!);
    assert.equal((await repository.resolve('v1', signal)).digest, content.root.digest);
    for (const { descriptor } of content.contents) assert.equal(await repository.has(descriptor, signal), true);
  }

  // The new receipt is the base of the next one: nothing but manifests is carried.
  await done('sign', 'second.json', '--sign-key', 'site.key', '--out', 'second.sigstore.json');
  const next = ['--base', 'second.json', '--base-signature', 'second.sigstore.json', '--base-key', 'site.pub'];
  await done(...pack('third.tar', 3), ...next);
  assert.ok(statSync(join(folder, 'third.tar')).size < MIB / 4);
  const repeated = jsonOf(await done(...unpack('third.tar')))['push'] as { pushedBytes: number };
  assert.equal(repeated.pushedBytes, 0);
});

test('a registry that mounts nothing gets a left-out layer from itself', async (t) => {
  const site = await arrived(t, { refusesMounts: true });
  if (site === undefined) return;
  const { done, pack, unpack, base } = site;
  await done(...pack('second.tar', 2), ...base);
  // One connection: the layer is read from where it is sent to, and neither may wait for the other.
  const unpacked = await done(...unpack('second.tar'), '--concurrency', '1');
  const push = jsonOf(unpacked)['push'] as { pushedBytes: number; mounts: number };
  assert.equal(push.mounts, 0);
  assert.ok(push.pushedBytes > shared.length, 'sent from the registry to the registry');
});

test('only a receipt that the far side signed is a base, and only for its stream', async (t) => {
  const site = await arrived(t);
  if (site === undefined) return;
  const { folder, run, pack, base } = site;
  const other = ['--base', 'receipt.json', '--base-key', 'release.pub'];
  assertRefused(await run(...pack('x.tar', 2), ...other), 3, 'E_SIGNATURE', /no trusted key made it/);
  assertRefused(await run(...pack('x.tar', 1), ...base), 2, 'E_CONFIG', /after serial 1, not for imageset serial 1/);
  const stream = ['--bundle-name', 'other'];
  assertRefused(await run(...pack('x.tar', 2), ...stream, ...base), 2, 'E_CONFIG', /bundles of imageset/);
  const text = readFileSync(join(folder, 'receipt.json'), 'utf8');
  writeFileSync(join(folder, 'receipt.json'), text.replace('"toolVersion": "', '"toolVersion": "9'));
  assertRefused(
    await run(...pack('x.tar', 2), ...base),
    3,
    'E_SIGNATURE',
    /another receipt, or the receipt was changed/,
  );
  writeFileSync(join(folder, 'receipt.json'), text);
  // What was never sent has no bundle that another could come on top of.
  const { bundle: _bundle, ...unbound } = JSON.parse(text) as { bundle: object };
  writeFileSync(join(folder, 'mirrored.json'), JSON.stringify(unbound));
  const mirrored = await run(
    'sign',
    'mirrored.json',
    '--sign-key',
    'site.key',
    '--out',
    'mirrored.sigstore.json',
    '--json',
  );
  assertRefused(mirrored, 2, 'E_USAGE', /a receipt without a bundle/);
  // A signature for a bundle manifest says nothing of a receipt.
  const { status } = await run('sign', 'first.tar', '--sign-key', 'site.key', '--out', 'manifest.sigstore.json');
  assert.equal(status, 0);
  const wrong = await run(...pack('x.tar', 2), ...base, '--base-signature', 'manifest.sigstore.json');
  assertRefused(wrong, 3, 'E_SIGNATURE', /attestation:bundle:v1", not urn:airgap:attestation:receipt:v1/);
  const missing = await run(...pack('x.tar', 2), ...base, '--base-signature', 'nowhere.json');
  assertRefused(missing, 2, 'E_USAGE', /nowhere\.json can not be read/);
});

test('the far side takes it only where its base was applied and its content still is', async (t) => {
  const site = await arrived(t);
  if (site === undefined) return;
  const { access, folder, run, done, pack, unpack, base } = site;
  await done(...pack('second.tar', 2), ...base);
  const never = await run(...unpack('second.tar', 'other-state'));
  assertRefused(never, 5, 'E_BASE', /builds on serial 1 .*never applied here/);

  // The receipt says of a layer that it is where it is not.
  const receipt = JSON.parse(readFileSync(join(folder, 'receipt.json'), 'utf8')) as {
    content: { blobs: { size: number; digest: string; repositories: string[] }[] };
  };
  const layer = receipt.content.blobs.find(({ size }) => size === shared.length)!;
  layer.repositories = layer.repositories.map((repository) => `${repository}-gone`);
  writeFileSync(join(folder, 'wrong.json'), JSON.stringify(receipt));
  await done('sign', 'wrong.json', '--sign-key', 'site.key', '--out', 'wrong.json.sigstore.json');
  await done(...pack('wrong.tar', 3), '--base', 'wrong.json', '--base-key', 'site.pub');
  const gone = await run(...unpack('wrong.tar'));
  assertRefused(gone, 5, 'E_BASE', new RegExp(`missing or altered: "?blobs/sha256/${layer.digest.slice(7)}`));

  const other = await plainRegistries[1]?.open(t);
  if (other !== undefined) {
    const moved = unpack('second.tar').map((word) => word.replace(access.host, other.host));
    assertRefused(await run(...moved), 5, 'E_BASE', /the base of this bundle is on .*, not on /);
  }
  await done(...unpack('second.tar'));
});
