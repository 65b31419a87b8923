import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ProgressEvent } from '../../src/core/events.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import type { RegistryOptions } from '../../src/registry/options.ts';
import type { Repository } from '../../src/registry/repository.ts';
import { createAuthority } from '../support/certificates.ts';
import { image } from '../support/images.ts';
import { writeAuthFile } from '../support/registry.ts';
import { reply, startScripted, type ScriptedServer } from '../support/scripted-server.ts';

const { signal } = new AbortController();
const manifest = image().layer('a', 'b').build();
const root = manifest.contents.at(-1)!;
const content = randomBytes(1_000_000);
const large: Descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(content), size: content.length };
const small: Descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf('small'), size: 5 };
const BLOB = `/v2/r/blobs/${large.digest}`;

function open(t: TestContext, server: ScriptedServer, more: Partial<RegistryOptions> = {}) {
  const events: ProgressEvent[] = [];
  const options = { userAgent: 'airgap-test', authFiles: [], attempts: 3, ...more };
  const client = createRegistryClient(options, { signal, report: (event) => events.push(event) });
  t.after(() => client.close());
  return { repository: client.openRepository({ registry: server.host, repository: 'r' }), events };
}

function withAccount(t: TestContext, host: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-auth-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return [writeAuthFile(join(folder, 'auth.json'), host)];
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const fetchAll = async (repository: Repository, blob: Descriptor) => collect(await repository.fetch(blob, { signal }));

test('credentials do not follow a redirect to another origin', async (t) => {
  const storage = await startScripted(t, ({ response }) => reply(response, 200, content));
  const server = await startScripted(t, ({ request, response }) => {
    if (request.headers.authorization === undefined)
      reply(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
    else reply(response, 307, '', { location: `${storage.url}/bucket?X-Signature=hidden` });
  });
  const { repository, events } = open(t, server, { authFiles: withAccount(t, server.host) });

  assert.ok((await fetchAll(repository, large)).equals(content));
  assert.deepEqual(
    storage.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
  assert.ok(server.requests.some(({ headers }) => headers.authorization?.startsWith('Basic ')));
  assert.ok(!JSON.stringify(events).includes('hidden'), 'a signed address must not reach an event');
});

test('a login asked for by the target of a redirect is not answered', async (t) => {
  const thief = await startScripted(t, ({ response }) =>
    reply(response, 401, '', { 'www-authenticate': 'Basic realm="r"' }),
  );
  const server = await startScripted(t, ({ response }) => reply(response, 302, '', { location: `${thief.url}/x` }));
  const { repository } = open(t, server, { authFiles: withAccount(t, thief.host) });
  await assert.rejects(repository.fetchBody(large, { signal }), { code: 'E_UNAUTHORIZED' });
  assert.deepEqual(
    thief.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test('a redirect from TLS to plain HTTP is refused', async (t) => {
  const authority = createAuthority();
  const plain = await startScripted(t, ({ response }) => reply(response, 200, content));
  const server = await startScripted(
    t,
    ({ response }) => reply(response, 307, '', { location: plain.url.replace('127.0.0.1', 'localhost') }),
    authority.issue(),
  );
  const { repository } = open(t, server, { extraCa: [authority.ca] });
  await assert.rejects(repository.fetchBody(large, { signal }), {
    code: 'E_REGISTRY',
    message: /from TLS to plain HTTP/,
  });
  assert.equal(plain.requests.length, 0);
});

test('a redirect loop ends', async (t) => {
  const server = await startScripted(t, ({ response }) => reply(response, 302, '', { location: '/v2/around' }));
  const { repository } = open(t, server);
  await assert.rejects(repository.fetchBody(large, { signal }), { code: 'E_REGISTRY', message: /redirects/ });
  assert.ok(server.requests.length < 20);
});

test('a connection that breaks in mid-body is continued with a range request', async (t) => {
  const server = await startScripted(t, ({ request, response, times }) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': content.length - start,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    if (times < 3) response.write(content.subarray(start, start + 300_000), () => response.destroy());
    else response.end(content.subarray(start));
  });
  const { repository, events } = open(t, server);
  assert.ok((await fetchAll(repository, large)).equals(content));
  assert.equal(server.requests.filter(({ headers }) => headers.range !== undefined).length, 2);
  assert.equal(events.filter(({ type }) => type === 'retry').length, 2);
});

test('a server without ranges is continued too, its repeated beginning is dropped', async (t) => {
  const server = await startScripted(t, ({ response, times }) => {
    response.writeHead(200, { 'content-length': content.length });
    if (times === 1) response.write(content.subarray(0, 300_000), () => response.destroy());
    else response.end(content);
  });
  const { repository } = open(t, server);
  assert.ok((await fetchAll(repository, large)).equals(content));
  assert.equal(server.requests.filter(({ line }) => line === `GET ${BLOB}`).length, 2);
});

test('another range than asked for is refused', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 206, content.subarray(5), { 'content-range': `bytes 5-${content.length - 1}/${content.length}` }),
  );
  const { repository } = open(t, server, { attempts: 1 });
  await assert.rejects(repository.fetchBody(large, { signal, offset: 6 }), {
    code: 'E_DIGEST',
    message: /another range/,
  });
});

for (const length of [content.length - 1, content.length + 1]) {
  test(`a blob announced with ${length} instead of ${content.length} bytes is refused before it is read`, async (t) => {
    const server = await startScripted(t, ({ response }) => reply(response, 200, Buffer.alloc(length)));
    const { repository } = open(t, server, { attempts: 1 });
    await assert.rejects(repository.fetchBody(large, { signal }), { code: 'E_DIGEST' });
    await assert.rejects(fetchAll(repository, large), { code: 'E_DIGEST' });
  });
}

for (const length of [content.length - 1, content.length + 1]) {
  test(`a blob of unannounced length that has ${length} bytes is refused`, async (t) => {
    const server = await startScripted(t, ({ response }) => {
      response.write(Buffer.alloc(length));
      response.end();
    });
    const { repository } = open(t, server, { attempts: 1 });
    await assert.rejects(fetchAll(repository, large), { code: 'E_DIGEST', message: /1000000 bytes/ });
  });
}

test('wrong content of a large blob ends its stream with an error', async (t) => {
  const server = await startScripted(t, ({ response }) => reply(response, 200, Buffer.alloc(content.length)));
  await assert.rejects(fetchAll(open(t, server).repository, large), { code: 'E_DIGEST', message: /does not match/ });
});

test('wrong content of a small blob is asked for again and never handed on', async (t) => {
  const server = await startScripted(t, ({ response, times }) => reply(response, 200, times === 1 ? 'smell' : 'small'));
  assert.equal(String(await fetchAll(open(t, server).repository, small)), 'small');
});

test('a pause the registry asks for by Retry-After is kept', async (t) => {
  const server = await startScripted(t, ({ response, times }) => {
    if (times === 1)
      reply(response, 429, '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}', { 'retry-after': '1' });
    else reply(response, 200, 'small');
  });
  const { repository, events } = open(t, server);
  assert.equal(String(await fetchAll(repository, small)), 'small');
  const retry = events.find((event) => event.type === 'retry');
  assert.equal(retry?.delayMs, 1000);
});

test('a lasting rate limit is its own error, with what the registry says', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 429, '{"errors":[{"code":"TOOMANYREQUESTS","message":"pull limit"}]}', { 'retry-after': '0' }),
  );
  await assert.rejects(open(t, server).repository.fetchBytes(small, signal), {
    code: 'E_RATE_LIMIT',
    message: /pull limit/,
  });
  assert.equal(server.requests.filter(({ line }) => line.includes('/blobs/')).length, 3);
});

