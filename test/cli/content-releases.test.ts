/** Releases through the built command line: selection, signatures, KubeVirt disks, the update graph, update paths. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseYaml } from '../../src/core/yaml.ts';
import { digestOf, hexOf } from '../../src/oci/digest.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { PlanReportSchema, type PlanReport } from '../../src/workflows/plan-report.ts';
import { image } from '../support/images.ts';
import { createTestKey, signaturePayload } from '../support/openpgp.ts';
import { startProxy } from '../support/proxy.ts';
import {
  buildRelease,
  COMPONENT_REPOSITORY,
  RELEASE_REPOSITORY,
  type BuiltRelease,
  type PlacedImage,
  type ReleaseFields,
} from '../support/releases.ts';
import type { CliResult } from '../support/run-cli.ts';
import { openUpstream, type Upstream, type UpstreamFields } from '../support/upstream.ts';
import { plainRegistries } from '../support/shared-registries.ts';

const kind = plainRegistries[0]!;
const small = (version: string, more: Partial<ReleaseFields> = {}): BuiltRelease =>
  buildRelease({ version, components: ['cli', 'etcd', 'hypershift'], layerSize: 256, ...more });

async function upstreamFor(t: TestContext, fields: UpstreamFields): Promise<Upstream | undefined> {
  const access = await kind.open(t);
  return access === undefined ? undefined : openUpstream(t, access, fields);
}

/** Runs `plan --json` for this `mirror.platform`; the answer is checked against the published schema. */
async function planOf(upstream: Upstream, platform: object, ...more: readonly string[]): Promise<PlanReport> {
  upstream.writeImageSet({ platform });
  const { stdout } = await upstream.succeed('plan', '-c', 'imageset.yaml', '--json', ...more);
  return PlanReportSchema.parse(JSON.parse(stdout));
}

async function failure(upstream: Upstream, platform: object, ...more: readonly string[]): Promise<CliResult> {
  upstream.writeImageSet({ platform });
  const result = await upstream.run('plan', '-c', 'imageset.yaml', ...more);
  assert.notEqual(result.status, 0, result.stdout);
  return result;
}

const tags = (plan: PlanReport): string[] => plan.releases.map(({ tag }) => tag);

/** Two minor versions; 4.16.1 → 4.16.5 → 4.16.9 → 4.17.2 → 4.17.6, and 4.17.4 beside the way. */
const VERSIONS = ['4.16.1', '4.16.5', '4.16.9', '4.17.2', '4.17.4', '4.17.6'];
const CHANNELS = {
  'stable-4.16': ['4.16.1 -> 4.16.5', '4.16.5 -> 4.16.9', '4.16.1 -> 4.16.9'],
  'fast-4.16': ['4.16.1 -> 4.16.5'],
  'stable-4.17': ['4.16.9 -> 4.17.2', '4.17.2 -> 4.17.4', '4.17.4 -> 4.17.6', '4.17.2 -> 4.17.6'],
  'candidate-4.17': ['4.17.6'],
  'eus-4.16': ['4.16.9'],
};

