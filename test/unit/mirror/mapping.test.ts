import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatMapping, type MappingOptions } from '../../../src/mirror/mapping.ts';
import type { MirrorPlan, PlannedImage, PlannedManifest } from '../../../src/mirror/mirror-plan.ts';
import type { ImageKind } from '../../../src/oci/image-kind.ts';
import { digestOf, type Digest } from '../../../src/oci/digest.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { MEDIA_TYPE, type Descriptor } from '../../../src/oci/types.ts';

const FIXTURES = new URL('../../fixtures/oc-mirror/', import.meta.url);
const DIGEST: Digest = `sha256:${'a'.repeat(64)}`;
const ROOT: Descriptor = { mediaType: MEDIA_TYPE.ociManifest, digest: DIGEST, size: 1 };
const OPTIONS: MappingOptions = { destination: 'localhost:55000', maxNestedPaths: 0, withInstances: false };

function image(kind: ImageKind, source: string, target: string, root = ROOT): PlannedImage {
  const colon = target.lastIndexOf(':');
  return {
    kind,
    origin: source,
    source: parseReference(source),
    root,
    target: { repository: target.slice(0, colon), tag: target.slice(colon + 1) },
    because: ['test'],
    bytes: 1,
  };
}

function plan(images: readonly PlannedImage[], manifests: readonly PlannedManifest[] = []): MirrorPlan {
  return {
    images,
    manifests: new Map(manifests.map((manifest) => [manifest.descriptor.digest, manifest])),
    blobs: [],
    files: [],
    gaps: [],
    warnings: [],
    totalBytes: 0,
  };
}

const lines = (given: MirrorPlan, options: Partial<MappingOptions> = {}): string[] =>
  formatMapping(given, { ...OPTIONS, ...options })
    .split('\n')
    .filter((line) => line !== '');

describe('formatMapping', () => {
  it('writes the lines of recorded runs, whose order within a kind is chance', () => {
    const kindOf = (source: string): ImageKind => {
      if (source.includes('/ocp-release:')) return 'release';
      if (source.includes('/ocp-v4.0-art-dev@')) return 'releaseContent';
      if (source.includes('-operator-index@')) return 'catalog';
      if (source.includes('-bundle@')) return 'operatorBundle';
      return /registry\.redhat\.io\/\w+\//.test(source) ? 'relatedImage' : 'additional';
    };
    for (const run of ['a01-additional', 'o02-channels', 'r01-single-version']) {
      const recorded = readFileSync(new URL(`${run}/mapping.txt`, FIXTURES), 'utf8');
      const images = recorded
        .trimEnd()
        .split('\n')
        .map((line) => {
          const [source = '', target = ''] = line.split('=docker://localhost:55000/');
          return image(kindOf(source), source, target);
        });
      assert.equal(formatMapping(plan(images), OPTIONS), recorded, run);
      assert.deepEqual(lines(plan(images.toReversed())).toSorted(), recorded.trimEnd().split('\n').toSorted(), run);
    }
  });

  it('lists what others need first and leaves signatures out', () => {
    const kinds: readonly ImageKind[] = [
      'catalog',
      'operatorBundle',
      'helm',
      'additional',
      'relatedImage',
      'graphData',
      'release',
      'kubevirtDisk',
      'releaseContent',
      'signature',
    ];
    const given = plan(kinds.map((kind) => image(kind, `q.io/${kind.toLowerCase()}:1`, `${kind.toLowerCase()}:1`)));
    assert.deepEqual(
      lines(given).map((line) => line.split('/').at(-1)),
      kinds
        .slice(0, -1)
        .toReversed()
        .map((kind) => `${kind.toLowerCase()}:1`),
    );
  });

  it('names the source by digest where there is one, a release by its tag, the graph image by itself', () => {
    const cases: readonly (readonly [ImageKind, string, string])[] = [
      ['additional', `q.io/a:1@${DIGEST}`, `docker://q.io/a@${DIGEST}`],
      ['additional', 'q.io/a:1', 'docker://q.io/a:1'],
      ['release', `q.io/a:1@${DIGEST}`, 'docker://q.io/a:1'],
      ['release', `q.io/a@${DIGEST}`, `docker://q.io/a@${DIGEST}`],
      ['additional', 'oci:///data/img', 'oci:///data/img'],
      ['graphData', `q.io/ubi@${DIGEST}`, 'docker://localhost:55000/t:1'],
    ];
    for (const [kind, source, expected] of cases) {
      assert.deepEqual(lines(plan([image(kind, source, 't:1')])), [`${expected}=docker://localhost:55000/t:1`]);
    }
  });

  it('puts the namespace of the destination in front and flattens nested paths', () => {
    const given = plan([image('additional', 'q.io/a/b/c:1', 'a/b/c:1')]);
    assert.deepEqual(lines(given, { destination: 'r:5000/m' }), ['docker://q.io/a/b/c:1=docker://r:5000/m/a/b/c:1']);
    assert.deepEqual(lines(given, { destination: 'r:5000/m', maxNestedPaths: 2 }), [
      'docker://q.io/a/b/c:1=docker://r:5000/m/a-b-c:1',
    ]);
  });

  it('adds the instances of an index on request, behind the source without its digest', () => {
    const instance = (architecture: string): Descriptor => ({
      mediaType: MEDIA_TYPE.ociManifest,
      digest: digestOf(architecture),
      size: 1,
      platform: { os: 'linux', architecture },
    });
    const manifests = ['amd64', 'arm64'].map(instance);
    const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }));
    const root: Descriptor = { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(content), size: content.length };
    const given = plan(
      [image('additional', 'q.io/a:1', 'a:1', root), image('helm', 'q.io/b:1', 'b:1')],
      [
        { descriptor: root, content },
        { descriptor: ROOT, content: Buffer.from('{}') },
      ],
    );
    assert.deepEqual(lines(given, { withInstances: true }), [
      'docker://q.io/a:1=docker://localhost:55000/a:1',
      ...manifests.map(({ digest }) => `docker://q.io/a:1@${digest}=docker://localhost:55000/a@${digest}`),
      'docker://q.io/b:1=docker://localhost:55000/b:1',
    ]);
    const byDigest = plan([image('additional', `q.io/a@${root.digest}`, 'a:1', root)], [{ descriptor: root, content }]);
    assert.equal(lines(byDigest, { withInstances: true })[1]?.split('=')[0], `docker://q.io/a@${manifests[0]?.digest}`);
  });

  it('lists a part of the plan', () => {
    const given = plan([image('additional', 'q.io/a:1', 'a:1'), image('additional', 'q.io/b:1', 'b:1')]);
    const only = (candidate: PlannedImage): boolean => candidate.origin === 'q.io/b:1';
    assert.deepEqual(lines(given, { only }), ['docker://q.io/b:1=docker://localhost:55000/b:1']);
    assert.equal(formatMapping(plan([]), OPTIONS), '');
  });
});
