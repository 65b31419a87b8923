/** Operator catalogs through the built command line: what is selected and why, and what is wrong with a catalog or a wish. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { digestTag } from '../../src/oci/reference.ts';
import { PlanReportSchema, type PlanReport } from '../../src/workflows/plan-report.ts';
import { catalog, type BundleFields } from '../support/catalogs.ts';
import { image, index, type BuiltContent } from '../support/images.ts';
import type { CliResult } from '../support/run-cli.ts';
import { openUpstream, type Upstream } from '../support/upstream.ts';
import { plainRegistries } from '../support/shared-registries.ts';

const kind = plainRegistries[0]!;
const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';
const OPS = 'registry.redhat.io/ops';

const platformImage = (name: string, platform: string): BuiltContent =>
  image().platform(platform).layer(`opt/${name}`, `${name} ${platform}`).build();
const both = (name: string): BuiltContent =>
  index(['linux/amd64', 'linux/arm64'].map((platform) => platformImage(name, platform))).build();

const IMAGES = Object.fromEntries(
  ['alpha-bundle', 'alpha', 'proxy', 'beta-bundle', 'beta'].map((name) => [name, both(name)]),
);
const reference = (name: string): string => `${OPS}/${name}@${IMAGES[name]!.root.digest}`;
const bundleOf = (name: string, more: BundleFields = {}): BundleFields => ({
  image: reference(`${name}-bundle`),
  relatedImages: [
    { name: 'operator', image: reference(name) },
    { name: 'proxy', image: reference('proxy') },
    { name: '', image: reference(`${name}-bundle`) },
  ],
  ...more,
});

/** alpha with two channels, beta that needs alpha. */
const operators = catalog()
  .package('alpha-operator', { defaultChannel: 'stable' })
  .channel('stable', ['alpha.v1.2.0 replaces alpha.v1.1.0', 'alpha.v1.1.0 replaces alpha.v1.0.0', 'alpha.v1.0.0'])
  .channel('candidate', ['alpha.v2.0.0'])
  .bundle('alpha.v1.0.0', '1.0.0', bundleOf('alpha'))
  .bundle('alpha.v1.1.0', '1.1.0', bundleOf('alpha'))
  .bundle('alpha.v1.2.0', '1.2.0', bundleOf('alpha'))
  .bundle('alpha.v2.0.0', '2.0.0', bundleOf('alpha'))
  .package('beta-operator', { defaultChannel: 'v1' })
  .channel('v1', ['beta.v1.0.0'])
  .bundle(
    'beta.v1.0.0',
    '1.0.0',
    bundleOf('beta', {
      properties: [{ type: 'olm.package.required', value: { packageName: 'alpha-operator', versionRange: '>=1.0.0' } }],
    }),
  );

/** An upstream with the images of both operators. */
async function upstreamFor(t: TestContext): Promise<Upstream | undefined> {
  const access = await kind.open(t);
  if (access === undefined) return undefined;
  const upstream = await openUpstream(t, access);
  for (const [name, built] of Object.entries(IMAGES)) await upstream.push(`${OPS}/${name}`, built);
  return upstream;
}

async function planOf(upstream: Upstream, list: readonly object[], ...more: readonly string[]): Promise<PlanReport> {
  upstream.writeImageSet({ operators: list });
  const { stdout } = await upstream.succeed('plan', '-c', 'imageset.yaml', '--json', ...more);
  return PlanReportSchema.parse(JSON.parse(stdout));
}

async function failure(upstream: Upstream, list: readonly object[], ...more: readonly string[]): Promise<CliResult> {
  upstream.writeImageSet({ operators: list });
  const result = await upstream.run('plan', '-c', 'imageset.yaml', ...more);
  assert.notEqual(result.status, 0, result.stdout);
  return result;
}

const versions = (plan: PlanReport): string[] =>
  plan.catalogs.flatMap((one) =>
    one.packages.flatMap((item) => item.bundles.map((bundle) => `${item.name} ${bundle.version}`)),
  );

