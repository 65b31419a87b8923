/**
 * Selections that are easy to get wrong, each with the channels and operator bundles the vendor tool's filter keeps for it
 * (oc-mirror behaviour, "Filter algorithm"). Expectations are written out by hand from its rules; where ours is stricter on
 * purpose the case says so.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { filterCatalog, type FilteredCatalog } from '../../../src/mirror/catalog-filter.ts';
import { readCatalog, type CatalogContent } from '../../../src/mirror/catalog-read.ts';
import { validateCatalog } from '../../../src/mirror/catalog-validate.ts';
import { writeCatalog } from '../../../src/mirror/catalog-write.ts';
import type { CatalogSelection, PackageSelection } from '../../../src/mirror/image-set.ts';
import { catalog, treeFiles } from '../../support/catalogs.ts';

function filter(content: CatalogContent, selection: Partial<CatalogSelection>): FilteredCatalog {
  const whole = { catalog: 'c', full: false, skipDependencies: false, ...selection };
  return filterCatalog(content.catalog, whole, { catalogName: 'index:v1', packageNames: content.packageNames });
}

/** `package/channel: entries` for every channel kept, then the operator bundles. */
function show(filtered: FilteredCatalog): string[] {
  return [
    ...filtered.channels.map((one) => `${one.package}/${one.name}: ${one.entries.map(({ name }) => name).join(' ')}`),
    filtered.bundles.map(({ name }) => name).join(' '),
  ];
}

/** Two channels that share operator bundles; `fast` goes on where `stable` ends, `old` has what both left behind. */
const three = catalog()
  .package('p', { defaultChannel: 'stable' })
  .channel('stable', ['p3 replaces p2', 'p2 replaces p1', 'p1'])
  .channel('fast', ['p5 replaces p4 skips p3', 'p4 replaces p3', 'p3 replaces p2', 'p2'])
  .channel('old', ['p1 replaces p0', 'p0'])
  .bundles({ p0: '0.9.0', p1: '1.0.0', p2: '1.1.0', p3: '1.2.0', p4: '2.0.0', p5: '2.1.0' });

const p = (fields: Omit<PackageSelection, 'name'>): readonly PackageSelection[] => [{ name: 'p', ...fields }];

const KEPT: readonly [what: string, packages: readonly PackageSelection[], kept: readonly string[]][] = [
  [
    'a lowest version of the package: to the head of each channel, a channel without it goes',
    p({ minVersion: '1.2.0' }),
    ['p/stable: p3', 'p/fast: p5 p4 p3', 'p3 p4 p5'],
  ],
  [
    'a highest version of the package: down to the end of each channel',
    p({ maxVersion: '1.1.0' }),
    ['p/stable: p2 p1', 'p/fast: p2', 'p/old: p1 p0', 'p0 p1 p2'],
  ],
  [
    'an entry in range that is on the chain and skipped counts once: what skips it is not kept for it',
    p({ defaultChannel: 'fast', channels: [{ name: 'fast', minVersion: '1.1.5', maxVersion: '1.9' }] }),
    ['p/fast: p3', 'p3'],
  ],
  [
    'its own range for each channel, the head of a channel without one',
    p({
      channels: [
        { name: 'old' },
        { name: 'stable', maxVersion: '1.0.0' },
        { name: 'fast', minVersion: '1.1.0', maxVersion: '1.2.0' },
      ],
    }),
    ['p/stable: p1', 'p/fast: p3 p2', 'p/old: p1', 'p1 p2 p3'],
  ],
  [
    'the range of the package for channels listed without one',
    p({ minVersion: '1.0.0', maxVersion: '1.1.0', channels: [{ name: 'stable' }, { name: 'old' }] }),
    ['p/stable: p2 p1', 'p/old: p1', 'p1 p2'],
  ],
  [
    'an exact version in one channel, a range in another',
    p({
      channels: [
        { name: 'stable', minVersion: '1.1.0', maxVersion: '1.1.0' },
        { name: 'fast', minVersion: '2.0.0' },
      ],
    }),
    ['p/stable: p2', 'p/fast: p5 p4', 'p2 p4 p5'],
  ],
  [
    'bounds that are equal but written differently are a range: 1 takes all of 1.x',
    p({ minVersion: '1.0.0', maxVersion: '1' }),
    ['p/stable: p3 p2 p1', 'p/fast: p3 p2', 'p/old: p1', 'p1 p2 p3'],
  ],
  [
    'a leading v, and a highest version without patch',
    p({ minVersion: 'v1.1', maxVersion: 'v1.1', channels: [{ name: 'stable' }] }),
    ['p/stable: p2', 'p2'],
  ],
  [
    'stricter than the vendor tool: an exact version that only another channel has leaves no channel without entries',
    p({ channels: [{ name: 'stable' }, { name: 'old', minVersion: '1.2.0', maxVersion: '1.2.0' }] }),
    ['p/stable: p3', 'p3'],
  ],
  [
    'a channel that is listed after the default channel was replaced, with the original default left out',
    p({ defaultChannel: 'old', channels: [{ name: 'fast' }, { name: 'old' }] }),
    ['p/fast: p5', 'p/old: p1', 'p1 p5'],
  ],
];

