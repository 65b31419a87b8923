import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  mergeCategories,
  mirrorEntries,
  type MirroredImage,
  type MirrorMode,
  type MirrorOptions,
} from '../../../src/apply/mirror-entry.ts';

const HEX = 'a'.repeat(64);
const NAMESPACES: MirrorOptions = { repositoryScope: false, hostSources: 'keep' };
const REPOSITORIES: MirrorOptions = { repositoryScope: true, hostSources: 'keep' };
const NARROW: MirrorOptions = { repositoryScope: false, hostSources: 'narrow' };

function pairs(images: readonly MirroredImage[], mode: MirrorMode, options = NAMESPACES): string[] {
  return [...mirrorEntries(images, mode, options)].flatMap(([category, entries]) =>
    entries.map((entry) => `${category}: ${entry.source} -> ${entry.mirrors.join(', ')}`),
  );
}

function additional(origin: string, target: string): MirroredImage {
  return { kind: 'additional', origin, target };
}

describe('mirrorEntries', () => {
  it('chooses namespace or repository scope', () => {
    const cases: readonly (readonly [string, string, string, MirrorOptions?])[] = [
      [`registry.redhat.io/a/b@sha256:${HEX}`, 'r:5000/m/a/b', 'registry.redhat.io/a -> r:5000/m/a'],
      [`quay.io/b@sha256:${HEX}`, 'r:5000/m/b', 'quay.io -> r:5000/m'],
      [`quay.io/b@sha256:${HEX}`, 'r:5000/b', 'quay.io -> r:5000'],
      [`quay.io/b@sha256:${HEX}`, 'r:5000/m/b', 'quay.io/b -> r:5000/m/b', NARROW],
      [`quay.io/a/b@sha256:${HEX}`, 'r:5000/m/a/b', 'quay.io/a -> r:5000/m/a', NARROW],
      [`quay.io/x/y@sha256:${HEX}`, 'r:5000/m/p/q', 'quay.io/x/y -> r:5000/m/p/q'],
      [`quay.io/x/y@sha256:${HEX}`, 'r:5000/m/prefix-x/y', 'quay.io/x -> r:5000/m/prefix-x'],
      [
        `registry.redhat.io/a/b/c@sha256:${HEX}`,
        'r:5000/m/a-b-c',
        'registry.redhat.io/a/b/c -> r:5000/m/a-b-c',
        REPOSITORIES,
      ],
      [`registry.redhat.io/a/b@sha256:${HEX}`, 'r:5000/a/b', 'registry.redhat.io/a/b -> r:5000/a/b', REPOSITORIES],
      [`docker://quay.io/a/b@sha256:${HEX}`, 'docker://r/a/b', 'quay.io/a -> r/a'],
    ];
    for (const [origin, repository, expected, options] of cases) {
      const image = additional(origin, `${repository}:sha256-${HEX}`);
      assert.deepEqual(pairs([image], 'digest', options), [`generic: ${expected}`], origin);
    }
  });

  it('decides by the origin which pulls an image is for', () => {
    const cases: readonly (readonly [MirroredImage['kind'], string, boolean, boolean])[] = [
      ['additional', `q/a/b@sha256:${HEX}`, true, false],
      ['additional', 'q/a/b:1', false, true],
      ['helm', `q/a/b:1@sha256:${HEX}`, true, true],
      ['additional', `q:5000/a/b@sha256:${HEX}`, true, false],
      ['release', 'q/a/b:4.17.3-x86_64', true, true],
      ['release', `q/a/b@sha256:${HEX}`, true, false],
      ['releaseContent', 'q/a/b:1', false, true],
      ['kubevirtDisk', `q/a/b@sha256:${HEX}`, true, false],
      ['graphData', 'q/a/b:1', false, false],
      ['catalog', 'q/a/b:1', false, false],
      ['signature', `q/a/b@sha256:${HEX}`, false, false],
    ];
    for (const [kind, origin, byDigest, byTag] of cases) {
      const image = { kind, origin, target: 'r:5000/a/b:1' };
      assert.equal(pairs([image], 'digest').length > 0, byDigest, `${kind} ${origin} by digest`);
      assert.equal(pairs([image], 'tag').length > 0, byTag, `${kind} ${origin} by tag`);
    }
  });

  it('orders categories release, operator, generic and sorts entries by source', () => {
    const images: MirroredImage[] = [
      additional('q.io/z/a:1', 'r/z/a:1'),
      { kind: 'helm', origin: 'q.io/b/a:1', target: 'r/b/a:1' },
      { kind: 'relatedImage', origin: 'q.io/o/r:1', target: 'r/o/r:1' },
      { kind: 'operatorBundle', origin: 'q.io/n/r:1', target: 'r/n/r:1' },
      { kind: 'release', origin: 'q.io/rel/p:1', target: 'r/openshift/release-images:1' },
    ];
    assert.deepEqual(pairs(images, 'tag'), [
      'release: q.io/rel/p -> r/openshift/release-images',
      'operator: q.io/n -> r/n',
      'operator: q.io/o -> r/o',
      'generic: q.io/b -> r/b',
      'generic: q.io/z -> r/z',
    ]);
  });

  it("gives what the vendor's own tests expect", () => {
    const at = `@sha256:${HEX}`;
    const TARGET = 'myregistry/mynamespace';
    const mixed: MirroredImage[] = [
      ['relatedImage', 'gcr.io/kubebuilder/kube-rbac-proxy:v0.5.0', 'kubebuilder/kube-rbac-proxy:v0.5.0'] as const,
      ['relatedImage', 'quay.io/helmoperators/cockroachdb:v5.0.3', 'helmoperators/cockroachdb:v5.0.3'] as const,
      ['relatedImage', 'quay.io/helmoperators/cockroachdb:v5.0.4', 'helmoperators/cockroachdb:v5.0.4'] as const,
      ['operatorBundle', `quay.io/community/cockroachdb${at}`, `community/cockroachdb${at}`] as const,
      ['catalog', `quay.io/openshift/community-operators${at}`, `openshift/community-operators${at}`] as const,
      ['relatedImage', `registry.redhat.io/ubi8-minimal${at}`, `ubi8-minimal${at}`] as const,
      ['additional', 'registry.redhat.io/ubi8/ubi:latest', 'ubi8/ubi:latest'] as const,
      ['graphData', 'localhost:5000/openshift/graph-image:latest', 'openshift/graph-image:latest'] as const,
      ['release', `quay.io/release-dev/art-dev${at}`, `release-dev/art-dev${at}`] as const,
      ['relatedImage', `nvcr.io/nvidia/k8s/toolkit:v1${at}`, 'nvidia/k8s/toolkit:v1'] as const,
    ].map(([kind, origin, path]) => ({ kind, origin, target: `${TARGET}/${path}` }));
    assert.deepEqual(pairs(mixed, 'digest'), [
      `release: quay.io/release-dev -> ${TARGET}/release-dev`,
      `operator: nvcr.io/nvidia/k8s -> ${TARGET}/nvidia/k8s`,
      `operator: quay.io/community -> ${TARGET}/community`,
      `operator: registry.redhat.io -> ${TARGET}`,
    ]);
    assert.deepEqual(pairs(mixed, 'tag'), [
      `operator: gcr.io/kubebuilder -> ${TARGET}/kubebuilder`,
      `operator: nvcr.io/nvidia/k8s -> ${TARGET}/nvidia/k8s`,
      `operator: quay.io/helmoperators -> ${TARGET}/helmoperators`,
      `generic: registry.redhat.io/ubi8 -> ${TARGET}/ubi8`,
    ]);
    // A target whose namespace has the names of releases in it.
    const PREFIX = 'myregistry/openshift-release-dev/ocp-release/openshift';
    const RELEASES = 'quay.io/openshift-release-dev';
    const releases: MirroredImage[] = [
      { kind: 'release', origin: `docker://${RELEASES}/ocp-release:4.17.9`, target: `${PREFIX}/release-images:4.17.9` },
      { kind: 'releaseContent', origin: `${RELEASES}/art-dev${at}`, target: `docker://${PREFIX}/release:4.17.9-tools` },
    ];
    assert.deepEqual(pairs(releases, 'digest'), [
      `release: ${RELEASES}/art-dev -> ${PREFIX}/release`,
      `release: ${RELEASES}/ocp-release -> ${PREFIX}/release-images`,
    ]);
    assert.deepEqual(pairs(releases, 'tag'), [`release: ${RELEASES}/ocp-release -> ${PREFIX}/release-images`]);
  });

  it('merges the mirrors of one source in the order of the images', () => {
    const images = [
      additional('q.io/a/x:1', 'r/m/a/x:1'),
      additional('q.io/a/y:1', 'r/k/a/y:1'),
      additional('q.io/a/z:1', 'r/m/a/z:1'),
    ];
    assert.deepEqual(pairs(images, 'tag'), ['generic: q.io/a -> r/m/a, r/k/a']);
  });

  it('names Docker Hub where the reference leaves it out, as nodes ask for it', () => {
    assert.deepEqual(pairs([additional('nginx:1.25', 'r/m/nginx:1.25')], 'tag'), [
      'generic: docker.io/library/nginx -> r/m/nginx',
    ]);
  });

  it('has no entry for an image from a directory', () => {
    assert.deepEqual(pairs([additional('oci:///data/img', 'r/m/data/img:latest')], 'tag'), []);
  });
});

describe('mergeCategories', () => {
  it('gives one sorted list without repeats', () => {
    const images: MirroredImage[] = [
      { kind: 'relatedImage', origin: `q.io/b/x@sha256:${HEX}`, target: 'r/1/b/x:t' },
      additional(`q.io/b/y@sha256:${HEX}`, 'r/2/b/y:t'),
      additional(`q.io/b/z@sha256:${HEX}`, 'r/1/b/z:t'),
      additional(`q.io/a/z@sha256:${HEX}`, 'r/1/a/z:t'),
    ];
    assert.deepEqual(mergeCategories(mirrorEntries(images, 'digest', NAMESPACES)), [
      { source: 'q.io/a', mirrors: ['r/1/a'] },
      { source: 'q.io/b', mirrors: ['r/1/b', 'r/2/b'] },
    ]);
  });
});
