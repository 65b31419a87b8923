import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { catalogFiles } from '../../../src/mirror/catalog-files.ts';
import { readCatalogImage } from '../../../src/mirror/catalog-image.ts';
import { rebuildCatalog } from '../../../src/mirror/catalog-rebuild.ts';
import type { GeneratedImage } from '../../../src/mirror/mirror-plan.ts';
import { digestOf, type Digest } from '../../../src/oci/digest.ts';
import { layerFiles } from '../../../src/oci/layer.ts';
import type { Descriptor, ImageConfig, ImageIndex, ImageManifest } from '../../../src/oci/types.ts';
import { catalogImage, type BuiltCatalogImage, type CatalogImageFields } from '../../support/catalogs.ts';

const signal = AbortSignal.timeout(60_000);
const OCI = 'application/vnd.oci.image';
const files = new Map([
  ['alpha/catalog.json', () => Buffer.from('{"schema":"olm.package"}\n')],
  ['catalog.json', () => Buffer.from('{"schema":"global"}\n')],
]);

async function rebuild(
  fields: CatalogImageFields,
  cache?: ReadonlyMap<string, () => Buffer>,
): Promise<{ built: BuiltCatalogImage; generated: GeneratedImage }> {
  const built = catalogImage(new Map([['alpha/catalog.json', 'original']]), fields);
  const image = await readCatalogImage(built.source, built.root, { catalogName: 'x', signal });
  return { built, generated: await rebuildCatalog(image, files, cache) };
}

async function bytesOf(generated: GeneratedImage, digest: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await generated.blobs.get(digest as Digest)!.open()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const documentOf = (generated: GeneratedImage, digest: string): unknown =>
  JSON.parse(Buffer.from(generated.manifests.get(digest as Digest)!).toString());
const indexOf = (generated: GeneratedImage) => documentOf(generated, generated.root.digest) as ImageIndex;
const manifestOf = (generated: GeneratedImage, digest: string) => documentOf(generated, digest) as ImageManifest;

async function entriesOf(generated: GeneratedImage, layer: { digest: string; mediaType: string }): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from([await bytesOf(generated, layer.digest)]);
  for await (const entry of layerFiles(stream, layer.mediaType, 'layer')) {
    lines.push(`${entry.type} ${entry.mode.toString(8)} ${entry.path}`);
  }
  return lines;
}

test('every instance gets the two layers, OCI types and the command; the rest of it stays', async () => {
  const { built, generated } = await rebuild({ platforms: ['linux/amd64', 'linux/arm64'], isDocker: true });
  assert.equal(generated.root.mediaType, `${OCI}.index.v1+json`);
  const index = indexOf(generated);
  assert.deepEqual(
    index.manifests.map(({ platform }) => platform?.architecture),
    ['amd64', 'arm64'],
  );
  for (const child of index.manifests) {
    assert.equal(child.mediaType, `${OCI}.manifest.v1+json`);
    const manifest = manifestOf(generated, child.digest);
    const original = [...built.content.values()].filter((bytes) => bytes.includes('diff.tar.gzip'));
    const originalLayers = (JSON.parse(original[0]!.toString()) as ImageManifest).layers;
    assert.deepEqual(
      manifest.layers.slice(0, -2),
      originalLayers.map((layer) => ({ ...layer, mediaType: `${OCI}.layer.v1.tar+gzip` })),
    );
    const config = JSON.parse((await bytesOf(generated, manifest.config.digest)).toString()) as ImageConfig;
    assert.equal(manifest.config.mediaType, `${OCI}.config.v1+json`);
    assert.deepEqual(config.config?.Cmd, ['serve', '/configs']);
    assert.deepEqual(config.config?.Entrypoint, ['/bin/opm']);
    assert.deepEqual(config.config?.Labels, {
      'operators.operatorframework.io.index.configs.v1': '/configs',
      vendor: 'test',
    });
    assert.equal(config.created, '2023-11-14T22:13:20Z');
    assert.equal(config.rootfs?.diff_ids.length, manifest.layers.length);
    assert.equal(config.history?.length, manifest.layers.length);
    assert.deepEqual(config.history?.at(-1), { created: '0001-01-01T00:00:00Z' });
  }
});

