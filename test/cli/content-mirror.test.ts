/** Registry to registry, locks, differences, inspection and charts through the built command line. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseYamlStream } from '../../src/core/yaml.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { PlanReportSchema, type PlanReport } from '../../src/workflows/plan-report.ts';
import type { InspectResult } from '../../src/workflows/inspect.ts';
import { catalog } from '../support/catalogs.ts';
import { image, index, pushContent, type BuiltContent } from '../support/images.ts';
import { contentHash, FIXED_IDENTITY, openRepository } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import type { RegistryAccess } from '../support/registry.ts';
import { buildRelease } from '../support/releases.ts';
import { resultOf } from '../support/run-cli.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';
import { startSlowFront } from '../support/slow-front.ts';
import { openUpstream, type Upstream } from '../support/upstream.ts';

const [first, second] = plainRegistries;
const { signal } = new AbortController();

/** Bytes that do not repeat, the same in every run. */
function noise(size: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < size; at += 64) blocks.push(createHash('sha512').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const BLOBS = 40;
const BLOB_BYTES = 50_000;
const heavy = Array.from({ length: BLOBS }, (_, at) => noise(BLOB_BYTES, `layer ${at}`))
  .reduce((builder, bytes) => builder.rawLayer(bytes, LAYER), image())
  .build();

async function open(t: TestContext): Promise<{ source: RegistryAccess; target: RegistryAccess } | undefined> {
  const [source, target] = [await first!.open(t), await second!.open(t)];
  return source === undefined || target === undefined ? undefined : { source, target };
}

async function planOf(upstream: Upstream, ...more: readonly string[]): Promise<PlanReport> {
  const { stdout } = await upstream.succeed('plan', '-c', 'imageset.yaml', '--json', ...more);
  return PlanReportSchema.parse(JSON.parse(stdout));
}

/** One of everything: a release with disk and graph, an operator, an image for two platforms that is signed. */
async function pushSample(upstream: Upstream): Promise<BuiltContent> {
  const app = index(
    ['linux/amd64', 'linux/arm64'].map((platform) => image().platform(platform).layer('app', platform).build()),
  ).build();
  await upstream.push('quay.io/team/app', app, 'v1');
  const signature = image()
    .rawLayer(Buffer.from('{"critical":{}}'), 'application/vnd.dev.cosign.simplesigning.v1+json', {
      'dev.cosignproject.cosign/signature': 'MEUCIQ==',
    })
    .build();
  await upstream.push('quay.io/team/app', signature, `${digestTag(app.root.digest)}.sig`);
  const operator = image().layer('operator', 'o').build();
  await upstream.push('registry.redhat.io/ops/alpha', operator);
  const reference = `registry.redhat.io/ops/alpha@${operator.root.digest}`;
  const files = catalog()
    .package('alpha-operator', { defaultChannel: 'stable' })
    .channel('stable', ['alpha.v1.0.0'])
    .bundle('alpha.v1.0.0', '1.0.0', { image: reference, relatedImages: [{ name: '', image: reference }] })
    .files();
  await upstream.pushCatalog('registry.redhat.io/redhat/redhat-operator-index', files, { tag: 'v4.17' });
  writeFileSync(
    join(upstream.folder, 'template.yaml'),
    'apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\nspec: {displayName: Ours, priority: 5}\n',
  );
  upstream.writeImageSet({
    platform: { graph: true, kubeVirtContainer: true, channels: [{ name: 'stable-4.17' }] },
    operators: [
      {
        catalog: 'registry.redhat.io/redhat/redhat-operator-index:v4.17',
        packages: [{ name: 'alpha-operator' }],
        targetCatalogSourceTemplate: 'template.yaml',
      },
    ],
    additionalImages: [{ name: 'quay.io/team/app:v1' }],
  });
  return app;
}

const RELEASES = {
  releases: [buildRelease({ version: '4.17.6', components: ['cli', 'etcd'], layerSize: 256 })],
  channels: { 'stable-4.17': ['4.17.6'] },
};

describe('mirror', () => {
  test('killed and run again it sends what had not arrived, and a third run sends nothing', async (t) => {
    const stations = await open(t);
    if (stations === undefined) return;
    const { source, target } = stations;
    const front = await startSlowFront(t, source.host);
    const upstream = await openUpstream(t, { ...source, host: front.host });
    await upstream.push('quay.io/team/heavy', heavy, 'v1');
    upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/heavy:v1' }] });
    const far = freshRepository('mirrored');
    const mirror = ['mirror', '-c', 'imageset.yaml', '--registry', `${target.host}/${far}`, '--concurrency', '1'];

    front.reset();
    front.limit(2_000_000);
    const child = upstream.start(...mirror);
    const half = (BLOBS * BLOB_BYTES) / 2;
    front.onSent = (bytes) => {
      if (bytes > half) child.kill('SIGKILL');
    };
    const killed = await resultOf(child);
    assert.equal(killed.status, null, killed.stderr);
    front.onSent = () => undefined;
    front.limit(Infinity);
    const arrived = front.blobBytes() - 2 * BLOB_BYTES;
    assert.ok(arrived > 0);
    const repository = openRepository(t, target, `${far}/team/heavy`);
    await assert.rejects(repository.resolve('v1', signal), 'no tag names something incomplete');

    front.reset();
    await upstream.succeed(...mirror);
    assert.ok(
      front.blobBytes() <= BLOBS * BLOB_BYTES - arrived + 1000,
      `${front.blobBytes()} bytes were fetched again`,
    );
    assert.equal((await repository.resolve('v1', signal)).digest, heavy.root.digest);

    front.reset();
    const third = await upstream.succeed(...mirror, '--json');
    assert.equal(front.blobBytes(), 0);
    assert.equal((JSON.parse(third.stdout) as { push: { pushedBytes: number } }).push.pushedBytes, 0);
  });

  test('from a registry to another place in it: reading and sending do not wait for each other', async (t) => {
    const source = await first!.open(t);
    if (source === undefined) return;
    const upstream = await openUpstream(t, source);
    const [near, far] = [freshRepository('near'), freshRepository('mirrored')];
    await pushContent(openRepository(t, source, `${near}/heavy`), heavy, 'v1');
    upstream.writeImageSet({ additionalImages: [{ name: `${source.host}/${near}/heavy:v1` }] });
    await upstream.succeed(
      ...['mirror', '-c', 'imageset.yaml', '--registry', `${source.host}/${far}`, '--concurrency', '1'],
    );
    const repository = openRepository(t, source, `${far}/${near}/heavy`);
    assert.equal((await repository.resolve('v1', signal)).digest, heavy.root.digest);
  });

  test('puts the same names and manifests on the target as a bundle would, and the same resources into a folder', async (t) => {
    const stations = await open(t);
    if (stations === undefined) return;
    const { source, target } = stations;
    const upstream = await openUpstream(t, source, RELEASES);
    const app = await pushSample(upstream);
    const base = `${target.host}/${freshRepository('mirrored')}`;
    await upstream.succeed('mirror', '-c', 'imageset.yaml', '--registry', base, '--resources', 'yaml');
    const plan = await planOf(upstream);
    const [host = '', ...path] = base.split('/');
    assert.equal(host, target.host);
    for (const { target: name, digest } of plan.images) {
      const repository = openRepository(t, target, `${path.join('/')}/${name.repository}`);
      const { content } = await repository.fetchManifest(name.tag ?? digest, signal);
      assert.equal(`sha256:${createHash('sha256').update(content).digest('hex')}`, digest);
    }
    const signature = plan.images.find((one) => one.kind === 'signature')!;
    assert.equal(signature.signatureOf, app.root.digest);

    await upstream.succeed('pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--unsigned', '--registry', base);
    const bundle = JSON.parse((await upstream.succeed('inspect', 'x.tar', '--json')).stdout) as InspectResult;
    const written = readdirSync(join(upstream.folder, 'yaml')).toSorted();
    assert.deepEqual(
      bundle.files.filter((file) => file.path.startsWith('resources/')).map((file) => file.path.slice(10)),
      written,
    );
    const text = readFileSync(join(upstream.folder, 'yaml/cs-redhat-operator-index-v4-17.yaml'), 'utf8');
    const [catalogSource] = parseYamlStream(text, 'catalog source') as { spec: object }[];
    assert.deepEqual(catalogSource!.spec, {
      displayName: 'Ours',
      image: `${base}/redhat/redhat-operator-index:v4.17`,
      priority: 5,
      sourceType: 'grpc',
    });
    const policies = ['mirror', '-c', 'imageset.yaml', '--registry', base, '--resources', 'icsp', '--icsp'];
    const old = await upstream.succeed(...policies);
    assert.match(
      old.stderr,
      /an ImageContentSourcePolicy redirects no pull by tag: quay\.io\/openshift-release-dev.*quay\.io\/team/,
    );
    assert.ok(readdirSync(join(upstream.folder, 'icsp')).includes('icsp-oc-mirror.yaml'));
  });
});

describe('mirror with a site file', () => {
  test('finds registry, CA and credentials there, and joins path components the registry does not allow', async (t) => {
    const strict = testRegistries.find(({ tls, auth }) => tls && auth === 'basic')!;
    const [source, target] = [await first!.open(t), await strict.open(t)];
    if (source === undefined || target === undefined) return;
    const upstream = await openUpstream(t, source);
    const app = image().layer('app', 'a').build();
    await upstream.push('quay.io/a/b/c/app', app, 'v1');
    upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/a/b/c/app:v1' }] });
    writeFileSync(join(upstream.folder, 'ca.pem'), target.ca!);
    const prefix = freshRepository('nested').replace('/', '-');
    const registry = {
      target: `${target.host}/${prefix}`,
      caFiles: ['ca.pem'],
      authFile: target.authFile,
      maxNestedPaths: 3,
    };
    writeFileSync(
      join(upstream.folder, 'site.yaml'),
      JSON.stringify({ apiVersion: 'airgap/v1alpha1', kind: 'Site', registry }),
    );
    await upstream.succeed('mirror', '-c', 'imageset.yaml', '--site', 'site.yaml', '--resources', 'yaml');
    const flattened = `${prefix}/a/b-c-app`;
    assert.equal((await openRepository(t, target, flattened).resolve('v1', signal)).digest, app.root.digest);
    const text = readFileSync(join(upstream.folder, 'yaml/itms-oc-mirror.yaml'), 'utf8');
    const [set] = parseYamlStream(text, 'itms') as { spec: object }[];
    assert.deepEqual(set!.spec, {
      imageTagMirrors: [{ mirrors: [`${target.host}/${flattened}`], source: 'quay.io/a/b/c/app' }],
    });
    const two = ['--registry', 'registry.lab/ns', '--max-nested-paths', '2', '--mapping', 'mapping.txt'];
    await upstream.succeed('plan', '-c', 'imageset.yaml', ...two);
    assert.equal(
      readFileSync(join(upstream.folder, 'mapping.txt'), 'utf8'),
      'docker://quay.io/a/b/c/app:v1=docker://registry.lab/ns/a-b-c-app:v1\n',
    );
    const nowhere = await upstream.run('mirror', '-c', 'imageset.yaml');
    assert.equal(nowhere.status, 2);
    assert.match(nowhere.stderr, /nothing says where the images go/);
  });
});

describe('a lock', () => {
  test('gives the same bytes after tags and channels moved; the difference to it is shown; what is gone is told', async (t) => {
    const stations = await open(t);
    if (stations === undefined) return;
    const releases = ['4.17.6', '4.17.8'].map((version) =>
      buildRelease({ version, components: ['cli', 'etcd'], layerSize: 256 }),
    );
    const channels: Record<string, string[]> = { 'stable-4.17': ['4.17.6'] };
    const upstream = await openUpstream(t, stations.source, { releases, channels });
    await pushSample(upstream);
    const pack = ['pack', '-c', 'imageset.yaml', '--unsigned', ...FIXED_IDENTITY];
    await upstream.succeed(...pack, '-o', 'before.tar');
    await upstream.succeed('plan', '-c', 'imageset.yaml', '--write-lock', 'airgap.lock');
    const same = await planOf(upstream, '--diff', 'airgap.lock');
    assert.deepEqual([same.difference!.added, same.difference!.removed, same.difference!.moved], [[], [], []]);

    channels['stable-4.17'] = ['4.17.6 -> 4.17.8'];
    const moved = image().layer('app', 'newer').build();
    await upstream.push('quay.io/team/app', moved, 'v1');
    await upstream.succeed(...pack, '-o', 'locked.tar', '--lock', 'airgap.lock');
    assert.equal(contentHash(join(upstream.folder, 'locked.tar')), contentHash(join(upstream.folder, 'before.tar')));

    for (const against of ['airgap.lock', 'before.tar']) {
      const { difference } = await planOf(upstream, '--diff', against);
      assert.ok(
        difference!.moved.some(
          ({ after }) => after.origin === 'quay.io/team/app:v1' && after.digest === moved.root.digest,
        ),
      );
      assert.ok(
        difference!.added.some(({ target }) => target.tag === '4.17.8-x86_64'),
        against,
      );
      assert.ok(
        difference!.removed.some(({ target }) => target.tag === '4.17.6-x86_64'),
        against,
      );
    }
    const table = await upstream.succeed('plan', '-c', 'imageset.yaml', '--diff', 'airgap.lock');
    assert.match(table.stdout, /Difference: \d+ added, \d+ removed, \d+ moved/);
    assert.match(table.stdout, / {2}~ +quay\.io\/team\/app:v1 +sha256:\w+ → sha256:\w+/);

    upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/app:v1' }, { name: 'quay.io/team/other:v2' }] });
    const changed = await upstream.run('plan', '-c', 'imageset.yaml', '--lock', 'airgap.lock');
    assert.equal(changed.status, 2);
    assert.match(changed.stderr, /no digest for quay\.io\/team\/other:v2/);
    writeFileSync(join(upstream.folder, 'broken.lock'), 'apiVersion: airgap/v1alpha1\nkind: Lock\npins: 7\n');
    const broken = await upstream.run('plan', '-c', 'imageset.yaml', '--lock', 'broken.lock');
    assert.match(broken.stderr, /broken\.lock: pins/);
  });
});

describe('inspect', () => {
  test('shows releases and operators with their sizes, why each image is in, and the difference to another bundle', async (t) => {
    const stations = await open(t);
    if (stations === undefined) return;
    const upstream = await openUpstream(t, stations.source, RELEASES);
    await pushSample(upstream);
    await upstream.succeed('pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--unsigned');
    const { stdout } = await upstream.succeed('inspect', 'x.tar');
    assert.match(stdout, /UNVERIFIED/);
    assert.match(stdout, /4\.17\.6 +4\.17\.6-x86_64 +2 components +signed +[\d.]+ KiB, [\d.]+ KiB of it new/);
    assert.match(stdout, /alpha-operator +stable +1\.0\.0 +[\d.]+ (?:B|KiB), [\d.]+ (?:B|KiB) of it new/);
    assert.match(
      stdout,
      /additional +quay\.io\/team\/app:v1 +sha256:\w{12} +[\d.]+ (?:B|KiB) +additional image quay\.io\/team\/app:v1/,
    );
    const { plan } = JSON.parse((await upstream.succeed('inspect', 'x.tar', '--json')).stdout) as InspectResult;
    assert.equal(plan!.releases[0]!.sizes.total, plan!.releases[0]!.sizes.new);
    assert.ok(plan!.catalogs[0]!.packages[0]!.sizes.new > 0);

    upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/app:v1' }] });
    await upstream.succeed('pack', '-c', 'imageset.yaml', '-o', 'small.tar', '--unsigned');
    const against = await upstream.succeed('inspect', 'small.tar', '--against', 'x.tar');
    assert.match(against.stdout, /Difference: 0 added, \d+ removed, 0 moved, 2 unchanged/);
  });
});

describe('charts', () => {
  test('are rendered by the real helm; their images and the archives travel; what is overlooked is told', async (t) => {
    const helm = needProgram(t, 'helm');
    const stations = await open(t);
    if (stations === undefined || helm === undefined) return;
    const upstream = await openUpstream(t, stations.source, {
      env: { PATH: `${dirname(helm)}${delimiter}${process.env['PATH'] ?? ''}` },
    });
    const web = image().layer('web', 'w').build();
    await upstream.push('quay.io/team/web', web, '5');
    await upstream.push('quay.io/team/cron', web, '1');
    const chart = join(upstream.folder, 'charts/podinfo/templates');
    mkdirSync(chart, { recursive: true });
    writeFileSync(join(chart, '../Chart.yaml'), 'apiVersion: v2\nname: podinfo\nversion: 1.2.3\nappVersion: "5"\n');
    writeFileSync(join(chart, '../values.yaml'), 'image: quay.io/team/web\n');
    const pod = (spec: object): string => JSON.stringify(spec);
    writeFileSync(
      join(chart, 'web.yaml'),
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{image: "{{ .Values.image }}:{{ .Chart.AppVersion }}"}]}}}\n---\n${pod(
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          metadata: { name: 'cron' },
          spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: 'quay.io/team/cron:1' }] } } } } },
        },
      )}\n`,
    );
    const imagePaths = ['{.spec.jobTemplate.spec.template.spec.containers[*].image}'];
    upstream.writeImageSet({ helm: { local: [{ name: 'podinfo', path: './charts/podinfo' }] } });
    const plain = await planOf(upstream);
    assert.deepEqual(
      plain.images.map(({ origin, kind }) => [kind, origin]),
      [['helm', 'quay.io/team/web:5']],
    );
    assert.match(
      plain.warnings.map(({ message }) => message).join('\n'),
      /CronJob cron names quay\.io\/team\/cron:1 .* add one to imagePaths/,
    );

    upstream.writeImageSet({ helm: { local: [{ name: 'podinfo', path: './charts/podinfo', imagePaths }] } });
    await upstream.succeed(
      'pack',
      '-c',
      'imageset.yaml',
      '-o',
      'x.tar',
      '--unsigned',
      '--registry',
      'registry.lab/ocp',
    );
    const { plan, files } = JSON.parse((await upstream.succeed('inspect', 'x.tar', '--json')).stdout) as InspectResult;
    assert.deepEqual(plan!.images.map(({ origin }) => origin).toSorted(), [
      'quay.io/team/cron:1',
      'quay.io/team/web:5',
    ]);
    assert.ok(files.some(({ path }) => path === 'charts/podinfo-1.2.3.tgz'));
    assert.ok(files.some(({ path }) => path === 'resources/itms-oc-mirror.yaml'));

    upstream.writeImageSet({ helm: { local: [{ name: 'podinfo', path: './nowhere' }] } });
    const absent = await upstream.run('plan', '-c', 'imageset.yaml');
    assert.equal(absent.status, 2);
    assert.match(absent.stderr, /nowhere/);
    const without = await upstream.runWith({ PATH: '/nonexistent' }, 'plan', '-c', 'imageset.yaml');
    assert.equal(without.status, 2);
  });
});
