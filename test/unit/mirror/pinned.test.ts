import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadImageSet, type CatalogSelection, type ImageSet } from '../../../src/mirror/image-set.ts';
import { formatPinnedDeletion, formatPinnedImageSet, pinCatalogs } from '../../../src/mirror/pinned.ts';
import type { Digest } from '../../../src/oci/digest.ts';

const FIXTURES = new URL('../../fixtures/oc-mirror/', import.meta.url);
const DIGEST: Digest = `sha256:${'a'.repeat(64)}`;

const fixture = (path: string): string => readFileSync(new URL(path, FIXTURES), 'utf8');

function load(mirror: string): ImageSet {
  return loadImageSet(`apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n${mirror}`, 'isc.yaml');
}

describe('pinned configurations', () => {
  const catalog = 'registry.redhat.io/redhat/redhat-operator-index:v4.17';
  const recorded: Digest = 'sha256:eedb0300bfacd0a2e8037121056d104ff2f42775bd5416e3ab69c0d376b3c4e9';

  for (const run of ['a01-additional', 'o02-channels', 'r01-single-version']) {
    it(`are byte for byte those of the recorded run ${run}`, () => {
      const pinned = pinCatalogs(loadImageSet(fixture(`${run}/isc.yaml`), run), new Map([[catalog, recorded]]));
      assert.equal(formatPinnedImageSet(pinned), fixture(`${run}/isc_pinned.yaml`));
      assert.equal(formatPinnedDeletion(pinned), fixture(`${run}/disc_pinned.yaml`));
    });
  }

  it('keep a section in which a list was written, though empty, and leave out one that says nothing', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['{platform: {channels: []}, helm: {repositories: []}}', 'mirror:\n  helm: {}\n  platform: {}\n'],
      ['{platform: {architectures: [], graph: true}}', 'mirror:\n  platform:\n    graph: true\n'],
      ['{platform: {}, helm: {local: null}, operators: [], samples: []}', 'mirror: {}\n'],
    ];
    for (const [mirror, expected] of cases) {
      const text = formatPinnedImageSet(load(`mirror: ${mirror}`));
      assert.equal(text.slice(text.indexOf('mirror:')), expected);
    }
  });

  it('write every field that is set, and leave out what is unset, blocked images and size when deleting', () => {
    const imageSet = load(`
archiveSize: 8
mirror:
  platform:
    graph: true
    kubeVirtContainer: true
    channels: [{name: 4-stable, type: okd, shortestPath: true, full: false}]
    architectures: [arm64]
  operators:
    - {catalog: "q.io/a/b:v1", full: true, targetCatalog: x/y, platforms: [{os: linux, architecture: amd64}]}
    - {catalog: "q.io/a/c:v1", packages: [{name: p, minVersion: "1.0", channels: []}]}
  additionalImages: [{name: "q.io/a/d:1", targetRepo: r, targetTag: t}]
  helm:
    repositories: [{url: "https://c.io/", name: c}, {url: "https://d.io/", name: d, charts: [{name: e, version: 1.0.0}]}]
    local: [{path: ./f.tgz, imagePaths: ["{.spec.x[*].image}"]}]
  blockedImages: [{name: ".*alpine"}]
  samples: [{name: s}]
`);
    const selections = `  additionalImages:
  - name: q.io/a/d:1
    targetRepo: r
    targetTag: t
`;
    const rest = `  operators:
  - catalog: q.io/a/b:v1
    full: true
    packages: null
    platforms:
    - architecture: amd64
      os: linux
    targetCatalog: x/y
  - catalog: q.io/a/c:v1
    packages:
    - minVersion: "1.0"
      name: p
  platform:
    architectures:
    - arm64
    channels:
    - name: 4-stable
      shortestPath: true
      type: okd
    graph: true
    kubeVirtContainer: true
`;
    const helm = `  helm:
    local:
    - imagePaths:
      - '{.spec.x[*].image}'
      name: ""
      path: ./f.tgz
    repositories:
    - charts: null
      name: c
      url: https://c.io/
    - charts:
      - name: e
        version: 1.0.0
      name: d
      url: https://d.io/
`;
    assert.equal(
      formatPinnedImageSet(imageSet),
      `apiVersion: mirror.openshift.io/v2alpha1
archiveSize: 8
kind: ImageSetConfiguration
mirror:
${selections}  blockedImages:
  - name: .*alpine
${helm}${rest}  samples:
  - name: s
`,
    );
    assert.equal(
      formatPinnedDeletion(imageSet),
      `apiVersion: mirror.openshift.io/v2alpha1
delete:
${selections}${helm}${rest}kind: DeleteImageSetConfiguration
`,
    );
  });

  it('write an empty selection as an empty map', () => {
    assert.match(formatPinnedImageSet(load('mirror: {platform: {graph: false}, helm: {}}')), /^mirror: \{\}$/m);
  });
});

describe('pinCatalogs', () => {
  it('gives a catalog by tag its digest and keeps the tag for the target, unless one is set', () => {
    const cases: readonly (readonly [string, string, string | undefined])[] = [
      ['catalog: "q.io/a/b:v1"', `q.io/a/b@${DIGEST}`, 'v1'],
      ['catalog: "docker://q.io/a/b:v1"', `q.io/a/b@${DIGEST}`, 'v1'],
      ['catalog: "q.io/a/b:v1", targetTag: mine', `q.io/a/b@${DIGEST}`, 'mine'],
      [`catalog: "q.io/a/b@${DIGEST}"`, `q.io/a/b@${DIGEST}`, undefined],
      [`catalog: "q.io/a/b:v1@${DIGEST}"`, `q.io/a/b:v1@${DIGEST}`, undefined],
      ['catalog: "oci:///data/cat"', 'oci:///data/cat', undefined],
    ];
    for (const [operator, expected, tag] of cases) {
      const imageSet = load(`mirror: {operators: [{${operator}}]}`);
      const written: string = imageSet.operators[0]?.catalog ?? '';
      const pinned: CatalogSelection | undefined = pinCatalogs(imageSet, new Map([[written, DIGEST]])).operators[0];
      assert.equal(pinned?.catalog, expected);
      assert.equal(pinned?.targetTag, tag);
    }
  });

  it('leaves a catalog as it is whose digest is not known', () => {
    const imageSet = load('mirror: {operators: [{catalog: "q.io/a/b:v1"}]}');
    assert.deepEqual(pinCatalogs(imageSet, new Map()), imageSet);
  });
});