describe('what is taken of a catalog', () => {
  test('heads, channels, ranges and everything, each image with the chain that brought it in', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    await upstream.pushCatalog(INDEX, operators.files(), { tag: 'v4.17', platforms: ['linux/amd64', 'linux/arm64'] });
    const alpha = { catalog: `${INDEX}:v4.17`, packages: [{ name: 'alpha-operator' }] };
    const cases: readonly (readonly [object, string[]])[] = [
      [alpha, ['alpha-operator 1.2.0', 'alpha-operator 2.0.0']],
      [{ ...alpha, packages: [{ name: 'alpha-operator', channels: [{ name: 'stable' }] }] }, ['alpha-operator 1.2.0']],
      [
        {
          ...alpha,
          packages: [
            { name: 'alpha-operator', channels: [{ name: 'stable', minVersion: '1.1.0', maxVersion: 'v1.2' }] },
          ],
        },
        ['alpha-operator 1.1.0', 'alpha-operator 1.2.0'],
      ],
      [
        {
          ...alpha,
          packages: [{ name: 'alpha-operator', defaultChannel: 'candidate', channels: [{ name: 'candidate' }] }],
        },
        ['alpha-operator 2.0.0'],
      ],
      [{ catalog: `${INDEX}:v4.17` }, ['alpha-operator 1.2.0', 'alpha-operator 2.0.0', 'beta-operator 1.0.0']],
      [
        { ...alpha, full: true },
        ['alpha-operator 1.0.0', 'alpha-operator 1.1.0', 'alpha-operator 1.2.0', 'alpha-operator 2.0.0'],
      ],
    ];
    for (const [entry, expected] of cases) {
      assert.deepEqual(versions(await planOf(upstream, [entry])), expected, JSON.stringify(entry));
    }
    const plan = await planOf(upstream, [
      { ...alpha, packages: [{ name: 'alpha-operator', channels: [{ name: 'stable' }] }] },
    ]);
    const proxy = plan.images.find((one) => one.origin === reference('proxy'))!;
    assert.deepEqual(proxy.because, [
      `catalog ${INDEX}:v4.17`,
      'package alpha-operator',
      'channel stable',
      'operator bundle alpha.v1.2.0',
    ]);
    const { stdout } = await upstream.succeed('plan', '-c', 'imageset.yaml');
    assert.match(stdout, /alpha-operator +stable +1\.2\.0 +[\d.]+ KiB +0 B +[\d.]+ KiB/);
  });

  test('an unmet requirement of a kept operator is told, and met by another package', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    await upstream.pushCatalog(INDEX, operators.files(), { tag: 'v4.17' });
    const alone = await planOf(upstream, [{ catalog: `${INDEX}:v4.17`, packages: [{ name: 'beta-operator' }] }]);
    assert.ok(
      alone.warnings.some(({ code, message }) => code === 'W_CATALOG' && message.includes('alpha-operator')),
      JSON.stringify(alone.warnings),
    );
    const together = await planOf(upstream, [
      { catalog: `${INDEX}:v4.17`, packages: [{ name: 'beta-operator' }, { name: 'alpha-operator' }] },
    ]);
    assert.deepEqual(together.warnings, []);
  });

  test('platforms of one catalog leave the others alone; signatures and referrers come with every instance', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const signature = image()
      .rawLayer(Buffer.from('{"critical":{}}'), 'application/vnd.dev.cosign.simplesigning.v1+json', {
        'dev.cosignproject.cosign/signature': 'MEUCIQ==',
      })
      .build();
    const { root } = IMAGES['alpha']!;
    await upstream.push(`${OPS}/alpha`, signature, `${digestTag(root.digest)}.sig`);
    const attested = image()
      .artifactType('application/vnd.in-toto+json')
      .subject({ mediaType: root.mediaType, digest: root.digest, size: root.size })
      .rawLayer(Buffer.from('{}'), 'application/vnd.in-toto+json')
      .build();
    await upstream.push(`${OPS}/alpha`, attested);
    await upstream.pushCatalog(INDEX, operators.files(), { tag: 'v4.17', platforms: ['linux/amd64', 'linux/arm64'] });
    const plan = await planOf(upstream, [
      {
        catalog: `${INDEX}:v4.17`,
        platforms: [{ os: 'linux', architecture: 'amd64' }],
        packages: [{ name: 'alpha-operator', channels: [{ name: 'stable' }] }],
      },
    ]);
    assert.equal(plan.warnings.filter(({ code }) => code === 'W_SPARSE').length, 3, JSON.stringify(plan.warnings));
    const carried = plan.images.filter((one) => one.kind === 'signature');
    assert.deepEqual(
      carried.map(({ target, signatureOf }) => `${target.repository}:${target.tag} of ${signatureOf}`).toSorted(),
      [`ops/alpha:${digestTag(root.digest)}.sig of ${root.digest}`, `ops/alpha:undefined of ${root.digest}`],
    );
  });
});

