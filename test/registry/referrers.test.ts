import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, index, pushContent } from '../support/images.ts';
import { optionsFor } from '../support/registry.ts';
import { reply, startScripted } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const app = image().layer('a', 'b').build();
const subject = { mediaType: app.root.mediaType, digest: app.root.digest, size: app.root.size };
const referrer = (name: string) =>
  image()
    .rawLayer(Buffer.from(name), 'text/plain')
    .artifactType(`application/${name}`)
    .subject(subject)
    .annotation('n', name)
    .build();

for (const kind of plainRegistries) {
  test(`referrers are found on a registry that keeps no list of them (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const repository = client.openRepository({ registry: access.host, repository: freshRepository('referrers') });
    await pushContent(repository, app, 'v1');
    assert.deepEqual(await repository.referrers(subject.digest, signal), []);

    const built = ['signature', 'sbom', 'provenance'].map((name) => referrer(name));
    await Promise.all(built.map((one) => pushContent(repository, one)));
    await pushContent(repository, built[0]!);
    const found = await repository.referrers(subject.digest, signal);
    assert.deepEqual(
      found.map(({ digest, artifactType, annotations }) => ({ digest, artifactType, annotations })).toSorted(byDigest),
      built
        .map(({ root }, at) => {
          const name = ['signature', 'sbom', 'provenance'][at]!;
          return { digest: root.digest, artifactType: `application/${name}`, annotations: { n: name } };
        })
        .toSorted(byDigest),
    );
  });

  test(`something else under the fallback tag is no list of referrers (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const repository = client.openRepository({ registry: access.host, repository: freshRepository('referrers') });
    await pushContent(repository, app, digestTag(subject.digest));
    assert.deepEqual(await repository.referrers(subject.digest, signal), []);
  });
}

test('all pages of the referrers API are read, on the host that was asked', async (t) => {
  const pages = [[referrer('a')], [referrer('b')]].map((built) => index(built).build().contents.at(-1)!.bytes);
  const server = await startScripted(t, ({ request, response }) => {
    const isSecond = (request.url ?? '').includes('page=2');
    const link = isSecond ? {} : { link: `<http://inner.example${request.url}?page=2>; rel="next"` };
    reply(response, 200, pages[isSecond ? 1 : 0], { 'content-type': MEDIA_TYPE.ociIndex, ...link });
  });
  const client = createRegistryClient({ userAgent: 'x', authFiles: [], attempts: 1 }, ctx);
  t.after(() => client.close());
  const found = await client
    .openRepository({ registry: server.host, repository: 'r' })
    .referrers(subject.digest, signal);
  assert.deepEqual(
    found.map(({ digest }) => digest),
    [referrer('a').root.digest, referrer('b').root.digest],
  );
});

test('a list whose pages never end is refused', async (t) => {
  const server = await startScripted(t, ({ request, response }) => {
    reply(response, 200, '{"tags":["a"]}', { link: `<${request.url}>; rel="next"` });
  });
  const client = createRegistryClient({ userAgent: 'x', authFiles: [], attempts: 1 }, ctx);
  t.after(() => client.close());
  await assert.rejects(client.openRepository({ registry: server.host, repository: 'r' }).listTags(signal), {
    code: 'E_REGISTRY',
    message: /never end/,
  });
});

test('a manifest whose subject the registry confirms needs no fallback index', async (t) => {
  const one = referrer('a').contents.at(-1)!;
  const server = await startScripted(t, ({ request, response }) => {
    request.resume();
    request.on('end', () => reply(response, 201, '', { 'oci-subject': subject.digest }));
  });
  const client = createRegistryClient({ userAgent: 'x', authFiles: [], attempts: 1 }, ctx);
  t.after(() => client.close());
  const repository = client.openRepository({ registry: server.host, repository: 'r' });
  await repository.pushManifest(one.bytes, one.descriptor.mediaType, one.descriptor.digest, signal);
  assert.deepEqual(
    server.requests.map(({ line }) => line).filter((line) => !line.startsWith('GET /v2/ ') && line !== 'GET /v2/'),
    [`PUT /v2/r/manifests/${digestOf(one.bytes)}`],
  );
});

function byDigest(a: { readonly digest: string }, b: { readonly digest: string }): number {
  return a.digest < b.digest ? -1 : 1;
}