test('the new layers hide catalog and cache of the original and hold the filtered catalog, with fixed modes', async () => {
  const { generated } = await rebuild({});
  const index = indexOf(generated);
  assert.equal(index.manifests.length, 1);
  const { layers } = manifestOf(generated, index.manifests[0]!.digest);
  assert.deepEqual(await entriesOf(generated, layers.at(-2)!), [
    'file 644 .wh.configs',
    'directory 1777 tmp',
    'file 644 tmp/.wh.cache',
  ]);
  assert.deepEqual(await entriesOf(generated, layers.at(-1)!), [
    'directory 755 configs',
    'directory 755 configs/alpha',
    'file 644 configs/alpha/catalog.json',
    'file 644 configs/catalog.json',
  ]);
});

test('a cache for the filtered catalog takes the place of the original one, for every user to replace', async () => {
  const cache = new Map([
    ['digest', () => Buffer.from('d')],
    ['cache/packages.json', () => Buffer.from('{}')],
  ]);
  const { generated } = await rebuild({ command: ['serve', '/configs', '--cache-dir=/var/opm'] }, cache);
  const { layers } = manifestOf(generated, indexOf(generated).manifests[0]!.digest);
  const entries = await entriesOf(generated, layers.at(-1)!);
  assert.deepEqual(
    entries.filter((entry) => !entry.includes('configs')),
    [
      'directory 1777 tmp',
      'directory 775 tmp/cache',
      'directory 775 tmp/cache/cache',
      'file 664 tmp/cache/cache/packages.json',
      'file 664 tmp/cache/digest',
      'directory 755 var',
      'directory 775 var/opm',
      'directory 775 var/opm/cache',
      'file 664 var/opm/cache/packages.json',
      'file 664 var/opm/digest',
    ],
  );
});

test('a cache that the original command keeps elsewhere is hidden too', async () => {
  for (const command of [
    ['serve', '/configs', '--cache-dir=/var/cache/opm'],
    ['serve', '/configs', '--cache-dir', '/var/cache/opm/'],
    ['serve', '/configs', '--cache-dir=/var/cache/opm', '--cache-dir=/tmp', '--cache-dir=/configs', '--cache-dir=.'],
  ]) {
    const { generated } = await rebuild({ command });
    const index = indexOf(generated);
    const { layers } = manifestOf(generated, index.manifests[0]!.digest);
    assert.ok((await entriesOf(generated, layers.at(-2)!)).includes('file 644 var/cache/.wh.opm'));
  }
  const { generated } = await rebuild({ command: ['serve', '/configs', '--cache-dir=/configs/../..'] });
  const index = indexOf(generated);
  const { layers } = manifestOf(generated, index.manifests[0]!.digest);
  assert.equal((await entriesOf(generated, layers.at(-2)!)).length, 3);
});

test('the same catalog gives the same bytes, whatever order its files came in', async () => {
  const first = await rebuild({});
  const image = await readCatalogImage(first.built.source, first.built.root, { catalogName: 'x', signal });
  const again = await rebuildCatalog(image, new Map([...files].toReversed()), undefined);
  assert.equal(again.root.digest, first.generated.root.digest);
});

test('what was made is what the descriptors say, and reads as the filtered catalog', async () => {
  const { built, generated } = await rebuild({ platforms: ['linux/amd64'] });
  for (const [digest, bytes] of generated.manifests) assert.equal(digestOf(bytes), digest);
  for (const [digest, { descriptor }] of generated.blobs) {
    const bytes = await bytesOf(generated, digest);
    assert.equal(digestOf(bytes), digest);
    assert.equal(bytes.length, descriptor.size);
  }
  const source = {
    resolve: () => Promise.resolve(generated.root),
    fetch: async (descriptor: Descriptor, options: { signal: AbortSignal }) => {
      const manifest = generated.manifests.get(descriptor.digest);
      if (manifest !== undefined) return Readable.from([Buffer.from(manifest)]);
      return generated.blobs.get(descriptor.digest)?.open() ?? built.source.fetch(descriptor, options);
    },
  };
  const options = { catalogName: 'x', signal, report: () => undefined };
  const image = await readCatalogImage(source, generated.root, options);
  const seen: string[] = [];
  await catalogFiles(
    source,
    image,
    options,
  )((path) => {
    seen.push(path);
    return Promise.resolve();
  });
  assert.deepEqual(seen, [...files.keys()]);
});