describe('wishes a catalog can not fulfil', () => {
  test('unknown packages, channels and versions are named with what is near; or left out when that is allowed', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    await upstream.pushCatalog(INDEX, operators.files(), { tag: 'v4.17' });
    const wish = (...packages: readonly object[]) => [{ catalog: `${INDEX}:v4.17`, packages }];
    const cases: readonly (readonly [readonly object[], RegExp])[] = [
      [wish({ name: 'alpha-operater' }), /no package "alpha-operater", did you mean alpha-operator\?/],
      [
        wish({ name: 'alpha-operator', channels: [{ name: 'stabel' }] }),
        /alpha-operator has no channel "stabel", did you mean stable\?; channels: stable, candidate/,
      ],
      [
        wish({ name: 'alpha-operator', channels: [{ name: 'stable', minVersion: '3.0.0' }] }),
        /channel stable: no version is in >=3\.0\.0; versions: 1\.2\.0, 1\.1\.0, 1\.0\.0/,
      ],
      [
        wish({ name: 'alpha-operator', minVersion: '1.1.5', maxVersion: '1.1.5' }),
        /channel stable: no operator bundle has version 1\.1\.5; there are 1\.0\.0, 1\.1\.0, 1\.2\.0/,
      ],
      [
        wish({ name: 'alpha-operator', channels: [{ name: 'candidate' }] }),
        /its default channel "stable" is not selected: add "defaultChannel: candidate"/,
      ],
      [
        wish({ name: 'alpha-operator', defaultChannel: 'candidat', channels: [{ name: 'candidate' }] }),
        /defaultChannel "candidat" is not among the selected channels, did you mean candidate\?/,
      ],
    ];
    for (const [list, expected] of cases) {
      const refused = await failure(upstream, list);
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, expected);
    }
    const all = await failure(upstream, wish({ name: 'gamma' }, { name: 'beta-operator', channels: [{ name: 'v2' }] }));
    assert.match(all.stderr, /"gamma"[\s\S]*has no channel "v2"/, 'all problems in one run');
    const allowed = await planOf(upstream, wish({ name: 'gamma' }, { name: 'beta-operator' }), '--allow-unknown-names');
    assert.deepEqual(versions(allowed), ['beta-operator 1.0.0']);
  });

  test('images hard-coded in what OLM would create are refused by name, unless mirrored, blocked or allowed', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    await upstream.push('gcr.io/kubebuilder/kube-rbac-proxy', platformImage('rbac', 'linux/amd64'), 'v0.5.0');
    const csv = {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'ClusterServiceVersion',
      metadata: { name: 'alpha.v1.0.0' },
      spec: {
        description: 'see docker.io/library/nginx:1.0',
        install: {
          spec: {
            deployments: [
              {
                name: 'manager',
                spec: {
                  template: {
                    spec: {
                      containers: [
                        { name: 'proxy', image: 'gcr.io/kubebuilder/kube-rbac-proxy:v0.5.0' },
                        { name: 'manager', image: reference('alpha'), args: ['--image=quay.io/other/default:1'] },
                      ],
                    },
                  },
                },
              },
            ],
          },
        },
      },
    };
    const data = Buffer.from(JSON.stringify(csv)).toString('base64');
    const files = catalog()
      .package('alpha-operator', { defaultChannel: 'stable' })
      .channel('stable', ['alpha.v1.0.0'])
      .bundle(
        'alpha.v1.0.0',
        '1.0.0',
        bundleOf('alpha', { properties: [{ type: 'olm.bundle.object', value: { data } }] }),
      )
      .files();
    await upstream.pushCatalog(INDEX, files, { tag: 'v4.17' });
    const list = [{ catalog: `${INDEX}:v4.17`, packages: [{ name: 'alpha-operator' }] }];
    const refused = await failure(upstream, list);
    assert.equal(refused.status, 2);
    assert.match(
      refused.stderr,
      /gcr\.io\/kubebuilder\/kube-rbac-proxy:v0\.5\.0 has no mirror \(ClusterServiceVersion\/alpha\.v1\.0\.0: spec\.install/,
    );
    assert.doesNotMatch(refused.stderr, /nginx|ops\/alpha|other\/default/);
    const allowed = await planOf(upstream, list, '--allow-unmirrored');
    assert.equal(allowed.warnings.filter(({ code }) => code === 'W_UNMIRRORED').length, 2);
    for (const more of [
      { additionalImages: [{ name: 'gcr.io/kubebuilder/kube-rbac-proxy:v0.5.0' }] },
      { blockedImages: [{ name: 'kube-rbac-proxy' }] },
    ]) {
      upstream.writeImageSet({ operators: list, ...more });
      await upstream.succeed('plan', '-c', 'imageset.yaml');
    }
  });
});