describe('releases are selected by channel, version and architecture', () => {
  test('heads, ranges, shortest paths, everything, and the way over several channels', async (t) => {
    const upstream = await upstreamFor(t, { releases: VERSIONS.map((version) => small(version)), channels: CHANNELS });
    if (upstream === undefined) return;
    const cases: readonly (readonly [object[], string[]])[] = [
      [[{ name: 'stable-4.17' }], ['4.17.6']],
      [[{ name: 'eus-4.16' }], ['4.16.9']],
      [[{ name: 'fast-4.16', full: true }], ['4.16.1', '4.16.5']],
      [[{ name: 'candidate-4.17' }], ['4.17.6']],
      [[{ name: 'stable-4.17', minVersion: '4.17.2' }], ['4.17.2', '4.17.4', '4.17.6']],
      [[{ name: 'stable-4.17', maxVersion: '4.17.2' }], ['4.16.9', '4.17.2']],
      [[{ name: 'stable-4.17', minVersion: '4.17.2', maxVersion: '4.17.4' }], ['4.17.2', '4.17.4']],
      [[{ name: 'stable-4.17', minVersion: '4.16.9', shortestPath: true }], ['4.16.9', '4.17.2', '4.17.6']],
      [
        [{ name: 'stable-4.16', minVersion: '4.16.1', maxVersion: '4.16.1' }, { name: 'stable-4.17' }],
        ['4.16.1', '4.16.9', '4.17.2', '4.17.6'],
      ],
    ];
    for (const [channels, expected] of cases) {
      const plan = await planOf(upstream, { channels });
      assert.deepEqual(
        plan.releases.map(({ version }) => version),
        expected,
        JSON.stringify(channels),
      );
    }
  });

  test('architectures, payloads for several of them, and platforms', async (t) => {
    const architectures = ['amd64', 'arm64', 's390x', 'multi'] as const;
    const releases = architectures.map((architecture) => small('4.17.6', { architecture, disks: ['x86_64', 's390x'] }));
    const upstream = await upstreamFor(t, { releases, channels: { 'stable-4.17': ['4.17.6'] } });
    if (upstream === undefined) return;
    const channels = [{ name: 'stable-4.17' }];
    const each = await planOf(upstream, { channels, architectures: ['arm64', 's390x'], kubeVirtContainer: true });
    assert.deepEqual(tags(each).toSorted(), ['4.17.6-aarch64', '4.17.6-s390x']);
    const disks = each.images.filter((one) => one.kind === 'kubevirtDisk').map(({ target }) => String(target.tag));
    assert.deepEqual(disks.toSorted(), ['4.17.6-aarch64-kube-virt-container', '4.17.6-s390x-kube-virt-container']);

    const multi = await planOf(upstream, { channels, architectures: ['multi'], kubeVirtContainer: true });
    assert.deepEqual(tags(multi), ['4.17.6-multi']);
    const named = multi.images.filter((one) => one.kind === 'kubevirtDisk').map(({ target }) => String(target.tag));
    assert.deepEqual(named.toSorted(), [
      '4.17.6-multi-kube-virt-container-s390x',
      '4.17.6-multi-kube-virt-container-x86_64',
    ]);

    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    const sparse = await planOf(upstream, { channels, platforms });
    assert.deepEqual(tags(sparse), ['4.17.6-multi']);
    assert.ok(sparse.totalBytes < multi.totalBytes / 2, 'one of four instances is taken');
  });

  test('OKD channels are asked of their own update service, proxies are used for it', async (t) => {
    const okd = small('4.17.0-okd-scos.1', {
      releaseRepository: 'quay.io/okd/scos-release',
      componentRepository: 'quay.io/okd/scos-content',
    });
    const upstream = await upstreamFor(t, { releases: [okd], channels: { '4-scos-stable': ['4.17.0-okd-scos.1'] } });
    if (upstream === undefined) return;
    const channels = [{ name: '4-scos-stable', type: 'okd' }];
    const proxy = await startProxy(t);
    upstream.writeImageSet({ platform: { channels } });
    const environment = { HTTPS_PROXY: proxy.url };
    const refused = await upstream.runWith(environment, 'plan', '-c', 'imageset.yaml');
    // UPDATE_URL_OVERRIDE is for OCP alone. Nothing answers behind this proxy.
    assert.equal(refused.status, 6, refused.stderr);
    assert.ok(
      proxy.requests.every((line) => line === 'CONNECT origin-release.ci.openshift.org:443'),
      proxy.requests.join(),
    );
    assert.ok(proxy.requests.length > 0);

    const plan = await planOf(upstream, { channels }, '--okd-graph-url', upstream.env['UPDATE_URL_OVERRIDE']!);
    assert.deepEqual(tags(plan), [okd.tag]);
    assert.equal(plan.images.filter(({ kind: one }) => one === 'releaseContent').length, 3);
  });

  test('unknown channels and versions are named together with those nearby', async (t) => {
    const upstream = await upstreamFor(t, { releases: VERSIONS.map((version) => small(version)), channels: CHANNELS });
    if (upstream === undefined) return;
    const unknownChannel = await failure(upstream, { channels: [{ name: 'stabel-4.17' }] });
    assert.equal(unknownChannel.status, 2);
    assert.match(
      unknownChannel.stderr,
      /channel stabel-4\.17 has no releases for amd64\n.*channels that exist: stable-4\.17/,
    );
    const unknownVersion = await failure(upstream, {
      channels: [{ name: 'stable-4.17', minVersion: '4.17.3', maxVersion: '4.17.3' }],
    });
    assert.match(
      unknownVersion.stderr,
      /version 4\.17\.3 is not in channel stable-4\.17.*\n.*nearest.*4\.17\.2, 4\.17\.4/,
    );
    const notOnPath = await failure(upstream, {
      channels: [{ name: 'stable-4.17', minVersion: '4.17.2', maxVersion: '4.17.9', shortestPath: true }],
    });
    assert.match(notOnPath.stderr, /version 4\.17\.9 is not in channel stable-4\.17.*\n.*4\.17\.6/);
    const architecture = await failure(upstream, { channels: [{ name: 'stable-4.17' }], architectures: ['x86_64'] });
    assert.match(architecture.stderr, /architectures\[0\].*\n?.*write amd64/);
    const twice = await failure(upstream, { channels: [{ name: 'stable-4.17' }, { name: 'stable-4.17' }] });
    assert.match(twice.stderr, /channel "stable-4\.17" is listed already/);
  });
});

