/** The push of whole images: what a run that ended anywhere leaves behind is completed by the next one. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { AirgapError } from '../../src/core/errors.ts';
import type { PushTarget } from '../../src/workflows/push-target.ts';
import { pushImages } from '../../src/workflows/push.ts';
import { confirmContent } from '../../src/workflows/receipt.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { startFront } from '../support/front.ts';
import { image, pushContent, sourceOf, type BuiltContent } from '../support/images.ts';
import { optionsFor } from '../support/registry.ts';
import { reply, startScripted } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const app = image().layer('a', 'b').build();
const signature = image()
  .rawLayer(Buffer.from('signature'), 'text/plain')
  .artifactType('application/signature')
  .subject({ mediaType: app.root.mediaType, digest: app.root.digest, size: app.root.size })
  .build();

function pushed({ root }: BuiltContent, repository: string, tag?: string) {
  const { mediaType, digest, size } = root;
  return { origin: `${repository}:${tag ?? digest}`, mediaType, digest, size, target: { repository, tag } };
}

for (const kind of plainRegistries) {
  test(`a referrer that was stored and not listed is listed by the next push (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const path = freshRepository('push');
    const repository = client.openRepository({ registry: access.host, repository: path });
    await pushContent(repository, app, 'v1');
    for (const { descriptor, bytes } of signature.contents.slice(0, -1)) {
      await repository.pushBlob(descriptor, bytes, { signal });
    }
    // As by a run that was killed before it wrote the index of referrers.
    const { descriptor, bytes } = signature.contents.at(-1)!;
    const answer = await fetch(`${access.url}/v2/${path}/manifests/${descriptor.digest}`, {
      method: 'PUT',
      headers: { 'content-type': descriptor.mediaType },
      body: new Uint8Array(bytes),
    });
    assert.equal(answer.status, 201);
    assert.deepEqual(await repository.referrers(app.root.digest, signal), []);

    const target: PushTarget = { registry: access.host, prefix: '' };
    const options = { target, concurrency: 2 };
    const content = {
      source: sourceOf(app, signature),
      images: [pushed(app, path, 'v1'), pushed(signature, path)],
    };
    await assert.rejects(confirmContent(content, client, options, ctx), { code: 'E_NOT_FOUND', message: /referrer/ });
    await pushImages(content, client, options, ctx);
    const listed = await repository.referrers(app.root.digest, signal);
    assert.deepEqual(
      listed.map(({ digest }) => digest),
      [signature.root.digest],
    );
    await confirmContent(content, client, options, ctx);
  });
}

test('nothing is asked twice: a new manifest has no tag yet, a tag is answered with its manifest', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const front = await startFront(t, access.host, () => false);
  const client = createRegistryClient(optionsFor({ ...access, host: front.host }), ctx);
  t.after(() => client.close());
  const path = freshRepository('push');
  const options = { target: { registry: front.host, prefix: '' }, concurrency: 2 };
  const content = { source: sourceOf(app), images: [pushed(app, path, 'v1')] };
  let seen = 0;
  const manifestRequests = (): string[] => {
    const lines = front.requests.slice(seen).map(({ line }) => line);
    seen = front.requests.length;
    return lines
      .filter((line) => line.includes('/manifests/'))
      .map((line) => line.replace(`/v2/${path}/manifests/`, ''));
  };
  const { digest } = app.root;
  await pushImages(content, client, options, ctx);
  assert.deepEqual(manifestRequests(), [`HEAD ${digest}`, `PUT ${digest}`, 'PUT v1']);
  await confirmContent(content, client, options, ctx);
  assert.deepEqual(manifestRequests(), ['HEAD v1']);
  await pushImages(content, client, options, ctx);
  assert.deepEqual(manifestRequests(), [`HEAD ${digest}`, 'HEAD v1']);
});

const broken: readonly (readonly [name: string, error: Error, code: string])[] = [
  [
    'a connection to the source that broke for good',
    new AirgapError('E_UNREACHABLE', 'GET https://source.example: reset', { data: { systemCode: 'ECONNRESET' } }),
    'E_UNREACHABLE',
  ],
  ['a blob the source does not have', new AirgapError('E_NOT_FOUND', 'x', { data: { status: 404 } }), 'E_NOT_FOUND'],
  ['a damaged place of a bundle', new AirgapError('E_DIGEST', 'x', { data: { offset: 512 } }), 'E_DIGEST'],
  ['a bundle that is cut off', new AirgapError('E_TRUNCATED', 'x', { data: { offset: 512 } }), 'E_TRUNCATED'],
  ['a medium that can not be read', Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }), 'E_UNREACHABLE'],
];

for (const [name, error, code] of broken) {
  for (const place of ['opening', 'reading'] as const) {
    test(`${name} is told of the source and tried once (${place})`, async (t) => {
      const access = await plainRegistries[0]!.open(t);
      if (access === undefined) return;
      const front = await startFront(t, access.host, () => false);
      const client = createRegistryClient(optionsFor({ ...access, host: front.host }, { attempts: 3 }), ctx);
      t.after(() => client.close());
      const path = freshRepository('push');
      const whole = sourceOf(app);
      let fetches = 0;
      const source = {
        ...whole,
        fetch: async (...args: Parameters<typeof whole.fetch>) => {
          if (args[0].digest === app.root.digest) return whole.fetch(...args);
          fetches += 1;
          if (place === 'opening') throw error;
          return Readable.from(failing(error), { objectMode: false });
        },
      };
      const target: PushTarget = { registry: front.host, prefix: '' };
      const content = { source, images: [pushed(app, path, 'v1')] };
      await assert.rejects(pushImages(content, client, { target, concurrency: 1 }, ctx), (thrown) => {
        assert.ok(thrown instanceof AirgapError);
        assert.deepEqual([thrown.code, thrown.data?.['side']], [code, 'source']);
        assert.doesNotMatch(thrown.message, /target/);
        return true;
      });
      assert.equal(fetches, 1);
      const sent = front.requests.map(({ line }) => line.split(' ')[0]);
      assert.deepEqual([sent.filter((method) => method === 'POST').length, sent.includes('PATCH')], [1, false]);
    });
  }
}

test('after something is found missing nothing more is asked for', async (t) => {
  const server = await startScripted(t, ({ response }) => reply(response, 404, '{}'));
  const client = createRegistryClient({ userAgent: 'x', authFiles: [], attempts: 1 }, ctx);
  t.after(() => client.close());
  const target: PushTarget = { registry: server.host, prefix: '' };
  const content = { source: sourceOf(app, signature), images: [pushed(app, 'r', 'v1'), pushed(signature, 'r')] };
  await assert.rejects(confirmContent(content, client, { target, concurrency: 1 }, ctx), { code: 'E_NOT_FOUND' });
  for (let round = 0; round < 10; round += 1) await (await fetch(`${server.url}/v2/`)).arrayBuffer();
  assert.equal(server.requests.filter(({ line }) => line.startsWith('HEAD')).length, 1);
});

async function* failing(error: Error): AsyncGenerator<Buffer> {
  yield Buffer.from('x');
  throw error;
}
