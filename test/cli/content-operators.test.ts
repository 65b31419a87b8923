/**
 * Filtered catalogs through the built command line, as they come out of a bundle: the files byte for byte, the images and
 * their names (oc-mirror behaviour, "Filter algorithm" and "Rebuilding the filtered catalog"). The expected files are
 * written out by hand from those rules.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { hexOf, type Digest } from '../../src/oci/digest.ts';
import { layerFiles, readEntry } from '../../src/oci/layer.ts';
import type { ImageIndex, ImageManifest } from '../../src/oci/types.ts';
import { PlanReportSchema } from '../../src/workflows/plan-report.ts';
import { catalog } from '../support/catalogs.ts';
import { image, type BuiltContent } from '../support/images.ts';
import { openUpstream, type Upstream } from '../support/upstream.ts';
import { plainRegistries } from '../support/shared-registries.ts';

const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';
const OPS = 'registry.redhat.io/ops';
const NAMES = ['alpha-bundle', 'alpha', 'proxy', 'beta-bundle', 'beta'];
const IMAGES: Readonly<Record<string, BuiltContent>> = Object.fromEntries(
  NAMES.map((name) => [name, image().layer(`opt/${name}`, name).build()]),
);
const reference = (name: string): string => `${OPS}/${name}@${IMAGES[name]!.root.digest}`;

async function upstreamFor(t: TestContext): Promise<Upstream | undefined> {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const upstream = await openUpstream(t, access);
  for (const name of NAMES) await upstream.push(`${OPS}/${name}`, IMAGES[name]!);
  return upstream;
}

/** The files of every rebuilt catalog in a bundle of this selection, by path below its folder. */
async function packed(upstream: Upstream, operators: readonly object[]): Promise<Record<string, string>[]> {
  upstream.writeImageSet({ operators });
  const plan = PlanReportSchema.parse(
    JSON.parse((await upstream.succeed('plan', '-c', 'imageset.yaml', '--json')).stdout),
  );
  await upstream.succeed('pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--unsigned');
  const blobs = join(upstream.folder, 'blobs');
  rmSync(blobs, { recursive: true, force: true });
  execFileSync('tar', ['xf', 'x.tar', '--wildcards', 'blobs/*'], { cwd: upstream.folder });
  const pathOf = (digest: Digest) => join(blobs, 'sha256', hexOf(digest));
  const json = (digest: Digest): unknown => JSON.parse(readFileSync(pathOf(digest), 'utf8'));
  const catalogs: Record<string, string>[] = [];
  for (const { rebuilt } of plan.catalogs) {
    if (rebuilt === undefined) continue;
    const manifest = json((json(rebuilt.digest) as ImageIndex).manifests[0]!.digest) as ImageManifest;
    const files: Record<string, string> = {};
    for (const layer of manifest.layers) {
      for await (const entry of layerFiles(createReadStream(pathOf(layer.digest)), layer.mediaType, 'layer')) {
        if (entry.path === '.wh.configs') for (const path of Object.keys(files)) delete files[path];
        else if (entry.type === 'file' && entry.path.startsWith('configs/'))
          files[entry.path.slice('configs/'.length)] = (await readEntry(entry, 1_000_000, 'layer')).toString();
      }
    }
    catalogs.push(files);
  }
  return catalogs;
}

/** Documents as the vendor tool writes them, the keys in the order given here. */
const written = (...documents: readonly object[]): string =>
  documents.map((one) => `${JSON.stringify(one, null, 4)}\n`).join('');

