/** The top test: a signed bundle from a real registry to a real registry, compared byte for byte. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { digestTag } from '../../src/oci/reference.ts';
import { isManifestType } from '../../src/oci/types.ts';
import { image, index, pushContent, type BuiltContent } from '../support/images.ts';
import { needOffline, runOffline } from '../support/offline.ts';
import { eventsOf, flagsFor, jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { startRegistry, type RegistryAccess } from '../support/registry.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries, testRegistries, type RegistryKind } from '../support/shared-registries.ts';

const { signal } = new AbortController();

const base = { 'etc/base': Buffer.alloc(300_000, 'base layer of everything ') };
const app = index([
  image().layer(base).layer('app', 'amd64').build(),
  image().platform('linux/arm64').layer(base).layer('app', 'arm64').label('a', 'b').build(),
])
  .annotation('org.opencontainers.image.title', 'app')
  .build();
const docker = index([
  image().docker().layer(base).layer('app', 'docker amd64').build(),
  image().docker().platform('linux/arm64').layer(base).layer('app', 'docker arm64').build(),
])
  .docker()
  .build();
const single = image().docker().layer(base).layer('single', 'schema 2').build();
const signature = image()
  .rawLayer(Buffer.from('{"critical":{}}'), 'application/vnd.dev.cosign.simplesigning.v1+json', {
    'dev.cosignproject.cosign/signature': 'MEUCIQ==',
  })
  .build();
const sbom = image()
  .rawLayer(Buffer.from('{"spdxVersion":"SPDX-2.3"}'), 'application/spdx+json')
  .artifactType('application/spdx+json')
  .subject({ mediaType: app.root.mediaType, digest: app.root.digest, size: app.root.size })
  .annotation('made', 'by a test')
  .build();

/** Everything pack takes from `prefix`, and where it must be afterwards. */
interface Placed {
  readonly repository: string;
  readonly built: BuiltContent;
  readonly tag: string | undefined;
}

function contentsAt(prefix: string): Placed[] {
  return [
    { repository: `${prefix}/app`, built: app, tag: 'v1' },
    { repository: `${prefix}/app`, built: sbom, tag: undefined },
    { repository: `${prefix}/docker`, built: docker, tag: 'v1' },
    { repository: `${prefix}/single`, built: single, tag: digestTag(single.root.digest) },
    { repository: `${prefix}/single`, built: signature, tag: `${digestTag(single.root.digest)}.sig` },
  ];
}

async function fill(t: TestContext, access: RegistryAccess, prefix: string): Promise<string[]> {
  for (const { repository, built, tag } of contentsAt(prefix)) {
    await pushContent(openRepository(t, access, repository), built, tag);
  }
  return [
    `${access.host}/${prefix}/app:v1`,
    `${access.host}/${prefix}/docker:v1`,
    `${access.host}/${prefix}/single@${single.root.digest}`,
  ];
}

/** Source i goes to target i + 5: every registry is once source and once target, mostly of another kind. */
const pairs: readonly (readonly [RegistryKind, RegistryKind])[] = testRegistries.map((kind, at) => [
  kind,
  testRegistries[(at + 5) % testRegistries.length]!,
]);

