import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { loadImageSet } from '../../../src/mirror/image-set.ts';
import { diskKeysOf } from '../../../src/mirror/release-images.ts';
import { collectReleases, type ReleaseOptions } from '../../../src/mirror/release.ts';
import { hexOf } from '../../../src/oci/digest.ts';
import { formatReference } from '../../../src/oci/reference.ts';
import { createTestKey } from '../../support/openpgp.ts';
import { buildBaseImage, buildRelease, releaseWorld, type ReleaseWorld } from '../../support/releases.ts';

const key = createTestKey();
const KEYS = { verificationKeys: { text: key.armoured, origin: 'key.asc' } };
const SMALL = ['cli', 'cli-artifacts', 'etcd', 'machine-os-images'];
const build = (version: string, more: Partial<Parameters<typeof buildRelease>[0]> = {}) =>
  buildRelease({ version, components: SMALL, ...more });

const r165 = build('4.16.5');
const r169 = build('4.16.9');
const r173 = build('4.17.3');
const r175 = build('4.17.5', { previous: ['4.17.3', '4.16.9'] });
const r175arm = build('4.17.5', { architecture: 'arm64', disks: ['x86_64', 's390x'] });
const r175multi = build('4.17.5', { architecture: 'multi', disks: ['x86_64', 's390x'] });
const r421 = build('4.21.0-rc.1');
const CHANNELS = {
  'stable-4.16': ['4.16.5 -> 4.16.9'],
  'stable-4.17': ['4.16.9 -> 4.17.3', '4.17.3 -> 4.17.5', '4.16.5 -> 4.16.9'],
  'candidate-4.17': ['4.17.3 -> 4.17.5'],
  'eus-4.18': ['4.16.9', '4.18.0'],
  'candidate-4.21': ['4.21.0-rc.1'],
};

function world(more: Partial<Parameters<typeof releaseWorld>[0]> = {}): ReleaseWorld {
  const releases = [r165, r169, r173, r175, r175arm, r175multi, r421];
  return releaseWorld({ key, releases, channels: CHANNELS, images: [buildBaseImage()], ...more });
}

function collect(platform: object, at: ReleaseWorld = world(), options: ReleaseOptions = {}) {
  const text = JSON.stringify({ kind: 'ImageSetConfiguration', mirror: { platform } });
  return collectReleases(loadImageSet(text, 'imageset.yaml'), at.context(), { ...KEYS, clientId: 'test', ...options });
}

/** The mapping as the vendor tool prints it in a dry run. */
function mapping(images: Awaited<ReturnType<typeof collect>>['images']): string[] {
  return images.map(({ source, target, kind }) => {
    const { digest, ...byTag } = source;
    const printed = kind === 'release' && source.tag !== undefined && digest !== undefined ? byTag : source;
    return `${formatReference(printed)}=${target.repository}:${target.tag}`;
  });
}

const versionsOf = ({ releases }: Awaited<ReturnType<typeof collect>>) => releases.map(({ version }) => version);