describe('what is kept of several channels', () => {
  for (const [what, packages, kept] of KEPT) {
    test(what, async () => {
      const filtered = filter(await three.content(), { packages });
      assert.deepEqual(show(filtered), kept);
      assert.deepEqual(validateCatalog(filtered), []);
    });
  }
});

describe('heads', () => {
  const headsOf = async (...entries: readonly string[]) => {
    const built = catalog().package('p', { defaultChannel: 'c' }).channel('c', entries);
    const names = new Set(entries.map((entry) => entry.split(' ')[0]!));
    const versions = Object.fromEntries([...names].map((name, at) => [name, `${at + 1}.0.0`]));
    return show(filter(await built.bundles(versions).content(), { packages: [{ name: 'p' }] }))[0];
  };
  const refused = async (said: RegExp, ...entries: readonly string[]) => {
    await assert.rejects(headsOf(...entries), (error) => isAirgapError(error, 'E_CONFIG') && said.test(error.message));
  };

  test('one entry that skips all others is the head, wherever it stands', async () => {
    assert.equal(await headsOf('a', 'b', 'c skips a,b'), 'p/c: c');
  });

  test('an entry that is replaced and skipped, and one that replaces an entry that is not there', async () => {
    assert.equal(await headsOf('c replaces b skips b,a', 'b replaces a', 'a replaces gone'), 'p/c: c');
  });

  test('skipRange connects nothing: what only a skipRange covers is another head', async () => {
    await refused(/channel c: it has 2 heads: a, b/, 'b skipRange <2.0.0', 'a');
  });

  test('a circle, with and without a head; an entry that is there twice; one that replaces or skips itself', async () => {
    await refused(
      /channel c: its entries replace or skip each other in a circle/,
      'h replaces a',
      'a skips b',
      'b skips a',
    );
    await refused(/channel c: no entry is the head/, 'a replaces b', 'b replaces a');
    await refused(/channel c: entry a is there twice/, 'a', 'a');
    await refused(/channel c: entry a replaces itself/, 'b', 'a replaces a');
    await refused(/channel c: entry a skips itself/, 'b', 'a skips a');
    await refused(/channel c: the channel has no entries/);
  });

  test('a package without default channel gives the head of each channel, in a whole catalog too', async () => {
    const none = await catalog()
      .package('p')
      .channel('a', ['x2 replaces x1', 'x1'])
      .channel('b', ['x1'])
      .bundles({ x1: '1.0.0', x2: '2.0.0' })
      .content();
    for (const selection of [{ packages: [{ name: 'p' }] }, {}]) {
      assert.deepEqual(show(filter(none, selection)), ['p/a: x2', 'p/b: x1', 'x1 x2']);
    }
  });

  test('one channel that has no graph is no matter when it is not listed', async () => {
    const built = catalog()
      .package('p', { defaultChannel: 'good' })
      .channel('good', ['x1'])
      .channel('bad', ['x1', 'x2']);
    const content = await built.bundles({ x1: '1.0.0', x2: '2.0.0' }).content();
    const packages = [{ name: 'p', channels: [{ name: 'good' }] }];
    assert.deepEqual(show(filter(content, { packages })), ['p/good: x1', 'x1']);
  });
});

