/** Names of catalogs and images of several catalogs, where they are easy to get wrong (oc-mirror behaviour, "Destination naming"). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { catalog, catalogImage, imageNamed } from '../../support/catalogs.ts';
import { collectCatalogs } from '../../support/collect-catalogs.ts';

const HOST = 'registry.corp:5000';
const one = catalog()
  .package('alpha', { defaultChannel: 'stable' })
  .channel('stable', ['alpha.v1'])
  .bundles({ 'alpha.v1': '1.0.0' });
const built = catalogImage(one.files(), { platforms: ['linux/amd64', 'linux/arm64'] });
const { digest } = built.root;

describe('names of catalogs', () => {
  /** Fields of the entry → repository and tag; `REBUILT` stands for the digest of the rebuilt index. */
  const cases: readonly (readonly [entry: string, target: string])[] = [
    [`catalog: ${HOST}/a/b/index:v4.17`, 'a/b/index:v4.17'],
    [`catalog: ${HOST}/a/b/index@${digest}`, 'a/b/index:sha256-REBUILT'],
    [`catalog: ${HOST}/a/b/index:v4.17@${digest}`, 'a/b/index:v4.17'],
    [`catalog: ${HOST}/a/b/index@${digest}, targetTag: v4.17-mine`, 'a/b/index:v4.17-mine'],
    [`catalog: ${HOST}/a/b/index:v4.17@${digest}, targetTag: other`, 'a/b/index:other'],
    [`catalog: ${HOST}/a/b/index@${digest}, targetCatalog: x/y/z`, 'x/y/z:sha256-REBUILT'],
    [`catalog: ${HOST}/a/b/index:v4.17, targetCatalog: x`, 'x:v4.17'],
    [`catalog: ${HOST}/a/b/index@${digest}, full: true`, `a/b/index:${digest.replace(':', '-')}`],
    [`catalog: ${HOST}/a/b/index@${digest}, full: true, packages: [{name: alpha}]`, 'a/b/index:sha256-REBUILT'],
    [`catalog: ${HOST}/a/b/index@${digest}, full: true, targetTag: t, targetCatalog: x/y`, 'x/y:t'],
    [`catalog: ${HOST}/index:v1`, 'index:v1'],
    [`catalog: "docker://${HOST}/a/b/index:v4.17"`, 'a/b/index:v4.17'],
  ];
  for (const [entry, expected] of cases) {
    test(entry.replace(digest, 'DIGEST'), async () => {
      const sources = { [`${HOST}/a/b/index`]: built, [`${HOST}/index`]: built };
      const { images, catalogs } = await collectCatalogs(`  - {${entry}}\n`, sources);
      const { target, source } = images.find(({ kind }) => kind === 'catalog')!;
      const rebuilt = catalogs[0]!.rebuilt?.digest.slice('sha256:'.length) ?? '';
      assert.equal(`${target.repository}:${target.tag}`, expected.replace('REBUILT', rebuilt));
      assert.deepEqual([source.tag, source.digest], [undefined, digest], 'it is always asked for by its digest');
    });
  }
});

const images = (...names: readonly string[]) => names.map((name) => ({ name, image: imageNamed(name) }));
const repositories = (list: readonly { readonly target: { readonly repository: string } }[]) =>
  list.map(({ target }) => target.repository).toSorted();

test('one operator bundle with other images in each of two catalogs: the images of both, shared ones once', async () => {
  // The vendor tool knows images by the name of the operator bundle and loses those of the first catalog.
  const withImages = (...names: readonly string[]) =>
    catalogImage(
      catalog()
        .package('alpha', { defaultChannel: 'stable' })
        .channel('stable', ['alpha.v1'])
        .bundle('alpha.v1', '1.0.0', { image: imageNamed('ops/bundle'), relatedImages: images('ops/bundle', ...names) })
        .files(),
    );
  const collected = await collectCatalogs(`  - {catalog: "${HOST}/old:v1"}\n  - {catalog: "${HOST}/new:v1"}\n`, {
    [`${HOST}/old`]: withImages('ops/shared', 'ops/before'),
    [`${HOST}/new`]: withImages('ops/shared', 'ops/after'),
  });
  assert.deepEqual(repositories(collected.images), [
    'new',
    'old',
    'ops/after',
    'ops/before',
    'ops/bundle',
    'ops/shared',
  ]);
});

test('operator bundles of one name in two packages have their images both', async () => {
  const twins = catalog()
    .package('a', { defaultChannel: 'c' })
    .channel('c', ['same.v1'])
    .bundle('same.v1', '1.0.0', { image: imageNamed('a/bundle'), relatedImages: images('a/bundle', 'a/operand') })
    .package('b', { defaultChannel: 'c' })
    .channel('c', ['same.v1'])
    .bundle('same.v1', '1.0.0', { image: imageNamed('b/bundle'), relatedImages: images('b/bundle', 'b/operand') });
  const collected = await collectCatalogs(`  - {catalog: "${HOST}/twins:v1"}\n`, {
    [`${HOST}/twins`]: catalogImage(twins.files()),
  });
  assert.deepEqual(repositories(collected.images), ['a/bundle', 'a/operand', 'b/bundle', 'b/operand', 'twins']);
});

test('an image that one operator bundle lists under two names, or as its own and as related image, is taken once', async () => {
  const bundle = imageNamed('ops/bundle');
  const listed = catalog()
    .package('a', { defaultChannel: 'c' })
    .channel('c', ['a.v1', 'a.v2 replaces a.v1'])
    .bundle('a.v1', '1.0.0', {
      image: imageNamed('ops/other'),
      relatedImages: images('ops/bundle', 'ops/operand', 'ops/operand'),
    })
    .bundle('a.v2', '2.0.0', { image: bundle, relatedImages: images('ops/bundle') });
  const { images: taken } = await collectCatalogs(
    `  - {catalog: "${HOST}/c:v1", packages: [{name: a, minVersion: "1"}]}\n`,
    {
      [`${HOST}/c`]: catalogImage(listed.files()),
    },
  );
  assert.deepEqual(taken.map(({ kind, target }) => `${kind} ${target.repository}`).toSorted(), [
    'catalog c',
    'operatorBundle ops/bundle',
    'operatorBundle ops/other',
    'relatedImage ops/operand',
  ]);
});

test('wishes that leave nothing of a catalog end the run, with a reason', async () => {
  const sources = { [`${HOST}/a/b/index`]: built };
  const refused: readonly (readonly [string, RegExp])[] = [
    ['packages: [{name: alpha, channels: [{name: stable, minVersion: "2"}]}]', /channel stable: no version is in >=2/],
    ['packages: [{name: other}]', /there is no package "other"/],
    [
      'packages: [{name: alpha, channels: [{name: fast}]}]',
      /has no channel "fast"[\s\S]*none of its channels is selected/,
    ],
  ];
  for (const [fields, said] of refused) {
    await assert.rejects(
      collectCatalogs(`  - {catalog: "${HOST}/a/b/index:v1", ${fields}}\n`, sources),
      (error) => isAirgapError(error, 'E_CONFIG') && said.test(error.message),
      fields,
    );
  }
  await assert.rejects(
    collectCatalogs(`  - {catalog: "${HOST}/a/b/index:v1", packages: [{name: other}]}\n`, sources, {
      unknownNames: 'warn',
    }),
    (error) => isAirgapError(error, 'E_CONFIG') && /nothing of this catalog is selected/.test(error.message),
  );
});