describe('one release of a channel', () => {
  const channel = { channels: [{ name: 'stable-4.17', minVersion: '4.17.5', maxVersion: '4.17.5' }] };

  test('gives its components and then its payload, named by the signed tag', async () => {
    const { images } = await collect(channel);
    const component = (name: string) => r175.components.get(name)!;
    const expected = SMALL.map((name) => `${component(name)}=openshift/release:4.17.5-x86_64-${name}`).toSorted();
    assert.deepEqual(mapping(images), [
      ...expected,
      'quay.io/openshift-release-dev/ocp-release:4.17.5-x86_64=openshift/release-images:4.17.5-x86_64',
    ]);
    assert.equal(component('cli'), component('cli-artifacts'));
  });

  test('is fetched by digest and has the signed tag as origin', async () => {
    const { images } = await collect(channel);
    const payload = images.at(-1);
    assert.equal(payload?.kind, 'release');
    assert.equal(payload.source.digest, r175.root.digest);
    assert.equal(payload.origin, r175.identity);
    assert.deepEqual(payload.because, ['channel stable-4.17, 4.17.5', 'release 4.17.5-x86_64']);
    assert.deepEqual(images[0]?.because.slice(0, 2), payload.because);
    assert.match(images[0]?.because[2] ?? '', /^component /);
  });

  test('tells what a plan shows', async () => {
    const { releases } = await collect(channel);
    const [info] = releases;
    assert.deepEqual(
      [info?.version, info?.digest, info?.architecture, info?.tag, info?.componentCount, info?.previous],
      ['4.17.5', r175.root.digest, 'amd64', '4.17.5-x86_64', 4, ['4.17.3', '4.16.9']],
    );
    assert.deepEqual(info?.reasons, ['channel stable-4.17, 4.17.5']);
    assert.match(info?.url ?? '', /errata/);
  });

  test('hands on its signature file, named by the digest', async () => {
    const { files, releases } = await collect(channel);
    assert.deepEqual(
      files.map(({ path }) => path),
      [`release-signatures/sha256-${hexOf(r175.root.digest)}`],
    );
    assert.deepEqual(files[0]?.content, releases[0]?.signature?.content);
    assert.equal(releases[0]?.signature?.signedBy, key.fingerprint);
  });
});

