import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { bundleKey, readCatalog, restoreBundle } from '../../../src/mirror/catalog-read.ts';
import { catalog, treeFiles } from '../../support/catalogs.ts';

const read = (files: Readonly<Record<string, string>>, wanted?: string) =>
  readCatalog(treeFiles(new Map(Object.entries(files))), {
    catalogName: 'index:v1',
    isWanted: (name) => wanted === undefined || name === wanted,
    isKept: () => true,
  });

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  const error = await read(files).then(
    () => assert.fail('was read'),
    (reason: unknown) => reason,
  );
  assert.ok(isAirgapError(error, 'E_CONFIG'), String(error));
  return error.message;
}

test('YAML and JSON give the same catalog', async () => {
  const json = await read({
    'a/catalog.json': '{"schema":"olm.package","name":"a"}{"schema":"olm.channel","package":"a","name":"c"}',
  });
  const yaml = await read({
    'a/p.yaml': '---\nschema: olm.package\nname: a\n--- # next\nschema: olm.channel\npackage: a\nname: c\n---\n',
  });
  assert.deepEqual(yaml, json);
  assert.equal(yaml.catalog.channels[0]?.name, 'c');
});

test('an operator bundle written as YAML is kept whole', async () => {
  const content = await read({
    x: 'schema: olm.bundle\npackage: a\nname: b\nproperties:\n- type: big\n  value: {x: 1.5}\n',
  });
  assert.deepEqual(content.catalog.bundles[0]?.properties, []);
  assert.deepEqual(restoreBundle(content.documents.get('a/b')!).properties, [{ type: 'big', value: { x: 1.5 } }]);
});

test('YAML is read as Kubernetes tools read it: yes and no are truth values, merge keys count, a repeated key is its last value', async () => {
  const content = await read({
    x:
      'schema: note\npackage: a\nbase: &base {k: on}\nmore: {<<: *base, m: No, text: "yes", date: 2024-01-01}\n' +
      'twice: 1\ntwice: 2\n',
  });
  assert.deepEqual(content.catalog.others[0]?.fields, {
    schema: 'note',
    package: 'a',
    base: { k: true },
    more: { k: true, m: false, text: 'yes', date: '2024-01-01' },
    twice: 2,
  });
});

test('summaries leave large properties out, the stored document has them', async () => {
  const properties = [
    { type: 'olm.csv.metadata', value: { text: 'x'.repeat(5000) } },
    { type: 'olm.gvk', value: { group: 'g', version: 'v1', kind: 'K' } },
  ];
  const built = catalog().package('a').bundle('b', '1.0.0', { properties });
  const content = await built.content();
  const summary = content.catalog.bundles[0]!;
  assert.deepEqual(
    summary.properties.map(({ type }) => type),
    ['olm.package', 'olm.gvk'],
  );
  const stored = content.documents.get(bundleKey(summary))!;
  assert.ok(stored.length < 1000);
  assert.equal(restoreBundle(stored).properties.length, 3);
});

test('of packages that are not wanted only their names and the APIs they provide are known', async () => {
  const other = catalog()
    .package('b')
    .bundle('b.1', '1.0.0', { properties: [{ type: 'olm.gvk', value: { group: 'g', version: 'v1', kind: 'K' } }] });
  const files = Object.fromEntries(other.document({ schema: 'opaque', package: 'b' }).files());
  // Not valid inside: nothing but its extent is looked at.
  const content = await read({ ...files, 'b/x.json': '{"schema":"olm.bundle","package":"b",nonsense}' }, 'a');
  assert.deepEqual(content.catalog, { packages: [], channels: [], bundles: [], deprecations: [], others: [] });
  assert.deepEqual([...content.packageNames], ['b']);
  assert.deepEqual([...content.providers], [['g/v1/K', new Set(['b'])]]);
});

test('the package of a document is told by its content, not by the folder', async () => {
  const content = await read({ 'x/y.json': '{"schema":"olm.channel","package":"a","name":"c"}' }, 'a');
  assert.equal(content.catalog.channels.length, 1);
});

test('documents come in the order of paths', async () => {
  const files = { 'b.json': '{"schema":"x","n":3}', 'a/b.json': '{"schema":"x","n":1}{"schema":"y","n":2}' };
  const content = await read(files);
  assert.deepEqual(
    content.catalog.others.map(({ fields }) => fields['n']),
    [1, 2, 3],
  );
});

test('ignored files may hold anything; an ignore file may come after what it leaves out', async () => {
  const content = await read({ 'a/README.md': '# no catalog', 'a/c.json': '{"schema":"x"}', 'a/.indexignore': '*.md' });
  assert.equal(content.catalog.others.length, 1);
});

test('a damaged file is told with its name and line', async () => {
  assert.match(
    await refusal({ 'a/c.json': '{"schema":"x"}\n\n{"schema":"x",}' }),
    /index:v1, file a\/c\.json, document in line 3: /,
  );
  assert.match(await refusal({ 'a/c.json': '{"name":"x"}' }), /document in line 1: the document has no schema/);
  assert.match(await refusal({ 'a/c.json': '{"schema":"olm.package","name":7}' }), /line 1: name is not text/);
  assert.match(
    await refusal({ 'README.md': '# Title\n\nText' }),
    /README\.md, document in line 1: the document is not an object/,
  );
  assert.match(await refusal({ 'x.yaml': 'schema: a\n---\nschema: {' }), /x\.yaml \(document from line 2\):2:/);
  const files = { 'b.json': 'x', 'a.json': '{' };
  assert.match(await refusal(files), /a\.json:1: the document that begins here is not complete/);
});

for (const [name, channel, bundles] of [
  ['jaeger-product', 'stable', 6],
  ['node-observability-operator', 'alpha', 1],
] as const) {
  test(`the real package ${name} is read`, async () => {
    const text = readFileSync(new URL(`../../fixtures/catalogs/${name}/catalog.json`, import.meta.url), 'utf8');
    const { catalog: content, documents } = await read({ 'catalog.json': text });
    assert.deepEqual(
      content.packages.map((one) => [one.name, one.defaultChannel]),
      [[name, channel]],
    );
    assert.equal(content.bundles.length, bundles);
    assert.equal(documents.size, bundles);
  });
}
