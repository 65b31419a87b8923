import assert from 'node:assert/strict';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { openBundle, type BundleReader } from '../../src/bundle/reader.ts';
import { readContent } from '../../src/oci/content.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import {
  acceptTestSignature,
  archive,
  blob,
  buildBundle,
  collectingContext,
  file,
  noise,
  piecesOf,
  refusalOf,
  sha256,
  temporaryFile,
  temporaryFolder,
  withCode,
  type TestFile,
} from '../support/bundles.ts';
import { descriptorOf, imageIndex, imageManifest, LAYER, layoutFiles, oneImageLayout } from '../support/oci-layouts.ts';

const signal = new AbortController().signal;
const BIG = blob(noise(3_000_000, 'big'));

async function open(test: TestContext, files: readonly TestFile[]): Promise<BundleReader> {
  const path = temporaryFile(test, archive(buildBundle(files)));
  const reader = await openBundle([path], { accept: acceptTestSignature });
  test.after(() => reader.close());
  return reader;
}

function descriptor(content: TestFile, mediaType: string = MEDIA_TYPE.ociLayer): Descriptor {
  return descriptorOf(content, mediaType) as unknown as Descriptor;
}

test('blobs are fetched by digest, whole and from an offset', async (t) => {
  const reader = await open(t, [file('a', 'a'), BIG, blob('')]);
  const whole = await readContent(reader, descriptor(BIG), { signal, limit: 2 ** 30 });
  assert.ok(whole.equals(BIG.content));
  const chunks: Buffer[] = [];
  for await (const chunk of await reader.fetch(descriptor(BIG), { signal, offset: 1_000_001 }))
    chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(BIG.content.subarray(1_000_001)));
  assert.equal((await readContent(reader, descriptor(blob('')), { signal, limit: 1 })).length, 0);
});

test('lent content is the same and checked the same, in memory that is used again', async (t) => {
  const path = temporaryFile(t, archive(buildBundle([BIG, blob(''), blob(noise(3_000_000, 'other'))])));
  const reader = await openBundle([path], { accept: acceptTestSignature });
  t.after(() => reader.close());
  const memories = new Set<ArrayBufferLike>();
  const read = async (content: TestFile): Promise<Buffer> => {
    const copies: Buffer[] = [];
    for await (const piece of reader.lend!(descriptor(content), signal)) {
      memories.add(piece.buffer);
      copies.push(Buffer.from(piece));
    }
    return Buffer.concat(copies);
  };
  assert.ok((await read(BIG)).equals(BIG.content));
  assert.equal((await read(blob(''))).length, 0);
  assert.ok((await read(blob(noise(3_000_000, 'other')))).equals(noise(3_000_000, 'other')));
  assert.equal(memories.size, 1);

  const bytes = readFileSync(path);
  bytes[bytes.indexOf(BIG.content) + 2_000_000]! ^= 1;
  writeFileSync(path, bytes);
  await assert.rejects(read(BIG), withCode('E_DIGEST'));
});

test('what is not there, has another size or lies in the base is said so', async (t) => {
  const base = { ...blob('in the base'), base: true as const };
  const path = temporaryFile(t, archive(buildBundle([BIG, base], { base: { manifestSha256: sha256(''), serial: 1 } })));
  const reader = await openBundle([path], { accept: acceptTestSignature });
  t.after(() => reader.close());
  await assert.rejects(reader.fetch(descriptor(LAYER), { signal }), withCode('E_NOT_FOUND'));
  await assert.rejects(reader.fetch({ ...descriptor(BIG), size: 1 }, { signal }), withCode('E_DIGEST'));
  await assert.rejects(reader.fetch(descriptor(base), { signal }), withCode('E_BASE'));
  await assert.rejects(reader.readFile('nothing'), withCode('E_NOT_FOUND'));
  await assert.rejects(reader.readFile(BIG.path, 1000), withCode('E_LIMIT'));
});

test('images are resolved by name and by digest, children of an index too', async (t) => {
  const image = imageManifest();
  const index = imageIndex([descriptorOf(image, MEDIA_TYPE.ociManifest)]);
  const named = descriptorOf(index, MEDIA_TYPE.ociIndex, {
    annotations: { 'org.opencontainers.image.ref.name': 'registry.corp/a:1' },
  });
  const reader = await open(t, layoutFiles([named], [index, image, LAYER]));
  const byName = await reader.resolve('registry.corp/a:1', signal);
  assert.equal(byName.digest, named.digest);
  const child = descriptor(image, MEDIA_TYPE.ociManifest);
  assert.deepEqual(await reader.resolve(child.digest, signal), child);
  await assert.rejects(reader.resolve('registry.corp/a:2', signal), withCode('E_NOT_FOUND'));
  await assert.rejects(reader.resolve(`sha256:${sha256('none')}` as Digest, signal), withCode('E_NOT_FOUND'));
});

