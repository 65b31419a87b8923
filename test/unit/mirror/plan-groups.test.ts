import assert from 'node:assert/strict';
import test from 'node:test';
import {
  contentOfPlan,
  groupImages,
  groupPlan,
  type ContentSizes,
  type GroupedFacts,
  type GroupedImage,
  type ImageGroup,
} from '../../../src/mirror/plan-groups.ts';
import type { MirrorPlan, PlannedImage } from '../../../src/mirror/mirror-plan.ts';
import { digestOf, type Digest } from '../../../src/oci/digest.ts';
import { isManifestType } from '../../../src/oci/types.ts';
import { image, index, type BuiltContent } from '../../support/images.ts';

const NOTHING: GroupedFacts = { releases: [], catalogs: [] };

function planned(kind: GroupedImage['kind'], origin: string, rest: Partial<GroupedImage> = {}): GroupedImage {
  return { kind, origin, root: { digest: digestOf(origin) }, target: { repository: origin }, ...rest };
}

/** Content by name: its size and what it points to. */
function contentOf(entries: Readonly<Record<string, readonly [size: number, ...children: string[]]>>): ContentSizes {
  const known = new Map(Object.entries(entries).map(([name, entry]) => [digestOf(name), entry]));
  return {
    sizeOf: (digest: Digest) => known.get(digest)?.[0],
    childrenOf: (digest: Digest) => (known.get(digest)?.slice(1) as string[] | undefined)?.map(digestOf) ?? [],
  };
}

const anySize: ContentSizes = { sizeOf: () => 1, childrenOf: () => [] };

function originsOf({ images }: ImageGroup<GroupedImage>): string[] {
  return images.map((one) => `${one.origin}:${one.target.tag ?? ''}`);
}

test('images are grouped by release, package, catalog; the rest is alone or together by key', () => {
  const images = [
    planned('release', 'release 1.0'),
    planned('releaseContent', 'etcd', { target: { repository: 'r', tag: '1.0-etcd' } }),
    planned('releaseContent', 'etcd', { target: { repository: 'r', tag: '1.0.1-etcd' } }),
    planned('relatedImage', 'registry.test/operator:v1'),
    planned('catalog', 'index', { target: { repository: 'index', tag: 'v1' } }),
    planned('catalog', 'index', { target: { repository: 'index', tag: 'v2' } }),
    planned('helm', 'one'),
    planned('helm', 'two'),
    planned('additional', 'tool'),
  ];
  const packages = [{ bundles: [{ images: ['registry.test/operator:v1'] }] }];
  const facts: GroupedFacts = {
    releases: ['1.0', '1.0.1'].map((tag) => ({ tag, digest: digestOf(`release ${tag}`) })),
    catalogs: [
      { target: { repository: 'index', tag: 'v1' }, packages },
      { target: { repository: 'index', tag: 'v2' }, packages: [] },
    ],
  };
  const keyOf = ({ kind }: GroupedImage): string | undefined => (kind === 'helm' ? 'chart' : undefined);
  const groups = groupImages(images, facts, { content: anySize, keyOf });
  assert.deepEqual(groups.releases.map(originsOf), [['release 1.0:', 'etcd:1.0-etcd'], ['etcd:1.0.1-etcd']]);
  assert.deepEqual(
    groups.catalogs.map(({ packages: parts, own }) => [parts.map(originsOf), originsOf(own)]),
    [
      [[['registry.test/operator:v1:']], ['index:v1']],
      [[], ['index:v2']],
    ],
  );
  assert.deepEqual(groups.others.map(originsOf), [['one:', 'two:'], ['tool:']]);
  assert.deepEqual(groupImages(images, facts, { content: anySize }).others.map(originsOf), [
    ['one:'],
    ['two:'],
    ['tool:'],
  ]);
});

test('content is new once, shared once per group, and not at all when it is not taken', () => {
  const content = contentOf({
    a: [1, 'base', 'x', 'absent'],
    b: [2, 'base', 'x', 'y', 'b'],
    base: [100],
    x: [10],
    y: [20],
  });
  const { others } = groupImages([planned('additional', 'a'), planned('additional', 'b')], NOTHING, { content });
  assert.deepEqual(
    others.map(({ sizes, added }) => [sizes, added]),
    [
      [{ new: 111, shared: 0, total: 111 }, [111]],
      [{ new: 22, shared: 110, total: 132 }, [22]],
    ],
  );
  const together = groupImages([planned('additional', 'a'), planned('additional', 'b')], NOTHING, {
    content,
    keyOf: () => 'all',
  }).others;
  assert.deepEqual(
    together.map(({ sizes, added }) => [sizes, added]),
    [[{ new: 133, shared: 0, total: 133 }, [111, 22]]],
  );
});

test('signatures belong to what they sign, instances of an index and signatures of signatures included', () => {
  const content = contentOf({
    app: [1, 'child'],
    child: [2],
    other: [4],
    sig: [8],
    'sig of sig': [16],
    elsewhere: [32],
  });
  const signature = (origin: string, signed: string, repository = 'app'): GroupedImage =>
    planned('signature', origin, { signatureOf: digestOf(signed), target: { repository } });
  const images = [
    signature('sig of sig', 'sig'),
    planned('additional', 'app'),
    planned('additional', 'other'),
    signature('sig', 'child'),
    signature('elsewhere', 'child', 'unrelated'),
  ];
  const { others } = groupImages(images, NOTHING, { content });
  assert.deepEqual(
    others.map((group) => [originsOf(group), group.sizes.new]),
    [
      [['app:', 'sig:', 'sig of sig:'], 27],
      [['other:'], 4],
    ],
  );
});

test('groups of a plan add up to all its manifests and blobs', () => {
  const base = { 'etc/base': Buffer.alloc(20_000, 'base') };
  const small = image().layer(base).layer('a', 'a').build();
  const multi = index([
    image().layer(base).layer('b', 'b').build(),
    image().platform('linux/arm64').layer('c', 'c').build(),
  ]).build();
  const plan = planOf(small, multi);
  const { others } = groupPlan(plan, NOTHING);
  assert.equal(others.length, 2);
  assert.ok(others[1]!.sizes.shared > 0, 'the base layer is in both');
  assert.equal(
    others.reduce((sum, { sizes }) => sum + sizes.new, 0),
    plan.totalBytes,
  );
  assert.equal(contentOfPlan(plan).sizeOf(digestOf('unknown')), undefined);
});

function planOf(...built: readonly BuiltContent[]): MirrorPlan {
  const contents = [
    ...new Map(built.flatMap((one) => one.contents).map((one) => [one.descriptor.digest, one])).values(),
  ];
  const manifests = contents.filter(({ descriptor }) => isManifestType(descriptor.mediaType));
  return {
    images: built.map(({ root }, at): PlannedImage => ({
      kind: 'additional',
      origin: String(at),
      source: { transport: 'docker', registry: 'registry.test', repository: String(at), tag: 'v1' },
      root,
      target: { repository: String(at), tag: 'v1' },
      because: [],
      bytes: root.size,
    })),
    manifests: new Map(manifests.map(({ descriptor, bytes }) => [descriptor.digest, { descriptor, content: bytes }])),
    blobs: contents
      .filter(({ descriptor }) => !isManifestType(descriptor.mediaType))
      .map(({ descriptor }) => ({ descriptor, sources: [] })),
    files: [],
    gaps: [],
    warnings: [],
    totalBytes: contents.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  };
}
