/** A bundle shown as a registry, asked by real clients and through a real registry in front of it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { readContent } from '../../src/oci/content.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { isManifestType, MEDIA_TYPE } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { noise, temporaryFolder, TEST_IDENTITY } from '../support/bundles.ts';
import { createAuthority } from '../support/certificates.ts';
import { image, index } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { startRegistry } from '../support/registry.ts';
import { newKey, trustIn } from '../support/signing.ts';
import { bundleOf, bytesOfBundle, startServe, writeBundle, type NamedImage } from '../support/served-bundle.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const LARGE = noise(3_000_000, 'large layer');
const app = index([
  image().layer('etc/x', 'y').rawLayer(LARGE, MEDIA_TYPE.ociLayer).build(),
  image().platform('linux/arm64').layer('etc/x', 'z').build(),
]).build();
const docker = image().docker().layer('etc/x', 'docker').build();
const { mediaType, digest, size } = app.root;
const signature = image()
  .rawLayer(Buffer.from('signature'), 'text/plain')
  .artifactType('application/signature')
  .annotation('n', 'v')
  .subject({ mediaType, digest, size })
  .build();
const IMAGES: readonly NamedImage[] = [
  { content: app, repository: 'team/app', tag: 'v1' },
  { content: app, repository: 'team/app', tag: 'v2' },
  { content: docker, repository: 'team/app', tag: 'docker' },
  { content: docker, repository: 'other', tag: 'latest' },
  { content: signature, repository: 'team/app' },
];
const BYTES = bytesOfBundle(bundleOf(IMAGES));
const LAYER = app.contents.find(({ bytes }) => bytes.equals(LARGE))!.descriptor;

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False when the connection broke within the body. */
  readonly complete: boolean;
}

function ask(url: string, method = 'GET', headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const done = () => {
        const { statusCode: status = 0, complete } = response;
        resolve({ status, headers: response.headers, body: Buffer.concat(chunks), complete });
      };
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('close', done);
      response.on('error', () => undefined);
    });
    sent.on('error', reject).end();
  });
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

for (const [kind, volumeSize] of [
  ['one file', undefined],
  ['volumes', 700_001],
] as const) {
  test(`our client reads everything that is in a bundle (${kind})`, async (t) => {
    const paths = writeBundle(t, BYTES, volumeSize);
    const served = await startServe(t, paths.toReversed());
    const client = createRegistryClient({ userAgent: 'airgap-test', authFiles: [], attempts: 1 }, ctx);
    t.after(() => client.close());
    await client.ping({ registry: served.host, repository: '' }, signal);
    for (const { content, repository: name, tag } of IMAGES) {
      const repository = client.openRepository({ registry: served.host, repository: name });
      const root = { mediaType: content.root.mediaType, digest: content.root.digest, size: content.root.size };
      assert.deepEqual(await repository.resolve(tag ?? root.digest, signal), root);
      for (const { descriptor, bytes } of content.contents) {
        assert.deepEqual(await readContent(repository, descriptor, { signal, limit: 1 << 24 }), bytes);
        assert.equal(await repository.has(descriptor, signal), true);
      }
    }
    const repository = client.openRepository({ registry: served.host, repository: 'team/app' });
    assert.deepEqual(await repository.listTags(signal), ['docker', 'v1', 'v2']);
    const found = await repository.referrers(digest, signal);
    assert.deepEqual(
      found.map((one) => [one.digest, one.artifactType, one.annotations]),
      [[signature.root.digest, 'application/signature', { n: 'v' }]],
    );
    for (const offset of [0, 1, 2_999_999]) {
      assert.ok((await collect(await repository.fetchBody(LAYER, { signal, offset }))).equals(LARGE.subarray(offset)));
    }
    await assert.rejects(repository.resolve('v3', signal), { code: 'E_NOT_FOUND' });
    const elsewhere = client.openRepository({ registry: served.host, repository: 'other' });
    assert.equal(await elsewhere.has(LAYER, signal), false, 'content is shown where it belongs');
    assert.deepEqual(readdirSync(dirname(paths[0]!)).length, paths.length, 'nothing is extracted');
  });
}

