import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { loadImageSet } from '../../../src/mirror/image-set.ts';

const HEADER = 'apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n';
const DIGEST = `sha256:${'a'.repeat(64)}`;

/** The problems of a configuration as `path: message (hint)`. */
function problemsOf(text: string): string[] {
  try {
    loadImageSet(text, 'imageset.yaml');
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    const problems = (error.data?.['problems'] ?? []) as { path: string; message: string; hint?: string }[];
    return problems.map(({ path, message, hint }) => `${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  }
  return [];
}

function mirror(body: string): string {
  return `${HEADER}mirror:\n${body.replace(/^/gm, '  ')}\n`;
}

describe('loadImageSet', () => {
  test('reads every part of the complete example', () => {
    const imageSet = loadImageSet(
      `${HEADER}archiveSize: 8
mirror:
  platform:
    graph: true
    kubeVirtContainer: true
    architectures: [amd64]
    channels:
      - name: stable-4.17
        minVersion: 4.17.3
        maxVersion: 4.17.9
        shortestPath: true
  operators:
    - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.17
      targetCatalog: mirror/redhat-index
      targetTag: v4.17-small
      packages:
        - name: kubevirt-hyperconverged
          channels: [{name: stable, minVersion: 4.17.0}]
        - name: multicluster-engine
          defaultChannel: stable-2.7
          channels: [{name: stable-2.7}]
  additionalImages:
    - name: registry.redhat.io/ubi9/ubi:latest
      targetRepo: base/ubi9
      targetTag: stable
  blockedImages:
    - name: ".*/must-gather.*"
  helm:
    repositories:
      - {url: 'https://charts.example.com/', name: example}
      - {url: 'https://charts.example.com/', name: none, charts: []}
    local:
      - name: podinfo
        path: ./charts/podinfo-5.0.0.tgz
`,
      'imageset.yaml',
    );
    assert.equal(imageSet.archiveSize, 8);
    assert.deepEqual(imageSet.platform?.channels, [
      { name: 'stable-4.17', type: 'ocp', minVersion: '4.17.3', maxVersion: '4.17.9', shortestPath: true, full: false },
    ]);
    assert.equal(imageSet.platform.graph && imageSet.platform.kubeVirtContainer, true);
    assert.deepEqual(imageSet.operators[0]?.packages?.[0]?.channels, [{ name: 'stable', minVersion: '4.17.0' }]);
    assert.deepEqual(imageSet.additionalImages, [
      { name: 'registry.redhat.io/ubi9/ubi:latest', targetRepo: 'base/ubi9', targetTag: 'stable' },
    ]);
    assert.deepEqual(
      imageSet.helm?.repositories.map(({ charts }) => charts),
      [undefined, []],
    );
    assert.deepEqual(imageSet.warnings, []);
  });

  test('keeps the difference between no package list and an empty one', () => {
    const packagesOf = (text: string) => loadImageSet(mirror(text), 'x').operators[0]?.packages;
    assert.equal(packagesOf('operators:\n- catalog: r.io/c:v1'), undefined);
    assert.equal(packagesOf('operators:\n- catalog: r.io/c:v1\n  packages: null'), undefined);
    assert.deepEqual(packagesOf('operators:\n- catalog: r.io/c:v1\n  packages: []'), []);
  });

  test('reads null as absent', () => {
    const imageSet = loadImageSet(`${HEADER}mirror:\n`, 'x');
    assert.deepEqual([imageSet.operators, imageSet.additionalImages, imageSet.platform], [[], [], undefined]);
  });

  test('accepts keys in any case, tells so, and hands on the canonical form', () => {
    const imageSet = loadImageSet(mirror('additionalimages:\n- Name: r.io/a:1\n  TARGETREPO: x/y'), 'x');
    assert.deepEqual(imageSet.additionalImages, [{ name: 'r.io/a:1', targetRepo: 'x/y' }]);
    assert.equal(imageSet.warnings.length, 3);
    assert.ok(imageSet.warnings.every(({ code }) => code === 'W_CONFIG'));
  });

  const accepted: [string, string, RegExp[]][] = [
    [
      'a foreign apiVersion',
      'apiVersion: mirror.openshift.io/v1alpha2\nkind: ImageSetConfiguration\nmirror: {}',
      [/v1alpha2/],
    ],
    ['no apiVersion', 'kind: ImageSetConfiguration\nmirror: {}', [/apiVersion: missing/]],
    ['JSON', '{"apiVersion":"mirror.openshift.io/v2alpha1","kind":"ImageSetConfiguration","mirror":{}}', []],
    [
      'channels beside release',
      mirror('platform:\n  release: r.io/o/r:4.1.0\n  channels: [{name: stable-4.1}]'),
      [/ignored/],
    ],
    ['an unknown channel type', mirror('platform:\n  channels: [{name: stable-4.1, type: rhel}]'), [/read as "ocp"/]],
    [
      'a channel type in upper case, which is unknown',
      mirror('platform:\n  channels: [{name: stable-4.1, type: OKD}]'),
      [/read as "ocp"; write okd/],
    ],
    [
      'a channel type of null, and empty sections',
      mirror('platform: {channels: [{name: a-4.1, type: null}]}\nhelm: {}\noperators: []\nadditionalImages:'),
      [],
    ],
    ['empty documents after the first', `${HEADER}mirror: {}\n---\n# nothing\n---\n`, []],
    [
      'JSON with tabs',
      `{\n\t"apiVersion": "mirror.openshift.io/v2alpha1",\n\t"kind": "ImageSetConfiguration",\n\t"mirror": null\n}`,
      [],
    ],
    [
      'anchors and merge keys',
      mirror('additionalImages:\n- &a {name: "r.io/a:1", targetTag: t}\n- {<<: *a, targetTag: u}'),
      [],
    ],
    ['an archive size written as a float', `${HEADER}archiveSize: 4.0\nmirror: {}`, []],
    [
      'yes and no for true and false',
      mirror('platform: {graph: yes, kubeVirtContainer: Off, channels: [{name: a-4.1, full: y, shortestPath: N}]}'),
      [/graph: yes read as true/, /Off read as false/, /full: y read as true/, /N read as false/],
    ],
    ['samples', mirror('samples: [{name: x}]'), [/no effect/]],
    ['kubeVirtContainer without releases', mirror('platform: {kubeVirtContainer: true}'), [/no effect/]],
    [
      'lenient operator versions',
      mirror('operators:\n- catalog: r.io/c:v1\n  packages: [{name: p, minVersion: v1.2, maxVersion: "2"}]'),
      [],
    ],
    [
      'pre-releases of releases',
      mirror('platform:\n  channels: [{name: c-4.1, minVersion: 4.17.0-ec.1, maxVersion: 4.17.0-rc.0}]'),
      [],
    ],
    [
      'one catalog under two names',
      mirror('operators:\n- catalog: r.io/c:v1\n- catalog: r.io/c:v1\n  targetTag: v1-small'),
      [],
    ],
  ];
  for (const [what, text, warnings] of accepted) {
    test(`accepts ${what}`, () => {
      const found = loadImageSet(text, 'x').warnings.map(({ message }) => message);
      assert.equal(found.length, warnings.length, found.join('\n'));
      for (const [index, pattern] of warnings.entries()) assert.match(found[index]!, pattern);
    });
  }

  const catalog = (rest: string) => mirror(`operators:\n- catalog: r.io/c:v1\n${rest.replace(/^/gm, '  ')}`);
  const refused: [string, string, (string | RegExp)[]][] = [
    ['an empty file', '', [/^kind: missing/]],
    ['another kind', 'kind: Pod\nmirror: {}', [/^kind: "Pod" is not known/]],
    ['a delete configuration', 'kind: DeleteImageSetConfiguration\ndelete: {}', [/^kind: .*deletions/]],
    ['a missing mirror section', 'kind: ImageSetConfiguration', [/^mirror: missing/]],
    ['a kind of null', 'kind:\nmirror: {}', [/^kind: missing/]],
    ['kind in another case', 'Kind: ImageSetConfiguration\nmirror: {}', [/^kind: missing/]],
    ['another case of the kind', 'kind: imageSetConfiguration\nmirror: {}', [/^kind: "imageSetConfiguration" is not/]],
    ['mirror in another case', `${HEADER}Mirror: {}`, [/^mirror: missing/]],
    ['a delete section beside mirror', `${HEADER}mirror: {}\ndelete: {}`, [/^delete: unknown key/]],
    [
      'an archive size that is no whole number',
      `${HEADER}archiveSize: 4.5\nmirror: {}`,
      [/^archiveSize: expected a whole/],
    ],
    ['an entry of null', mirror('additionalImages: [null]'), [/^mirror\.additionalImages\[0\]\.name: missing/]],
    ['a list where a mapping is wanted', mirror('platform: []'), [/^mirror\.platform: expected a mapping/]],
    ['a negative archive size', `${HEADER}archiveSize: -1\nmirror: {}`, [/^archiveSize: -1 is negative/]],
    [
      'an archive size as text',
      `${HEADER}archiveSize: "4"\nmirror: {}`,
      [/^archiveSize: expected a.*number, found "4"/],
    ],
    ['a boolean as text', mirror('platform: {graph: "true"}'), [/^mirror\.platform\.graph: expected true or false/]],
    [
      'an unquoted number as version',
      mirror('platform:\n  channels: [{name: stable-4.17, minVersion: 4.17}]'),
      [/^mirror\.platform\.channels\[0\]\.minVersion: expected text, found 4\.17 \(put it in quotes: "4\.17"\)$/],
    ],
    [
      'a release version of two numbers',
      mirror('platform:\n  channels: [{name: stable-4.17, minVersion: "4.17"}]'),
      [/minVersion: "4\.17" is no release version/],
    ],
    [
      'a release version with v',
      mirror('platform:\n  channels: [{name: s-4.17, maxVersion: v4.17.3}]'),
      [/maxVersion: "v4\.17\.3" is no release version/],
    ],
    [
      'minVersion above maxVersion',
      mirror('platform:\n  channels: [{name: s-4.17, minVersion: 4.17.9, maxVersion: 4.17.3}]'),
      [/4\.17\.9 is above maxVersion 4\.17\.3/],
    ],
    [
      'a channel twice, even of two types',
      mirror('platform:\n  channels: [{name: a-4.1}, {name: a-4.1, type: okd}]'),
      [/channels\[1\]\.name: channel "a-4\.1" is listed already/],
    ],
    [
      'an unknown architecture',
      mirror('platform: {architectures: [x86_64, arm46]}'),
      [/architectures\[0\].*write amd64/, /architectures\[1\].*known: amd64/],
    ],
    [
      'platforms beside architectures',
      mirror('platform: {architectures: [amd64], platforms: [{os: linux, architecture: amd64}]}'),
      [/platforms: can not be combined/],
    ],
    [
      'a platform without os',
      mirror('platform: {platforms: [{architecture: amd64}]}'),
      [/platforms\[0\]\.os: missing/],
    ],
    [
      'a platform as text',
      mirror('platform: {platforms: [linux/amd64]}'),
      [/^mirror\.platform\.platforms\[0\]: expected a mapping, found "linux\/amd64"/],
    ],
    [
      'a release without tag',
      mirror('platform: {release: quay.io/o/r}'),
      [/^mirror\.platform\.release: .*neither tag nor digest/],
    ],
    [
      'a catalog without tag',
      mirror('operators: [{catalog: r.io/c}]'),
      [/^mirror\.operators\[0\]\.catalog: .*neither tag nor digest/],
    ],
    ['no catalog', mirror('operators: [{full: true}]'), [/^mirror\.operators\[0\]\.catalog: missing/]],
    [
      'a catalog twice',
      mirror('operators: [{catalog: "r.io/c:v1"}, {catalog: "r.io/c:v1"}]'),
      [/operators\[1\]\.catalog: the same catalog as mirror\.operators\[0\]/],
    ],
    [
      'two catalogs made equal by names',
      mirror('operators: [{catalog: "r.io/c:v1"}, {catalog: "r.io/d:v2", targetCatalog: c, targetTag: v1}]'),
      [/the same catalog/],
    ],
    [
      'two digests of one catalog under one target tag',
      mirror(
        `operators: [{catalog: "r.io/c@${DIGEST}", targetTag: v1}, {catalog: "r.io/c@sha256:${'b'.repeat(64)}", targetTag: v1}]`,
      ),
      [/the same catalog/],
    ],
    [
      'a target with registry',
      catalog('targetCatalog: Reg:5000/x'),
      [/targetCatalog: "Reg:5000\/x" is no repository path/],
    ],
    ['an impossible target tag', catalog('targetTag: a/b'), [/targetTag: "a\/b" is no tag/]],
    [
      'a package twice',
      catalog('packages: [{name: p}, {name: p}]'),
      [/packages\[1\]\.name: package "p" is listed already/],
    ],
    [
      'a package channel twice',
      catalog('packages: [{name: p, channels: [{name: c}, {name: c}]}]'),
      [/packages\[0\]\.channels\[1\]\.name: channel "c"/],
    ],
    [
      'a package without name',
      catalog('packages: [{channels: [{name: ""}]}]'),
      [/packages\[0\]\.name: missing/, /channels\[0\]\.name: missing/],
    ],
    [
      'a bad operator version',
      catalog('packages: [{name: p, minVersion: 1.x}]'),
      [/packages\[0\]\.minVersion: "1\.x" is no version/],
    ],
    [
      'ranges on package and channel',
      catalog('packages: [{name: p, minVersion: 1.0.0, channels: [{name: a}, {name: c, maxVersion: 2.0.0}]}]'),
      [/channels\[1\]: versions are given for the package and for one of its channels/],
    ],
    [
      'full with a range',
      catalog('full: true\npackages: [{name: p, channels: [{name: c, minVersion: 1.0.0}]}]'),
      [/channels\[0\]: .*full: true/],
    ],
    [
      'an additional image without tag',
      mirror('additionalImages: [{name: "r.io/a:1"}, {name: r.io/b}]'),
      [/^mirror\.additionalImages\[1\]\.name: .*neither tag nor digest.*no tag is implied/],
    ],
    [
      'an additional image with a short digest',
      mirror('additionalImages: [{name: "r.io/a@sha256:12"}]'),
      [/is not a digest/],
    ],
    [
      'look-around in blocked images',
      mirror('blockedImages: [{name: "a(?!b)"}]'),
      [/^mirror\.blockedImages\[0\]\.name: .*look-around is not part of RE2/],
    ],
    ['a local chart without path', mirror('helm: {local: [{name: x}]}'), [/^mirror\.helm\.local\[0\]\.path: missing/]],
    [
      'a chart repository without URL',
      mirror('helm: {repositories: [{name: x, url: charts}]}'),
      [/repositories\[0\]\.url: "charts" is no URL/],
    ],
    [
      'a misspelt key',
      mirror('aditionalImages: []'),
      ['mirror.aditionalImages: unknown key (did you mean "additionalImages"?)'],
    ],
    ['one key in two spellings', mirror('samples: []\nSamples: []'), [/^mirror\.Samples: repeats the key "samples"/]],
    [
      'keys of the former format',
      `${HEADER}storageConfig: {local: {path: x}}\nmirror:\n  operators: [{catalog: "r.io/c:v1", targetName: x, packages: [{name: p, startingVersion: 1.0.0, bundles: []}]}]`,
      [
        /^mirror\.operators\[0\]\.packages\[0\]\.startingVersion: .*v1.*minVersion/,
        /bundles: .*v1/,
        /targetName: .*write targetCatalog/,
        /^storageConfig: .*v1/,
      ],
    ],
  ];
  for (const [what, text, expected] of refused) {
    test(`refuses ${what}`, () => {
      const found = problemsOf(text);
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [index, pattern] of expected.entries()) {
        if (typeof pattern === 'string') assert.equal(found[index], pattern);
        else assert.match(found[index]!, pattern);
      }
    });
  }

  test('names all problems of one file at once, misfits and rules', () => {
    const found = problemsOf(
      mirror(`platform: {graph: 1, chanels: []}
operators:
- catalog: r.io/c
  packages: [{name: 5}, {name: q, minVersion: bad}]
additionalImages: [{name: r.io/x}, {name: "r.io/y@${DIGEST}", targetTag: "?"}]`),
    );
    assert.deepEqual(
      found.map((line) => line.slice(0, line.indexOf(': '))),
      [
        'mirror.platform.graph',
        'mirror.platform.chanels',
        'mirror.operators[0].packages[0].name',
        'mirror.operators[0].catalog',
        'mirror.operators[0].packages[1].minVersion',
        'mirror.additionalImages[0].name',
        'mirror.additionalImages[1].targetTag',
      ],
    );
  });

  test('refuses several documents and repeated keys', () => {
    assert.throws(() => loadImageSet(`${HEADER}mirror: {}\n---\na: 1`, 'x'), { code: 'E_CONFIG' });
    assert.throws(() => loadImageSet(`${HEADER}mirror: {}\n---\n---\n${HEADER}mirror: {}`, 'x'), { code: 'E_CONFIG' });
    assert.throws(() => loadImageSet(`${HEADER}mirror: {}\nmirror: {}`, 'x'), { code: 'E_CONFIG' });
  });

  test('does not take a key named __proto__ for anything but unknown', () => {
    assert.match(problemsOf(mirror('__proto__: {operators: []}')).join('\n'), /__proto__: unknown key/);
  });
});
