/**
 * The same pairs of source and destination, and the same cluster resources, as the vendor tool makes for configurations
 * that are easy to get wrong (oc-mirror behaviour, "Destination naming" and "Generated cluster resources"). Expectations
 * are written out by hand from those rules; nothing here computes a name.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseYamlStream } from '../../src/core/yaml.ts';
import { hexOf } from '../../src/oci/digest.ts';
import { catalog, catalogContent, catalogImage } from '../support/catalogs.ts';
import { image, index, writeOciLayout, type BuiltContent } from '../support/images.ts';
import { packedResources } from '../support/packed-resources.ts';
import { buildRelease } from '../support/releases.ts';
import { openUpstream, type Upstream, type UpstreamFields } from '../support/upstream.ts';
import { plainRegistries } from '../support/shared-registries.ts';

const DESTINATION = 'registry.lab:8443/ocp';
const kind = plainRegistries[0]!;

const single = (name: string): BuiltContent => image().layer(`opt/${name}`, name).build();
const both = (name: string): BuiltContent =>
  index(
    ['linux/amd64', 'linux/arm64'].map((platform) =>
      image().platform(platform).layer(`opt/${name}`, `${name} ${platform}`).build(),
    ),
  ).build();
const tagOf = (built: BuiltContent): string => `sha256-${hexOf(built.root.digest)}`;

/** Lines of the mapping file, sorted: their order within a kind is chance with the vendor tool. */
async function mappingOf(upstream: Upstream, ...more: readonly string[]): Promise<string[]> {
  await upstream.succeed('plan', '-c', 'imageset.yaml', '--mapping', 'mapping.txt', '--registry', DESTINATION, ...more);
  return readFileSync(join(upstream.folder, 'mapping.txt'), 'utf8').trimEnd().split('\n').toSorted();
}

const line = (source: string, target: string): string => `docker://${source}=docker://${DESTINATION}/${target}`;

type Entries = Readonly<Record<string, readonly string[]>>;

interface Resources {
  readonly files: readonly string[];
  /** Object name → `source -> mirror, mirror`, sorted. */
  readonly mirrors: Entries;
  readonly objects: ReadonlyMap<string, Record<string, unknown>>;
}

/** The cluster resources that travel in a bundle for {@link DESTINATION}. */
async function resourcesOf(upstream: Upstream, ...more: readonly string[]): Promise<Resources> {
  const texts = await packedResources(upstream, DESTINATION, ...more);
  const documents = Object.entries(texts)
    .filter(([name]) => name.endsWith('.yaml'))
    .flatMap(([name, text]) => parseYamlStream(text, name)) as Record<string, unknown>[];
  const named = documents.map((document) => {
    const { name } = document['metadata'] as { readonly name: string };
    return [name, document] as const;
  });
  const mirrors = named.flatMap(([name, { spec }]) => {
    const entries = Object.entries(spec ?? {})
      .filter(([field]) => /^image(Digest|Tag)Mirrors$/.test(field))
      .flatMap(([, list]) => list as { readonly source: string; readonly mirrors: readonly string[] }[]);
    if (entries.length === 0) return [];
    return [[name, entries.map((entry) => `${entry.source} -> ${entry.mirrors.join(', ')}`).toSorted()] as const];
  });
  return { files: Object.keys(texts), mirrors: Object.fromEntries(mirrors), objects: new Map(named) };
}

async function upstreamFor(t: TestContext, fields: UpstreamFields = {}): Promise<Upstream | undefined> {
  const access = await kind.open(t);
  return access === undefined ? undefined : openUpstream(t, access, fields);
}