describe('where questions go is chosen by flags, then by the environment', () => {
  test('flags win over UPDATE_URL_OVERRIDE, OCP_SIGNATURE_URL and OCP_SIGNATURE_VERIFICATION_PK', async (t) => {
    const upstream = await upstreamFor(t, { releases: [small('4.17.6')], channels: { 'stable-4.17': ['4.17.6'] } });
    if (upstream === undefined) return;
    upstream.writeImageSet({ platform: { channels: [{ name: 'stable-4.17' }] } });
    const { UPDATE_URL_OVERRIDE, OCP_SIGNATURE_URL, OCP_SIGNATURE_VERIFICATION_PK } = upstream.env;
    const wrong = {
      UPDATE_URL_OVERRIDE: UPDATE_URL_OVERRIDE!.replace('/graph', '/nothing'),
      OCP_SIGNATURE_URL: OCP_SIGNATURE_URL!.replace('/signatures/', '/nothing/'),
    };
    const refused = await upstream.runWith(wrong, 'plan', '-c', 'imageset.yaml');
    assert.equal(refused.status, 2, refused.stderr);
    const flags = ['--graph-url', `${UPDATE_URL_OVERRIDE!}?group=mine`, '--signature-url', OCP_SIGNATURE_URL!];
    const key = ['--release-key', OCP_SIGNATURE_VERIFICATION_PK!];
    const planned = await upstream.runWith(
      { ...wrong, OCP_SIGNATURE_VERIFICATION_PK: '/does/not/exist' },
      ...['plan', '-c', 'imageset.yaml', ...flags, ...key],
    );
    assert.equal(planned.status, 0, planned.stderr);
    const graph = upstream.requests.find(({ pathname }) => pathname.endsWith('/graph'))!;
    assert.deepEqual([...graph.searchParams.keys()], ['arch', 'channel', 'group', 'id']);
    assert.match(graph.searchParams.get('id')!, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  test('graphs, signatures and graph data are fetched through HTTP_PROXY', async (t) => {
    const upstream = await upstreamFor(t, { releases: [small('4.17.6')], channels: { 'stable-4.17': ['4.17.6'] } });
    if (upstream === undefined) return;
    upstream.writeImageSet({ platform: { graph: true, channels: [{ name: 'stable-4.17' }] } });
    const proxy = await startProxy(t);
    const elsewhere = (url: string): string => url.replace('127.0.0.1', 'updates.example.com');
    const { UPDATE_URL_OVERRIDE, OCP_SIGNATURE_URL } = upstream.env;
    const environment = {
      HTTP_PROXY: proxy.url,
      NO_PROXY: '127.0.0.1',
      UPDATE_URL_OVERRIDE: elsewhere(UPDATE_URL_OVERRIDE!),
      OCP_SIGNATURE_URL: elsewhere(OCP_SIGNATURE_URL!),
    };
    const planned = await upstream.runWith(environment, 'plan', '-c', 'imageset.yaml');
    assert.equal(planned.status, 0, planned.stderr);
    const asked = proxy.requests.map((line) => String(/\/(graph-data|graph|signature-1)(?:\?|$)/.exec(line)?.[1]));
    assert.deepEqual(asked.toSorted(), ['graph', 'graph-data', 'signature-1']);
  });
});

describe('a release named by reference', () => {
  test('is taken by tag or digest; without a signature only when that is allowed, its KubeVirt disk with it', async (t) => {
    const NIGHTLY = 'registry.ci.openshift.org/ocp/release';
    const nightly = small('4.18.0-0.nightly-2026-11-20-101010', { releaseRepository: NIGHTLY });
    const signed = small('4.17.6');
    const upstream = await upstreamFor(t, {
      releases: [nightly, signed],
      channels: {},
      signing: { [nightly.tag]: null },
    });
    if (upstream === undefined) return;
    const refused = await failure(upstream, { release: nightly.identity });
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /no signature published/);
    assert.match(refused.stderr, /--allow-missing-signatures/);

    const hex = hexOf(nightly.root.digest);
    for (const release of [nightly.identity, nightly.payload]) {
      const plan = await planOf(upstream, { release, kubeVirtContainer: true }, '--allow-missing-signatures');
      assert.deepEqual(tags(plan), [hex], release);
      const disk = plan.images.find((one) => one.kind === 'kubevirtDisk')!;
      assert.deepEqual(disk.target, { repository: 'openshift/release', tag: `${hex}-kube-virt-container` });
      assert.ok(plan.warnings.some(({ code }) => code === 'W_MISSING_SIGNATURE'));
    }
    for (const release of [signed.identity, signed.payload]) {
      const plan = await planOf(upstream, { release });
      assert.deepEqual(tags(plan), ['4.17.6-x86_64'], release);
      assert.equal(plan.images.find((one) => one.kind === 'release')!.origin, `${RELEASE_REPOSITORY}:4.17.6-x86_64`);
    }
  });

  test('that has no KubeVirt disk is refused by name when one is asked for', async (t) => {
    const upstream = await upstreamFor(t, {
      releases: [small('4.13.9', { disks: [] }), small('4.14.1')],
      channels: { 'stable-4.14': ['4.13.9 -> 4.14.1'] },
    });
    if (upstream === undefined) return;
    const channels = [{ name: 'stable-4.14', minVersion: '4.13.9' }];
    const refused = await failure(upstream, { channels, kubeVirtContainer: true });
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /release 4\.13\.9-x86_64 has no KubeVirt disk for x86_64/);
    assert.doesNotMatch(refused.stderr, /4\.14\.1-x86_64 has no/);
    const plan = await planOf(upstream, { channels: [{ name: 'stable-4.14' }], kubeVirtContainer: true });
    assert.equal(plan.images.filter((one) => one.kind === 'kubevirtDisk').length, 1);
  });
});

describe('signatures of releases', () => {
  test('wrong ones are refused, whatever is allowed: another key, another digest, no such message', async (t) => {
    const release = small('4.17.6');
    const { identity, root } = release;
    const [key, other] = [createTestKey(), createTestKey()];
    const files: Readonly<Record<string, Buffer>> = {
      'another key': other.sign(signaturePayload(identity, root.digest)),
      'another digest': key.sign(signaturePayload(identity, digestOf('another payload'))),
      'not a signature': Buffer.from('<html>not found</html>'),
    };
    for (const [what, file] of Object.entries(files)) {
      const upstream = await upstreamFor(t, {
        key,
        releases: [release],
        channels: { 'stable-4.17': ['4.17.6'] },
        signatures: new Map([[root.digest, [file]]]),
      });
      if (upstream === undefined) return;
      const platform = { channels: [{ name: 'stable-4.17' }] };
      const refused = await failure(upstream, platform, '--allow-missing-signatures');
      assert.equal(refused.status, 3, what);
      assert.match(refused.stderr, new RegExp(hexOf(root.digest).slice(0, 12)), what);
    }
  });

  test('travel in the bundle and are rendered as ConfigMap, JSON and YAML alike', async (t) => {
    const releases = [small('4.17.4'), small('4.17.6')];
    const upstream = await upstreamFor(t, { releases, channels: { 'stable-4.17': ['4.17.4 -> 4.17.6'] } });
    if (upstream === undefined) return;
    upstream.writeImageSet({
      platform: { graph: true, channels: [{ name: 'stable-4.17', minVersion: '4.17.4' }] },
    });
    const pack = ['pack', '-c', 'imageset.yaml', '--unsigned', '--registry', 'registry.lab:8443/ocp'];
    await upstream.succeed(...pack, '-o', 'x.tar');
    await upstream.succeed(...pack, '-o', 'again.tar');
    const read = (path: string, bundle = 'x.tar'): Buffer =>
      execFileSync('tar', ['xOf', bundle, path], { cwd: upstream.folder });
    const names = releases.map(({ root }) => `sha256-${hexOf(root.digest)}`);
    const json = JSON.parse(read('resources/signature-configmap.json').toString()) as {
      binaryData: Record<string, string>;
    };
    assert.deepEqual(parseYaml(read('resources/signature-configmap.yaml').toString(), 'yaml'), json);
    for (const [at, name] of names.toSorted().entries()) {
      assert.equal(json.binaryData[`${name}-${at + 1}`], read(`release-signatures/${name}`).toString('base64'));
    }
    // The graph-data image: made by us, the same every time, and what the UpdateService offers.
    const plans = ['x.tar', 'again.tar'].map(
      (bundle) => JSON.parse(read('plan.json', bundle).toString()) as PlanReport,
    );
    const [graph, again] = plans.map((plan) => plan.images.find((one) => one.kind === 'graphData')!);
    assert.deepEqual(graph, again);
    const service = parseYaml(read('resources/updateService.yaml').toString(), 'yaml') as { spec: object };
    assert.deepEqual(service.spec, {
      graphDataImage: 'registry.lab:8443/ocp/openshift/graph-image:latest',
      releases: 'registry.lab:8443/ocp/openshift/release-images',
      replicas: 2,
    });
    const verified = await upstream.run('verify', 'x.tar', '--insecure-unsigned', '--deep');
    assert.equal(verified.status, 0, verified.stderr);
  });

  test('from 4.21 on every image of the payload, and its KubeVirt disk, needs its sigstore signature', async (t) => {
    const release = small('4.21.0');
    const upstream = await upstreamFor(t, { releases: [release], channels: { 'stable-4.21': ['4.21.0'] } });
    if (upstream === undefined) return;
    const platform = { kubeVirtContainer: true, channels: [{ name: 'stable-4.21' }] };
    const refused = await failure(upstream, platform);
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /has no sigstore signature, which a cluster of this release demands/);
    const allowed = await planOf(upstream, platform, '--allow-missing-signatures');
    assert.equal(allowed.warnings.filter(({ code }) => code === 'W_MISSING_SIGNATURE').length, 5);
    const disk = release.disks.get('x86_64')!;
    const sign = async ({ repository, content }: PlacedImage): Promise<void> => {
      const payload = Buffer.from(
        JSON.stringify({ critical: { image: { 'docker-manifest-digest': content.root.digest } } }),
      );
      const signature = image().rawLayer(payload, 'application/vnd.dev.cosign.simplesigning.v1+json', {
        'dev.cosignproject.cosign/signature': digestOf(payload),
      });
      await upstream.push(repository, signature.build(), `${digestTag(content.root.digest)}.sig`);
    };
    const isDisk = ({ content }: PlacedImage) => disk.endsWith(content.root.digest);
    for (const one of release.images) if (!isDisk(one)) await sign(one);
    const unsignedDisk = await failure(upstream, platform);
    assert.equal(unsignedDisk.status, 3);
    assert.ok(unsignedDisk.stderr.includes(`${disk} (KubeVirt disk x86_64, `), unsignedDisk.stderr);
    await sign(release.images.find((one) => isDisk(one))!);
    const signed = await planOf(upstream, platform);
    assert.deepEqual(signed.warnings, []);
    const carried = signed.images.filter((one) => one.kind === 'signature');
    assert.equal(carried.length, 5, 'payload, three components, disk');
    assert.ok(carried.some(({ target }) => target.repository === 'openshift/release-images'));
  });
});

