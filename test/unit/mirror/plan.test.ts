import assert from 'node:assert/strict';
import test from 'node:test';
import { digestTag, parseReference } from '../../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../../src/oci/types.ts';
import type { ImageRequest, MirrorContext } from '../../../src/mirror/mirror-plan.ts';
import { resolvePlan, type ResolveOptions } from '../../../src/mirror/plan.ts';
import { imageTarget } from '../../../src/mirror/target-name.ts';
import { memoryRegistry, type MemoryRepository } from '../../support/memory-repository.ts';

const OPTIONS: ResolveOptions = { allowGaps: false, withSignatures: true, allowMissingSignatures: false };

function contextOf(registry: ReturnType<typeof memoryRegistry>): MirrorContext {
  return {
    signal: new AbortController().signal,
    report: () => {},
    openSource: (ref) => registry.open(ref),
    fetchDocument: async () => Buffer.alloc(0),
  };
}

function request(text: string, more: Partial<ImageRequest> = {}): ImageRequest {
  const source = parseReference(text);
  return { kind: 'additional', origin: text, source, target: imageTarget(source), because: [`image ${text}`], ...more };
}

function planOf(registry: ReturnType<typeof memoryRegistry>, images: readonly ImageRequest[], options = OPTIONS) {
  return resolvePlan([{ images, files: [], warnings: [] }], contextOf(registry), options);
}

test('a layer shared by two images is in the plan once, with both repositories as sources', async () => {
  const registry = memoryRegistry();
  registry.repository('r.example/a/one').image(['base', 'one'], { tag: '1' });
  registry.repository('r.example/a/two').image(['base', 'two'], { tag: '1' });
  const plan = await planOf(registry, [request('r.example/a/one:1'), request('r.example/a/two:1')]);
  const base = plan.blobs.filter((blob) => blob.sources.length === 2);
  assert.equal(base.length, 1);
  assert.deepEqual(
    base[0]!.sources.map((source) => source.repository),
    ['a/one', 'a/two'],
  );
  assert.equal(plan.blobs.length, 5);
  const sum = [...plan.manifests.values(), ...plan.blobs].reduce((total, { descriptor }) => total + descriptor.size, 0);
  assert.equal(plan.totalBytes, sum);
});

test('the same configuration gives the same plan whatever the order of answers', async () => {
  const registry = memoryRegistry();
  for (const name of ['a', 'b', 'c']) registry.repository(`r.example/x/${name}`).image([name], { tag: '1' });
  const forward = await planOf(
    registry,
    ['a', 'b', 'c'].map((name) => request(`r.example/x/${name}:1`)),
  );
  const backward = await planOf(
    registry,
    ['c', 'b', 'a'].map((name) => request(`r.example/x/${name}:1`)),
  );
  assert.deepEqual(forward.images, backward.images);
  assert.deepEqual([...forward.manifests.keys()], [...backward.manifests.keys()]);
  assert.deepEqual(forward.blobs, backward.blobs);
});

test('an index is taken with all its instances, or with those of the chosen platforms and a warning', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/multi');
  const amd64 = { ...repository.image(['amd64']), platform: { os: 'linux', architecture: 'amd64' } };
  const arm64 = { ...repository.image(['arm64']), platform: { os: 'linux', architecture: 'arm64' } };
  const index = repository.index([amd64, arm64], { tag: '1' });
  const whole = await planOf(registry, [request('r.example/x/multi:1')]);
  assert.deepEqual(new Set(whole.manifests.keys()), new Set([index.digest, amd64.digest, arm64.digest]));
  const sparse = await planOf(registry, [
    request('r.example/x/multi:1', { platforms: [{ os: 'linux', architecture: 'arm64' }] }),
  ]);
  assert.deepEqual(new Set(sparse.manifests.keys()), new Set([index.digest, arm64.digest]));
  assert.equal(sparse.images[0]!.root.digest, index.digest);
  assert.deepEqual(
    sparse.warnings.map((warning) => warning.code),
    ['W_SPARSE'],
  );
});