describe('a signed bundle carries images unchanged', () => {
  for (const [from, to] of pairs) {
    test(`from ${from.name} to ${to.name}`, async (t) => {
      const [source, target] = [await from.open(t), await to.open(t)];
      if (source === undefined || target === undefined) return;
      const folder = temporaryFolder(t);
      const prefix = freshRepository('source');
      const far = freshRepository('far');
      const names = await fill(t, source, prefix);
      const { key, pub } = writeKeys(folder);
      const config = writeImageSet(
        folder,
        names.map((name) => ({ name })),
      );

      const packed = await succeed(
        ['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, '--json', ...flagsFor(source, folder)],
        { cwd: folder },
      );
      const result = jsonOf(packed);
      assert.equal(result['ok'], true);
      assert.equal(result['images'], 5);

      const verified = await succeed(['verify', 'x.tar', '--key', pub, '--deep', '--json'], { cwd: folder });
      assert.equal(jsonOf(verified)['manifestSha256'], result['manifestSha256']);

      const unpack = [
        ...['unpack', 'x.tar', '--key', pub, '--registry', `${target.host}/${far}`, '--json'],
        ...['--verbose', '--log-format', 'json', ...flagsFor(target, folder)],
      ];
      const first = jsonOf(await succeed(unpack, { cwd: folder }));
      const push = first['push'] as Record<string, number>;
      assert.ok(push['pushedBytes']! > 0);
      assert.ok(push['mounts']! >= 2, 'the shared layer is uploaded once and mounted into the other repositories');

      for (const { repository, built, tag } of contentsAt(prefix)) {
        const there = openRepository(t, target, `${far}/${repository}`);
        for (const { descriptor, bytes } of built.contents) {
          if (isManifestType(descriptor.mediaType)) {
            const { content, descriptor: found } = await there.fetchManifest(descriptor.digest, signal);
            assert.ok(content.equals(bytes), `${repository}@${descriptor.digest} differs`);
            assert.equal(found.mediaType, descriptor.mediaType);
          } else {
            assert.ok((await there.fetchBytes(descriptor, signal)).equals(bytes));
          }
        }
        if (tag !== undefined) assert.equal((await there.resolve(tag, signal)).digest, built.root.digest);
      }
      const referrers = await openRepository(t, target, `${far}/${prefix}/app`).referrers(app.root.digest, signal);
      assert.deepEqual(
        referrers.map(({ digest, artifactType, annotations }) => ({ digest, artifactType, annotations })),
        [{ digest: sbom.root.digest, artifactType: 'application/spdx+json', annotations: { made: 'by a test' } }],
      );

      const again = await succeed(unpack, { cwd: folder });
      const pushedAgain = jsonOf(again)['push'] as Record<string, number>;
      assert.equal(pushedAgain['pushedBytes'], 0);
      assert.equal(pushedAgain['mounts'], 0);
      const requests = eventsOf(again).filter(({ type }) => type === 'request');
      const others = requests.filter(
        ({ method, url }) => method !== 'HEAD' && !isQuestion(String(method), String(url)),
      );
      assert.ok(requests.length > 0);
      assert.deepEqual(others, [], 'a second run only asks whether things are there');
    });
  }
});

/** The first question to a registry, the token it then wants, and whether the one referrer is listed: no HEAD says that. */
function isQuestion(method: string, url: string): boolean {
  const { pathname } = new URL(url);
  const subject = app.root.digest;
  const isListing =
    pathname.endsWith(`/app/referrers/${subject}`) || pathname.endsWith(`/app/manifests/${subject.replace(':', '-')}`);
  return method === 'GET' && (['/v2/', '/token'].includes(pathname) || isListing);
}

test('of an index only the chosen platform travels, and the index keeps its digest', async (t) => {
  const strict = await plainRegistries[1]!.open(t);
  if (strict === undefined) return;
  const lenient = await startRegistry({ implementation: 'registry', sparseIndexes: true });
  t.after(() => lenient.stop());
  const folder = temporaryFolder(t);
  const repository = freshRepository('sparse');
  await pushContent(openRepository(t, strict, repository), app, 'v1');
  const { key, pub } = writeKeys(folder);
  const name = `${strict.host}/${repository}:v1`;
  const config = writeImageSet(folder, [{ name, platforms: [{ os: 'linux', architecture: 'amd64' }] }]);
  const packed = await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key], { cwd: folder });
  assert.match(packed.stderr, /W_SPARSE/);
  await succeed(['verify', 'x.tar', '--key', pub, '--deep'], { cwd: folder });
  const listed = execFileSync('tar', ['tf', 'x.tar'], { cwd: folder, encoding: 'utf8' });
  const [amd64, arm64] = app.contents.filter(({ descriptor }) => descriptor.mediaType.includes('manifest'));
  assert.ok(listed.includes(hex(app.root.digest)));
  assert.ok(listed.includes(hex(amd64!.descriptor.digest)));
  assert.ok(!listed.includes(hex(arm64!.descriptor.digest)));

  const unpack = ['unpack', 'x.tar', '--key', pub, '--json', '--registry'];
  await succeed([...unpack, lenient.host], { cwd: folder });
  const there = openRepository(t, lenient, repository);
  assert.ok((await there.fetchManifest('v1', signal)).content.equals(bytesOf(app)));
  assert.equal(await there.has(arm64!.descriptor, signal), false);

  // A registry that wants all instances: nothing is tagged, and the error says what to do.
  const far = freshRepository('far');
  const refused = await runCli([...unpack, `${strict.host}/${far}`], { cwd: folder });
  assert.equal(refused.status, 6);
  const error = jsonOf(refused);
  assert.deepEqual([error['code'], error['side']], ['E_REGISTRY', 'target']);
  assert.match(String(error['hint']), /platforms/);
  await assert.rejects(openRepository(t, strict, `${far}/${repository}`).resolve('v1', signal), {
    code: 'E_NOT_FOUND',
  });
});