test('stricter than the vendor tool: an operator bundle in range that a channel only replaces or skips is not kept', async () => {
  // Nothing but the channel `old` has entries for x0 and s0; opm refuses a catalog with an operator bundle in no channel.
  const mentioned = catalog()
    .package('p', { defaultChannel: 'new' })
    .channel('new', ['x2 replaces x1 skips s0', 'x1 replaces x0'])
    .channel('old', ['s0 replaces x0', 'x0'])
    .bundles({ x0: '1.0.0', s0: '1.0.1', x1: '1.1.0', x2: '1.2.0' });
  const content = await mentioned.content();
  const only = filter(content, { packages: p({ channels: [{ name: 'new', minVersion: '1.0.0' }] }) });
  assert.deepEqual(show(only), ['p/new: x2 x1', 'x1 x2']);
  assert.deepEqual(validateCatalog(only), []);
  const both = filter(content, { packages: p({ minVersion: '1.0.0' }) });
  assert.deepEqual(show(both), ['p/new: x2 x1', 'p/old: s0 x0', 's0 x0 x1 x2']);
});

test('an operator bundle that is there twice is kept once: the first document', async () => {
  const twice = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x2 replaces x1', 'x1'])
    .bundle('x2', '2.0.0', { image: 'r/first@sha256:1' })
    .bundle('x1', '1.0.0')
    .bundle('x2', '1.5.0', { image: 'r/second@sha256:2' });
  const content = await twice.content();
  const filtered = filter(content, { packages: [{ name: 'p', minVersion: '2.0.0' }] });
  assert.deepEqual(show(filtered), ['p/c: x2', 'x2']);
  assert.equal(filtered.bundles[0]?.image, 'r/first@sha256:1');
  const text = writeCatalog(filtered, content.documents).get('p/catalog.json')!().toString();
  assert.deepEqual(new Set(text.match(/r\/\w+@sha256:\d/g)), new Set(['r/first@sha256:1']));
  assert.deepEqual(validateCatalog(filtered), []);
});

/** Facts from the vendor's own tests of its filter, for a catalog of one real package. */
const JAEGER: readonly [min: string, max: string, kept: string][] = [
  ['', '', 'jaeger-operator.v1.51.0-1'],
  ['1.47.1-5', '', 'jaeger-operator.v1.47.1-5 jaeger-operator.v1.51.0-1'],
  [
    '1.34.1-5',
    '1.42.0-5',
    'jaeger-operator.v1.34.1-5 jaeger-operator.v1.42.0-5 jaeger-operator.v1.42.0-5-0.1687199951.p',
  ],
];

for (const [minVersion, maxVersion, kept] of JAEGER) {
  test(`of a real package "${minVersion}" to "${maxVersion}" keeps ${kept}`, async () => {
    const file = new URL('../../fixtures/catalogs/jaeger-product/catalog.json', import.meta.url);
    const content = await readCatalog(treeFiles(new Map([['catalog.json', readFileSync(file, 'utf8')]]), 65_536), {
      catalogName: 'index:v1',
      isWanted: () => true,
      isKept: () => false,
    });
    const channels = [{ name: 'stable', minVersion, maxVersion }];
    const filtered = filter(content, { packages: [{ name: 'jaeger-product', channels }] });
    assert.equal(filtered.bundles.map(({ name }) => name).join(' '), kept);
    assert.deepEqual(validateCatalog(filtered), []);
  });
}