describe('the update path from the installed version', () => {
  test('is proved, or the missing releases are named', async (t) => {
    const upstream = await upstreamFor(t, { releases: VERSIONS.map((version) => small(version)), channels: CHANNELS });
    if (upstream === undefined) return;
    const newest = { channels: [{ name: 'stable-4.17', minVersion: '4.17.2' }] };
    const proved = await planOf(upstream, newest, '--installed', '4.16.9');
    assert.deepEqual(proved.upgrades, [
      { architecture: 'amd64', installed: '4.16.9', wanted: '4.17.6', hops: ['4.16.9', '4.17.2', '4.17.6'] },
    ]);
    const told = await upstream.succeed('plan', '-c', 'imageset.yaml', '--installed', '4.16.9');
    assert.match(told.stdout, /update path \(amd64\): 4\.16\.9 → 4\.17\.2 → 4\.17\.6, every release is inside/);

    // The graph of stable-4.17 begins with 4.16.9: what leads there is asked of stable-4.16.
    const missing = await failure(upstream, newest, '--installed', '4.16.1', '--json');
    assert.equal(missing.status, 2);
    const data = JSON.parse(missing.stdout) as { hops: string[]; missing: string[]; message: string };
    assert.deepEqual(data.hops, ['4.16.1', '4.16.9', '4.17.2', '4.17.6']);
    assert.deepEqual(data.missing, ['4.16.9']);
    assert.match(data.message, /4\.16\.9 is not selected/);

    const unknown = await failure(upstream, newest, '--installed', '4.12.0');
    assert.match(unknown.stderr, /no way in the update graphs of .*stable-4\.17.*; 4\.12\.0 is in none of them/);
    const word = await failure(upstream, newest, '--installed', 'latest');
    assert.match(word.stderr, /--installed "latest" is no version/);

    const site = (installedVersion: string) => {
      const document = { apiVersion: 'airgap/v1alpha1', kind: 'Site', managementCluster: { installedVersion } };
      writeFileSync(join(upstream.folder, 'site.yaml'), JSON.stringify(document));
    };
    site('4.16.1');
    const refused = await failure(upstream, newest, '--site', 'site.yaml');
    assert.match(refused.stderr, /update from 4\.16\.1 to 4\.17\.6 .*4\.16\.9 is not selected/);
    const packed = await upstream.run(
      'pack',
      '-c',
      'imageset.yaml',
      '--site',
      'site.yaml',
      '--unsigned',
      '-o',
      'x.tar',
    );
    assert.match(packed.stderr, /update from 4\.16\.1 to 4\.17\.6 .*4\.16\.9 is not selected/);
    const flagged = await planOf(upstream, newest, '--site', 'site.yaml', '--installed', '4.16.9');
    assert.equal(flagged.upgrades?.[0]?.installed, '4.16.9', 'the flag wins');
    site('4.17.2');
    assert.deepEqual((await planOf(upstream, newest, '--site', 'site.yaml')).upgrades?.[0]?.hops, ['4.17.2', '4.17.6']);
    // Releases of hosted clusters alone: nothing the cluster itself is updated to.
    site('4.18.0');
    assert.deepEqual((await planOf(upstream, newest, '--site', 'site.yaml')).upgrades, []);
  });

  test('of a release named by reference is what its payload says', async (t) => {
    const release = small('4.17.6', { previous: ['4.17.2', '4.17.4'] });
    const upstream = await upstreamFor(t, { releases: [release], channels: {} });
    if (upstream === undefined) return;
    const proved = await planOf(upstream, { release: release.identity }, '--installed', '4.17.4');
    assert.deepEqual(proved.upgrades[0]!.hops, ['4.17.4', '4.17.6']);
    const refused = await failure(upstream, { release: release.identity }, '--installed', '4.17.3');
    assert.match(refused.stderr, /update from 4\.17\.3 to 4\.17\.6: no way/);
  });
});