describe('the questions to the update service', () => {
  test('have their parameters in order and leave empty ones out', async () => {
    const at = world();
    await collect({ channels: [{ name: 'stable-4.17' }] }, at);
    const [graph] = at.requests;
    assert.equal(
      graph?.href,
      'https://api.openshift.com/api/upgrades_info/v1/graph?arch=amd64&channel=stable-4.17&id=test',
    );
  });

  test('go to another service with its own parameters kept, and name the start of a path', async () => {
    const at = world();
    const graphEndpoint = 'http://osus.lab/api/upgrades_info/graph?tenant=a&channel=old';
    await collect(
      { channels: [{ name: 'stable-4.17', minVersion: '4.17.3', maxVersion: '4.17.5', shortestPath: true }] },
      at,
      { graphEndpoint },
    );
    assert.deepEqual(
      at.requests.filter(({ pathname }) => pathname.endsWith('/graph')).map(({ href }) => href),
      ['http://osus.lab/api/upgrades_info/graph?arch=amd64&channel=stable-4.17&id=test&tenant=a&version=4.17.3'],
    );
  });

  test('OKD channels have a service and a signature store of their own', async () => {
    const at = world();
    await collect({ channels: [{ name: 'stable-4.17', type: 'okd' }] }, at, { graphEndpoint: 'http://osus.lab/graph' });
    assert.deepEqual(
      [...new Set(at.requests.map(({ host }) => host))],
      ['origin-release.ci.openshift.org', 'storage.googleapis.com'],
    );
  });

  test('are asked once, and the client id is random when none is given', async () => {
    const at = world();
    await collect({ channels: [{ name: 'stable-4.17' }, { name: 'stable-4.16' }] }, at, { clientId: undefined });
    const graphs = at.requests.filter(({ pathname }) => pathname.endsWith('/graph'));
    assert.equal(new Set(graphs.map(({ href }) => href)).size, graphs.length);
    assert.match(
      graphs[0]?.searchParams.get('id') ?? '',
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('the selection', () => {
  const cases: [string, object[], string[]][] = [
    ['nothing given is the newest', [{ name: 'stable-4.17' }], ['4.17.5']],
    ['full is everything', [{ name: 'stable-4.17', full: true }], ['4.16.5', '4.16.9', '4.17.3', '4.17.5']],
    ['a minimum goes up to the newest', [{ name: 'stable-4.17', minVersion: '4.17.0' }], ['4.17.3', '4.17.5']],
    ['a maximum starts at the lowest', [{ name: 'stable-4.17', maxVersion: '4.17.3' }], ['4.16.5', '4.16.9', '4.17.3']],
    [
      'a shortest path has only its hops',
      [{ name: 'stable-4.17', minVersion: '4.16.9', maxVersion: '4.17.5', shortestPath: true }],
      ['4.16.9', '4.17.3', '4.17.5'],
    ],
    ['a shortest path without bounds is the newest', [{ name: 'stable-4.17', shortestPath: true }], ['4.17.5']],
    [
      'two channels add the way between them',
      [{ name: 'stable-4.16', minVersion: '4.16.5', maxVersion: '4.16.5' }, { name: 'stable-4.17' }],
      ['4.16.5', '4.16.9', '4.17.3', '4.17.5'],
    ],
    ['one release in two channels is taken once', [{ name: 'stable-4.17' }, { name: 'candidate-4.17' }], ['4.17.5']],
  ];
  for (const [what, channels, expected] of cases) {
    test(what, async () => {
      assert.deepEqual(versionsOf(await collect({ channels })), expected);
    });
  }

  test('keeps every reason of a release', async () => {
    const { releases } = await collect({ channels: [{ name: 'stable-4.17' }, { name: 'candidate-4.17' }] });
    assert.deepEqual(releases[0]?.reasons, [
      'channel stable-4.17, newest',
      'channel candidate-4.17, newest',
      'update path over channels stable-4.17, candidate-4.17',
    ]);
  });

  test('takes every architecture that is named', async () => {
    const { releases } = await collect(
      { architectures: ['arm64', 'amd64'], channels: [{ name: 'stable-4.17' }] },
      world({ channels: { 'stable-4.17': ['4.17.5'] } }),
    );
    assert.deepEqual(
      releases.map(({ tag }) => tag),
      ['4.17.5-x86_64', '4.17.5-aarch64'],
    );
  });

  describe('takes for every architecture what the first one says is newest', () => {
    const [r179, r178, r178arm] = [build('4.17.9'), build('4.17.8'), build('4.17.8', { architecture: 'arm64' })];
    const r170arm = build('4.17.0', { architecture: 'arm64' });
    const at = () =>
      world({
        releases: [r179, r178, r178arm, r170arm],
        channels: { 'stable-4.17': ['4.17.0 -> 4.17.8', '4.17.8 -> 4.17.9'] },
      });
    const tagsOf = async (architectures: string[], channel: object) => {
      const found = await collect({ architectures, channels: [{ name: 'stable-4.17', ...channel }] }, at());
      return { tags: found.releases.map(({ tag }) => tag), warnings: found.warnings.map(({ message }) => message) };
    };

    test('even when another has a newer or an older one', async () => {
      const { tags } = await tagsOf(['arm64', 'amd64'], {});
      assert.deepEqual(tags, ['4.17.8-x86_64', '4.17.8-aarch64']);
      const all = await tagsOf(['amd64', 'arm64'], { full: true });
      assert.deepEqual(all.tags, ['4.17.8-x86_64', '4.17.8-aarch64', '4.17.9-x86_64']);
    });

    test('and nothing, with a warning, where it has no such release', async () => {
      const { tags, warnings } = await tagsOf(['amd64', 'arm64'], {});
      assert.deepEqual(tags, ['4.17.9-x86_64']);
      assert.deepEqual(warnings, ['channel stable-4.17 has no 4.17.9 for arm64; nothing is taken of it']);
    });

    test('but a version that is named must be there, and the ends of a path', async () => {
      const bounds = { minVersion: '4.17.9', maxVersion: '4.17.9' };
      await assert.rejects(tagsOf(['amd64', 'arm64'], bounds), { message: /4\.17\.9 is not in .*\(arm64\)/ });
      await assert.rejects(tagsOf(['amd64', 'arm64'], { shortestPath: true }), { message: /4\.17\.9 .*\(arm64\)/ });
    });
  });

  test('of platforms takes the payload of several architectures, with these instances only', async () => {
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    const { images, releases } = await collect({ platforms, channels: [{ name: 'stable-4.17' }] });
    assert.deepEqual(
      releases.map(({ tag }) => tag),
      ['4.17.5-multi'],
    );
    assert.ok(images.every((image) => image.platforms?.length === 1));
  });

  test('warns of a missing path and takes both ends', async () => {
    const at = world({ channels: { 'stable-4.17': ['4.17.3', '4.17.5'] } });
    const found = await collect(
      { channels: [{ name: 'stable-4.17', minVersion: '4.17.3', maxVersion: '4.17.5', shortestPath: true }] },
      at,
    );
    assert.deepEqual(versionsOf(found), ['4.17.3', '4.17.5']);
    assert.match(found.warnings[0]!.message, /no update path from 4\.17\.3 to 4\.17\.5/);
  });

  test('warns of a long way in an EUS channel', async () => {
    const at = world({ releases: [r169, build('4.18.0')] });
    const found = await collect({ channels: [{ name: 'eus-4.18', minVersion: '4.16.9', maxVersion: '4.18.0' }] }, at);
    assert.deepEqual(
      found.warnings.map(({ code }) => code),
      ['W_GRAPH'],
    );
    assert.match(found.warnings[0]!.message, /ocpupgradegraph/);
  });
});

describe('what does not exist', () => {
  test('a channel: the error names channels that do', async () => {
    await assert.rejects(collect({ channels: [{ name: 'stabel-4.17' }] }), {
      code: 'E_CONFIG',
      message: /channel stabel-4\.17 has no releases for amd64/,
      hint: /channels that exist: .*stable-4\.17/,
    });
  });

  test('a channel, at a service that answers "not found"', async () => {
    const at = world();
    const context = at.context();
    const inner = context.fetchDocument.bind(context);
    const strict = {
      ...at,
      context: () => ({
        ...context,
        fetchDocument: (url: string, options: { limit: number }) =>
          inner(url.includes('channel=nope') ? 'https://x/missing' : url, options),
      }),
    };
    await assert.rejects(collect({ channels: [{ name: 'nope-4.17' }] }, strict), {
      code: 'E_CONFIG',
      message: /no releases/,
    });
  });

  test('a version: the error names the nearest', async () => {
    await assert.rejects(collect({ channels: [{ name: 'stable-4.17', minVersion: '4.17.4', maxVersion: '4.17.4' }] }), {
      code: 'E_CONFIG',
      message: /version 4\.17\.4 is not in channel stable-4\.17/,
      hint: /4\.17\.3, 4\.17\.5/,
    });
  });

  test('an architecture', async () => {
    await assert.rejects(collect({ architectures: ['s390x'], channels: [{ name: 'stable-4.17' }] }), {
      message: /no releases for s390x/,
    });
  });

  test('several things: all are named at once', async () => {
    const channels = [{ name: 'nothing-4.17' }, { name: 'stable-4.17', minVersion: '4.18.0' }];
    await assert.rejects(collect({ channels }), (error: Error) => {
      assert.match(error.message, /2 problems:[\s\S]*nothing-4\.17[\s\S]*4\.18\.0/);
      return true;
    });
  });
});

describe('signatures', () => {
  const channels = [{ name: 'stable-4.17' }];

  test('are required', async () => {
    const at = world({ signing: { '4.17.5-x86_64': null } });
    await assert.rejects(collect({ channels }, at), { code: 'E_SIGNATURE', message: /no signature published/ });
  });

  test('of channels are required even when missing ones are allowed', async () => {
    const at = world({ signing: { '4.17.5-x86_64': null } });
    await assert.rejects(collect({ channels }, at, { allowMissingSignatures: true }), { code: 'E_SIGNATURE' });
  });

  test('by a stranger are refused even when missing ones are allowed', async () => {
    const file = createTestKey().sign('{}');
    const at = world({ signatures: new Map([[r175.root.digest, [file]]]) });
    await assert.rejects(collect({ channels }, at, { allowMissingSignatures: true }), {
      code: 'E_SIGNATURE',
      message: /not trusted/,
    });
  });

  test('of another release are refused', async () => {
    const at = world();
    const other = await collect(
      { channels: [{ name: 'stable-4.17', maxVersion: '4.17.3', minVersion: '4.17.3' }] },
      at,
    );
    const swapped = world({ signatures: new Map([[r175.root.digest, [other.releases[0]!.signature!.content]]]) });
    await assert.rejects(collect({ channels }, swapped), {
      code: 'E_SIGNATURE',
      message: /signed for sha256:.*, not for sha256:/,
    });
  });

  test('by a stranger give way to the next one', async () => {
    const good = (await collect({ channels })).releases[0]!.signature!.content;
    const at = world({ signatures: new Map([[r175.root.digest, [createTestKey().sign('{}'), good]]]) });
    assert.equal((await collect({ channels }, at)).releases[0]?.signature?.signedBy, key.fingerprint);
  });

  test('of Red Hat are asked for by default', async () => {
    await assert.rejects(collect({ channels }, world(), { verificationKeys: undefined }), {
      code: 'E_SIGNATURE',
      hint: /567E347A/,
    });
  });

  test('of OKD need a key of their own: told before anything is asked, and the error names it', async () => {
    const okd = [{ name: 'stable-4.17', type: 'okd' }];
    const at = world();
    await assert.rejects(collect({ channels: okd }, at, { verificationKeys: undefined }), {
      code: 'E_SIGNATURE',
      message: /openshift-ci-4 \(6A9588F0/,
    });
    assert.deepEqual(at.requests, []);
  });

  test('sigstore signatures are demanded of releases whose clusters demand them', async () => {
    const old = await collect({ channels });
    assert.ok(old.images.every((image) => image.requireSignature === undefined));
    const recent = await collect({ kubeVirtContainer: true, channels: [{ name: 'candidate-4.21' }] });
    const demanded = recent.images.filter((image) => image.requireSignature === true).map(({ kind }) => kind);
    assert.deepEqual(demanded, [...SMALL.map(() => 'releaseContent'), 'kubevirtDisk', 'release']);
    const elsewhere = build('4.21.3', {
      releaseRepository: 'registry.ci.example.com/ocp/release',
      componentRepository: 'registry.ci.example.com/ocp/art',
    });
    const at = world({ releases: [elsewhere], channels: { 'stable-4.21': ['4.21.3'] } });
    const own = await collect({ kubeVirtContainer: true, channels: [{ name: 'stable-4.21' }] }, at);
    assert.ok(own.images.every((image) => image.requireSignature === undefined));
  });
});

describe('a release named by reference', () => {
  test('by tag has the signed tag as origin and needs no graph', async () => {
    const at = world();
    const { images, releases } = await collect({ release: r173.identity, channels: [{ name: 'stable-4.17' }] }, at);
    assert.equal(images.at(-1)?.origin, r173.identity);
    assert.equal(images.at(-1)?.source.digest, r173.root.digest);
    assert.deepEqual(
      releases.map(({ reasons }) => reasons),
      [[`release ${r173.identity}`]],
    );
    assert.ok(at.requests.every(({ pathname }) => !pathname.endsWith('/graph')));
  });

  test('by digest is named by the signed tag', async () => {
    const { images } = await collect({ release: r173.payload });
    assert.equal(images.at(-1)?.origin, r173.identity);
    assert.equal(images.at(-1)?.source.tag, '4.17.3-x86_64');
    assert.equal(images.at(-1)?.target.tag, '4.17.3-x86_64');
  });

  test('without signature can be a nightly build', async () => {
    const nightly = build('4.19.0-0.nightly-2025-01-01-000000', {
      releaseRepository: 'registry.ci.openshift.org/ocp/release',
    });
    const at = world({ releases: [nightly], signing: { [nightly.tag]: null } });
    await assert.rejects(collect({ release: nightly.identity }, at), { code: 'E_SIGNATURE', hint: /nightly/ });
    const found = await collect({ release: nightly.identity }, at, { allowMissingSignatures: true });
    const hex = hexOf(nightly.root.digest);
    assert.deepEqual(found.images.at(-1)?.target, { repository: 'openshift/release-images', tag: hex });
    assert.equal(found.images.at(-1)?.origin, nightly.payload);
    assert.ok(found.images.some(({ target }) => target.tag === `${hex}-etcd`));
    assert.deepEqual([found.files.length, found.releases[0]?.signature], [0, undefined]);
    assert.deepEqual(
      found.warnings.map(({ code }) => code),
      ['W_MISSING_SIGNATURE'],
    );
  });

  test('that does not exist is not found', async () => {
    await assert.rejects(collect({ release: 'quay.io/openshift-release-dev/ocp-release:4.0.0-x86_64' }), {
      code: 'E_NOT_FOUND',
    });
  });

  test('that is no release is told so', async () => {
    const base = buildBaseImage();
    const other = build('4.17.5', { files: { 'release-manifests/image-references': undefined } });
    const at = world({ releases: [other], images: [base] });
    await assert.rejects(collect({ release: other.identity }, at), {
      code: 'E_OCI',
      message: /it is no release payload/,
    });
  });
});

describe('KubeVirt disks', () => {
  const channels = [{ name: 'stable-4.17' }];

  const keys: [object, string[]][] = [
    [{ architectures: [] }, ['x86_64']],
    [{ architectures: ['amd64'] }, ['x86_64']],
    [{ architectures: ['s390x'] }, ['s390x']],
    [{ architectures: ['amd64', 's390x'] }, ['x86_64', 's390x']],
    [{ architectures: ['multi'] }, ['x86_64', 's390x']],
    [{ architectures: ['arm64', 'ppc64le'] }, ['x86_64']],
    [{ architectures: [], platforms: [{ os: 'linux', architecture: 's390x' }] }, ['s390x']],
    [{ architectures: [], platforms: [{ os: 'linux', architecture: 'arm64' }] }, ['x86_64', 's390x']],
  ];
  for (const [platform, expected] of keys) {
    test(`of ${JSON.stringify(platform)} are those of ${expected.join(' and ')}`, () => {
      assert.deepEqual(diskKeysOf(platform as Parameters<typeof diskKeysOf>[0]), expected);
    });
  }

  test('have the plain name for one architecture', async () => {
    const { images } = await collect({ kubeVirtContainer: true, channels });
    const disk = images.find(({ kind }) => kind === 'kubevirtDisk');
    assert.equal(disk?.target.tag, '4.17.5-x86_64-kube-virt-container');
    assert.equal(disk.origin, r175.disks.get('x86_64'));
  });

  test('have the architecture in the name when several were asked for, under the tag of each payload', async () => {
    const at = world({ releases: [r175multi, r175arm] });
    const both = await collect({ kubeVirtContainer: true, architectures: ['multi', 'arm64'], channels }, at);
    assert.deepEqual(
      both.images
        .filter(({ kind }) => kind === 'kubevirtDisk')
        .map(({ target }) => target.tag)
        .toSorted(),
      ['aarch64', 'multi'].flatMap((suffix) => [
        `4.17.5-${suffix}-kube-virt-container-s390x`,
        `4.17.5-${suffix}-kube-virt-container-x86_64`,
      ]),
    );
  });

  test('that are missing for one of two architectures are skipped', async () => {
    const at = world({ releases: [build('4.17.5', { architecture: 'multi', disks: ['s390x'] })] });
    const { images } = await collect({ kubeVirtContainer: true, architectures: ['multi'], channels }, at);
    assert.deepEqual(
      images.filter(({ kind }) => kind === 'kubevirtDisk').map(({ target }) => target.tag),
      ['4.17.5-multi-kube-virt-container-s390x'],
    );
  });

  for (const [what, release] of [
    ['no architecture has one', build('4.17.5', { disks: [] })],
    [
      'the file is not there',
      build('4.17.5', { files: { 'release-manifests/0000_50_installer_coreos-bootimages.yaml': undefined } }),
    ],
  ] as const) {
    test(`are an error naming the release when ${what}`, async () => {
      await assert.rejects(collect({ kubeVirtContainer: true, channels }, world({ releases: [release] })), {
        code: 'E_CONFIG',
        message: /release 4\.17\.5-x86_64 has no KubeVirt disk for x86_64/,
      });
    });
  }
});

describe('the payload', () => {
  const channels = [{ name: 'stable-4.17' }];

  test('is read as its root file system shows it: upper layers win', async () => {
    const changed = JSON.stringify({
      kind: 'ImageStream',
      metadata: { name: '4.17.5' },
      spec: { tags: [{ name: 'only', from: { kind: 'DockerImage', name: r175.components.get('etcd') } }] },
    });
    const release = build('4.17.5', {
      above: [[{ path: 'release-manifests/image-references', content: Buffer.from(changed) }]],
    });
    const { releases } = await collect({ channels }, world({ releases: [release] }));
    assert.equal(releases[0]?.componentCount, 1);
  });

  for (const [what, path] of [
    ['the file', 'release-manifests/.wh.image-references'],
    ['the folder', '.wh.release-manifests'],
    ['the content of the folder', 'release-manifests/.wh..wh..opq'],
    ['everything', '.wh..wh..opq'],
  ] as const) {
    test(`a whiteout of ${what} hides the list of components`, async () => {
      const release = build('4.17.5', { above: [[{ path }]] });
      await assert.rejects(collect({ channels }, world({ releases: [release] })), { code: 'E_OCI' });
    });
  }

  test('needs nothing but the list of components', async () => {
    const content = JSON.stringify({ spec: { tags: [{ name: 'x', from: { name: r175.components.get('etcd') } }] } });
    const files = {
      'release-manifests/image-references': content,
      'release-manifests/release-metadata': 'not json',
      'release-manifests/0000_50_installer_coreos-bootimages.yaml': undefined,
    };
    const { releases } = await collect({ channels }, world({ releases: [build('4.17.5', { files })] }));
    assert.deepEqual(
      releases.map(({ version, componentCount, previous }) => [version, componentCount, previous]),
      [['4.17.5', 1, []]],
    );
  });

  test('with a component that is no image is refused', async () => {
    const content = JSON.stringify({
      kind: 'ImageStream',
      metadata: { name: '4.17.5' },
      spec: { tags: [{ name: 'x', from: { kind: 'ImageStreamTag', name: 'y' } }] },
    });
    const release = build('4.17.5', { files: { 'release-manifests/image-references': content } });
    await assert.rejects(collect({ channels }, world({ releases: [release] })), {
      code: 'E_OCI',
      message: /component "x" is a "ImageStreamTag"/,
    });
  });

  for (const [what, content] of [
    ['no JSON', '<'],
    ['another kind', '{"kind":"Pod"}'],
  ] as const) {
    test(`with a list of components that is ${what} is refused`, async () => {
      const release = build('4.17.5', { files: { 'release-manifests/image-references': content } });
      await assert.rejects(collect({ channels }, world({ releases: [release] })), {
        code: 'E_OCI',
        message: /image-references/,
      });
    });
  }
});

describe('an image set without platform', () => {
  test('gives nothing and asks nobody', async () => {
    const at = world();
    const found = await collectReleases(
      loadImageSet('kind: ImageSetConfiguration\nmirror: {}', 'x'),
      at.context(),
      KEYS,
    );
    assert.deepEqual([found.images, found.files, at.requests], [[], [], []]);
  });

  test('a cancelled run ends with the reason of the cancellation, not with a list', async () => {
    const at = world();
    const context = { ...at.context(), fetchDocument: () => Promise.reject(new DOMException('stop', 'AbortError')) };
    await assert.rejects(
      collect({ channels: [{ name: 'stable-4.17' }] }, { ...at, context: () => context }),
      (error) => !isAirgapError(error),
    );
  });
});