/** alpha in JSON with everything the format has, beta in YAML, and documents of nobody. */
function sourceFiles(): Map<string, string> {
  const alpha = catalog()
    .package('alpha', {
      properties: [{ value: { z: 1, a: '<&>' }, type: 'note' }],
      description: 'Ä <b>',
      icon: { mediatype: 'image/svg+xml', base64data: 'YW\nJj' },
      defaultChannel: 'stable',
      unknown: true,
    })
    .channel(
      'stable',
      [
        'alpha.v1.2.0 replaces alpha.v1.1.0 skips alpha.v1.1.1 skipRange <1.2.0',
        'alpha.v1.1.1',
        'alpha.v1.1.0 replaces alpha.v1.0.0',
        'alpha.v1.0.0',
      ],
      {
        properties: [{ type: 'x', value: [1.5, 1e3] }],
      },
    )
    .channel('candidate', ['alpha.v2.0.0'])
    .channel('alpha', ['alpha.v1.0.0'])
    .deprecate(
      'olm.package',
      'olm.channel candidate',
      'olm.channel alpha',
      'olm.bundle alpha.v1.0.0',
      'olm.bundle alpha.v1.2.0',
    )
    .document({ schema: 'zeta.note', package: 'alpha', b: { d: 1, c: 2 }, a: null })
    .document({ schema: 'acme.note', package: 'alpha', name: 'second' })
    .document({ schema: 'acme.note', package: 'alpha', name: 'first' })
    .document({ schema: 'acme.note', package: 'gamma' })
    .document({ name: 'global', schema: 'acme.note' })
    .package('gamma', { defaultChannel: 'c' })
    .channel('c', ['gamma.v1'])
    .bundles({ 'gamma.v1': '1.0.0' });
  const bundle = (version: string) =>
    JSON.stringify({
      relatedImages: [
        { image: reference('alpha') },
        { image: reference('proxy'), name: 'proxy' },
        { name: '', image: reference('alpha-bundle') },
      ],
      properties: [
        { type: 'olm.csv.metadata', value: { keywords: ['b', 'a'], annotations: { y: '2', x: '<1>' } } },
        { type: 'olm.package', value: { version, packageName: 'alpha' } },
      ],
      image: reference('alpha-bundle'),
      name: `alpha.v${version}`,
      package: 'alpha',
      extra: 1,
      schema: 'olm.bundle',
    });
  const beta = [
    'schema: olm.package\nname: beta\ndefaultChannel: v1',
    'schema: olm.channel\npackage: beta\nname: v1\nentries: [{name: beta.v1.0.1, replaces: beta.v1.0.0}, {name: beta.v1.0.0}]',
    `schema: olm.bundle\npackage: beta\nname: beta.v1.0.0\nimage: ${reference('beta-bundle')}\nproperties:\n- {type: olm.package, value: {packageName: beta, version: 1.0.0}}\nrelatedImages:\n- {name: op, image: '${reference('beta')}'}\n- {name: '', image: '${reference('beta-bundle')}'}`,
    `schema: olm.bundle\npackage: beta\nname: beta.v1.0.1\nimage: ${OPS}/none@${IMAGES['beta']!.root.digest}\nproperties:\n- {type: olm.package, value: {packageName: beta, version: 1.0.1}}`,
  ].join('\n---\n');
  return new Map([
    ...alpha.files(),
    [
      'nested/deep/bundles.json',
      ['1.2.0', '1.1.1', '1.1.0', '1.0.0', '2.0.0'].map((version) => bundle(version)).join('\n'),
    ],
    ['beta/catalog.yaml', beta],
  ]);
}

const alphaBundle = (version: string): object => ({
  schema: 'olm.bundle',
  name: `alpha.v${version}`,
  package: 'alpha',
  image: reference('alpha-bundle'),
  properties: [
    { type: 'olm.csv.metadata', value: { annotations: { x: '<1>', y: '2' }, keywords: ['b', 'a'] } },
    { type: 'olm.package', value: { packageName: 'alpha', version } },
  ],
  relatedImages: [
    { name: '', image: reference('alpha') },
    { name: 'proxy', image: reference('proxy') },
    { name: '', image: reference('alpha-bundle') },
  ],
});

const ALPHA_PACKAGE = {
  schema: 'olm.package',
  name: 'alpha',
  defaultChannel: 'stable',
  icon: { base64data: 'YWJj', mediatype: 'image/svg+xml' },
  description: 'Ä <b>',
  properties: [{ type: 'note', value: { a: '<&>', z: 1 } }],
};
const ALPHA_NOTES = [
  { name: 'second', package: 'alpha', schema: 'acme.note' },
  { name: 'first', package: 'alpha', schema: 'acme.note' },
  { a: null, b: { c: 2, d: 1 }, package: 'alpha', schema: 'zeta.note' },
];
const GLOBAL = { name: 'global', schema: 'acme.note' };
const deprecationsOf = (...references: readonly { readonly schema: string; readonly name?: string }[]): object => ({
  schema: 'olm.deprecations',
  package: 'alpha',
  entries: references.map((one) => ({ reference: one, message: `${Object.values(one).join(' ')} is old` })),
});

