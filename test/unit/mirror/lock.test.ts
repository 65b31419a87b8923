import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { AirgapError } from '../../../src/core/errors.ts';
import { loadImageSet } from '../../../src/mirror/image-set.ts';
import { lockedChannels } from '../../../src/mirror/lock-channels.ts';
import { lockContext, recordPins } from '../../../src/mirror/lock-context.ts';
import {
  applyLock,
  assertLocked,
  createLock,
  formatLock,
  parseLock,
  type LockInput,
} from '../../../src/mirror/lock.ts';
import type { MirrorContext, MirrorPlan, PlannedImage } from '../../../src/mirror/mirror-plan.ts';
import { diffPlans } from '../../../src/mirror/plan-diff.ts';
import { parseGraph } from '../../../src/mirror/update-graph.ts';
import { digestOf, type Digest } from '../../../src/oci/digest.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../../src/oci/types.ts';

const [OLD, NEW] = [digestOf('old'), digestOf('new')];

function image(origin: string, digest: Digest, tag?: string): PlannedImage {
  const repository = origin.replace(/^[^/]*\//, '').replace(/[:@].*$/, '');
  return {
    kind: 'additional',
    origin,
    source: parseReference(origin),
    root: { mediaType: MEDIA_TYPE.ociManifest, digest, size: 1 },
    target: { repository, ...(tag === undefined ? {} : { tag }) },
    because: ['test'],
    bytes: 7,
  };
}

function plan(images: readonly PlannedImage[], files: MirrorPlan['files'] = []): MirrorPlan {
  return { images, manifests: new Map(), blobs: [], files, gaps: [], warnings: [], totalBytes: 0 };
}

function input(given: Partial<LockInput>): LockInput {
  return { plan: plan([]), pins: [], channels: [], charts: [], ...given };
}

const load = (mirror: string): ReturnType<typeof loadImageSet> =>
  loadImageSet(
    `apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: ${mirror}\n`,
    'isc.yaml',
  );

describe('the lock file', () => {
  it('is the same text for the same choices in any order, and reads back as it was', () => {
    const pins = [
      { reference: 'q.io/b:1', digest: OLD },
      { reference: 'q.io/a:1', digest: NEW },
    ];
    const charts = ['2.0.0', '1.0.0'].map((version) => ({ repository: 'r', name: 'c', requested: '', version }));
    const images = [image('q.io/b:1', OLD, '1'), image('q.io/a:1', NEW, '1')];
    const files = [{ path: 'charts/c.tgz', content: Buffer.from('chart') }];
    const lock = createLock(input({ plan: plan(images, files), pins, charts }));
    const other = createLock(
      input({ plan: plan(images.toReversed(), files), pins: pins.toReversed(), charts: charts.toReversed() }),
    );
    assert.equal(formatLock(lock), formatLock(other));
    assert.deepEqual(parseLock(formatLock(lock), 'airgap.lock'), lock);
    assert.deepEqual(parseLock(JSON.stringify(lock), 'airgap.lock'), lock);
    assert.equal(lock.pins[0]?.reference, 'q.io/a:1');
  });

  it('is read strictly', () => {
    const lock = createLock(input({}));
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ ...lock, kind: 'Site' }, /airgap\.lock: kind/],
      [{ ...lock, extra: 1 }, /extra/],
      [{ ...lock, pins: [{ reference: 'q.io/a:1', digest: 'sha256:1' }] }, /pins\.0\.digest: not a digest/],
      [{ ...lock, images: undefined }, /images/],
    ];
    for (const [document, message] of cases) {
      assert.throws(() => parseLock(JSON.stringify(document), 'airgap.lock'), { code: 'E_CONFIG', message });
    }
  });
});

