import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { cacheDigest } from '../../../src/mirror/catalog-cache-digest.ts';
import { cacheFiles } from '../../../src/mirror/catalog-cache.ts';
import { writeCatalog } from '../../../src/mirror/catalog-write.ts';
import { catalog, type CatalogBuilder } from '../../support/catalogs.ts';

interface Served {
  readonly csvJson?: string;
  readonly object?: readonly string[];
  readonly properties?: readonly unknown[];
}

async function cacheOf(built: CatalogBuilder): Promise<Map<string, () => Buffer> | undefined> {
  const content = await built.content();
  return cacheFiles(content.catalog, content.documents, writeCatalog(content.catalog, content.documents));
}

async function served(properties: readonly { type: string; value: unknown }[]): Promise<Served> {
  const built = catalog().package('p', { defaultChannel: 'c', description: 'about p' }).channel('c', ['x']);
  const cache = await cacheOf(built.bundle('x', '1.0.0', { properties }));
  return JSON.parse(cache!.get('cache/p_c_x.json')!().toString()) as Served;
}

const object = (text: string) => ({ type: 'olm.bundle.object', value: { data: Buffer.from(text).toString('base64') } });

test('the digest depends on names, content and modes of files, not on their order', () => {
  assert.equal(cacheDigest([]), 'cbf29ce484222325');
  const folder = (files: Record<string, string>) => ({
    files: new Map(Object.entries(files).map(([path, text]) => [path, () => Buffer.from(text)])),
    folderMode: 0o755,
    fileMode: 0o644,
  });
  const one = cacheDigest([folder({ 'b/c': '1', a: '2', 'b.d': '3' })]);
  assert.equal(one, cacheDigest([folder({ a: '2', 'b.d': '3', 'b/c': '1' })]));
  assert.notEqual(one, cacheDigest([folder({ a: '2', 'b.d': '3', 'b/c': '2' })]));
  assert.notEqual(one, cacheDigest([{ ...folder({ 'b/c': '1', a: '2', 'b.d': '3' }), fileMode: 0o600 }]));
});

test('objects of an operator bundle are served as they are, YAML as JSON, and one of them is its ClusterServiceVersion', async () => {
  const csv = '{"kind":"ClusterServiceVersion","n":12345678901234567890}';
  const { object: objects, csvJson, properties } = await served([object('kind: ConfigMap\na: [1]\n'), object(csv)]);
  assert.deepEqual(objects, ['{"kind":"ConfigMap","a":[1]}', csv]);
  assert.equal(csvJson, csv);
  assert.deepEqual(properties, [{ type: 'olm.package', value: '{"packageName":"p","version":"1.0.0"}' }]);
});

test('metadata of a ClusterServiceVersion becomes one with a stub of an installation', async () => {
  const { csvJson, object: objects } = await served([{ type: 'olm.csv.metadata', value: { displayName: 'X' } }]);
  assert.deepEqual(objects, [csvJson]);
  const csv = JSON.parse(csvJson!) as { kind: string; metadata: { name: string }; spec: Record<string, unknown> };
  assert.equal(csv.kind, 'ClusterServiceVersion');
  assert.equal(csv.metadata.name, 'x');
  assert.equal(csv.spec['displayName'], 'X');
  assert.equal(csv.spec['description'], 'about p');
  assert.deepEqual(csv.spec['install'], { strategy: 'deployment', spec: { deployments: null } });
});

test('an object that is neither JSON nor YAML is a damaged catalog', async () => {
  await assert.rejects(
    served([object('{"a": [')]),
    (error) => isAirgapError(error, 'E_CONFIG') && /bundle x of package p/.test(error.message),
  );
});

test('there is one file per channel and operator bundle, and no cache where that can not be', async () => {
  const built = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x2 replaces x1', 'x1'])
    .channel('d', ['x2'])
    .bundles({ x1: '1.0.0', x2: '2.0.0' });
  assert.deepEqual(
    [...(await cacheOf(built))!.keys()],
    ['cache/packages.json', 'cache/p_c_x2.json', 'cache/p_c_x1.json', 'cache/p_d_x2.json', 'digest'],
  );
  const start = () => catalog().package('p', { defaultChannel: 'c' });
  for (const unfit of [
    start().channel('c', ['x1', 'x2']).bundles({ x1: '1.0.0', x2: '2.0.0' }),
    start().channel('c', ['x1']),
    start().channel('c/d', ['x1']).bundles({ x1: '1.0.0' }),
  ]) {
    assert.equal(await cacheOf(unfit), undefined);
  }
});
