import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAirgapError } from '../../../../src/core/errors.ts';
import { digestOf, type Digest } from '../../../../src/oci/digest.ts';
import { digestTag, parseReference } from '../../../../src/oci/reference.ts';
import { isManifestType } from '../../../../src/oci/types.ts';
import type { ImageKind } from '../../../../src/oci/image-kind.ts';
import type { MirrorPlan, PlannedImage } from '../../../../src/mirror/mirror-plan.ts';
import type { PlanFacts } from '../../../../src/mirror/plan-file.ts';
import type { ArchiveContents } from '../../../../src/workflows/oc-mirror/archive.ts';
import { matchArchive } from '../../../../src/workflows/oc-mirror/match.ts';
import { image, index, type BuiltContent } from '../../../support/images.ts';

const HASH = '17a88f895565c2d0aea052eef7a23db9';
const built = (name: string): BuiltContent => image().layer(`opt/${name}`, name).build();

function planned(kind: ImageKind, built: BuiltContent, name: string, more: Partial<PlannedImage> = {}): PlannedImage {
  const at = name.lastIndexOf(':');
  const [repository, tag] = [name.slice(0, at), name.slice(at + 1)];
  return {
    kind,
    origin: `quay.io/${name}`,
    source: parseReference(`quay.io/${name}`),
    root: built.root,
    target: { repository, tag },
    because: ['a test'],
    bytes: 0,
    ...more,
  };
}

const planOf = (...images: readonly PlannedImage[]): MirrorPlan => ({
  images,
  manifests: new Map(),
  blobs: [],
  files: [],
  gaps: [],
  warnings: [],
  totalBytes: 0,
});

/** What an archive holds after these were mirrored under these names. */
function archiveOf(contents: Readonly<Record<string, BuiltContent>>): ArchiveContents {
  const all = Object.values(contents).flatMap((one) => one.contents);
  return {
    chunks: [],
    tags: new Map(Object.entries(contents).map(([name, { root }]) => [name, root.digest])),
    blobs: new Map(
      all.map(({ descriptor, bytes }) => [descriptor.digest, { chunk: 'a', position: 0, size: bytes.length }]),
    ),
    manifests: new Map(
      all.flatMap(({ descriptor, bytes }) =>
        isManifestType(descriptor.mediaType) ? [[descriptor.digest, Buffer.from(bytes)] as const] : [],
      ),
    ),
    documents: new Map(),
  };
}

const noFacts: PlanFacts = { releases: [], catalogs: [] };

function catalogFact(repository: string, tag: string, rebuilt: Digest): PlanFacts['catalogs'][number] {
  const sizes = { new: 0, shared: 0, total: 0 };
  return {
    reference: `registry.redhat.io/${repository}`,
    digest: digestOf('the catalog as it was'),
    target: { repository, tag },
    isFull: false,
    rebuilt: { digest: rebuilt, filterHash: HASH },
    packages: [],
    sizes,
  };
}

