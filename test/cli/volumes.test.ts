/** Bundles in volumes from registry to registry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { noise } from '../support/bundles.ts';
import { image, pushContent } from '../support/images.ts';
import { FIXED_IDENTITY, flagsFor, jsonOf, openRepository, succeed, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const app = image()
  .rawLayer(noise(3_500_000, 'one'), MEDIA_TYPE.ociLayer)
  .rawLayer(noise(2_500_000, 'two'), MEDIA_TYPE.ociLayer)
  .build();

async function prepare(t: TestContext, archiveSize?: number) {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const folder = temporaryFolder(t);
  const name = freshRepository('volumes');
  await pushContent(openRepository(t, access, name), app, 'v1');
  const config = join(folder, 'imageset.yaml');
  const document = {
    apiVersion: 'mirror.openshift.io/v2alpha1',
    kind: 'ImageSetConfiguration',
    ...(archiveSize === undefined ? {} : { archiveSize }),
    mirror: { additionalImages: [{ name: `${access.host}/${name}:v1` }] },
  };
  writeFileSync(config, JSON.stringify(document));
  const { key, pub } = writeKeys(folder);
  const flags = [...flagsFor(access, folder), '--sign-key', key, ...FIXED_IDENTITY];
  return { access, folder, name, pub, pack: ['pack', '-c', config, '-o', join(folder, 'trip.tar'), ...flags] };
}

test('pack writes volumes with a signed index; verify and unpack read them in any order', async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  const { access, folder, name, pub, pack } = prepared;
  const packed = jsonOf(await succeed([...pack, '--volume-size', '2MiB', '--json'])) as {
    volumes: { path: string; sha256: string }[];
    output: string;
  };
  const paths = packed.volumes.map(({ path }) => path);
  assert.deepEqual(
    paths,
    [1, 2, 3].map((number) => join(folder, `trip.tar.00${number}`)),
  );
  assert.equal(existsSync(packed.output), false);
  execFileSync('sha256sum', ['--check', '--strict', 'trip.SHA256SUMS'], { cwd: folder, stdio: 'ignore' });
  const index = JSON.parse(readFileSync(join(folder, 'trip.volumes.sigstore.json'), 'utf8')) as {
    dsseEnvelope: { payload: string };
  };
  const statement = JSON.parse(Buffer.from(index.dsseEnvelope.payload, 'base64').toString()) as {
    predicateType: string;
  };
  assert.equal(statement.predicateType, 'urn:airgap:attestation:volumes:v1');

  const shuffled = [paths[2]!, paths[0]!, paths[1]!];
  await succeed(['verify', ...shuffled, '--key', pub, '--deep']);
  const target = freshRepository('unpacked');
  await succeed(['unpack', ...shuffled, '--key', pub, '--registry', `${access.host}/${target}`, '--state-dir', folder]);
  const there = openRepository(t, access, `${target}/${name}`);
  assert.equal((await there.resolve('v1', new AbortController().signal)).digest, app.root.digest);

  const second = readFileSync(paths[1]!);
  second[1_000_000]! ^= 1;
  writeFileSync(paths[1]!, second);
  const far = `${access.host}/${freshRepository('refused')}`;
  const state = ['--state-dir', join(folder, 'fresh')];
  for (const command of [['verify'], ['unpack', '--registry', far, ...state]]) {
    const refused = await runCli([...command, ...paths, '--key', pub]);
    assert.equal(refused.status, 4);
    assert.match(refused.stderr, /by trip\.SHA256SUMS, damaged, swapped or of another bundle: trip\.tar\.002\n/);
  }
});

test('without an index nothing lies beside the volumes, and one of an earlier bundle is removed', async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  const { folder, pack } = prepared;
  writeFileSync(join(folder, 'trip.SHA256SUMS'), 'of another bundle');
  await succeed([...pack, '--volume-size', '3MB', '--no-volume-index']);
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.startsWith('trip')),
    ['trip.tar.001', 'trip.tar.002', 'trip.tar.003'],
  );
});

test('archiveSize of the configuration splits, unless told otherwise', async (t) => {
  const prepared = await prepare(t, 1);
  if (prepared === undefined) return;
  const { folder, pack } = prepared;
  await succeed(pack);
  assert.ok(existsSync(join(folder, 'trip.tar.001')));
  await succeed([...pack, '--volume-size', 'none']);
  assert.deepEqual(readFileSync(join(folder, 'trip.tar')).length, readFileSync(join(folder, 'trip.tar.001')).length);
});

test('sizes that can not be meant are refused before anything is read', async (t) => {
  const folder = temporaryFolder(t);
  const pack = ['pack', '-c', join(folder, 'missing.yaml'), '--unsigned', '-o'];
  for (const size of ['4', 'floppy', '100KB', '0.5MiB']) {
    const result = await runCli([...pack, join(folder, 'x.tar'), '--volume-size', size]);
    assert.equal(result.status, 2, size);
    assert.match(result.stderr, /E_USAGE.*volume/);
  }
  const piped = await runCli([...pack, '-', '--volume-size', '4GiB']);
  assert.match(piped.stderr, /E_USAGE.*standard output/);
});