describe('what plan prints of releases', () => {
  test('version, digest, components, bytes new, shared and in all, and why; JSON with the same', async (t) => {
    const releases = [small('4.17.4'), small('4.17.6')];
    const upstream = await upstreamFor(t, { releases, channels: { 'stable-4.17': ['4.17.4 -> 4.17.6'] } });
    if (upstream === undefined) return;
    const plan = await planOf(upstream, { channels: [{ name: 'stable-4.17', minVersion: '4.17.4' }] });
    for (const [at, { sizes, ...release }] of plan.releases.entries()) {
      assert.equal(release.digest, releases[at]!.root.digest);
      assert.equal(release.components, 3);
      assert.equal(sizes.total, sizes.new + sizes.shared);
      assert.deepEqual(release.because, ['channel stable-4.17, 4.17.4 to 4.17.6']);
    }
    const [first, second] = plan.releases;
    assert.equal(first!.sizes.shared, 0);
    assert.ok(second!.sizes.shared > 0, 'base layers are shared');
    assert.equal(first!.sizes.new + second!.sizes.new, plan.totalBytes);
    const { stdout } = await upstream.succeed('plan', '-c', 'imageset.yaml');
    const row = stdout.split('\n').find((text) => text.startsWith('4.17.6-x86_64'))!;
    assert.ok(row.includes(second!.digest) && row.includes('3 components') && row.includes('channel stable-4.17'), row);
    const all = await upstream.succeed('plan', '-c', 'imageset.yaml', '--all');
    assert.match(all.stdout, new RegExp(`releaseContent +${COMPONENT_REPOSITORY}@sha256`));
  });
});