for (const kind of plainRegistries) {
  test(`other tools read a bundle, and what unpack pushed (${kind.name})`, async (t) => {
    const [access, skopeo, crane] = [await kind.open(t), needProgram(t, 'skopeo'), needProgram(t, 'crane')];
    if (access === undefined || skopeo === undefined || crane === undefined) return;
    const folder = temporaryFolder(t);
    const run = (program: string, ...args: string[]): string =>
      execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const prefix = freshRepository('source');
    await pushContent(openRepository(t, access, `${prefix}/app`), app, 'v1');
    // What skopeo and crane wrote is packed like anything else.
    const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const [ours, skopeos, cranes] = ['app', 'skopeo', 'crane'].map((name) => `${access.host}/${prefix}/${name}:v1`);
    run(skopeo, 'copy', '--all', ...insecure, `docker://${ours}`, `docker://${skopeos}`);
    run(crane, 'copy', ours!, cranes!);
    const { key, pub } = writeKeys(folder);
    const config = writeImageSet(
      folder,
      [ours!, skopeos!, cranes!].map((name) => ({ name })),
    );
    await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key], { cwd: folder });

    assert.match(run('tar', 'tf', 'x.tar'), /^airgap-manifest\.json\n(.*\n)*oci-layout\nindex\.json\nplan\.json\n/);
    const archive = `oci-archive:x.tar:${prefix}/app:v1`;
    assert.equal(run(skopeo, 'inspect', '--raw', archive), bytesOf(app).toString());
    const copied = `${access.host}/${freshRepository('by-skopeo')}:v1`;
    run(skopeo, 'copy', '--all', '--preserve-digests', '--dest-tls-verify=false', archive, `docker://${copied}`);
    assert.equal(run(crane, 'digest', copied).trim(), app.root.digest);

    const far = freshRepository('far');
    await succeed(['unpack', 'x.tar', '--key', pub, '--registry', `${access.host}/${far}`], { cwd: folder });
    for (const name of ['app', 'skopeo', 'crane']) {
      const pushed: string = `${access.host}/${far}/${prefix}/${name}:v1`;
      assert.equal(run(crane, 'manifest', pushed), bytesOf(app).toString());
      run(crane, 'validate', '--remote', pushed);
    }
  });
}

for (const cosign of ['cosign-3', 'cosign-2']) {
  test(`${cosign} accepts the bundle's signature, and pack signs with a key cosign made`, async (t) => {
    const [access, program] = [await plainRegistries[0]!.open(t), needProgram(t, cosign)];
    if (access === undefined || program === undefined || !needOffline(t)) return;
    const folder = temporaryFolder(t);
    const password = 'correct horse';
    const offline = (...args: string[]): void => {
      const { status, stderr } = runOffline(program, args, { cwd: folder, env: { COSIGN_PASSWORD: password } });
      assert.equal(status, 0, stderr);
    };
    offline('generate-key-pair');
    writeFileSync(join(folder, 'password'), `${password}\n`);
    const repository = freshRepository('cosign');
    await pushContent(openRepository(t, access, repository), single, 'v1');
    const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
    const pack = ['pack', '-c', config, '-o', 'x.tar', '--sign-key', 'cosign.key', '--password-file', 'password'];
    await succeed(pack, { cwd: folder });
    await succeed(['verify', 'x.tar', '--key', 'cosign.pub'], { cwd: folder });

    const entry = (name: string): Buffer => execFileSync('tar', ['xOf', 'x.tar', name], { cwd: folder });
    writeFileSync(join(folder, 'm.json'), entry('airgap-manifest.json'));
    writeFileSync(join(folder, 's.json'), entry('airgap-manifest.json.1.sigstore.json'));
    writeFileSync(
      join(folder, 'empty.json'),
      '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
    );
    const older = cosign === 'cosign-2' ? ['--new-bundle-format', '--trusted-root', 'empty.json'] : [];
    const check = ['verify-blob-attestation', '--key', 'cosign.pub', '--insecure-ignore-tlog', ...older];
    offline(...check, '--type', 'urn:airgap:attestation:bundle:v1', '--bundle', 's.json', 'm.json');
  });
}

test('keygen makes the keys pack and verify use, and never overwrites one', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const env = { AIRGAP_KEY_PASSWORD: 'correct horse' };
  await succeed(['keygen', '--out-prefix', 'site'], { cwd: folder, env });
  const again = await runCli(['keygen', '--out-prefix', 'site', '--json'], { cwd: folder, env });
  assert.equal(again.status, 2);
  assert.equal(jsonOf(again)['code'], 'E_USAGE');
  const repository = freshRepository('keygen');
  await pushContent(openRepository(t, access, repository), single, 'v1');
  const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', 'site.key'], { cwd: folder, env });
  const verified = await succeed(['verify', 'x.tar', '--key', 'site.pub', '--json'], { cwd: folder });
  assert.equal((jsonOf(verified)['signers'] as { kind: string }[])[0]?.kind, 'key');
});

function hex(digest: string): string {
  return digest.slice('sha256:'.length);
}

function bytesOf(built: BuiltContent): Buffer {
  return built.contents.at(-1)!.bytes;
}
