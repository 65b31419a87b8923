import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import type { GeneratedImage, ImageRequest } from '../../../src/mirror/mirror-plan.ts';
import { resolvePlan } from '../../../src/mirror/plan.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { layerFiles, readEntry } from '../../../src/oci/layer.ts';
import { formatReference } from '../../../src/oci/reference.ts';
import type { Descriptor, ImageIndex, ImageManifest } from '../../../src/oci/types.ts';
import { catalog, catalogImage, imageNamed, type BuiltCatalogImage } from '../../support/catalogs.ts';
import { catalogContext, collectCatalogs } from '../../support/collect-catalogs.ts';

const recorded = (file: string) =>
  readFileSync(new URL(`../../fixtures/catalogs/recorded/${file}`, import.meta.url), 'utf8');

/** The files of the last layer of the first instance: the filtered catalog. */
async function filteredFiles(generated: GeneratedImage): Promise<Record<string, string>> {
  const json = (digest: string): unknown =>
    JSON.parse(Buffer.from(generated.manifests.get(digest as Digest)!).toString());
  const manifest = json((json(generated.root.digest) as ImageIndex).manifests[0]!.digest) as ImageManifest;
  const layer = manifest.layers.at(-1) as Descriptor;
  const files: Record<string, string> = {};
  for await (const entry of layerFiles(await generated.blobs.get(layer.digest)!.open(), layer.mediaType, 'layer')) {
    if (entry.type === 'file' && entry.path.startsWith('configs/'))
      files[entry.path] = (await readEntry(entry, 1_000_000, 'layer')).toString();
  }
  return files;
}

const show = ({ kind, origin, target }: ImageRequest) =>
  `${kind} ${origin.replace(/sha256:.*/, '…')} → ${target.repository}`;

const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';

/** The catalog of the recorded run as far as its result shows it, with more that must be filtered away. */
function recordedUpstream(): BuiltCatalogImage {
  const rest = catalog()
    .package('alpha-operator')
    .channel('stable', ['alpha-operator.v2.0.0 replaces alpha-operator.v1.0.0', 'alpha-operator.v1.0.0'])
    .bundles({ 'alpha-operator.v1.0.0': '1.0.0', 'alpha-operator.v2.0.0': '2.0.0' })
    .package('beta-operator')
    .channel('v2.0', ['beta-operator.v2.0.0'])
    .bundles({ 'beta-operator.v2.0.0': '2.0.0', 'beta-operator.v1.0.1': '1.0.1', 'beta-operator.v1.1.0': '1.1.0' })
    .package('gamma-operator', { defaultChannel: 'c' })
    .channel('c', ['gamma-operator.v1.0.0'])
    .bundles({ 'gamma-operator.v1.0.0': '1.0.0' })
    .documents()
    .filter((one) => one['schema'] !== 'olm.package' || one['name'] === 'gamma-operator');
  // The real run re-encoded numbers, sorted keys, cut channels and deprecations down.
  const alpha = recorded('alpha-operator/catalog.json')
    .replace('"defaultChannel": "candidate"', '"defaultChannel": "stable"')
    .replace('1000,', '1e3,')
    .replace('12345678901234567000', '12345678901234567890')
    .replace('"z": 1', '"z": 1.0')
    .replace(
      '"payload": {\n        "a": "<x>",\n        "b": 1,',
      '"payload": {\n        "b": 1.0,\n        "a": "<x>",',
    )
    .replace(
      '"entries": [\n        {\n            "name"',
      '"entries": [{"name":"alpha-operator.v2.0.0"},\n        {\n            "name"',
    )
    .replace(
      '"entries": [\n        {\n            "reference"',
      '"entries": [{"reference":{"schema":"olm.bundle","name":"alpha-operator.v1.0.0"},"message":"x"}, {"reference":{"schema":"olm.channel","name":"stable"},"message":"x"},\n        {\n            "reference"',
    );
  const beta = recorded('beta-operator/catalog.json').replaceAll(
    /"entries": \[\n {8}\{\n {12}"name": "beta-operator\.(v1\.[01])\.(\d)",\n {12}"replaces": "([^"]+)"\n/g,
    '"entries": [{"name":"$3"},\n{"name": "beta-operator.$1.$2", "replaces": "$3"\n',
  );
  const files = new Map([
    ['x/alpha.json', alpha],
    ['global.json', recorded('catalog.json')],
    ['y/beta.json', beta],
    ['zz/rest.json', rest.map((one) => JSON.stringify(one)).join('\n')],
  ]);
  return catalogImage(files, { platforms: ['linux/amd64', 'linux/arm64'], isDocker: true });
}