test('skopeo copies an image out of a bundle over TLS, every byte unchanged', async (t) => {
  const skopeo = needProgram(t, 'skopeo');
  if (skopeo === undefined) return;
  const authority = createAuthority();
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'ca.crt'), authority.ca);
  const served = await startServe(t, writeBundle(t, BYTES, 1_000_000), { tls: authority.issue() });
  assert.match(served.url, /^https:/);
  await run(skopeo, [
    ...['copy', '--all', '--preserve-digests', '--src-cert-dir', folder],
    ...[`docker://${served.host}/team/app:v1`, `oci:${folder}/layout:v1`],
  ]);
  const layout = JSON.parse(readFileSync(join(folder, 'layout/index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  assert.deepEqual(
    layout.manifests.map((one) => one.digest),
    [digest],
  );
  for (const { descriptor, bytes } of app.contents) {
    assert.ok(readFileSync(join(folder, 'layout/blobs/sha256', descriptor.digest.slice(7))).equals(bytes));
  }
  const tags = await run(skopeo, ['list-tags', '--cert-dir', folder, `docker://${served.host}/team/app`]);
  assert.deepEqual((JSON.parse(tags.stdout) as { Tags: string[] }).Tags, ['docker', 'v1', 'v2']);
});

test('crane validates every image and lists the catalog', async (t) => {
  const crane = needProgram(t, 'crane');
  if (crane === undefined) return;
  const served = await startServe(t, writeBundle(t, BYTES));
  assert.equal((await run(crane, ['catalog', served.host])).stdout, 'other\nteam/app\n');
  for (const name of ['team/app:v1', 'team/app:docker', 'other:latest']) {
    // The large layer is noise, which crane would try to unpack.
    const only = name === 'team/app:v1' ? ['--fast'] : [];
    await run(crane, ['validate', ...only, '--remote', `${served.host}/${name}`]);
  }
  assert.equal((await run(crane, ['digest', `${served.host}/team/app:v2`])).stdout.trim(), digest);
  const other = `${served.host}/other`;
  await assert.rejects(run(crane, ['copy', `${other}:latest`, `${other}:copy`]), /read-only/);
});

test('a real registry passes on what a bundle serves, as a pull-through cache', async (t) => {
  const skopeo = needProgram(t, 'skopeo');
  if (skopeo === undefined || needProgram(t, 'docker-registry') === undefined) return;
  const served = await startServe(t, writeBundle(t, BYTES));
  const cache = await startRegistry({ implementation: 'docker-registry', proxyOf: served.url });
  t.after(() => cache.stop());
  const client = createRegistryClient({ userAgent: 'airgap-test', authFiles: [], attempts: 1 }, ctx);
  t.after(() => client.close());
  const repository = client.openRepository({ registry: cache.host, repository: 'team/app' });
  for (const { descriptor, bytes } of app.contents) {
    const got = isManifestType(descriptor.mediaType)
      ? (await repository.fetchManifest(descriptor.digest, signal)).content
      : await readContent(repository, descriptor, { signal, limit: 1 << 24 });
    assert.ok(got.equals(bytes));
  }
  // This registry keeps no list of referrers: they are found through the fallback tag of ours.
  const found = await repository.referrers(digest, signal);
  assert.deepEqual(
    found.map((one) => one.digest),
    [signature.root.digest],
  );
  const folder = temporaryFolder(t);
  const copy = ['copy', '--all', '--preserve-digests', '--src-tls-verify=false'];
  await run(skopeo, [...copy, `docker://${cache.host}/team/app:v1`, `oci:${folder}/layout:v1`]);
});