describe('catalogs that are none', () => {
  test('broken documents are told with file, line and what is wrong', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const good = operators.files().get('alpha-operator/catalog.json')!;
    const cases: readonly (readonly [string, string, RegExp])[] = [
      [
        'cut',
        good.slice(0, 300),
        /file alpha-operator\/catalog\.json:\d+: the document that begins here is not complete/,
      ],
      ['schemaless', `${good}{"name": "x"}\n`, /catalog\.json, document in line \d+: the document has no schema/],
      ['typed', good.replace('"name": "stable"', '"name": 7'), /catalog\.json, document in line \d+: .*name/],
      [
        'headless',
        operators
          .files()
          .get('beta-operator/catalog.json')!
          .replace('"name": "beta.v1.0.0"\n', '"name": "beta.v1.0.0", "replaces": "beta.v1.0.0"\n'),
        /beta-operator, channel v1/,
      ],
    ];
    for (const [tag, text, expected] of cases) {
      const path = tag === 'headless' ? 'beta-operator/catalog.json' : 'alpha-operator/catalog.json';
      await upstream.pushCatalog(INDEX, new Map([[path, text]]), { tag });
      const refused = await failure(upstream, [{ catalog: `${INDEX}:${tag}` }]);
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, expected, tag);
    }
  });

  test('an image without label, an SQLite catalog, an empty one, one that is not there', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const files = operators.files();
    await upstream.pushCatalog(INDEX, files, { tag: 'unlabelled', labels: { vendor: 'test' } });
    await upstream.pushCatalog(INDEX, files, {
      tag: 'sqlite',
      labels: { 'operators.operatorframework.io.index.database.v1': '/database/index.db' },
    });
    await upstream.pushCatalog(INDEX, new Map([['README', '']]), { tag: 'empty' });
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ['unlabelled', 2, /is no operator catalog: it has no label operators\.operatorframework\.io\.index\.configs\.v1/],
      ['sqlite', 2, /is an SQLite catalog, which can not be filtered\n.*opm migrate/],
      ['empty', 2, /redhat-operator-index:empty/],
      ['absent', 6, /redhat-operator-index.*absent/],
    ];
    for (const [tag, status, expected] of cases) {
      const refused = await failure(upstream, [{ catalog: `${INDEX}:${tag}` }]);
      assert.equal(refused.status, status, refused.stderr);
      assert.match(refused.stderr, expected);
    }
  });

  test('every rule for mirror.operators is checked before anything is asked of a registry', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const at = { catalog: `${INDEX}:v4.17` };
    const packages = (...list: readonly object[]) => [{ ...at, packages: list }];
    const cases: readonly (readonly [readonly object[], RegExp])[] = [
      [[{}], /operators\[0\]\.catalog: missing/],
      [[{ catalog: INDEX }], /operators\[0\]\.catalog: .*neither tag nor digest/],
      [[{ catalog: `${INDEX}@sha256:12` }], /operators\[0\]\.catalog: .*is not a digest/],
      [[at, at], /operators\[1\]\.catalog: the same catalog as mirror\.operators\[0\]/],
      [
        [
          { ...at, targetCatalog: 'a/b', targetTag: 'x' },
          { catalog: 'registry.redhat.io/other/index:v4.16', targetCatalog: 'a/b', targetTag: 'x' },
          { catalog: 'registry.redhat.io/other/index:v4.17', targetCatalog: 'a/b', targetTag: 'x' },
        ],
        /operators\[[12]\]\.catalog: the same catalog/,
      ],
      [[{ ...at, targetCatalog: 'Upper/case' }], /targetCatalog: "Upper\/case" is no repository path/],
      [[{ ...at, targetCatalog: 'host:5000/x' }], /targetCatalog/],
      [[{ ...at, targetTag: 'a/b' }], /targetTag: "a\/b" is no tag/],
      [packages({ name: 'a' }, { name: 'a' }), /packages\[1\]\.name: package "a" is listed already/],
      [packages({ name: 'a', channels: [{ name: 'c' }, { name: 'c' }] }), /channels\[1\]\.name: channel "c" is listed/],
      [packages({ name: '' }), /packages\[0\]\.name: missing/],
      [packages({ name: 'a', channels: [{ name: '' }] }), /channels\[0\]\.name: missing/],
      [packages({ name: 'a', minVersion: 'one' }), /packages\[0\]\.minVersion: "one" is no version/],
      [
        packages({ name: 'a', channels: [{ name: 'c', maxVersion: '1.2.3.4' }] }),
        /maxVersion: "1\.2\.3\.4" is no version/,
      ],
      [packages({ name: 'a', minVersion: 1.2 }), /minVersion: expected text, found 1\.2 \(put it in quotes/],
      [
        packages({ name: 'a', minVersion: '1.0.0', channels: [{ name: 'c', maxVersion: '2.0.0' }] }),
        /versions are given for the package and for one of its channels/,
      ],
      [[{ ...at, full: true, packages: [{ name: 'a', minVersion: '1.0.0' }] }], /can not be combined with full: true/],
      [[{ ...at, platforms: [{ os: 'linux' }] }], /platforms\[0\]\.architecture: missing/],
      [[{ ...at, package: [] }], /operators\[0\]\.package: .*packages/],
      [packages({ name: 'a', bundles: [{ name: 'a.v1' }] }), /packages\[0\]\.bundles/],
    ];
    for (const [list, expected] of cases) {
      const refused = await failure(upstream, list, '--verbose');
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, expected);
      assert.doesNotMatch(refused.stderr, /GET|HEAD/, 'no request was made');
    }
  });
});
