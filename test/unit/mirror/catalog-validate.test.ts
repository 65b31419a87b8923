import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateCatalog } from '../../../src/mirror/catalog-validate.ts';
import { catalog, type CatalogBuilder } from '../../support/catalogs.ts';

const good = () =>
  catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x3 replaces x2 skips s', 'x2 replaces x1', 'x1 replaces gone', 's'])
    .bundles({ x1: '1.0.0', x2: '2.0.0', x3: '3.0.0', s: '1.5.0' })
    .deprecate('olm.package', 'olm.channel c', 'olm.bundle x1');

const start = () => catalog().package('p', { defaultChannel: 'c' });

const CASES: readonly [what: string, built: CatalogBuilder, said: string[]][] = [
  ['a valid catalog', good(), []],
  ['a package twice', good().package('p', { defaultChannel: 'c' }), ['package p is there twice']],
  ['no channel', catalog().package('p'), ['package p has no channel', 'package p has no default channel']],
  [
    'a name no label',
    catalog().package('P_', { defaultChannel: 'c' }).channel('c', ['x']).bundles({ x: '1.0.0' }),
    ['"P_" can not be the name of a package'],
  ],
  [
    'a lost default channel',
    catalog().package('p', { defaultChannel: 'd' }).channel('c', ['x']).bundles({ x: '1.0.0' }),
    ['package p: default channel d is not there'],
  ],
  ['an empty channel', start().channel('c', []), ['package p, channel c: it has no entries']],
  [
    'a channel twice',
    start().channel('c', ['x']).channel('c', ['x']).bundles({ x: '1.0.0' }),
    ['package p: channel c is there twice'],
  ],
  [
    'two heads',
    start().channel('c', ['x', 'y']).bundles({ x: '1.0.0', y: '2.0.0' }),
    ['package p, channel c: it has 2 heads: x, y'],
  ],
  [
    'a stranded entry',
    start()
      .channel('c', ['x replaces y', 'y', 'z replaces q', 'q replaces z'])
      .bundles({ x: '1.0.0', y: '2.0.0', z: '3.0.0', q: '4.0.0' }),
    ['package p, channel c: no update leads to z, q'],
  ],
  [
    'a circle',
    start()
      .channel('c', ['h replaces x', 'x replaces y', 'y replaces x'])
      .bundles({ h: '1.0.0', x: '2.0.0', y: '3.0.0' }),
    ['package p, channel c: x is replaced by one it replaces'],
  ],
  ['a missing operator bundle', start().channel('c', ['x']), ['package p: a channel names x, which has no olm.bundle']],
  [
    'an operator bundle in no channel',
    start().channel('c', ['x']).bundles({ x: '1.0.0', y: '2.0.0' }),
    ['package p, operator bundle y is in no channel'],
  ],
  [
    'two of one version',
    start().channel('c', ['x replaces y', 'y']).bundles({ x: '1.0.0', y: '1.0.0' }),
    ['package p, operator bundle y has the version of x, 1.0.0'],
  ],
  [
    'no version',
    start().channel('c', ['x']).bundles({ x: '1.0' }),
    ['package p, operator bundle x: 1.0 is not a version'],
  ],
  [
    'no image',
    start().channel('c', ['x']).bundle('x', '1.0.0', { image: '' }),
    ['package p, operator bundle x has no image'],
  ],
  [
    'no package',
    catalog().document({ schema: 'olm.channel', package: 'q', name: 'c' }),
    ['package q has channels or operator bundles but no olm.package'],
  ],
  [
    'deprecations of what is not there',
    good()
      .package('q', { defaultChannel: 'c' })
      .channel('c', ['y'])
      .bundles({ y: '1.0.0' })
      .deprecate('olm.bundle x1', 'olm.channel d', 'olm.package q', 'what'),
    [
      'deprecations of q: olm.bundle x1 is not there',
      'deprecations of q: olm.channel d is not there',
      'deprecations of q: olm.package must be named without a name',
      'deprecations of q: what is of an unknown schema',
    ],
  ],
];

for (const [what, built, said] of CASES) {
  test(`the check of catalogs finds ${what}`, async () => {
    assert.deepEqual(validateCatalog((await built.content()).catalog), said);
  });
}
