import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { readContent } from '../../src/oci/content.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, index, pushContent } from '../support/images.ts';
import { optionsFor } from '../support/registry.ts';
import { freshRepository, testRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };

for (const kind of testRegistries) {
  test(`what is pushed can be fetched byte for byte (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const repository = client.openRepository({ registry: access.host, repository: freshRepository('client') });
    const oci = index([
      image().layer('etc/x', 'y').build(),
      image().platform('linux/arm64').layer({ a: 'b', c: 'd' }).label('k', 'v').build(),
    ]).build();
    const docker = index([image().docker().layer('etc/x', 'z').build()])
      .docker()
      .build();

    for (const built of [oci, docker]) {
      await pushContent(repository, built, 'v1');
      const root = await repository.resolve('v1', signal);
      assert.deepEqual(root, { mediaType: built.root.mediaType, digest: built.root.digest, size: built.root.size });
      for (const { descriptor, bytes } of built.contents) {
        assert.deepEqual(await readContent(repository, descriptor, { signal, limit: 1 << 20 }), bytes);
        assert.equal(await repository.has(descriptor, signal), true);
      }
      const byTag = await repository.fetchManifest('v1', signal);
      assert.deepEqual(byTag.content, built.contents.at(-1)?.bytes);
    }
    assert.deepEqual(await repository.listTags(signal), ['v1']);
  });

  test(`a large blob streams both ways, from any offset (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const repository = client.openRepository({ registry: access.host, repository: freshRepository('client') });
    const bytes = randomBytes(3_000_000);
    const blob: Descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(bytes), size: bytes.length };

    assert.equal(await repository.hasBlob(blob, signal), false);
    await repository.push(blob, async () => Readable.from(pieces(bytes), { objectMode: false }), signal);
    assert.equal(await repository.hasBlob(blob, signal), true);
    for (const offset of [0, 1, 2_999_999, 3_000_000]) {
      const streamed = await collect(await repository.fetch(blob, { signal, offset }));
      assert.ok(streamed.equals(bytes.subarray(offset)), `fetch from ${offset}`);
      const raw = await collect(await repository.fetchBody(blob, { signal, offset }));
      assert.ok(raw.equals(bytes.subarray(offset)), `fetchBody from ${offset}`);
    }
  });
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