test('what is there as planned is taken with its content', () => {
  const [a, b] = [built('a'), built('b')];
  const plan = planOf(
    planned('additional', a, 'team/a:1'),
    planned('additional', b, `team/b:${digestTag(b.root.digest)}`),
  );
  const archive = archiveOf({ 'team/a:1': a, [`team/b:${digestTag(b.root.digest)}`]: b });
  const matched = matchArchive(plan, noFacts, archive);
  assert.deepEqual(matched.differences, []);
  assert.deepEqual(matched.missing, []);
  const all = [...a.contents, ...b.contents];
  const unique = new Map(all.map(({ descriptor, bytes }) => [descriptor.digest, bytes.length]));
  assert.equal(
    matched.plan.totalBytes,
    [...unique.values()].reduce((sum, size) => sum + size, 0),
  );
  assert.deepEqual([...matched.plan.manifests.keys()].toSorted(), [a.root.digest, b.root.digest].toSorted());
  assert.equal(
    matched.plan.images[0]?.bytes,
    a.contents.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
});

test('missing, moved, extra, left out', () => {
  const [a, b, c, other] = [built('a'), built('b'), built('c'), built('other')];
  const referrer = planned('signature', built('sbom'), 'team/a:x', {
    target: { repository: 'team/a' },
    signatureOf: a.root.digest,
  });
  const plan = planOf(planned('additional', a, 'team/a:1'), planned('helm', b, 'team/b:1'), referrer);
  const matched = matchArchive(plan, noFacts, archiveOf({ 'team/a:1': other, 'team/c:1': c }));
  assert.deepEqual(
    matched.differences.map(({ kind, name, planned, carried }) => [kind, name, planned, carried]),
    [
      ['moved', 'team/a:1', a.root.digest, other.root.digest],
      ['missing', 'team/b:1', b.root.digest, undefined],
      ['leftOut', `team/a@${referrer.root.digest}`, undefined, undefined],
      ['extra', 'team/c:1', undefined, c.root.digest],
    ],
  );
  assert.deepEqual(
    matched.missing.map(({ origin }) => origin),
    ['quay.io/team/b:1'],
  );
  assert.deepEqual(
    matched.plan.images.map(({ root }) => root.digest),
    [other.root.digest],
  );
});

test('a missing signature is a difference and no missing image', () => {
  const a = built('a');
  const plan = planOf(planned('additional', a, 'team/a:1'), planned('signature', built('s'), 'team/a:sha256-0.sig'));
  const matched = matchArchive(plan, noFacts, archiveOf({ 'team/a:1': a }));
  assert.deepEqual(
    matched.differences.map(({ kind }) => kind),
    ['missing'],
  );
  assert.deepEqual(matched.missing, []);
});

test('a tag whose manifest is not in the archive is a name from an earlier run', () => {
  const [a, old] = [built('a'), built('old')];
  const archive = archiveOf({ 'team/a:1': a });
  const tags = new Map([...archive.tags, ['team/old:1', old.root.digest] as const]);
  const matched = matchArchive(planOf(planned('additional', a, 'team/a:1')), noFacts, { ...archive, tags });
  assert.deepEqual(matched.differences, []);
});

describe('what each engine makes itself', () => {
  const [ours, theirs, original] = [built('our rebuild'), built('their rebuild'), built('original')];

  test('a filtered catalog is found by its filter hash', () => {
    const plan = planOf(planned('catalog', ours, 'redhat/index:v4.17'));
    const facts = { ...noFacts, catalogs: [catalogFact('redhat/index', 'v4.17', ours.root.digest)] };
    const archive = archiveOf({ 'redhat/index:v4.17': original, [`redhat/index:${HASH}`]: theirs });
    const matched = matchArchive(plan, facts, archive);
    assert.deepEqual(matched.differences, []);
    assert.equal(matched.plan.images[0]?.root.digest, theirs.root.digest);
    assert.deepEqual(matched.plan.images[0]?.target, { repository: 'redhat/index', tag: 'v4.17' });
    assert.deepEqual(matched.facts.catalogs[0]?.rebuilt, { digest: theirs.root.digest, filterHash: HASH });
  });

  test('one known by digest alone is named after their rebuild', () => {
    const tag = digestTag(ours.root.digest);
    const plan = planOf(planned('catalog', ours, `redhat/index:${tag}`));
    const facts = { ...noFacts, catalogs: [catalogFact('redhat/index', tag, ours.root.digest)] };
    const matched = matchArchive(plan, facts, archiveOf({ [`redhat/index:${HASH}`]: theirs }));
    assert.equal(matched.plan.images[0]?.target.tag, digestTag(theirs.root.digest));
    assert.equal(matched.facts.catalogs[0]?.target.tag, digestTag(theirs.root.digest));
  });

  test('a catalog that moved meanwhile has another hash', () => {
    const plan = planOf(planned('catalog', ours, 'redhat/index:v4.17'));
    const facts = { ...noFacts, catalogs: [catalogFact('redhat/index', 'v4.17', ours.root.digest)] };
    const matched = matchArchive(plan, facts, archiveOf({ [`redhat/index:${'0'.repeat(32)}`]: theirs }));
    assert.deepEqual(
      matched.differences.map(({ kind, name }) => [kind, name]),
      [['moved', 'redhat/index:v4.17']],
    );
  });

  test('graph data and signature manifests', () => {
    const plan = planOf(
      planned('graphData', ours, 'openshift/graph-image:latest'),
      planned('signature', ours, 'openshift/release:sha256-1.sig'),
    );
    const archive = archiveOf({ 'openshift/graph-image:latest': theirs, 'openshift/release:sha256-1.sig': theirs });
    const matched = matchArchive(plan, noFacts, archive);
    assert.deepEqual(matched.differences, []);
    assert.deepEqual(
      matched.plan.images.map(({ root }) => root.digest),
      [theirs.root.digest, theirs.root.digest],
    );
  });
});

describe('an archive that lacks content is refused', () => {
  const instances = ['linux/amd64', 'linux/arm64'].map((platform) =>
    image().platform(platform).layer('a', platform).build(),
  );
  const list = index(instances).build();
  const without = (archive: ArchiveContents, digest: Digest): ArchiveContents => ({
    ...archive,
    blobs: new Map([...archive.blobs].filter(([key]) => key !== digest)),
    manifests: new Map([...archive.manifests].filter(([key]) => key !== digest)),
  });

  test('a layer', () => {
    const layer = instances[0]!.contents.find(({ descriptor }) => descriptor.mediaType.includes('layer'))!;
    const archive = without(archiveOf({ 'team/a:1': list }), layer.descriptor.digest);
    assert.throws(
      () => matchArchive(planOf(planned('additional', list, 'team/a:1')), noFacts, archive),
      (error) => isAirgapError(error, 'E_FAILED') && error.message.includes(layer.descriptor.digest),
    );
  });

  test('an instance, unless only some platforms were asked for', () => {
    const archive = without(archiveOf({ 'team/a:1': list }), instances[1]!.root.digest);
    const all = planned('additional', list, 'team/a:1');
    assert.throws(() => matchArchive(planOf(all), noFacts, archive), /not complete/);
    const some = { ...all, platforms: [{ os: 'linux', architecture: 'amd64' }] };
    assert.deepEqual(matchArchive(planOf(some), noFacts, archive).missing, []);
  });
});

test('a manifest that is none is a damaged archive and no defect of ours', () => {
  const a = built('a');
  for (const text of ['no JSON', 'null', '7']) {
    const content = Buffer.from(text);
    const digest = digestOf(content);
    const archive: ArchiveContents = {
      ...archiveOf({}),
      tags: new Map([['team/a:1', digest]]),
      blobs: new Map([[digest, { chunk: 'a', position: 0, size: content.length }]]),
      manifests: new Map([[digest, content]]),
    };
    assert.throws(
      () => matchArchive(planOf(planned('additional', a, 'team/a:1')), noFacts, archive),
      (error: unknown) => isAirgapError(error, 'E_FAILED'),
    );
  }
});