test('requests are answered as the protocol says', async (t) => {
  const served = await startServe(t, writeBundle(t, BYTES));
  const base = `${served.url}/v2`;
  const code = ({ body }: Reply) => (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]?.code;

  const version = await ask(`${base}/`);
  assert.deepEqual([version.status, version.headers['docker-distribution-api-version']], [200, 'registry/2.0']);

  const page = await ask(`${base}/team/app/tags/list?n=2`);
  assert.deepEqual(JSON.parse(page.body.toString()), { name: 'team/app', tags: ['docker', 'v1'] });
  assert.equal(page.headers.link, '</v2/team/app/tags/list?n=2&last=v1>; rel="next"');
  assert.equal(code(await ask(`${base}/_catalog?n=many`)), 'PAGINATION_NUMBER_INVALID');

  const manifest = await ask(`${base}/team/app/manifests/v1`);
  assert.deepEqual(manifest.body, app.contents.at(-1)!.bytes);
  assert.deepEqual(
    [manifest.headers['docker-content-digest'], manifest.headers['content-type']],
    [digest, app.root.mediaType],
  );
  const head = await ask(`${base}/team/app/manifests/${digest}`, 'HEAD');
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, String(size), 0]);
  const known = await ask(`${base}/team/app/manifests/v1`, 'GET', { 'if-none-match': `W/"x", "${digest}"` });
  assert.deepEqual([known.status, known.body.length], [304, 0]);

  const blob = `${base}/team/app/blobs/${LAYER.digest}`;
  const headBlob = await ask(blob, 'HEAD');
  assert.deepEqual([headBlob.status, headBlob.headers['content-length']], [200, '3000000']);
  const part = await ask(blob, 'GET', { range: 'bytes=1000-1999' });
  assert.deepEqual([part.status, part.headers['content-range']], [206, 'bytes 1000-1999/3000000']);
  assert.ok(part.body.equals(LARGE.subarray(1000, 2000)));
  const tail = await ask(blob, 'GET', { range: 'bytes=-5', 'if-range': `"${LAYER.digest}"` });
  assert.ok(tail.body.equals(LARGE.subarray(-5)));
  const changed = await ask(blob, 'GET', { range: 'bytes=-5', 'if-range': '"other"' });
  assert.deepEqual([changed.status, changed.body.length], [200, LARGE.length]);
  const beyond = await ask(blob, 'GET', { range: 'bytes=3000000-' });
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */3000000']);

  const filtered = await ask(`${base}/team/app/referrers/${digest}?artifactType=application/other`);
  assert.equal(filtered.headers['oci-filters-applied'], 'artifactType');
  assert.deepEqual((JSON.parse(filtered.body.toString()) as { manifests: unknown[] }).manifests, []);
  const fallback = await ask(`${base}/team/app/manifests/${digestTag(digest)}`);
  assert.ok(fallback.body.includes(signature.root.digest));
  const byDigest = await ask(`${base}/team/app/manifests/${String(fallback.headers['docker-content-digest'])}`);
  assert.deepEqual(byDigest.body, fallback.body);

  const none = `sha256:${'0'.repeat(64)}`;
  const refusals: readonly [string, string, number, string][] = [
    ['GET', `/team/app/manifests/v9`, 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/team/app/manifests/${none}`, 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/team/app/blobs/${none}`, 404, 'BLOB_UNKNOWN'],
    ['GET', `/other/blobs/${LAYER.digest}`, 404, 'BLOB_UNKNOWN'],
    ['GET', '/team/app/blobs/sha256:1', 400, 'DIGEST_INVALID'],
    ['GET', '/team/tags/list', 404, 'NAME_UNKNOWN'],
    ['GET', '/../../etc/passwd', 404, 'NOT_FOUND'],
    ['GET', '/constructor/tags/list', 404, 'NAME_UNKNOWN'],
    ['POST', '/team/app/blobs/uploads/', 405, 'UNSUPPORTED'],
    ['PUT', '/team/app/manifests/v1', 405, 'UNSUPPORTED'],
    ['PATCH', '/team/app/blobs/uploads/1', 405, 'UNSUPPORTED'],
    ['DELETE', `/team/app/manifests/${digest}`, 405, 'UNSUPPORTED'],
  ];
  for (const [method, path, status, expected] of refusals) {
    const reply = await ask(`${base}${path}`, method);
    assert.deepEqual([reply.status, code(reply)], [status, expected], `${method} ${path}`);
  }
});

test('a damaged blob breaks the connection and a part of it is never given', async (t) => {
  const bytes = Buffer.from(BYTES);
  const at = bytes.indexOf(LARGE.subarray(0, 64));
  const [path] = writeBundle(t, bytes);
  const served = await startServe(t, [path!]);
  const blob = `${served.url}/v2/team/app/blobs/${LAYER.digest}`;
  assert.equal((await ask(blob)).complete, true);
  // The medium decays while it is served.
  bytes[at + 1_500_000]! ^= 1;
  writeFileSync(path!, bytes);

  const part = await ask(blob, 'GET', { range: 'bytes=10-19' });
  assert.equal(part.status, 500);
  assert.ok(!part.body.includes(LARGE.subarray(10, 20)));
  const whole = await ask(blob);
  assert.deepEqual([whole.status, whole.complete], [200, false]);
  assert.ok(whole.body.length < LARGE.length);
  const warnings = served.events.filter((event) => event.type === 'warning');
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['E_DIGEST', 'E_DIGEST'],
  );
  assert.equal((await ask(`${served.url}/v2/other/manifests/latest`)).status, 200, 'everything else is still served');

  const small = docker.contents[0]!;
  const smallAt = bytes.indexOf(small.bytes);
  bytes[smallAt]! ^= 1;
  writeFileSync(path!, bytes);
  const reply = await ask(`${served.url}/v2/other/blobs/${small.descriptor.digest}`);
  assert.deepEqual([reply.status, reply.complete], [500, true]);
});

