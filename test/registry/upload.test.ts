import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { AirgapError } from '../../src/core/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { startFront } from '../support/front.ts';
import { image, pushContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { optionsFor, startRegistry, type RegistryAccess } from '../support/registry.ts';
import { reply } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const content = randomBytes(20_000_000);
const large: Descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(content), size: content.length };

function open(t: TestContext, access: Pick<RegistryAccess, 'host'> & Partial<RegistryAccess>, repository: string) {
  const options = optionsFor({ implementation: 'registry', auth: 'none', url: '', ...access }, { attempts: 3 });
  const client = createRegistryClient(options, { signal, report: () => undefined });
  t.after(() => client.close());
  return client.openRepository({ registry: access.host, repository });
}

async function opened(bytes: Buffer): Promise<Readable> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / 1_000_000) }, (_, at) =>
    bytes.subarray(at * 1_000_000, (at + 1) * 1_000_000),
  );
  return Readable.from(pieces, { objectMode: false });
}

/** The content piece by piece in the same memory, which holds something else as soon as the next piece is asked for. */
async function* lent(bytes: Buffer): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(300_000);
  for (let at = 0; at < bytes.length; at += memory.length) {
    const piece = memory.subarray(0, bytes.copy(memory, 0, at));
    yield piece;
    memory.fill(0);
  }
}

const uploaded = (lines: readonly { readonly line: string }[], method: string) =>
  lines.filter(({ line }) => line.startsWith(`${method} `) && line.includes('/blobs/uploads/')).length;

for (const kind of testRegistries) {
  test(`a blob of another repository is mounted, not sent again (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const [first, second, third] = ['a', 'b', 'c'].map((part) => freshRepository(`upload/${part}`)) as [
      string,
      string,
      string,
    ];
    await open(t, access, first).pushBlob(large, content, { signal });
    assert.equal(await open(t, access, second).mountBlob(large, first, signal), true);
    assert.equal(await open(t, access, second).hasBlob(large, signal), true);
    const neverOpened = () => Promise.reject(new Error('the body is not needed'));
    assert.equal(await open(t, access, third).pushBlob(large, neverOpened, { signal, mountFrom: first }), 'mounted');
  });

  test(`a mount of what is not there falls back to an upload (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const bytes = randomBytes(1000);
    const blob = { mediaType: 'x', digest: digestOf(bytes), size: bytes.length };
    const repository = open(t, access, freshRepository('upload'));
    assert.equal(await repository.mountBlob(blob, freshRepository('upload/empty'), signal), false);
    const mountFrom = freshRepository('upload/empty');
    assert.equal(await repository.pushBlob(blob, () => opened(bytes), { signal, mountFrom }), 'pushed');
    assert.equal(await repository.hasBlob(blob, signal), true);
  });
}

