/** Proof of what arrived, without a cluster: what unpack and mirror write down is what the target has. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReceiptSchema, type Receipt } from '../../src/workflows/receipt.ts';
import { image, index, pushContent } from '../support/images.ts';
import { jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const app = index([
  image().layer('app', 'amd64').build(),
  image().platform('linux/arm64').layer('app', 'arm64').build(),
]).build();

test('unpack and mirror leave the same receipt of the same content', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const repository = freshRepository('receipt');
  await pushContent(openRepository(t, access, repository), app, 'v1');
  const { key } = writeKeys(folder);
  const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key], { cwd: folder });
  const readReceipt = (file: string): Receipt => ReceiptSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const contentAt = (receipt: Receipt, prefix: string): string =>
    JSON.stringify(receipt.content).replaceAll(`${access.host}/${prefix}/`, '');

  const far = freshRepository('far');
  const unpack = ['unpack', 'x.tar', '--key', 'release.pub', '--state-dir', 'state', '--json'];
  const unpacked = jsonOf(await succeed([...unpack, '--registry', `${access.host}/${far}`], { cwd: folder }));
  const file = String(unpacked['receipt']);
  assert.equal(file, `state/receipts/imageset-${(unpacked['bundle'] as { serial: number }).serial}.json`);
  const first = readReceipt(join(folder, file));
  assert.equal(first.registry, `${access.host}/${far}`);
  assert.equal(first.bundle?.manifestSha256, unpacked['manifestSha256']);
  assert.deepEqual([first.content.manifests.length, first.content.tags.length, first.content.blobs.length], [3, 1, 4]);
  assert.deepEqual([first.steps, first.cluster, first.gaps], [[], undefined, []]);

  const near = freshRepository('near');
  const mirror = [
    'mirror',
    '-c',
    config,
    '--registry',
    `${access.host}/${near}`,
    '--receipt',
    'mirrored.json',
    '--json',
  ];
  assert.equal(jsonOf(await succeed(mirror, { cwd: folder }))['receipt'], 'mirrored.json');
  const second = readReceipt(join(folder, 'mirrored.json'));
  assert.equal(second.bundle, undefined);
  assert.equal(contentAt(second, near), contentAt(first, far));

  const quiet = mirror.filter((word) => !word.includes('receipt') && word !== 'mirrored.json');
  assert.equal('receipt' in jsonOf(await succeed(quiet, { cwd: folder })), false);

  for (const command of [[...unpack, '--registry', `${access.host}/${freshRepository('unsent')}`], quiet]) {
    const refused = await runCli([...command, '--receipt', 'no-folder/receipt.json'], { cwd: folder });
    assert.equal(refused.status, 2);
    assert.match(String(jsonOf(refused)['message']), /--receipt no-folder\/receipt\.json: .* is not there/);
  }
});