test('ranges and heads of several channels, an exact version, opaque documents and deprecations: every file byte for byte', async (t) => {
  const upstream = await upstreamFor(t);
  if (upstream === undefined) return;
  await upstream.pushCatalog(INDEX, sourceFiles(), { tag: 'v4.17', platforms: ['linux/amd64', 'linux/s390x'] });
  const [files] = await packed(upstream, [
    {
      catalog: `${INDEX}:v4.17`,
      packages: [
        { name: 'alpha', channels: [{ name: 'stable', minVersion: '1.1.0' }, { name: 'candidate' }] },
        { name: 'beta', minVersion: '1.0.0', maxVersion: '1.0.0' },
      ],
    },
  ]);
  assert.deepEqual(files, {
    'alpha/catalog.json': written(
      ALPHA_PACKAGE,
      { schema: 'olm.channel', name: 'candidate', package: 'alpha', entries: [{ name: 'alpha.v2.0.0' }] },
      {
        schema: 'olm.channel',
        name: 'stable',
        package: 'alpha',
        entries: [
          { name: 'alpha.v1.2.0', replaces: 'alpha.v1.1.0', skips: ['alpha.v1.1.1'], skipRange: '<1.2.0' },
          { name: 'alpha.v1.1.1' },
          { name: 'alpha.v1.1.0', replaces: 'alpha.v1.0.0' },
        ],
        properties: [{ type: 'x', value: [1.5, 1000] }],
      },
      ...['1.1.0', '1.1.1', '1.2.0', '2.0.0'].map((version) => alphaBundle(version)),
      ...ALPHA_NOTES,
      deprecationsOf(
        { schema: 'olm.package' },
        { schema: 'olm.channel', name: 'candidate' },
        { schema: 'olm.bundle', name: 'alpha.v1.2.0' },
      ),
    ),
    'beta/catalog.json': written(
      { schema: 'olm.package', name: 'beta', defaultChannel: 'v1' },
      { schema: 'olm.channel', name: 'v1', package: 'beta', entries: [{ name: 'beta.v1.0.0' }] },
      {
        schema: 'olm.bundle',
        name: 'beta.v1.0.0',
        package: 'beta',
        image: reference('beta-bundle'),
        properties: [{ type: 'olm.package', value: { packageName: 'beta', version: '1.0.0' } }],
        relatedImages: [
          { name: 'op', image: reference('beta') },
          { name: '', image: reference('beta-bundle') },
        ],
      },
    ),
    'catalog.json': written(GLOBAL),
  });
});

test('two entries of one catalog, full and with another default channel; the images once, both catalogs by their names', async (t) => {
  const upstream = await upstreamFor(t);
  if (upstream === undefined) return;
  const { digest } = await upstream.pushCatalog(INDEX, sourceFiles(), { tag: 'v4.17' });
  const operators = [
    { catalog: `${INDEX}:v4.17`, full: true, packages: [{ name: 'alpha', channels: [{ name: 'stable' }] }] },
    {
      catalog: `${INDEX}@${digest}`,
      targetCatalog: 'a/b/c',
      targetTag: 'V4.17_x',
      packages: [{ name: 'alpha', defaultChannel: 'alpha', channels: [{ name: 'alpha' }] }],
    },
  ];
  const [full, other] = await packed(upstream, operators);
  assert.deepEqual(Object.keys(full!), ['alpha/catalog.json', 'catalog.json']);
  assert.deepEqual(full!['alpha/catalog.json']!.match(/(?<="name": ")alpha\.v[\d.]+(?=",\n {4}"package")/g), [
    'alpha.v1.0.0',
    'alpha.v1.1.0',
    'alpha.v1.1.1',
    'alpha.v1.2.0',
  ]);
  assert.deepEqual(other, {
    'alpha/catalog.json': written(
      { ...ALPHA_PACKAGE, defaultChannel: 'alpha' },
      { schema: 'olm.channel', name: 'alpha', package: 'alpha', entries: [{ name: 'alpha.v1.0.0' }] },
      alphaBundle('1.0.0'),
      ...ALPHA_NOTES,
      deprecationsOf(
        { schema: 'olm.package' },
        { schema: 'olm.channel', name: 'alpha' },
        { schema: 'olm.bundle', name: 'alpha.v1.0.0' },
      ),
    ),
    'catalog.json': written(GLOBAL),
  });
  // The vendor tool loses the first of two entries that resolve to one digest; whoever writes both wants both.
  await upstream.succeed('plan', '-c', 'imageset.yaml', '--mapping', 'mapping.txt');
  const cached = (name: string, target: string) => `docker://${name}=docker://localhost:55000/${target}`;
  assert.deepEqual(
    readFileSync(join(upstream.folder, 'mapping.txt'), 'utf8').trimEnd().split('\n').toSorted(),
    [
      ...['alpha', 'alpha-bundle', 'proxy'].map((name) =>
        cached(reference(name), `ops/${name}:sha256-${hexOf(IMAGES[name]!.root.digest)}`),
      ),
      cached(`${INDEX}@${digest}`, 'a/b/c:V4.17_x'),
      cached(`${INDEX}@${digest}`, 'redhat/redhat-operator-index:v4.17'),
    ].toSorted(),
  );
});