for (const kind of plainRegistries) {
  test(`a blob that does not fit one request is sent in chunks (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const front = await startFront(t, access.host, ({ request, response }) => {
      if (request.method !== 'PUT' || request.headers['content-length'] === '0') return false;
      request.resume();
      request.on('end', () => reply(response, 413));
      return true;
    });
    const name = freshRepository('upload');
    assert.equal(await open(t, front, name).pushBlob(large, async () => lent(content), { signal }), 'pushed');
    assert.equal(uploaded(front.requests, 'PATCH'), 3);
    assert.equal(await open(t, access, name).hasBlob(large, signal), true);
  });

  test(`content whose memory is used again arrives as it was (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const repository = open(t, access, freshRepository('upload'));
    assert.equal(await repository.pushBlob(large, async () => lent(content), { signal }), 'pushed');
  });

  test(`a registry that overlooks the body of a single request gets chunks from then on (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const front = await startFront(t, access.host, ({ request, response }) => {
      const isMonolithic = request.method === 'PUT' && request.headers['content-length'] !== '0';
      if (!isMonolithic || (request.url ?? '').includes('/manifests/')) return false;
      request.resume();
      request.on('end', () => reply(response, 400, '{"errors":[{"code":"DIGEST_INVALID","message":"empty"}]}'));
      return true;
    });
    const name = freshRepository('upload');
    const built = image().layer('a', 'b').layer('c', 'd').build();
    await pushContent(open(t, front, name), built, 'v1');
    const refused = front.requests.filter(
      ({ line, headers }) => /^PUT .*uploads/.test(line) && headers['content-length'] !== '0',
    );
    assert.equal(refused.length, 1);
    assert.equal(uploaded(front.requests, 'PATCH'), 3);
    assert.equal((await open(t, access, name).resolve('v1', signal)).digest, built.root.digest);
  });

  for (const lost of ['request', 'answer'] as const) {
    test(`a chunked upload goes on after a chunk's ${lost} was lost (${kind.name})`, async (t) => {
      const access = await kind.open(t);
      if (access === undefined) return;
      let patches = 0;
      const front = await startFront(t, access.host, ({ request, response }) => {
        if (request.method === 'PUT' && request.headers['content-length'] !== '0') {
          request.resume();
          request.on('end', () => reply(response, 405));
          return true;
        }
        if (request.method !== 'PATCH' || (patches += 1) !== 2) return false;
        if (lost === 'request') {
          request.on('data', () => request.socket.destroy());
          return true;
        }
        // The registry gets the chunk, the client never hears of it.
        response.writeHead = () => {
          request.socket.destroy();
          return response;
        };
        return false;
      });
      const name = freshRepository('upload');
      await open(t, front, name).pushBlob(large, () => opened(content), { signal });
      assert.equal(await open(t, access, name).hasBlob(large, signal), true);
    });
  }

  test(`a push that breaks opens its content again (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    let puts = 0;
    const front = await startFront(t, access.host, ({ request }) => {
      if (request.method !== 'PUT' || (puts += 1) !== 1) return false;
      request.once('data', () => request.socket.destroy());
      return true;
    });
    const name = freshRepository('upload');
    let openings = 0;
    const body = () => {
      openings += 1;
      return opened(content);
    };
    await open(t, front, name).pushBlob(large, body, { signal });
    assert.equal(openings, 2);
    assert.equal(uploaded(front.requests, 'PATCH'), 0);
    assert.equal(await open(t, access, name).hasBlob(large, signal), true);
  });

  test(`content of another length or digest does not get in (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const repository = open(t, access, freshRepository('upload'));
    for (const size of [large.size - 1, large.size + 1]) {
      await assert.rejects(
        repository.pushBlob({ ...large, size }, () => opened(content), { signal }),
        {
          code: 'E_DIGEST',
          message: /not \d+ bytes/,
        },
      );
    }
    const wrong = { ...large, digest: digestOf('other') };
    await assert.rejects(
      repository.pushBlob(wrong, () => opened(content), { signal }),
      {
        code: 'E_REGISTRY',
        message: /DIGEST_INVALID/,
      },
    );
    assert.equal(await repository.hasBlob(large, signal), false);
  });

  test(`an error of the content's own source is reported as it is (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const repository = open(t, access, freshRepository('upload'));
    const failing = async () =>
      Readable.from(
        (function* () {
          yield content.subarray(0, 1000);
          throw new AirgapError('E_TRUNCATED', 'the volume ends early');
        })(),
        { objectMode: false },
      );
    await assert.rejects(repository.pushBlob(large, failing, { signal }), { code: 'E_TRUNCATED' });
  });

  test(`many tags of one digest can be pushed at once (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const repository = open(t, access, freshRepository('upload'));
    const built = image().layer('a', 'b').build();
    await pushContent(repository, built);
    const root = built.contents.at(-1)!;
    const tags = Array.from({ length: 30 }, (_, number) => `v${number}`);
    await Promise.all(tags.map((tag) => repository.pushManifest(root.bytes, root.descriptor.mediaType, tag, signal)));
    await repository.tag(built.root, 'last', signal);
    assert.deepEqual((await repository.listTags(signal)).toSorted(), [...tags, 'last'].toSorted());
  });
}

for (const implementation of ['docker-registry', 'registry'] as const) {
  test(`a read-only registry refuses with its own words (${implementation})`, async (t) => {
    if (needProgram(t, implementation) === undefined) return;
    const registry = await startRegistry({ implementation, readonly: true });
    t.after(() => registry.stop());
    const repository = open(t, registry, freshRepository('upload'));
    await assert.rejects(
      repository.pushBlob(large, () => opened(content), { signal }),
      {
        code: 'E_REGISTRY',
        message: /answered 405/,
      },
    );
  });

  test(`a refused mount leaves no unfinished upload behind (${implementation})`, async (t) => {
    if (needProgram(t, implementation) === undefined) return;
    const registry = await startRegistry({ implementation });
    t.after(() => registry.stop());
    assert.equal(await open(t, registry, 'a/b').mountBlob(large, 'c/d', signal), false);
    const uploads = `${registry.storage}/docker/registry/v2/repositories/a/b/_uploads`;
    // Distribution keeps an empty folder, without the file that makes it an upload.
    const files = readdirSync(uploads, { recursive: true }).map(String);
    assert.deepEqual(
      files.filter((file) => /\/(data|startedat)$/.test(file)),
      [],
    );
  });
}
