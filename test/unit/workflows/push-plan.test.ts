import assert from 'node:assert/strict';
import test from 'node:test';
import { planPush, type PushImage } from '../../../src/workflows/push-plan.ts';
import type { Descriptor } from '../../../src/oci/types.ts';
import { memoryRegistry, type MemoryRepository } from '../../support/memory-repository.ts';

const signal = new AbortController().signal;

async function readFrom(repository: MemoryRepository, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await repository.fetch(descriptor, { signal })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function pushed(origin: string, descriptor: Descriptor, target: PushImage['target']): PushImage {
  return { origin, ...descriptor, target };
}

test('a blob used in three repositories is uploaded once and mounted twice', async () => {
  const repository = memoryRegistry().repository('any');
  const images = ['a', 'b', 'c'].map((name) =>
    pushed(name, repository.image(['shared', name]), { repository: name, tag: '1' }),
  );
  const plan = await planPush(images, (descriptor) => readFrom(repository, descriptor));
  const shared = plan.blobs.filter((blob) => blob.mounts.length > 0);
  assert.deepEqual(
    shared.map(({ repository: first, mounts }) => [first, mounts]),
    [['a', ['b', 'c']]],
  );
  assert.equal(new Set(plan.blobs.map((blob) => blob.descriptor.digest)).size, plan.blobs.length);
});

test('children come before their index, referrers after everything, tags are told apart', async () => {
  const repository = memoryRegistry().repository('any');
  const child = { ...repository.image(['x']), platform: { os: 'linux', architecture: 'amd64' } };
  const index = repository.index([child]);
  const signature = repository.image(['signature'], { subject: index });
  const plan = await planPush(
    [pushed('signature', signature, { repository: 'r' }), pushed('index', index, { repository: 'r', tag: '1' })],
    (descriptor) => readFrom(repository, descriptor),
  );
  assert.deepEqual(
    plan.manifestLevels.map((level) => level.map((manifest) => manifest.descriptor.digest)),
    [[child.digest], [index.digest], [signature.digest]],
  );
  assert.deepEqual(
    plan.tags.map((tag) => `${tag.repository}:${tag.tag}`),
    ['r:1'],
  );
  assert.deepEqual(
    plan.manifestLevels.flat().map((manifest) => manifest.subject),
    [undefined, undefined, index.digest],
  );
});

test('a referrer that an index has as a child comes before that index', async () => {
  const repository = memoryRegistry().repository('any');
  const child = { ...repository.image(['x']), platform: { os: 'linux', architecture: 'amd64' } };
  const platform = { os: 'unknown', architecture: 'unknown' };
  const attestation = { ...repository.image(['attestation'], { subject: child }), platform };
  const index = repository.index([child, attestation]);
  const images = [
    pushed('attestation', attestation, { repository: 'r' }),
    pushed('index', index, { repository: 'r', tag: '1' }),
    // Elsewhere the same manifest is nobody's child.
    pushed('attestation', attestation, { repository: 's' }),
    pushed('child', child, { repository: 's', tag: '1' }),
  ];
  const plan = await planPush(images, (descriptor) => readFrom(repository, descriptor));
  assert.deepEqual(
    plan.manifestLevels.map((level) =>
      level.map((manifest) => `${manifest.repository} ${manifest.descriptor.digest}`).toSorted(),
    ),
    [
      [`r ${child.digest}`, `r ${attestation.digest}`, `s ${child.digest}`].toSorted(),
      [`r ${index.digest}`],
      [`s ${attestation.digest}`],
    ],
  );
});

test('blobs go largest first', async () => {
  const repository = memoryRegistry().repository('any');
  const image = pushed('i', repository.image(['s', 'l'.repeat(9000), 'm'.repeat(500)]), { repository: 'r', tag: '1' });
  const plan = await planPush([image], (descriptor) => readFrom(repository, descriptor));
  const sizes = plan.blobs.map((blob) => blob.descriptor.size);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => b - a),
  );
  assert.equal(
    plan.uploadBytes,
    sizes.reduce((sum, size) => sum + size, 0),
  );
});

test('with platforms the instances that were not taken are not looked for', async () => {
  const repository = memoryRegistry().repository('any');
  const amd64 = { ...repository.image(['amd64']), platform: { os: 'linux', architecture: 'amd64' } };
  const absent = {
    ...amd64,
    digest: `sha256:${'0'.repeat(64)}` as const,
    platform: { os: 'linux', architecture: 'arm64' },
  };
  const index = repository.index([amd64, absent]);
  const image = {
    ...pushed('i', index, { repository: 'r', tag: '1' }),
    platforms: [{ os: 'linux', architecture: 'amd64' }],
  };
  const plan = await planPush([image], (descriptor) => readFrom(repository, descriptor));
  assert.equal(plan.manifestLevels.flat().length, 2);
});