const RECORDED_SELECTION = `
  - catalog: ${INDEX}:v4.17
    packages:
    - name: alpha-operator
      defaultChannel: candidate
      channels:
      - name: candidate
    - name: beta-operator
      channels:
      - name: v1.0
      - name: v1.1
    - name: does-not-exist
`;

test('a recorded run of the vendor tool is reproduced: filtered files byte for byte, images and target names', async () => {
  const collection = await collectCatalogs(
    RECORDED_SELECTION,
    { [INDEX]: recordedUpstream() },
    { unknownNames: 'warn' },
  );
  const request = collection.images.find(({ kind }) => kind === 'catalog')!;
  assert.deepEqual(await filteredFiles(request.generated!), {
    'configs/alpha-operator/catalog.json': recorded('alpha-operator/catalog.json'),
    'configs/beta-operator/catalog.json': recorded('beta-operator/catalog.json'),
    'configs/catalog.json': recorded('catalog.json'),
  });
  const host = 'registry.redhat.io';
  assert.deepEqual(collection.images.map(show).toSorted(), [
    `catalog ${INDEX}:v4.17 → redhat/redhat-operator-index`,
    `operatorBundle ${host}/alpha/alpha-operator-bundle@… → alpha/alpha-operator-bundle`,
    `operatorBundle ${host}/beta/beta-operator-bundle@… → beta/beta-operator-bundle`,
    `operatorBundle ${host}/beta/beta-operator-bundle@… → beta/beta-operator-bundle`,
    `relatedImage ${host}/alpha/alpha-operator@… → alpha/alpha-operator`,
    `relatedImage ${host}/beta/beta-operator@… → beta/beta-operator`,
    `relatedImage ${host}/beta/beta-operator@… → beta/beta-operator`,
    `relatedImage ${host}/shared/kube-rbac-proxy@… → shared/kube-rbac-proxy`,
  ]);
  for (const { target, source } of collection.images.filter(({ kind }) => kind !== 'catalog')) {
    assert.equal(target.tag, source.digest?.replace(':', '-'));
  }
  assert.equal(request.target.tag, 'v4.17');
  assert.equal(request.source.tag, undefined);
  assert.deepEqual(
    collection.warnings.map(({ message }) => message),
    [`${INDEX}:v4.17: there is no package "does-not-exist"`],
  );
});

test('without leave a package that does not exist stops the run', async () => {
  await assert.rejects(
    collectCatalogs(RECORDED_SELECTION, { [INDEX]: recordedUpstream() }),
    (error) => isAirgapError(error, 'E_CONFIG') && /no package "does-not-exist"/.test(error.message),
  );
});

const two = catalog()
  .package('alpha', { defaultChannel: 'stable' })
  .channel('stable', ['alpha.2 replaces alpha.1', 'alpha.1'])
  .channel('fast', ['alpha.2'])
  .bundles({ 'alpha.1': '1.0.0', 'alpha.2': '2.0.0' })
  .package('beta', { defaultChannel: 'c' })
  .channel('c', ['beta.1'])
  .bundle('beta.1', '1.0.0', { relatedImages: [{ name: 'shared', image: imageNamed('alpha/alpha.2') }] });

test('every image says why it is in; one that several operator bundles share is taken once', async () => {
  const { images } = await collectCatalogs('  - catalog: r.example.com/two:v1\n', {
    'r.example.com/two': catalogImage(two.files()),
  });
  const because = (repository: string) => images.find(({ target }) => target.repository === repository)?.because;
  assert.deepEqual(because('alpha/alpha.2-bundle'), [
    'catalog r.example.com/two:v1',
    'package alpha',
    'channel stable, fast',
    'operator bundle alpha.2',
  ]);
  assert.deepEqual(because('alpha/alpha.2')?.at(-1), 'and 1 more operator bundle');
  assert.deepEqual(because('two'), ['catalog r.example.com/two:v1']);
  assert.equal(images.filter(({ target }) => target.repository === 'alpha/alpha.2').length, 1);
});

test('a bundle image that its operator bundle does not list is taken too', async () => {
  const { images } = await collectCatalogs('  - catalog: r.example.com/two:v1\n    packages: [{name: beta}]\n', {
    'r.example.com/two': catalogImage(two.files()),
  });
  assert.deepEqual(
    images.map(({ kind, target }) => `${kind} ${target.repository}`),
    ['relatedImage alpha/alpha.2', 'operatorBundle beta/beta.1-bundle', 'catalog two'],
  );
});

