import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterHash } from '../../../src/mirror/catalog-hash.ts';
import { loadImageSet, type CatalogSelection } from '../../../src/mirror/image-set.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { parseReference } from '../../../src/oci/reference.ts';

const D: Digest = 'sha256:f30638f60452062aba36a26ee6c036feead2f03b28f2c47f2b0a991e41baebea';
const RED_HAT = 'registry.redhat.io/redhat/redhat-operator-index';

function hash(catalog: string, selection: Partial<CatalogSelection>, digest = D): string {
  const ref = parseReference(catalog, { allowBare: true });
  return filterHash({ catalog, full: false, skipDependencies: false, ...selection }, ref, digest);
}

test('the filter hash is that of the vendor tool (published vectors)', () => {
  assert.equal(hash(`${RED_HAT}:v4.17`, {}), '94563f14d54e0ea1d600fa8c002c204b');
  assert.equal(hash(`${RED_HAT}@${D}`, { packages: [{ name: 'op1' }] }), 'b6db5253b0a8b995840d4d6b5a8aefca');
  const certified = hash('registry.redhat.io/redhat/certified-operators:v1', {
    packages: [{ name: 'op1' }],
    full: true,
  });
  assert.equal(certified, '37e8b17cf0089fb1de93893cfb41dbfb');
  assert.equal(hash('community-operators:latest', {}), 'ac8e314872a499f2c6edb0616489c628');
});

test('the filter hash of a selection with channels is the one the vendor tool used in a recorded run', () => {
  const digest = 'sha256:eedb0300bfacd0a2e8037121056d104ff2f42775bd5416e3ab69c0d376b3c4e9';
  const packages = [
    { name: 'alpha-operator', defaultChannel: 'candidate', channels: [{ name: 'candidate' }] },
    { name: 'beta-operator', channels: [{ name: 'v1.0' }, { name: 'v1.1' }] },
    { name: 'does-not-exist' },
  ];
  assert.equal(hash(`${RED_HAT}:v4.17`, { packages }, digest), '17a88f895565c2d0aea052eef7a23db9');
});

test('names on the target do not count; an empty list, the order and the platforms do', () => {
  const plain = hash(`${RED_HAT}:v4.17`, {});
  const named = { targetCatalog: 'a/b', targetTag: 'x', targetCatalogSourceTemplate: 'f.yaml' };
  assert.equal(hash(`${RED_HAT}:other`, named), plain);
  const others = [
    hash(`${RED_HAT}:v4.17`, { packages: [] }),
    hash(`${RED_HAT}:v4.17`, { packages: [{ name: 'a' }, { name: 'b' }] }),
    hash(`${RED_HAT}:v4.17`, { packages: [{ name: 'b' }, { name: 'a' }] }),
    hash(`${RED_HAT}:v4.17`, { skipDependencies: true }),
    hash(`${RED_HAT}:v4.17`, { platforms: [{ os: 'linux', architecture: 'amd64' }] }),
  ];
  assert.equal(new Set([plain, ...others]).size, others.length + 1);
});

test('the filter hash of entries as a configuration has them: what is absent, empty or false is left out alike', () => {
  // MD5 of the JSON the vendor tool would write, made with md5sum.
  const cases: readonly (readonly [string, string])[] = [
    [
      `catalog: ${RED_HAT}:v4.17, packages: [], full: false, skipDependencies: false`,
      '43c69f46b2b7f933dd6f25dfef6ca461',
    ],
    ['catalog: "oci://disk/cat"', '9aac51ff4a6c5bf68a7894c6e708c765'],
    [
      'catalog: registry.corp:5000/ops/index:v1, targetCatalog: x/y, targetTag: z, packages: [{defaultChannel: c, name: a&b, ' +
        'channels: [{minVersion: 1.0.0, name: c}, {name: d, maxVersion: "2.0", minVersion: ""}]}, ' +
        '{maxVersion: "2", minVersion: v1, name: z, channels: []}]',
      '07ccfaa29d6bce253ee105823651931a',
    ],
    [
      `platforms: [{architecture: amd64, os: linux}, {os: linux, architecture: s390x}], full: true, skipDependencies: true, ` +
        `packages: [{name: a}], catalog: "docker://${RED_HAT}:v4.17"`,
      '4403a7db4aabbd791a8ef7f1026f40ab',
    ],
  ];
  for (const [entry, expected] of cases) {
    const text = `kind: ImageSetConfiguration\nmirror: {operators: [{${entry}}]}\n`;
    const selection = loadImageSet(text, 'imageset.yaml').operators[0]!;
    assert.equal(filterHash(selection, parseReference(selection.catalog), D), expected, entry);
  }
});
