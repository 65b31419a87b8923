import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ProgressEvent } from '../../../src/core/events.ts';
import { isAirgapError } from '../../../src/core/errors.ts';
import { catalogFiles } from '../../../src/mirror/catalog-files.ts';
import { readCatalogImage } from '../../../src/mirror/catalog-image.ts';
import type { ContentSource } from '../../../src/oci/content.ts';
import type { NewLayerEntry } from '../../../src/oci/layer.ts';
import { catalogImage, type BuiltCatalogImage, type CatalogImageFields } from '../../support/catalogs.ts';

const signal = AbortSignal.timeout(60_000);

async function filesOf(built: BuiltCatalogImage): Promise<Record<string, string>> {
  const options = { catalogName: 'index:v1', signal, report: () => undefined };
  const image = await readCatalogImage(built.source, built.root, options);
  const seen: [string, string][] = [];
  await catalogFiles(
    built.source,
    image,
    options,
  )(async (path, content) => {
    let text = '';
    for await (const chunk of content) text += chunk.toString();
    seen.push([path, text]);
  });
  return Object.fromEntries(seen.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const original = new Map([
  ['a/catalog.json', 'A'],
  ['b/catalog.json', 'B'],
]);

const file = (path: string, text = ''): NewLayerEntry => ({ path, content: Buffer.from(text) });

const LAYERS: readonly [what: string, fields: CatalogImageFields, files: Record<string, string>][] = [
  ['nothing above', {}, { 'a/catalog.json': 'A', 'b/catalog.json': 'B' }],
  [
    'files elsewhere',
    { above: [[file('etc/configs/x', 'no'), file('configs2/x', 'no')]] },
    { 'a/catalog.json': 'A', 'b/catalog.json': 'B' },
  ],
  [
    'a file replaced',
    { above: [[file('configs/a/catalog.json', 'A2')]] },
    { 'a/catalog.json': 'A2', 'b/catalog.json': 'B' },
  ],
  ['a file hidden', { above: [[file('configs/a/.wh.catalog.json')]] }, { 'b/catalog.json': 'B' }],
  ['a folder hidden', { above: [[file('configs/.wh.a')]] }, { 'b/catalog.json': 'B' }],
  [
    'a folder emptied',
    { above: [[file('configs/a/.wh..wh..opq'), file('configs/a/new', 'N')]] },
    { 'a/new': 'N', 'b/catalog.json': 'B' },
  ],
  ['a folder replaced by a file', { above: [[file('configs/a', 'F')]] }, { a: 'F', 'b/catalog.json': 'B' }],
  ['the catalog hidden, then made again', { above: [[file('.wh.configs')], [file('configs/c', 'C')]] }, { c: 'C' }],
  ['the catalog emptied', { above: [[file('configs/.wh..wh..opq'), file('configs/c', 'C')]] }, { c: 'C' }],
  [
    'something hidden that comes back',
    { above: [[file('configs/.wh.a')], [file('configs/a/catalog.json', 'A3')]] },
    { 'a/catalog.json': 'A3', 'b/catalog.json': 'B' },
  ],
  [
    'a file from below',
    { below: [[file('configs/z', 'Z'), file('configs/a/catalog.json', 'old')]] },
    { 'a/catalog.json': 'A', 'b/catalog.json': 'B', z: 'Z' },
  ],
];

for (const [what, fields, files] of LAYERS) {
  test(`layers with ${what} show what a container would see`, async () => {
    assert.deepEqual(await filesOf(catalogImage(original, fields)), files);
  });
}

test('layers under a hidden catalog are not fetched, the others once', async () => {
  const built = catalogImage(original, { above: [[file('.wh.configs')], [file('configs/c', 'C')]] });
  await filesOf(built);
  const manifest = JSON.parse(built.content.get(built.root.digest)!.toString()) as { layers: { digest: never }[] };
  assert.deepEqual(
    manifest.layers.map(({ digest }) => built.fetched.get(digest) ?? 0),
    [0, 0, 0, 1, 1],
  );
});

test('a layer whose connection breaks is read again', async () => {
  const built = catalogImage(original);
  let broken = 0;
  const retries: string[] = [];
  const source: ContentSource = {
    ...built.source,
    async fetch(descriptor, options) {
      const body = await built.source.fetch(descriptor, options);
      if (!descriptor.mediaType.includes('layer') || broken > 0) return body;
      broken += 1;
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      return Readable.from(
        (async function* () {
          for await (const chunk of body) yield (chunk as Buffer).subarray(0, 40);
          throw reset;
        })(),
      );
    },
  };
  const options = {
    catalogName: 'index:v1',
    signal,
    report: (event: ProgressEvent) => retries.push(event.type),
  };
  const image = await readCatalogImage(source, built.root, options);
  const seen = new Set<string>();
  await catalogFiles(source, image, options)(async (path) => void seen.add(path));
  assert.deepEqual([...seen].toSorted(), ['a/catalog.json', 'b/catalog.json']);
  assert.deepEqual(retries, ['retry']);
});

test('the folder of the catalog is the one its label names', async () => {
  const labels = { 'operators.operatorframework.io.index.configs.v1': '/var/lib/index/' };
  const below = [[file('var/lib/index/p/catalog.json', 'P'), file('var/lib/.wh.other')]];
  assert.deepEqual(await filesOf(catalogImage(original, { labels, below })), { 'p/catalog.json': 'P' });
});

const NO_CATALOGS: readonly [what: string, labels: Record<string, string>, said: RegExp][] = [
  [
    'SQLite catalog',
    { 'operators.operatorframework.io.index.database.v1': '/database/index.db' },
    /is an SQLite catalog/,
  ],
  ['plain image', { vendor: 'x' }, /is no operator catalog/],
  ['catalog with an empty label', { 'operators.operatorframework.io.index.configs.v1': '/' }, /is no operator catalog/],
];

for (const [what, labels, said] of NO_CATALOGS) {
  test(`a ${what} is refused with what to do`, async () => {
    const built = catalogImage(original, { labels });
    await assert.rejects(
      readCatalogImage(built.source, built.root, { catalogName: 'x', signal }),
      (error) => isAirgapError(error, 'E_CONFIG') && said.test(error.message) && error.hint !== undefined,
    );
  });
}

test('only the platforms asked for are taken; none of them is an error that names those there are', async () => {
  const built = catalogImage(original, { platforms: ['linux/amd64', 'linux/arm64'], isDocker: true });
  const platforms = [{ os: 'linux', architecture: 'arm64' }];
  const image = await readCatalogImage(built.source, built.root, { catalogName: 'x', signal, platforms });
  assert.deepEqual(
    image.instances.map(({ platform }) => platform.architecture),
    ['arm64'],
  );
  await assert.rejects(
    readCatalogImage(built.source, built.root, {
      catalogName: 'x',
      signal,
      platforms: [{ os: 'linux', architecture: 's390x' }],
    }),
    (error) => isAirgapError(error, 'E_CONFIG') && /linux\/amd64, linux\/arm64/.test(error.hint ?? ''),
  );
});