test('a platform that an index does not have is an error that names those it has', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/multi');
  repository.index([{ ...repository.image(['amd64']), platform: { os: 'linux', architecture: 'amd64' } }], {
    tag: '1',
  });
  await assert.rejects(
    planOf(registry, [request('r.example/x/multi:1', { platforms: [{ os: 'linux', architecture: 's390x' }] })]),
    { code: 'E_NOT_FOUND', message: /linux\/s390x.*only linux\/amd64/ },
  );
});

test('platforms of a catalog are taken as far as an image has them; those of a single image must all be there', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/multi');
  repository.index([{ ...repository.image(['amd64']), platform: { os: 'linux', architecture: 'amd64' } }], {
    tag: '1',
  });
  const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
  const plan = await planOf(registry, [request('r.example/x/multi:1', { kind: 'relatedImage', platforms })]);
  assert.equal(plan.manifests.size, 2);
  assert.match(plan.warnings[0]!.message, /no instance for linux\/arm64, only linux\/amd64/);
  await assert.rejects(planOf(registry, [request('r.example/x/multi:1', { kind: 'additional', platforms })]), {
    code: 'E_NOT_FOUND',
  });
});

test('cosign tags and referrers, also those of referrers, are carried as signatures', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/signed');
  const image = repository.image(['content'], { tag: '1' });
  const oldForm = repository.image(['payload'], {
    tag: `${digestTag(image.digest)}.sig`,
    layerType: MEDIA_TYPE.cosignSimpleSigning,
  });
  const sbom = repository.image(['sbom'], { subject: image, artifactType: 'application/spdx+json' });
  const sbomSignature = repository.image(['sbom signature'], { subject: sbom, layerType: MEDIA_TYPE.sigstoreBundle });
  const plan = await planOf(registry, [request('r.example/x/signed:1')]);
  const signatures = plan.images.filter((planned) => planned.kind === 'signature');
  assert.deepEqual(
    new Map(signatures.map((planned) => [planned.root.digest, planned.target.tag])),
    new Map([
      [oldForm.digest, `${digestTag(image.digest)}.sig`],
      [sbom.digest, undefined],
      [sbomSignature.digest, undefined],
    ]),
  );
});

test('an image signed in the new form only is told, since an image policy would not accept it', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/signed');
  const image = repository.image(['content'], { tag: '1' });
  repository.image(['bundle'], { subject: image, layerType: MEDIA_TYPE.sigstoreBundle });
  const plan = await planOf(registry, [request('r.example/x/signed:1')]);
  assert.deepEqual(
    plan.warnings.map((warning) => warning.code),
    ['W_SIGNATURE_FORM'],
  );
});

test('a required signature that is missing is an error, or a warning when allowed', async () => {
  const registry = memoryRegistry();
  registry.repository('r.example/x/release').image(['content'], { tag: '1' });
  const images = [request('r.example/x/release:1', { requireSignature: true })];
  await assert.rejects(planOf(registry, images), { code: 'E_SIGNATURE' });
  const plan = await planOf(registry, images, { ...OPTIONS, allowMissingSignatures: true });
  assert.deepEqual(
    plan.warnings.map((warning) => warning.code),
    ['W_MISSING_SIGNATURE'],
  );
});

test('two different images under one target name are refused, since one would be lost', async () => {
  const registry = memoryRegistry();
  registry.repository('one.example/x/app').image(['one'], { tag: '1' });
  registry.repository('two.example/x/app').image(['two'], { tag: '1' });
  await assert.rejects(planOf(registry, [request('one.example/x/app:1'), request('two.example/x/app:1')]), {
    code: 'E_CONFIG',
    message: /one\.example.*two\.example.*x\/app:1/,
  });
});