test('a manifest above 4 MiB is not read', async (t) => {
  const server = await startScripted(t, ({ response }) => {
    response.writeHead(200, { 'content-type': MEDIA_TYPE.ociManifest });
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await assert.rejects(open(t, server).repository.fetchManifest('v1', signal), { code: 'E_LIMIT' });
});

test('a manifest by digest with other content is refused, whatever its header says', async (t) => {
  const other = image().layer('c', 'd').build().contents.at(-1)!;
  const server = await startScripted(t, ({ response }) =>
    reply(response, 200, other.bytes, {
      'content-type': MEDIA_TYPE.ociManifest,
      'docker-content-digest': root.descriptor.digest,
    }),
  );
  const { repository } = open(t, server, { attempts: 1 });
  await assert.rejects(repository.fetchManifest(root.descriptor.digest, signal), { code: 'E_DIGEST' });
  await assert.rejects(repository.fetchManifest('v1', signal), { code: 'E_DIGEST' });
});

test('a registry that names another digest than the one asked for is not believed', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 200, root.bytes, {
      'content-type': MEDIA_TYPE.ociManifest,
      'docker-content-digest': digestOf('lie'),
    }),
  );
  const { repository } = open(t, server, { attempts: 1 });
  assert.equal((await repository.resolve(root.descriptor.digest, signal)).digest, root.descriptor.digest);
});

test('a tag is resolved without a digest header and without HEAD', async (t) => {
  const server = await startScripted(t, ({ request, response }) => {
    if (request.method === 'HEAD') reply(response, 405);
    else reply(response, 200, root.bytes, { 'content-type': 'application/json' });
  });
  assert.deepEqual(await open(t, server).repository.resolve('v1', signal), root.descriptor);
});

test('a document of an unknown kind is refused', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 200, '{"schemaVersion":1,"fsLayers":[]}', {
      'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws',
    }),
  );
  await assert.rejects(open(t, server).repository.fetchManifest('v1', signal), { code: 'E_OCI', message: /schema 1/ });
});

