import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageKind, MirrorPlan, PlannedImage } from '../../../src/mirror/mirror-plan.ts';
import { groupPlan } from '../../../src/mirror/plan-groups.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { isManifestType } from '../../../src/oci/types.ts';
import { image, type BuiltContent } from '../../support/images.ts';

const base = 'b'.repeat(1000);
const built = (name: string): BuiltContent => image().layer('base', base).layer(name, name).build();

interface Wanted {
  readonly kind: ImageKind;
  readonly name: string;
  readonly tag?: string;
  readonly content: BuiltContent;
  readonly signatureOf?: BuiltContent;
}

function planOf(wanted: readonly Wanted[]): MirrorPlan {
  const contents = new Map(
    wanted.flatMap(({ content }) => content.contents.map((one) => [one.descriptor.digest, one] as const)),
  );
  const all = [...contents.values()];
  return {
    images: wanted.map(({ kind, name, tag, content, signatureOf }): PlannedImage => ({
      kind,
      origin: `r.example/${name}@${content.root.digest}`,
      source: parseReference(`r.example/${name}@${content.root.digest}`),
      root: content.root,
      target: { repository: name, ...(tag === undefined ? {} : { tag }) },
      because: ['test'],
      bytes: 1,
      ...(signatureOf === undefined ? {} : { signatureOf: signatureOf.root.digest }),
    })),
    manifests: new Map(
      all
        .filter(({ descriptor }) => isManifestType(descriptor.mediaType))
        .map(({ descriptor, bytes }) => [descriptor.digest, { descriptor, content: bytes }]),
    ),
    blobs: all
      .filter(({ descriptor }) => !isManifestType(descriptor.mediaType))
      .map(({ descriptor }) => ({ descriptor, sources: [] })),
    files: [],
    gaps: [],
    warnings: [],
    totalBytes: all.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  };
}

test('images are grouped by release, package and catalog; the sizes of all groups together are those of the plan', () => {
  const [payload, etcd, operator, shared, index, app, signature] = [
    ...['payload', 'etcd', 'operator', 'shared', 'index', 'app', 'signature'].map(built),
  ] as const;
  const wanted: readonly Wanted[] = [
    { kind: 'release', name: 'openshift/release-images', tag: '4.17.6-x86_64', content: payload! },
    { kind: 'releaseContent', name: 'openshift/release', tag: '4.17.6-x86_64-etcd', content: etcd! },
    { kind: 'releaseContent', name: 'openshift/release', tag: '4.17.60-x86_64-etcd', content: app! },
    { kind: 'relatedImage', name: 'ops/a', tag: 'x', content: operator! },
    { kind: 'relatedImage', name: 'ops/shared', tag: 'x', content: shared! },
    { kind: 'additional', name: 'ops/shared', tag: 'x', content: shared! },
    { kind: 'catalog', name: 'index', tag: 'v1', content: index! },
    { kind: 'signature', name: 'ops/a', content: signature!, signatureOf: operator! },
  ];
  const plan = planOf(wanted);
  const origin = (name: string, content: BuiltContent) => `r.example/${name}@${content.root.digest}`;
  const groups = groupPlan(plan, {
    releases: [{ tag: '4.17.6-x86_64', digest: payload!.root.digest }],
    catalogs: [
      {
        target: { repository: 'index', tag: 'v1' },
        packages: [
          { bundles: [{ images: [`docker://${origin('ops/a', operator!)}`, origin('ops/shared', shared!)] }] },
          { bundles: [{ images: [origin('ops/shared', shared!)] }] },
        ],
      },
    ],
  });
  const named = (group: { readonly images: readonly PlannedImage[] }) =>
    group.images.map(({ kind, target }) => `${kind} ${target.repository}`);
  assert.deepEqual(groups.releases.map(named), [
    ['release openshift/release-images', 'releaseContent openshift/release'],
  ]);
  const [first, second] = groups.catalogs[0]!.packages;
  assert.deepEqual(named(first!), ['relatedImage ops/a', 'relatedImage ops/shared', 'signature ops/a']);
  assert.deepEqual(named(second!), ['relatedImage ops/shared']);
  assert.equal(second!.sizes.new, 0, 'an image of two packages counts once');
  assert.ok(second!.sizes.shared > 0);
  assert.deepEqual(groups.others.map(named), [['releaseContent openshift/release'], ['additional ops/shared']]);
  const all = [
    ...groups.releases,
    ...groups.catalogs.flatMap(({ packages, own }) => [...packages, own]),
    ...groups.others,
  ];
  assert.equal(
    all.reduce((sum, { sizes }) => sum + sizes.new, 0),
    plan.totalBytes,
  );
  for (const { sizes } of all) assert.equal(sizes.total, sizes.new + sizes.shared);
});