test('a full catalog travels untouched with all its operator bundles', async () => {
  const built = catalogImage(two.files());
  const { images, catalogs } = await collectCatalogs('  - catalog: r.example.com/two:v1\n    full: true\n', {
    'r.example.com/two': built,
  });
  const request = images.at(-1)!;
  assert.equal(request.generated, undefined);
  assert.equal(request.source.digest, built.root.digest);
  assert.ok(images.some(({ target }) => target.repository === 'alpha/alpha.1-bundle'));
  assert.equal(catalogs[0]?.isFull, true);
  assert.equal(catalogs[0]?.rebuilt, undefined);
});

test('what is kept is there as data', async () => {
  const built = catalogImage(two.files());
  const operators = `  - catalog: r.example.com/two:v1
    targetCatalog: my/catalog
    targetTag: small
    targetCatalogSourceTemplate: cs.yaml
    packages: [{name: alpha, channels: [{name: stable}]}]
`;
  const { catalogs, images } = await collectCatalogs(operators, { 'r.example.com/two': built });
  const [info] = catalogs;
  assert.equal(info?.digest, built.root.digest);
  assert.deepEqual(info?.target, { repository: 'my/catalog', tag: 'small' });
  assert.equal(info?.sourceTemplate, 'cs.yaml');
  assert.equal(info?.rebuilt?.digest, images.at(-1)?.generated?.root.digest);
  assert.match(info?.rebuilt?.filterHash ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(info?.packages, [
    {
      name: 'alpha',
      defaultChannel: 'stable',
      channels: [{ name: 'stable', bundles: ['alpha.2'] }],
      bundles: [
        {
          name: 'alpha.2',
          version: '2.0.0',
          images: [imageNamed('alpha/alpha.2'), imageNamed('alpha/alpha.2-bundle')],
        },
      ],
    },
  ]);
});

test('a catalog by digest is named after its rebuilt index when filtered, after itself when full', async () => {
  const built = catalogImage(two.files());
  const reference = `r.example.com/two@${built.root.digest}`;
  const filtered = await collectCatalogs(`  - catalog: ${reference}\n`, { 'r.example.com/two': built });
  const rebuilt = filtered.catalogs[0]!.rebuilt!.digest;
  assert.deepEqual(filtered.images.at(-1)?.target, { repository: 'two', tag: rebuilt.replace(':', '-') });
  const full = await collectCatalogs(`  - catalog: ${reference}\n    full: true\n`, { 'r.example.com/two': built });
  assert.deepEqual(full.images.at(-1)?.target, { repository: 'two', tag: built.root.digest.replace(':', '-') });
});

test('a rebuilt catalog is planned from what is new and the layers of the original', async () => {
  const built = catalogImage(two.files(), { platforms: ['linux/amd64', 'linux/arm64'], isDocker: true });
  const sources = { 'r.example.com/two': built };
  const entry = '  - catalog: r.example.com/two:v1\n    platforms: [{os: linux, architecture: arm64}]\n';
  const { images, ...rest } = await collectCatalogs(entry, sources);
  const catalogs = images.filter(({ kind }) => kind === 'catalog');
  const options = { allowGaps: false, withSignatures: false, allowMissingSignatures: false };
  const plan = await resolvePlan([{ ...rest, images: catalogs }], catalogContext(sources), options);
  assert.equal(plan.images[0]?.root.digest, catalogs[0]?.generated?.root.digest);
  assert.equal(plan.manifests.size, 2);
  const origins = plan.blobs.map((blob) =>
    blob.generated ? 'new' : blob.sources.map((ref) => formatReference(ref)).join(),
  );
  assert.deepEqual(
    Object.fromEntries([...Map.groupBy(origins, (one) => one)].map(([key, list]) => [key, list.length])),
    {
      // Config, whiteouts, content; the three layers of the original.
      new: 3,
      'r.example.com/two': 3,
    },
  );
});

test('listed packages are read in one go, a whole catalog in two', async () => {
  const times = async (packages: string) => {
    const built = catalogImage(two.files());
    await collectCatalogs(`  - catalog: r.example.com/two:v1\n${packages}`, { 'r.example.com/two': built });
    return Math.max(...built.fetched.values());
  };
  assert.equal(await times('    packages: [{name: alpha}]\n'), 1);
  assert.equal(await times(''), 2);
});

test('an image of several catalogs is taken for all platforms that any of them wants', async () => {
  const built = catalogImage(two.files(), { platforms: ['linux/amd64', 'linux/arm64', 'linux/s390x'] });
  const entry = (name: string, architecture: string) =>
    `  - catalog: r.example.com/${name}:v1\n${architecture === '' ? '' : `    platforms: [{os: linux, architecture: ${architecture}}]\n`}`;
  const sources = { 'r.example.com/one': built, 'r.example.com/two': built };
  const platformsOf = async (operators: string) => {
    const { images } = await collectCatalogs(operators, sources);
    return images
      .find(({ target }) => target.repository === 'alpha/alpha.2')
      ?.platforms?.map((one) => one.architecture);
  };
  assert.deepEqual(await platformsOf(entry('one', 'amd64') + entry('two', 'arm64')), ['amd64', 'arm64']);
  assert.equal(await platformsOf(entry('one', 'amd64') + entry('two', '')), undefined);
});

const BAD_IMAGES = ['', 'r.example.com/no-tag', 'oci:///local', 'r.example.com/a@sha256:12', 'r.example.com/UPPER:v1'];

for (const image of BAD_IMAGES) {
  test(`an operator bundle with the image reference "${image}" stops the run, naming the operator bundle`, async () => {
    const bad = catalog().package('p', { defaultChannel: 'c' }).channel('c', ['x']);
    const built = catalogImage(bad.bundle('x', '1.0.0', { relatedImages: [{ name: 'a', image }] }).files());
    await assert.rejects(
      collectCatalogs('  - catalog: r.example.com/bad:v1\n', { 'r.example.com/bad': built }),
      (error) =>
        isAirgapError(error, 'E_CONFIG') && /package p, operator bundle x: image reference/.test(error.message),
    );
  });
}

test('related images by tag, and by tag and digest, keep the tag on the target', async () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  const relatedImages = [
    { name: 'tag', image: 'r.example.com/a/b:v1' },
    { name: 'both', image: `r.example.com/a/c:v2@${digest}` },
  ];
  const one = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x'])
    .bundle('x', '1.0.0', { relatedImages });
  const { images } = await collectCatalogs('  - catalog: r.example.com/one:v1\n', {
    'r.example.com/one': catalogImage(one.files()),
  });
  assert.deepEqual(
    images
      .slice(0, 2)
      .map(({ origin, source, target }) => [origin, formatReference(source), `${target.repository}:${target.tag}`]),
    [
      ['r.example.com/a/b:v1', 'r.example.com/a/b:v1', 'a/b:v1'],
      [`r.example.com/a/c:v2@${digest}`, `r.example.com/a/c@${digest}`, 'a/c:v2'],
    ],
  );
});