test('a registry that refuses every login is not asked forever', async (t) => {
  const tokens = await startScripted(t, ({ response }) => reply(response, 200, '{"token":"t"}'));
  const server = await startScripted(t, ({ response }) =>
    reply(response, 401, '', {
      'www-authenticate': `Bearer realm="${tokens.url}/t",service="s",scope="repository:r:pull"`,
    }),
  );
  const { repository } = open(t, server, { authFiles: withAccount(t, server.host) });
  await assert.rejects(repository.fetchBytes(small, signal), {
    code: 'E_UNAUTHORIZED',
    message: new RegExp(server.host),
  });
  assert.ok(server.requests.length < 6, `${server.requests.length} requests`);
  assert.ok(tokens.requests.length < 6, `${tokens.requests.length} token requests`);
});

test('a password is not sent to a token service without TLS by a registry with TLS', async (t) => {
  const authority = createAuthority();
  const server = await startScripted(
    t,
    ({ response }) => reply(response, 401, '', { 'www-authenticate': 'Bearer realm="http://tokens.example/t"' }),
    authority.issue(),
  );
  const { repository } = open(t, server, { extraCa: [authority.ca], authFiles: withAccount(t, server.host) });
  await assert.rejects(repository.fetchBytes(small, signal), {
    code: 'E_UNAUTHORIZED',
    message: /not reached over TLS/,
  });
});

test('a login asked for in the middle of a push is answered with a new body', async (t) => {
  const server = await startScripted(t, ({ request, response, call, times }) => {
    if (call === 'POST /v2/r/blobs/uploads/') {
      reply(response, 202, '', { location: '/v2/r/blobs/uploads/1' });
    } else if (times === 1) {
      // Answered without reading the body, as registries do when a token has expired.
      reply(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
    } else {
      request.resume();
      request.on('end', () => reply(response, 201));
    }
  });
  const { repository } = open(t, server, { authFiles: withAccount(t, server.host) });
  let openings = 0;
  const body = async () => {
    openings += 1;
    return Readable.from(
      Array.from({ length: 10 }, (_, at) => content.subarray(at * 100_000, (at + 1) * 100_000)),
      { objectMode: false },
    );
  };
  assert.equal(await repository.pushBlob(large, body, { signal }), 'pushed');
  assert.equal(openings, 2);
});

test('an upload that continues on another origin takes no credentials there', async (t) => {
  const storage = await startScripted(t, ({ request, response }) => {
    request.resume();
    request.on('end', () => reply(response, 201));
  });
  const server = await startScripted(t, ({ request, response }) => {
    if (request.headers.authorization === undefined)
      reply(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
    else reply(response, 202, '', { location: `${storage.url}/upload/1?state=x` });
  });
  const { repository } = open(t, server, { authFiles: withAccount(t, server.host) });
  await repository.pushBlob(large, content, { signal });
  assert.deepEqual(
    storage.requests.map(({ line, headers }) => [line, headers.authorization]),
    [[`PUT /upload/1?state=x&digest=${encodeURIComponent(large.digest)}`, undefined]],
  );
});

test('a server that answers 200 to everything does not seem to have a manifest', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 200, '<html>', { 'content-type': 'text/html' }),
  );
  await assert.rejects(open(t, server, { attempts: 1 }).repository.hasManifest(root.descriptor.digest, signal), {
    code: 'E_DIGEST',
  });
});

test('server errors are tried again, refusals are not', async (t) => {
  const server = await startScripted(t, ({ response, call, times }) => {
    if (call.startsWith('HEAD')) reply(response, 403);
    else if (times === 1) reply(response, 503);
    else reply(response, 200, 'small');
  });
  const { repository } = open(t, server);
  assert.equal(String(await repository.fetchBytes(small, signal)), 'small');
  await assert.rejects(repository.hasBlob(small, signal), { code: 'E_UNAUTHORIZED' });
  assert.equal(server.requests.filter(({ line }) => line.startsWith('HEAD')).length, 1);
});

test('an abort ends a running fetch with its reason', async (t) => {
  const server = await startScripted(t, ({ response }) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  });
  const { repository } = open(t, server);
  const controller = new AbortController();
  const stream = await repository.fetch(large, { signal: controller.signal });
  stream.once('data', () => controller.abort());
  await assert.rejects(collect(stream), { name: 'AbortError' });
});

test('the words of a registry are shown without control characters', async (t) => {
  const server = await startScripted(t, ({ response }) =>
    reply(response, 400, JSON.stringify({ errors: [{ code: 'X', message: 'a\u001b[2Jb' }] })),
  );
  await assert.rejects(open(t, server).repository.fetchBytes(small, signal), (error: Error) => {
    return 'code' in error && error.code === 'E_REGISTRY' && error.message.includes('X a [2Jb');
  });
});