test('every unreadable image is named; with gaps allowed the others are planned and the gaps listed', async () => {
  const registry = memoryRegistry();
  registry.repository('r.example/x/good').image(['good'], { tag: '1' });
  const images = ['good', 'gone', 'lost'].map((name) => request(`r.example/x/${name}:1`));
  await assert.rejects(planOf(registry, images), { code: 'E_NOT_FOUND', message: /x\/gone:1[\s\S]*x\/lost:1/ });
  const plan = await planOf(registry, images, { ...OPTIONS, allowGaps: true });
  assert.deepEqual(
    plan.images.map((image) => image.origin),
    ['r.example/x/good:1'],
  );
  assert.deepEqual(
    plan.gaps.map((gap) => gap.origin),
    ['r.example/x/gone:1', 'r.example/x/lost:1'],
  );
});

test('gaps are listed in one order, whichever image failed first', async () => {
  const registry = memoryRegistry();
  const names = ['c', 'a', 'b'].map((name) => `r.example/x/${name}:1`);
  const options = { ...OPTIONS, allowGaps: true };
  for (const order of [names, names.toReversed()]) {
    const plan = await planOf(
      registry,
      order.map((name) => request(name)),
      options,
    );
    const expected = names.toSorted();
    assert.deepEqual(
      plan.gaps.map(({ origin }) => origin),
      expected,
    );
    assert.deepEqual(
      plan.warnings.map(({ message }) => message.split(' ')[0]),
      expected,
    );
  }
});

test('an image wanted for two reasons is one image with both reasons', async () => {
  const registry = memoryRegistry();
  registry.repository('r.example/x/app').image(['app'], { tag: '1' });
  const plan = await planOf(registry, [
    request('r.example/x/app:1', { because: ['first'] }),
    request('r.example/x/app:1', { because: ['second'] }),
  ]);
  assert.deepEqual(
    plan.images.map((image) => image.because),
    [['first', 'second']],
  );
});

/** An image below so many indexes. */
function nested(repository: MemoryRepository, indexes: number): void {
  let root = repository.image(['deep']);
  for (let count = 1; count <= indexes; count += 1) {
    root = repository.index([root], count === indexes ? { tag: '1' } : {});
  }
}

test('indexes are followed as deep as the check of a bundle follows them, its index.json counted', async () => {
  const registry = memoryRegistry();
  nested(registry.repository('r.example/x/three'), 3);
  nested(registry.repository('r.example/x/four'), 4);
  assert.equal((await planOf(registry, [request('r.example/x/three:1')])).manifests.size, 4);
  await assert.rejects(planOf(registry, [request('r.example/x/four:1')]), /deeper than 4 levels/);
});

test('an index that lies too deep is refused also when it was met higher up before', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/diamond');
  const inner = repository.index([repository.index([repository.image(['deep'])])]);
  repository.index([inner, repository.index([inner])], { tag: '1' });
  await assert.rejects(planOf(registry, [request('r.example/x/diamond:1')]), /deeper than 4 levels/);
});

test('what a descriptor says of a manifest must be true however often it is named', async () => {
  for (const change of [{ size: 1 }, { mediaType: MEDIA_TYPE.dockerManifest }]) {
    const registry = memoryRegistry();
    const repository = registry.repository('r.example/x/one');
    const image = repository.image(['layer']);
    repository.index([image, { ...image, ...change }], { tag: '1' });
    await assert.rejects(planOf(registry, [request('r.example/x/one:1')]), /should have 1 bytes|announced as/);
  }
});

test('embedded data that is not the described content is refused, also of an instance that is not taken', async () => {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/data');
  const platform = { os: 'linux', architecture: 'amd64' };
  const image = { ...repository.image(['layer']), platform };
  const other = { ...repository.image(['other']), platform: { os: 'linux', architecture: 'arm64' }, data: 'AAAA' };
  repository.index([image, other], { tag: '1' });
  const images = [request('r.example/x/data:1', { platforms: [platform] })];
  await assert.rejects(planOf(registry, images), /embedded data/);
});