test('needs that nothing selected meets are warnings that name the package to add', async () => {
  const needy = two
    .package('app', { defaultChannel: 'c' })
    .channel('c', ['app.1'])
    .bundle('app.1', '1.0.0', {
      properties: [{ type: 'olm.package.required', value: { packageName: 'beta', versionRange: '>=1.0.0' } }],
    });
  const sources = { 'r.example.com/needy': catalogImage(needy.files()) };
  const entry = '  - catalog: r.example.com/needy:v1\n';
  const { warnings } = await collectCatalogs(`${entry}    packages: [{name: app}]\n`, sources);
  assert.deepEqual(warnings, [
    {
      code: 'W_CATALOG',
      message:
        'app.1: needs package beta in version >=1.0.0, which is not selected; add it to the packages of r.example.com/needy:v1',
    },
  ]);
  assert.deepEqual((await collectCatalogs(entry, sources)).warnings, []);
});

test('the problems of all catalogs are told together', async () => {
  const built = catalogImage(two.files());
  const entry = (name: string) => `  - catalog: r.example.com/${name}:v1\n    packages: [{name: alpah}]\n`;
  await assert.rejects(
    collectCatalogs(entry('one') + entry('two'), { 'r.example.com/one': built, 'r.example.com/two': built }),
    (error) => isAirgapError(error, 'E_CONFIG') && error.message.match(/did you mean alpha\?/g)?.length === 2,
  );
});

test('a defect that the catalog has where it comes from is a warning', async () => {
  const gap = catalog()
    .package('p', { defaultChannel: 'c' })
    .channel('c', ['x2 replaces x1', 'x1'])
    .bundles({ x1: '1.0.0' });
  const { warnings } = await collectCatalogs(
    '  - catalog: r.example.com/gap:v1\n    packages: [{name: p, minVersion: 0.0.1}]\n',
    {
      'r.example.com/gap': catalogImage(
        gap
          .document({
            schema: 'olm.deprecations',
            package: 'p',
            entries: [{ reference: { schema: 'odd' }, message: 'm' }],
          })
          .files(),
      ),
    },
  );
  assert.match(
    warnings.map(({ message }) => message).join(),
    /deprecations of p: odd is of an unknown schema; the catalog has this defect/,
  );
});