describe('lockedChannels', () => {
  const graph = (architecture: string, versions: readonly string[]) =>
    parseGraph(
      JSON.stringify({ nodes: versions.map((version) => ({ version, payload: `q.io/r@${OLD}` })), edges: [] }),
      { channel: 'stable-4.17', architecture },
    );
  const graphs = [graph('amd64', ['4.17.9', '4.17.1', '4.17.10']), graph('arm64', ['4.17.0', '4.17.9'])];

  it('writes down what the bounds of a channel were', () => {
    const cases: readonly (readonly [string, readonly string[], string, string])[] = [
      ['{name: stable-4.17}', [], '4.17.10', '4.17.10'],
      ['{name: stable-4.17, full: true}', ['amd64'], '4.17.1', '4.17.10'],
      ['{name: stable-4.17, minVersion: 4.17.9}', ['amd64'], '4.17.9', '4.17.10'],
      // The first architecture tells it for all.
      ['{name: stable-4.17}', ['amd64', 'arm64'], '4.17.10', '4.17.10'],
      ['{name: stable-4.17, full: true}', ['arm64', 'amd64'], '4.17.0', '4.17.9'],
    ];
    for (const [channel, architectures, minVersion, maxVersion] of cases) {
      const { platform } = load(`{platform: {architectures: [${architectures.join()}], channels: [${channel}]}}`);
      assert.deepEqual(lockedChannels(platform!, graphs), [{ name: 'stable-4.17', minVersion, maxVersion }], channel);
    }
  });

  it('has nothing to say of other channels and of a payload named directly', () => {
    const { platform } = load('{platform: {channels: [{name: fast-4.17}]}}');
    assert.deepEqual(lockedChannels(platform!, graphs), []);
    const named = load('{platform: {release: "q.io/r:1", channels: [{name: stable-4.17}]}}').platform;
    assert.deepEqual(lockedChannels(named!, graphs), []);
  });
});

describe('applyLock', () => {
  const channels = [{ name: 'stable-4.17', minVersion: '4.17.3', maxVersion: '4.17.9' }];
  const charts = [
    { repository: 'https://c.io/', name: 'web', requested: '^1', version: '1.9.0' },
    { repository: 'https://c.io/', name: 'web', requested: '', version: '2.1.0' },
    { repository: 'https://d.io/', name: 'all', requested: '1.0.0', version: '1.0.0' },
  ];
  const lock = createLock(input({ channels, charts }));

  it('sets the bounds of channels and keeps everything else', () => {
    const imageSet = load('{platform: {graph: true, channels: [{name: stable-4.17, shortestPath: true}]}}');
    const locked = applyLock(imageSet, lock);
    const written = imageSet.platform?.channels[0];
    assert.deepEqual(locked.platform?.channels, [{ ...written, minVersion: '4.17.3', maxVersion: '4.17.9', written }]);
    assert.equal(locked.platform?.graph, true);
    assert.equal(imageSet.platform?.channels[0]?.maxVersion, undefined, 'the input is not changed');
  });

  it('sets chart versions by what was asked for, and lists the charts of a repository without a list', () => {
    const imageSet = load(
      '{helm: {repositories: [{url: "https://c.io/", name: c, charts: [{name: web, version: ^1, imagePaths: [x]}, {name: web}]},' +
        ' {url: "https://d.io/", name: d}]}}',
    );
    assert.deepEqual(
      applyLock(imageSet, lock).helm?.repositories.map((repository) => repository.charts),
      [
        [
          { name: 'web', version: '1.9.0', imagePaths: ['x'] },
          { name: 'web', version: '2.1.0', imagePaths: [] },
        ],
        [{ name: 'all', version: '1.0.0', imagePaths: [] }],
      ],
    );
  });

  it('refuses what the lock does not know', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{platform: {channels: [{name: fast-4.18}]}}', /channel fast-4\.18/],
      ['{helm: {repositories: [{url: "https://c.io/", name: c, charts: [{name: web, version: ~2}]}]}}', /chart web/],
      ['{helm: {repositories: [{url: "https://e.io/", name: e}]}}', /e\.io/],
    ];
    for (const [mirror, message] of cases) {
      assert.throws(() => applyLock(load(mirror), lock), { code: 'E_CONFIG', message }, mirror);
    }
  });

  it('does not look at channels when a payload is named directly', () => {
    const imageSet = load('{platform: {release: "q.io/r:1", channels: [{name: fast-4.18}]}}');
    assert.deepEqual(applyLock(imageSet, lock), imageSet);
  });
});

/** Registries with the given tags; every manifest is also there by its digest and has one referrer. */
function context(tags: Readonly<Record<string, Digest>>, referrer: Digest = OLD): MirrorContext {
  const descriptor = (digest: Digest) => ({ mediaType: MEDIA_TYPE.ociManifest, digest, size: 1 });
  return {
    signal: new AbortController().signal,
    report: () => undefined,
    fetchDocument: () => assert.fail('no document is needed'),
    openSource: (ref) => ({
      async resolve(reference) {
        if (reference.startsWith('sha256:')) return descriptor(reference as Digest);
        const digest = tags[`${ref.registry}/${ref.repository}:${reference}`];
        if (digest === undefined) throw new AirgapError('E_NOT_FOUND', `no tag ${reference}`);
        return descriptor(digest);
      },
      fetch: async () => Readable.from([]),
      referrers: async () => [descriptor(referrer)],
    }),
  };
}

