import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { filterCatalog, type FilteredCatalog, type FilterOptions } from '../../../src/mirror/catalog-filter.ts';
import { validateCatalog } from '../../../src/mirror/catalog-validate.ts';
import type { CatalogSelection, PackageSelection } from '../../../src/mirror/image-set.ts';
import { catalog, type CatalogBuilder } from '../../support/catalogs.ts';

interface Want extends Partial<CatalogSelection> {
  readonly options?: Partial<FilterOptions>;
}

async function filter(from: CatalogBuilder, { options, ...selection }: Want): Promise<FilteredCatalog> {
  const { catalog: content, packageNames } = await from.content();
  const whole = { catalog: 'c', full: false, skipDependencies: false, ...selection };
  return filterCatalog(content, whole, { catalogName: 'index:v1', packageNames, ...options });
}

async function problemsOf(from: CatalogBuilder, want: Want): Promise<string> {
  const error = await filter(from, want).then(
    () => assert.fail('the selection was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(isAirgapError(error, 'E_CONFIG'), String(error));
  return error.message;
}

function entriesOf(filtered: FilteredCatalog): Record<string, string[]> {
  return Object.fromEntries(
    filtered.channels.map(({ package: owner, name, entries }) => [
      `${owner}/${name}`,
      entries.map((entry) => entry.name),
    ]),
  );
}

const bundleNames = (filtered: FilteredCatalog) => filtered.bundles.map(({ name }) => name);

/** The channel of the published vectors. */
const walk = catalog()
  .package('p', { defaultChannel: 'other' })
  .channel('c', ['a3 replaces a2', 'a2 replaces a1 skips s1', 'a1', 's1'])
  .channel('other', ['a3'])
  .bundles({ a1: '1.0.0', s1: '1.1.0', a2: '2.0.0', a3: '3.0.0' });

const prereleases = catalog()
  .package('p', { defaultChannel: 'other' })
  .channel('c', ['p4 replaces p3', 'p3 replaces p2', 'p2 replaces p1', 'p1'])
  .channel('other', ['p4'])
  .bundles({ p4: '4.3.0+9', p3: '4.2.7', p2: '4.2.0-rc.1', p1: '4.1.0' });

const VECTORS: readonly [from: CatalogBuilder, min: string, max: string, kept: string][] = [
  [walk, '', '', 'a3'],
  [walk, '2.0.0', '', 'a3 a2'],
  [walk, '1.1.0', '2.0.0', 'a2 s1'],
  [walk, '', '1.5.0', 'a2 a1 s1'],
  [walk, '2.0.0', '2.0.0', 'a2'],
  [walk, '1.1.0', '1.1.0', 's1'],
  [walk, '1.1.0', '1.9.0', 'a2 s1'],
  [walk, '1.0.0', '', 'a3 a2 a1 s1'],
  [prereleases, '4.2', '', 'p4 p3'],
  [prereleases, '4.2.0', '', 'p4 p3'],
  [prereleases, '', '4.2', 'p3 p2 p1'],
  [prereleases, '', '4', 'p4 p3 p2 p1'],
  [prereleases, '4.2.0-0', '', 'p4 p3 p2'],
  [prereleases, '4.1.0', '4.2.7-0', 'p2 p1'],
  [prereleases, '4.2.0-rc.1', '4.2.0-rc.1', 'p2'],
  [prereleases, '4.3', '4.3', 'p4'],
  [prereleases, '4.3.0+1', '4.3.0+1', 'p4'],
];

for (const [from, minVersion, maxVersion, kept] of VECTORS) {
  test(`the range "${minVersion}" to "${maxVersion}" keeps ${kept}`, async () => {
    const packages = [{ name: 'p', channels: [{ name: 'c', minVersion, maxVersion }, { name: 'other' }] }];
    const filtered = await filter(from, { packages });
    assert.equal(entriesOf(filtered)['p/c']?.join(' '), kept);
    assert.deepEqual(validateCatalog(filtered), []);
  });
}

test('entries that are kept are not changed, though they name operator bundles that are gone', async () => {
  const filtered = await filter(walk, { packages: [{ name: 'p', channels: [{ name: 'c' }], defaultChannel: 'c' }] });
  assert.deepEqual(filtered.channels[0]?.entries, [{ name: 'a3', replaces: 'a2' }]);
});

const two = catalog()
  .package('alpha', { defaultChannel: 'stable' })
  .channel('stable', ['alpha.2 replaces alpha.1', 'alpha.1'])
  .channel('fast', ['alpha.3 replaces alpha.2', 'alpha.2'])
  .bundles({ 'alpha.1': '1.0.0', 'alpha.2': '2.0.0', 'alpha.3': '3.0.0' })
  .package('beta', { defaultChannel: 'v1' })
  .channel('v1', ['beta.1'])
  .bundles({ 'beta.1': '1.0.0' });

test('a package without channels gives the head of each of its channels', async () => {
  const filtered = await filter(two, { packages: [{ name: 'alpha' }] });
  assert.deepEqual(entriesOf(filtered), { 'alpha/stable': ['alpha.2'], 'alpha/fast': ['alpha.3'] });
  assert.deepEqual(bundleNames(filtered), ['alpha.2', 'alpha.3']);
  assert.deepEqual(
    filtered.packages.map(({ name }) => name),
    ['alpha'],
  );
});

for (const packages of [undefined, []] as const) {
  test(`without packages (${JSON.stringify(packages)}) every package gives the heads of all channels`, async () => {
    const filtered = await filter(two, packages === undefined ? {} : { packages });
    assert.deepEqual(bundleNames(filtered), ['alpha.2', 'alpha.3', 'beta.1']);
  });
}

test('full with packages keeps all entries of the channels chosen', async () => {
  const packages = [{ name: 'alpha', channels: [{ name: 'stable' }] }];
  const filtered = await filter(two, { full: true, packages });
  assert.deepEqual(entriesOf(filtered), { 'alpha/stable': ['alpha.2', 'alpha.1'] });
  assert.deepEqual(bundleNames(filtered), ['alpha.1', 'alpha.2']);
});

test('the range of a package holds for its channels', async () => {
  const packages = [{ name: 'alpha', minVersion: '1.0.0', maxVersion: '2.0.0' }];
  const filtered = await filter(two, { packages });
  assert.deepEqual(entriesOf(filtered), { 'alpha/stable': ['alpha.2', 'alpha.1'], 'alpha/fast': ['alpha.2'] });
});

test('a channel that the range leaves empty is dropped with a warning', async () => {
  const packages = [{ name: 'alpha', channels: [{ name: 'stable' }, { name: 'fast', minVersion: '9.0.0' }] }];
  const filtered = await filter(two, { packages });
  assert.deepEqual(entriesOf(filtered), { 'alpha/stable': ['alpha.2'] });
  assert.match(filtered.warnings[0]!.message, /channel fast: no version is in >=9\.0\.0; versions: 3\.0\.0, 2\.0\.0/);
});

test('a default channel that is chosen replaces that of the catalog', async () => {
  const packages = [{ name: 'alpha', defaultChannel: 'fast', channels: [{ name: 'fast' }] }];
  const filtered = await filter(two, { packages });
  assert.equal(filtered.packages[0]?.defaultChannel, 'fast');
  assert.deepEqual(validateCatalog(filtered), []);
});

test('an exact version is looked for in the channel; of several builds the highest is taken', async () => {
  const builds = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['b10 replaces b9', 'b9 replaces b2', 'b2'])
    .channel('d', ['b11'])
    .bundles({ b2: '1.0.0+2', b9: '1.0.0+9', b10: '1.0.0+10', b11: '1.0.0+11' });
  const filtered = await filter(builds, { packages: [{ name: 'p', minVersion: '1.0.0', maxVersion: '1.0.0' }] });
  assert.deepEqual(entriesOf(filtered), { 'p/c': ['b10'], 'p/d': ['b11'] });
});

test('an exact version that only other channels have leaves no empty channel behind', async () => {
  const packages = [{ name: 'alpha', minVersion: '1.0.0', maxVersion: '1.0.0' }];
  const filtered = await filter(two, { packages });
  assert.deepEqual(entriesOf(filtered), { 'alpha/stable': ['alpha.1'] });
  assert.deepEqual(validateCatalog(filtered), []);
});

test('deprecations of what is left out go, those of the package stay, an empty list stays', async () => {
  const deprecated = two
    .package('old', { defaultChannel: 'c' })
    .channel('c', ['old.2 replaces old.1', 'old.1'])
    .channel('d', ['old.1'])
    .bundles({ 'old.1': '1.0.0', 'old.2': '2.0.0' })
    .deprecate('olm.package', 'olm.channel c', 'olm.channel d', 'olm.bundle old.1', 'olm.bundle old.2');
  const channels = [{ name: 'c' }];
  const filtered = await filter(deprecated, { packages: [{ name: 'old', channels }] });
  const kept = filtered.deprecations[0]?.entries.map(({ reference }) => `${reference.schema} ${reference.name}`.trim());
  assert.deepEqual(kept, ['olm.package', 'olm.channel c', 'olm.bundle old.2']);
  const onlyBundle = catalog().package('p', { defaultChannel: 'c' }).channel('c', ['x2 replaces x1', 'x1']);
  const emptied = await filter(onlyBundle.bundles({ x1: '1.0.0', x2: '2.0.0' }).deprecate('olm.bundle x1'), {
    packages: [{ name: 'p' }],
  });
  assert.deepEqual(emptied.deprecations, [{ package: 'p', entries: [] }]);
});

test('a deprecated channel that the range leaves empty takes its deprecation with it', async () => {
  const deprecated = two.package('p', { defaultChannel: 'c' }).channel('c', ['x2']).channel('d', ['x1']);
  const filtered = await filter(deprecated.bundles({ x1: '1.0.0', x2: '2.0.0' }).deprecate('olm.channel d'), {
    packages: [{ name: 'p', minVersion: '2.0.0' }],
  });
  assert.deepEqual(validateCatalog(filtered), []);
});

test('documents of unknown schemas stay with their package; those without package always stay', async () => {
  const others = two
    .document({ schema: 'custom', package: 'alpha', x: 1 })
    .document({ schema: 'custom', package: 'beta' })
    .document({ schema: 'global' });
  const filtered = await filter(others, { packages: [{ name: 'alpha' }] });
  assert.deepEqual(
    filtered.others.map((other) => `${other.package}:${other.schema}`),
    ['alpha:custom', ':global'],
  );
});

const REFUSED: readonly [what: string, want: Want, said: RegExp][] = [
  ['an unknown package', { packages: [{ name: 'alhpa' }] }, /no package "alhpa", did you mean alpha\?/],
  [
    'an unknown channel',
    { packages: [{ name: 'alpha', channels: [{ name: 'stable' }, { name: 'fsat' }] }] },
    /alpha has no channel "fsat", did you mean fast\?; channels: stable, fast/,
  ],
  [
    'a lost default channel',
    { packages: [{ name: 'alpha', channels: [{ name: 'fast' }] }] },
    /its default channel "stable" is not selected: add "defaultChannel: fast" to the package, or the channel stable/,
  ],
  [
    'a default channel that is not selected',
    { packages: [{ name: 'alpha', defaultChannel: 'fastt' }] },
    /defaultChannel "fastt" is not among the selected channels, did you mean fast\?/,
  ],
  [
    'a range that leaves the default channel empty',
    { packages: [{ name: 'alpha', minVersion: '2.5.0' }] },
    /channel stable: no version is in >=2\.5\.0; versions: 2\.0\.0, 1\.0\.0\. It is the default channel/,
  ],
  [
    'an exact version that the default channel has not',
    { packages: [{ name: 'alpha', minVersion: '3.0.0', maxVersion: '3.0.0' }] },
    /default channel and can not be left out: add "defaultChannel: fast", 3\.0\.0 is in fast/,
  ],
  [
    'an exact version that the package has not',
    { packages: [{ name: 'beta', minVersion: '1.0.1', maxVersion: '1.0.1' }] },
    /no operator bundle has version 1\.0\.1; there are 1\.0\.0/,
  ],
  [
    'full together with a range',
    { full: true, packages: [{ name: 'alpha', minVersion: '1.0.0' }] },
    /"full: true" and >=1\.0\.0 exclude each other/,
  ],
];

for (const [what, want, said] of REFUSED) {
  test(`${what} is refused with what to do`, async () => {
    assert.match(await problemsOf(two, want), said);
  });
}

test('who asks for releases where there are only pre-releases is told how to get those', async () => {
  const only = catalog().package('p', { defaultChannel: 'c' }).channel('c', ['x']).bundles({ x: '1.42.0-5' });
  const said = await problemsOf(only, { packages: [{ name: 'p', minVersion: '1.42' }] });
  assert.match(said, /versions: 1\.42\.0-5 \(a "-" makes a pre-release/);
  assert.equal((await filter(only, { packages: [{ name: 'p', minVersion: '1.42.0-0' }] })).bundles.length, 1);
});

test('all problems of a catalog are told at once', async () => {
  const message = await problemsOf(two, { packages: [{ name: 'alhpa' }, { name: 'bet' }] });
  assert.match(message, /alpha\?\nindex:v1: there is no package "bet", did you mean beta\?/);
});

test('a range that leaves only the chosen default channel empty is refused too', async () => {
  const channels = [{ name: 'stable' }, { name: 'fast', minVersion: '9.0.0' }];
  const packages = [{ name: 'alpha', defaultChannel: 'fast', channels }];
  assert.match(await problemsOf(two, { packages }), /channel fast: no version is in/);
});

test('unknown names can be left out with a warning instead', async () => {
  const packages: PackageSelection[] = [{ name: 'beta' }, { name: 'gamma' }];
  const filtered = await filter(two, { packages, options: { unknownNames: 'warn' } });
  assert.deepEqual(bundleNames(filtered), ['beta.1']);
  assert.match(filtered.warnings[0]!.message, /no package "gamma"/);
  const nothing = { packages: [{ name: 'gamma' }], options: { unknownNames: 'warn' } as const };
  assert.match(await problemsOf(two, nothing), /nothing of this catalog is selected/);
});

test('an operator bundle without version makes the catalog unusable, even where it is not kept', async () => {
  const broken = two.package('p', { defaultChannel: 'c' }).channel('c', ['x2 replaces x1', 'x1']).bundle('x2', '2.0.0');
  const withoutVersion = broken.bundle('x1', 'v1.0');
  assert.match(
    await problemsOf(withoutVersion, { packages: [{ name: 'p' }] }),
    /x1 of package p has the version "v1\.0"/,
  );
  assert.match(await problemsOf(withoutVersion, { full: true, packages: [{ name: 'p' }] }), /x1 of package p/);
  assert.deepEqual(bundleNames(await filter(withoutVersion, { packages: [{ name: 'beta' }] })), ['beta.1']);
});

test('a channel without a usable graph is refused for heads and ranges, not for full and exact versions', async () => {
  const heads = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x1', 'x2'])
    .bundles({ x1: '1.0.0', x2: '2.0.0' });
  assert.match(await problemsOf(heads, { packages: [{ name: 'p' }] }), /channel c: it has 2 heads: x1, x2/);
  assert.match(await problemsOf(heads, { packages: [{ name: 'p', minVersion: '1.0.0' }] }), /2 heads/);
  assert.deepEqual(bundleNames(await filter(heads, { full: true, packages: [{ name: 'p' }] })), ['x1', 'x2']);
  const exact = { packages: [{ name: 'p', minVersion: '1.0.0', maxVersion: '1.0.0' }] };
  assert.deepEqual(bundleNames(await filter(heads, exact)), ['x1']);
});

test('an entry without operator bundle stays in its channel and takes part as a link of the chain', async () => {
  const gap = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x3 replaces x2', 'x2 replaces x1', 'x1'])
    .bundles({ x1: '1.0.0', x3: '3.0.0' });
  const filtered = await filter(gap, { packages: [{ name: 'p', minVersion: '1.0.0' }] });
  assert.deepEqual(entriesOf(filtered), { 'p/c': ['x3', 'x2', 'x1'] });
  assert.deepEqual(bundleNames(filtered), ['x1', 'x3']);
});