describe('names and mirror sets are those of the vendor tool', () => {
  test('additional images: tag, digest, both, ports, one component, renamed, OCI layouts, platforms', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const [app, tool, multi, layout] = [single('app'), single('tool'), both('multi'), single('layout')];
    await upstream.push('quay.io/example/app', app, '1.0');
    await upstream.push('quay.io/example/multi', multi, '2.0');
    await upstream.push('registry.corp:5000/team/deep/tool', tool, 'v1');
    await upstream.push('registry.redhat.io/single', app, '1');
    const path = join(upstream.folder, 'layouts/thing');
    writeOciLayout(path, layout);
    upstream.writeImageSet({
      additionalImages: [
        { name: 'quay.io/example/app:1.0' },
        { name: `quay.io/example/app@${app.root.digest}` },
        { name: `quay.io/example/app@${app.root.digest}`, targetTag: 'pinned' },
        { name: `docker://quay.io/example/multi:2.0@${multi.root.digest}` },
        { name: 'quay.io/example/multi:2.0', platforms: [{ os: 'linux', architecture: 'arm64' }] },
        { name: 'registry.corp:5000/team/deep/tool:v1', targetRepo: 'renamed/tool_x', targetTag: 'V-1.0' },
        { name: `registry.corp:5000/team/deep/tool@${tool.root.digest}` },
        { name: 'registry.redhat.io/single:1' },
        { name: `oci://${path}`, targetRepo: 'from/disk' },
      ],
    });
    assert.deepEqual(
      await mappingOf(upstream),
      [
        line('quay.io/example/app:1.0', 'example/app:1.0'),
        line(`quay.io/example/app@${app.root.digest}`, `example/app:${tagOf(app)}`),
        line(`quay.io/example/app@${app.root.digest}`, 'example/app:pinned'),
        line('quay.io/example/multi:2.0', 'example/multi:2.0'),
        line(`quay.io/example/multi@${multi.root.digest}`, 'example/multi:2.0'),
        line('registry.corp:5000/team/deep/tool:v1', 'renamed/tool_x:V-1.0'),
        line(`registry.corp:5000/team/deep/tool@${tool.root.digest}`, `team/deep/tool:${tagOf(tool)}`),
        line('registry.redhat.io/single:1', 'single:1'),
        `oci://${path}=docker://${DESTINATION}/from/disk:latest`,
      ].toSorted(),
    );
    const { files, mirrors } = await resourcesOf(upstream);
    assert.deepEqual(files, ['idms-oc-mirror.yaml', 'itms-oc-mirror.yaml']);
    assert.deepEqual(mirrors, {
      'idms-generic-0': [
        `quay.io/example -> ${DESTINATION}/example`,
        `registry.corp:5000/team/deep -> ${DESTINATION}/team/deep`,
      ],
      // The vendor tool redirects all of registry.redhat.io for "single", which HyperShift would not follow.
      'itms-generic-0': [
        `quay.io/example -> ${DESTINATION}/example`,
        `registry.corp:5000/team/deep/tool -> ${DESTINATION}/renamed/tool_x`,
        `registry.redhat.io/single -> ${DESTINATION}/single`,
      ],
    });
  });

  test('catalogs: renamed, by digest, full, OCI layout, two of one repository; images of several catalogs once', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const images = Object.fromEntries(
      ['alpha-bundle', 'alpha', 'proxy', 'beta-bundle', 'beta'].map((name) => [name, single(name)]),
    );
    const reference = (name: string): string => `registry.redhat.io/ops/${name}@${images[name]!.root.digest}`;
    for (const [name, built] of Object.entries(images)) await upstream.push(`registry.redhat.io/ops/${name}`, built);
    await upstream.push('quay.io/tagged/agent', single('agent'), 'v3');
    const files = (more: readonly { name: string; image: string }[] = []) =>
      catalog()
        .package('alpha', { defaultChannel: 'stable' })
        .channel('stable', ['alpha.v1.1.0 replaces alpha.v1.0.0', 'alpha.v1.0.0'])
        .bundle('alpha.v1.0.0', '1.0.0', {
          image: reference('alpha-bundle'),
          relatedImages: [{ name: '', image: reference('alpha-bundle') }],
        })
        .bundle('alpha.v1.1.0', '1.1.0', {
          image: reference('alpha-bundle'),
          relatedImages: [
            { name: 'operator', image: reference('alpha') },
            { name: 'proxy', image: reference('proxy') },
            { name: '', image: reference('alpha-bundle') },
            ...more,
          ],
        })
        .package('beta', { defaultChannel: 'stable' })
        .channel('stable', ['beta.v2.0.0'])
        .bundle('beta.v2.0.0', '2.0.0', {
          image: reference('beta-bundle'),
          // The bundle image is not among them: it is taken all the same.
          relatedImages: [
            { name: 'operator', image: reference('beta') },
            { name: 'proxy', image: reference('proxy') },
          ],
        })
        .files();
    const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';
    const first = await upstream.pushCatalog(INDEX, files([{ name: 'agent', image: 'quay.io/tagged/agent:v3' }]), {
      tag: 'v4.17',
    });
    const second = await upstream.pushCatalog(INDEX, files(), {
      tag: 'v4.16',
      isDocker: true,
      platforms: ['linux/amd64'],
    });
    const full = await upstream.pushCatalog('registry.redhat.io/redhat/certified', files(), { tag: 'v4.17' });
    const layout = join(upstream.folder, 'layouts/my-catalog');
    writeOciLayout(layout, catalogContent(catalogImage(files(), { platforms: ['linux/amd64', 'linux/arm64'] })));
    upstream.writeImageSet({
      operators: [
        { catalog: `${INDEX}:v4.17`, packages: [{ name: 'alpha' }] },
        {
          catalog: `${INDEX}:v4.16`,
          targetCatalog: 'mirror/rh.index',
          targetTag: 'v4.16-small',
          packages: [{ name: 'beta' }],
        },
        { catalog: `${INDEX}@${second.digest}`, packages: [{ name: 'alpha' }] },
        { catalog: `registry.redhat.io/redhat/certified@${full.digest}`, full: true },
        { catalog: 'oci://layouts/my-catalog', packages: [{ name: 'beta' }] },
      ],
      // A related image that is wanted for itself too: it is in both categories.
      additionalImages: [{ name: reference('proxy') }],
    });
    const { catalogs } = JSON.parse((await upstream.succeed('plan', '-c', 'imageset.yaml', '--json')).stdout) as {
      catalogs: { reference: string; rebuilt?: { digest: string; filterHash: string } }[];
    };
    const rebuilt = catalogs.find((one) => one.reference.includes('@'))!.rebuilt!.digest.slice('sha256:'.length);
    assert.deepEqual(
      await mappingOf(upstream),
      [
        ...['alpha-bundle', 'alpha', 'proxy', 'proxy', 'beta-bundle', 'beta'].map((name) =>
          line(reference(name), `ops/${name}:${tagOf(images[name]!)}`),
        ),
        line('quay.io/tagged/agent:v3', 'tagged/agent:v3'),
        line(`${INDEX}@${first.digest}`, 'redhat/redhat-operator-index:v4.17'),
        line(`${INDEX}@${second.digest}`, 'mirror/rh.index:v4.16-small'),
        line(`${INDEX}@${second.digest}`, `redhat/redhat-operator-index:sha256-${rebuilt}`),
        line(`registry.redhat.io/redhat/certified@${full.digest}`, `redhat/certified:sha256-${hexOf(full.digest)}`),
        `oci://${layout}=docker://${DESTINATION}/my-catalog:latest`,
      ].toSorted(),
    );
    await upstream.succeed('plan', '-c', 'imageset.yaml', '--mapping', 'to-disk.txt');
    const toDisk = readFileSync(join(upstream.folder, 'to-disk.txt'), 'utf8');
    const cached = `docker://localhost:55000/redhat/redhat-operator-index:sha256-${hexOf(second.digest)}`;
    assert.ok(toDisk.includes(`docker://${INDEX}@${second.digest}=${cached}\n`), toDisk);
    const { files: written, mirrors, objects } = await resourcesOf(upstream);
    const names = [
      'redhat-operator-index-v4-17',
      'rh-index-v4-16-small',
      `redhat-operator-index-sha256-${rebuilt.slice(0, 5)}`,
      `certified-sha256-${hexOf(full.digest).slice(0, 5)}`,
      'my-catalog-latest',
    ];
    assert.deepEqual(
      written,
      [
        'idms-oc-mirror.yaml',
        'itms-oc-mirror.yaml',
        ...names.flatMap((name) => [`cc-${name}.yaml`, `cs-${name}.yaml`]),
      ].toSorted(),
    );
    assert.deepEqual(mirrors, {
      'idms-operator-0': [`registry.redhat.io/ops -> ${DESTINATION}/ops`],
      'idms-generic-0': [`registry.redhat.io/ops -> ${DESTINATION}/ops`],
      'itms-operator-0': [`quay.io/tagged -> ${DESTINATION}/tagged`],
    });
    assert.equal(
      (objects.get('cs-rh-index-v4-16-small')!['spec'] as { image: string }).image,
      `${DESTINATION}/mirror/rh.index:v4.16-small`,
    );
  });

  test('catalogs by tag and digest, a layout renamed, one catalog under two tags, an image on a registry with a port', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const [bundle, operand] = [single('bundle'), both('operand')];
    await upstream.push('registry.corp:5000/ops/bundle', bundle, '1.0');
    await upstream.push('registry.corp:5000/ops/operand', operand, '2.0');
    const image = `registry.corp:5000/ops/bundle:1.0@${bundle.root.digest}`;
    const files = catalog()
      .package('alpha', { defaultChannel: 'stable' })
      .channel('stable', ['alpha.v1'])
      .bundle('alpha.v1', '1.0.0', {
        image,
        relatedImages: [
          { name: '', image },
          { name: 'operand', image: `registry.corp:5000/ops/operand@${operand.root.digest}` },
        ],
      })
      .files();
    const CERTIFIED = 'registry.corp:5000/catalogs/certified';
    const { digest } = await upstream.pushCatalog(CERTIFIED, files, {
      tag: 'v4.17',
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    writeOciLayout(join(upstream.folder, 'disk/cat'), catalogContent(catalogImage(files)));
    const packages = [{ name: 'alpha' }];
    const platforms = [{ os: 'linux', architecture: 'amd64' }];
    upstream.writeImageSet({
      operators: [
        { catalog: `${CERTIFIED}:v4.17@${digest}`, packages, platforms },
        { catalog: `${CERTIFIED}:v4.17`, targetTag: 'V4.17_full', full: true },
        { catalog: 'oci://disk/cat', targetCatalog: 'from/disk', targetTag: 't1', packages },
      ],
    });
    assert.deepEqual(
      await mappingOf(upstream),
      [
        line(`registry.corp:5000/ops/bundle@${bundle.root.digest}`, 'ops/bundle:1.0'),
        line(`registry.corp:5000/ops/operand@${operand.root.digest}`, `ops/operand:${tagOf(operand)}`),
        line(`${CERTIFIED}@${digest}`, 'catalogs/certified:v4.17'),
        line(`${CERTIFIED}@${digest}`, 'catalogs/certified:V4.17_full'),
        `oci://${join(upstream.folder, 'disk/cat')}=docker://${DESTINATION}/from/disk:t1`,
      ].toSorted(),
    );
    const { files: written, mirrors } = await resourcesOf(upstream);
    const names = ['certified-v4-17', 'certified-v4-17-full', 'disk-t1'];
    assert.deepEqual(
      written.filter((name) => name.startsWith('cs-')),
      names.map((name) => `cs-${name}.yaml`).toSorted(),
    );
    const OPS = `registry.corp:5000/ops -> ${DESTINATION}/ops`;
    assert.deepEqual(mirrors, { 'idms-operator-0': [OPS], 'itms-operator-0': [OPS] });
    // One catalog wants amd64 alone, the others want everything: everything is taken.
    const { images } = JSON.parse((await upstream.succeed('plan', '-c', 'imageset.yaml', '--json')).stdout) as {
      images: { origin: string; platforms?: object[] }[];
    };
    assert.equal(images.find(({ origin }) => origin.includes('/operand@'))!.platforms, undefined);
  });

  test('releases: two names for one component, disks of several architectures, a nightly known by digest alone', async (t) => {
    const architectures = ['amd64', 's390x'] as const;
    const signed = architectures.map((architecture) =>
      buildRelease({
        version: '4.17.6',
        architecture,
        components: ['cli', 'cli-artifacts'],
        disks: ['x86_64', 's390x'],
        layerSize: 64,
      }),
    );
    const nightly = buildRelease({
      version: '4.18.0-0.nightly',
      components: ['etcd'],
      layerSize: 64,
      releaseRepository: 'registry.ci.openshift.org/ocp/release',
    });
    const upstream = await upstreamFor(t, {
      releases: [...signed, nightly],
      channels: { 'stable-4.17': ['4.17.6'] },
      signing: { [nightly.tag]: null },
    });
    if (upstream === undefined) return;
    upstream.writeImageSet({
      platform: { kubeVirtContainer: true, architectures, channels: [{ name: 'stable-4.17' }] },
    });
    assert.deepEqual(
      await mappingOf(upstream),
      signed
        .flatMap(({ tag, identity, components, disks }) => [
          line(identity, `openshift/release-images:${tag}`),
          line(components.get('cli')!, `openshift/release:${tag}-cli`),
          line(components.get('cli')!, `openshift/release:${tag}-cli-artifacts`),
          line(disks.get('x86_64')!, `openshift/release:${tag}-kube-virt-container-x86_64`),
          line(disks.get('s390x')!, `openshift/release:${tag}-kube-virt-container-s390x`),
        ])
        .toSorted(),
    );
    const RELEASE_MIRRORS = [
      `quay.io/openshift-release-dev/ocp-release -> ${DESTINATION}/openshift/release-images`,
      `quay.io/openshift-release-dev/ocp-v4.0-art-dev -> ${DESTINATION}/openshift/release`,
    ];
    const { mirrors } = await resourcesOf(upstream);
    assert.deepEqual(mirrors, { 'idms-release-0': RELEASE_MIRRORS, 'itms-release-0': RELEASE_MIRRORS.slice(0, 1) });

    upstream.writeImageSet({ platform: { release: nightly.identity } });
    const hex = hexOf(nightly.root.digest);
    assert.deepEqual(
      await mappingOf(upstream, '--allow-missing-signatures'),
      [
        line(nightly.payload, `openshift/release-images:${hex}`),
        line(nightly.components.get('etcd')!, `openshift/release:${hex}-etcd`),
      ].toSorted(),
    );
    const { mirrors: ci, files } = await resourcesOf(upstream, '--allow-missing-signatures');
    // Known by digest alone: there is no tag a cluster could ask for, and no signature to carry.
    assert.deepEqual(files, ['idms-oc-mirror.yaml']);
    assert.deepEqual(ci, {
      'idms-release-0': [
        `quay.io/openshift-release-dev/ocp-v4.0-art-dev -> ${DESTINATION}/openshift/release`,
        `registry.ci.openshift.org/ocp/release -> ${DESTINATION}/openshift/release-images`,
      ],
    });
  });

  test('blocked images leave no trace: no catalog source for a blocked catalog, no signature of a blocked release', async (t) => {
    const releases = [buildRelease({ version: '4.17.4' }), buildRelease({ version: '4.17.5' })];
    const upstream = await upstreamFor(t, { releases, channels: { 'stable-4.17': ['4.17.4 -> 4.17.5'] } });
    if (upstream === undefined) return;
    const bundle = single('bundle');
    const image = `registry.redhat.io/ops/bundle@${bundle.root.digest}`;
    await upstream.push('registry.redhat.io/ops/bundle', bundle);
    const files = catalog()
      .package('alpha', { defaultChannel: 'stable' })
      .channel('stable', ['alpha.v1'])
      .bundle('alpha.v1', '1.0.0', { image, relatedImages: [{ name: '', image }] })
      .files();
    const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';
    await upstream.pushCatalog(INDEX, files, { tag: 'v4.17' });
    upstream.writeImageSet({
      platform: { graph: true, channels: [{ name: 'stable-4.17', minVersion: '4.17.4', maxVersion: '4.17.5' }] },
      operators: [{ catalog: `${INDEX}:v4.17` }],
      blockedImages: [
        { name: 'redhat-operator-index' },
        { name: 'ocp-release:4.17.4-' },
        { name: 'release:.*-must-gather$' },
      ],
    });
    const mapping = await mappingOf(upstream);
    assert.deepEqual(
      mapping.filter((text) => /operator-index|release-images:4.17.4|must-gather/.test(text)),
      [],
    );
    const { files: written, objects } = await resourcesOf(upstream);
    assert.deepEqual(written, [
      'idms-oc-mirror.yaml',
      'itms-oc-mirror.yaml',
      'signature-configmap.json',
      'signature-configmap.yaml',
      'updateService.yaml',
    ]);
    const { binaryData } = objects.get('mirrored-release-signatures') as { binaryData: object } & Record<
      string,
      unknown
    >;
    assert.deepEqual(Object.keys(binaryData), [`sha256-${hexOf(releases[1]!.root.digest)}-1`]);
  });
});