test('volumes are read as one file, whatever their order and borders', async (t) => {
  const bytes = archive(buildBundle([file('a', 'a'), BIG, file('z', 'z')]));
  const folder = temporaryFolder(t);
  const borders = [0, 100, 100, 5000, 700_000, bytes.length - 5, bytes.length];
  const paths = borders.slice(1).map((end, n) => {
    const path = join(folder, `X.tar.${String(n + 1).padStart(3, '0')}`);
    writeFileSync(path, bytes.subarray(borders[n], end));
    return path;
  });
  const reader = await openBundle([paths[3]!, ...paths.toSpliced(3, 1).toReversed()], { accept: acceptTestSignature });
  t.after(() => reader.close());
  assert.ok((await reader.readFile(BIG.path)).equals(BIG.content));
  assert.equal(String(await reader.readFile('z')), 'z');
});

test('a bundle that is not accepted is not opened', async (t) => {
  const bundle = buildBundle([file('a', 'a')], { sign: () => [] });
  await assert.rejects(
    openBundle([temporaryFile(t, archive(bundle))], { accept: acceptTestSignature }),
    withCode('E_SIGNATURE'),
  );
  await assert.rejects(
    openBundle([join(temporaryFolder(t), 'none')], { accept: acceptTestSignature }),
    withCode('E_USAGE'),
  );
  await assert.rejects(openBundle([temporaryFolder(t)], { accept: acceptTestSignature }), withCode('E_USAGE'));
});

test('detached signatures count like embedded ones', async (t) => {
  const bundle = buildBundle([file('a', 'a')]);
  const unsigned = buildBundle([file('a', 'a')], { sign: () => [] });
  const path = temporaryFile(t, archive(unsigned));
  const reader = await openBundle([path], { accept: acceptTestSignature, detachedSignatures: bundle.signatures });
  assert.deepEqual(reader.signers, ['test']);
  reader.close();
});

test('with the bundle manifest only, the payload is not looked at, from a pipe not even read', async (t) => {
  const bytes = archive(buildBundle([BIG]));
  bytes.fill(1, 4096);
  const options = { ...collectingContext(), accept: acceptTestSignature, manifestOnly: true };
  const result = await verifyBundle({ paths: [temporaryFile(t, bytes)] }, options);
  assert.equal(result.files, 1);
  let read = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of piecesOf(bytes, 1000)) {
      read += piece.length;
      yield piece;
    }
  };
  await verifyBundle({ stream: counted() }, options);
  assert.ok(read < 10_000);
});

test('the policy may depend on the stream of the bundle, and comes before any payload', async (t) => {
  const bytes = archive(buildBundle([BIG])).subarray(0, 10_000);
  const policy = (bundle: { name: string }): { minSerial: number } => ({
    minSerial: bundle.name === 'ocp-prod' ? 8 : 0,
  });
  const options = { ...collectingContext(), accept: acceptTestSignature, policy };
  const error = await refusalOf(verifyBundle({ paths: [temporaryFile(t, bytes)] }, options));
  assert.equal(error.code, 'E_ROLLBACK');
});

test('row 54: base files are hashed again at their place', async (t) => {
  const files = [file('a', 'a'), ...['x', 'y'].map((content) => ({ ...blob(content), base: true as const }))];
  const path = temporaryFile(t, archive(buildBundle(files, { base: { manifestSha256: sha256(''), serial: 1 } })));
  const verify = (contents: Record<string, string>): Promise<unknown> =>
    verifyBundle(
      { paths: [path] },
      {
        ...collectingContext(),
        accept: acceptTestSignature,
        openBaseFile: ({ sha256: hex }) =>
          Promise.resolve(contents[hex] === undefined ? undefined : piecesOf(Buffer.from(contents[hex]), 1)),
      },
    );
  const [x, y] = [sha256('x'), sha256('y')];
  await verify({ [x]: 'x', [y]: 'y' });
  const altered = await refusalOf(verify({ [x]: 'x', [y]: 'z' }));
  assert.equal(altered.code, 'E_BASE');
  assert.deepEqual(altered.data?.['files'], [files[2]!.path]);
  assert.deepEqual((await refusalOf(verify({}))).data?.['files'], [files[1]!.path, files[2]!.path]);
  assert.equal((await refusalOf(verify({ [x]: 'x', [y]: 'yy' }))).code, 'E_BASE');
});

test('progress adds up to all bytes behind the signatures', async (t) => {
  const path = temporaryFile(t, archive(buildBundle([BIG, ...oneImageLayout('a')])));
  for (const input of [{ paths: [path] }, { stream: createReadStream(path) }]) {
    const context = collectingContext();
    await verifyBundle(input, { ...context, accept: acceptTestSignature });
    const total = context.events.find(({ type }) => type === 'total');
    const moved = context.events.reduce((sum, event) => sum + (event.type === 'blob' ? event.bytes : 0), 0);
    assert.ok(total?.type === 'total' && moved >= total.bytes && moved <= total.bytes + 1024);
  }
});

test('an interrupt ends a verification', async (t) => {
  const path = temporaryFile(t, archive(buildBundle([blob(noise(80_000_000, 'x')), blob(noise(80_000_000, 'y'))])));
  const controller = new AbortController();
  const verification = verifyBundle(
    { paths: [path] },
    {
      accept: acceptTestSignature,
      signal: controller.signal,
      report: ({ type }) => {
        if (type === 'total') controller.abort();
      },
    },
  );
  await assert.rejects(verification, { name: 'AbortError' });
});
