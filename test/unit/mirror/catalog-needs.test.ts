import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnmetNeeds, type Supply } from '../../../src/mirror/catalog-needs.ts';
import { catalog, type CatalogBuilder } from '../../support/catalogs.ts';

const gvk = (kind: string) => ({ group: 'g.example.com', version: 'v1', kind });

function operator(name: string, version: string, ...properties: { type: string; value: unknown }[]): CatalogBuilder {
  return catalog()
    .package(name, { defaultChannel: 'c' })
    .channel('c', [`${name}.v1`])
    .bundle(`${name}.v1`, version, { properties });
}

async function supply(catalogName: string, selected: CatalogBuilder, other?: CatalogBuilder): Promise<Supply> {
  const { catalog: content, ...mirrored } = await selected.content();
  const rest = await other?.content();
  return {
    catalogName,
    bundles: content.bundles,
    providers: new Map([...(rest?.providers ?? []), ...mirrored.providers]),
    packageNames: new Set([...mirrored.packageNames, ...(rest?.packageNames ?? [])]),
  };
}

const needsPackage = (versionRange: string) =>
  operator('app', '1.0.0', { type: 'olm.package.required', value: { packageName: 'base', versionRange } });
const needsKind = operator('app', '1.0.0', { type: 'olm.gvk.required', value: gvk('Base') });
const base = operator('base', '2.1.0', { type: 'olm.gvk', value: gvk('Base') });

test('a requirement that a mirrored operator meets, of whatever catalog, is not mentioned', async () => {
  const apps = [needsPackage('>=2.0.0 <3.0.0'), needsPackage(''), needsPackage('something odd'), needsKind];
  for (const app of apps)
    assert.deepEqual(findUnmetNeeds([await supply('one:v1', app), await supply('two:v1', base)]), []);
});

test('a package that is not selected is named with the catalog that has it', async () => {
  const [need] = findUnmetNeeds([await supply('one:v1', needsPackage('>=2.0.0'), base)]);
  assert.equal(
    need,
    'app.v1: needs package base in version >=2.0.0, which is not selected; add it to the packages of one:v1',
  );
  const [nowhere] = findUnmetNeeds([await supply('one:v1', needsPackage('>=2.0.0'))]);
  assert.match(nowhere!, /no catalog of the image set has it/);
});

test('a package in other versions than required is named with them', async () => {
  const [need] = findUnmetNeeds([await supply('one:v1', needsPackage('>=3.0.0')), await supply('two:v1', base)]);
  assert.match(need!, /needs package base in version >=3\.0\.0; of that package only 2\.1\.0 is selected/);
});

test('an API that nothing mirrored provides is named with the packages that would', async () => {
  const [need] = findUnmetNeeds([await supply('one:v1', needsKind, base)]);
  assert.equal(need, 'app.v1: needs the API g.example.com/v1/Base: add package base of one:v1');
  const [nowhere] = findUnmetNeeds([await supply('one:v1', needsKind)]);
  assert.match(nowhere!, /no catalog of the image set provides/);
});