describe('tags under a lock', () => {
  const signature = `sha256-${'a'.repeat(64)}.sig`;
  const signal = new AbortController().signal;
  const app = parseReference('q.io/app:1');

  it('stay what they were when the lock was made, whatever the registry says now', async () => {
    const recorded = recordPins(context({ 'q.io/app:1': OLD, [`q.io/app:${signature}`]: OLD }));
    const source = recorded.ctx.openSource(app);
    await source.resolve('1', signal);
    await source.resolve('1', signal);
    await source.resolve(NEW, signal);
    await source.resolve(signature, signal);
    await assert.rejects(source.resolve('missing', signal), { code: 'E_NOT_FOUND' });
    assert.deepEqual(recorded.pins(), [
      { reference: 'q.io/app:1', digest: OLD },
      { reference: `q.io/app:${signature}`, digest: OLD },
    ]);

    const lock = createLock(input({ pins: recorded.pins(), plan: plan([image('q.io/app:1', OLD, '1')]) }));
    const locked = lockContext(context({ 'q.io/app:1': NEW, [`q.io/app:${signature}`]: NEW }), lock).openSource(app);
    assert.equal((await locked.resolve('1', signal)).digest, OLD);
    assert.equal((await locked.resolve(signature, signal)).digest, OLD);
    assert.equal((await locked.resolve(NEW, signal)).digest, NEW);
    assert.equal((await locked.referrers(OLD, signal)).length, 1);
  });

  it('do not exist when they are signatures that came later, and are an error otherwise', async () => {
    const lock = createLock(input({}));
    const source = lockContext(context({ 'q.io/app:1': OLD, [`q.io/app:${signature}`]: NEW }), lock).openSource(app);
    await assert.rejects(source.resolve(signature, signal), { code: 'E_NOT_FOUND' });
    await assert.rejects(source.resolve('1', signal), { code: 'E_CONFIG', message: /q\.io\/app:1/ });
    assert.deepEqual(await source.referrers(OLD, signal), []);
  });
});

describe('assertLocked', () => {
  const files = [{ path: 'charts/c.tgz', content: Buffer.from('chart') }];
  const locked = plan([image('q.io/a:1', OLD, '1'), image('q.io/b:1', OLD, '1')], files);
  const lock = createLock(input({ plan: locked }));

  it('accepts the locked plan', () => {
    assertLocked(locked, lock);
  });

  it('names what differs', () => {
    const now = plan(
      [image('q.io/a:1', NEW, '1'), image('q.io/c:1', OLD, '1')],
      [{ path: 'charts/c.tgz', content: Buffer.from('other') }],
    );
    assert.throws(
      () => assertLocked(now, lock),
      (error: AirgapError) => {
        assert.equal(error.code, 'E_CONFIG');
        assert.deepEqual(error.data?.['differences'], [
          `q.io/a:1: ${NEW}, locked at ${OLD}`,
          'q.io/c:1: not in the lock',
          'q.io/b:1: in the lock, not in the plan',
          'charts/c.tgz: other content',
        ]);
        return true;
      },
    );
    assert.throws(() => assertLocked(plan(locked.images), lock), {
      code: 'E_CONFIG',
      message: /charts\/c\.tgz: missing/,
    });
  });
});

describe('diffPlans', () => {
  const compared = (origin: string, digest: Digest, tag?: string) => {
    const { kind, target, bytes } = image(origin, digest, tag);
    return { kind, origin, digest, target, bytes };
  };

  it('tells what came, went, moved and stayed, by the name on the target', () => {
    const before = [compared('q.io/z:1', OLD, '1'), compared('q.io/a:1', OLD, '1'), compared('q.io/b:1', OLD, '1')];
    const after = [compared('q.io/a:1', NEW, '1'), compared('q.io/c:1', OLD, '1'), compared('q.io/b:1', OLD, '1')];
    assert.deepEqual(diffPlans(before, after), {
      added: [compared('q.io/c:1', OLD, '1')],
      removed: [compared('q.io/z:1', OLD, '1')],
      moved: [{ before: compared('q.io/a:1', OLD, '1'), after: compared('q.io/a:1', NEW, '1') }],
      unchanged: 1,
    });
  });

  it('tells referrers, which have no tag, apart by digest', () => {
    const diff = diffPlans([compared('q.io/a:1', OLD)], [compared('q.io/a:1', OLD), compared('q.io/a:1', NEW)]);
    assert.deepEqual([diff.added.length, diff.removed.length, diff.moved.length, diff.unchanged], [1, 0, 0, 1]);
  });
});