test('a bundle whose manifests are damaged, of another signer, or with a missing volume is not served', async (t) => {
  const damaged = Buffer.from(BYTES);
  damaged[damaged.indexOf(docker.contents.at(-1)!.bytes)]! ^= 1;
  await assert.rejects(startServe(t, writeBundle(t, damaged)), { code: 'E_DIGEST' });
  const others = { trust: trustIn([newKey()]) };
  await assert.rejects(startServe(t, writeBundle(t, BYTES), others), { code: 'E_SIGNATURE' });
  const volumes = writeBundle(t, BYTES, 700_001);
  await assert.rejects(startServe(t, volumes.toSpliced(2, 1)), {
    code: 'E_TRUNCATED',
    message: /trip\.tar\.003/,
  });
});

test('stopping waits for transfers under way and says what was done', async (t) => {
  const served = await startServe(t, writeBundle(t, BYTES));
  await ask(`${served.url}/v2/`);
  const { promise: started, resolve } = Promise.withResolvers<void>();
  const body = new Promise<number>((done, fail) => {
    httpRequest(`${served.url}/v2/team/app/blobs/${LAYER.digest}`, (response) => {
      let length = 0;
      response.once('readable', resolve);
      response.on('data', (chunk: Buffer) => (length += chunk.length)).on('end', () => done(length));
      response.on('error', fail);
    })
      .on('error', fail)
      .end();
  });
  await started;
  const result = await served.stop();
  assert.equal(await body, LARGE.length);
  assert.deepEqual([result.ok, result.repositories, result.images, result.requests], [true, 2, 5, 2]);
  await assert.rejects(ask(`${served.url}/v2/`), { code: 'ECONNREFUSED' });
});

test('a port that is taken and a certificate without its key are refused with a hint', async (t) => {
  const paths = writeBundle(t, BYTES);
  const served = await startServe(t, paths);
  const port = Number(served.host.split(':')[1]);
  await assert.rejects(startServe(t, paths, { port }), { code: 'E_USAGE', hint: /another program/ });
  const { cert } = createAuthority().issue();
  const { key } = createAuthority().issue();
  await assert.rejects(startServe(t, paths, { tls: { cert, key } }), { code: 'E_USAGE' });
  await assert.rejects(startServe(t, paths, { tls: { cert: '', key } }), { code: 'E_USAGE' });
});

/** Swaps the bundle after it was opened and before it is checked. */
function swapAtVerify(swap: () => void) {
  return ({ type, ...event }: { readonly type: string; readonly name?: unknown; readonly state?: unknown }): void => {
    if (type === 'stage' && event.name === 'verify' && event.state === 'started') swap();
  };
}

test('what is checked is what was opened, not what has its name by then', async (t) => {
  const [path] = writeBundle(t, bytesOfBundle(bundleOf(IMAGES, { ...TEST_IDENTITY, serial: 1 }))) as [string];
  const [other] = writeBundle(t, bytesOfBundle(bundleOf(IMAGES, { ...TEST_IDENTITY, serial: 9 }))) as [string];
  const onEvent = swapAtVerify(() => renameSync(other, path));
  await assert.rejects(startServe(t, [path], { minSerial: 9, onEvent }), { code: 'E_ROLLBACK' });
});

test('a bundle that is overwritten while it is opened is refused', async (t) => {
  const [path] = writeBundle(t, bytesOfBundle(bundleOf(IMAGES, { ...TEST_IDENTITY, serial: 1 }))) as [string];
  const onEvent = swapAtVerify(() => writeFileSync(path, bytesOfBundle(bundleOf(IMAGES))));
  await assert.rejects(startServe(t, [path], { onEvent }), { code: 'E_DIGEST', message: /changed while/ });
});
