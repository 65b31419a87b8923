/**
 * Sources, names and pinned configurations of the vendor tool for additional images and charts that are easy to get wrong
 * (oc-mirror behaviour, "Additional images", "Helm", "Destination naming"). Expectations are written out by hand.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { hexOf } from '../../src/oci/digest.ts';
import { catalog } from '../support/catalogs.ts';
import { image, type BuiltContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { plainRegistries } from '../support/shared-registries.ts';
import { openUpstream, type Upstream, type UpstreamFields } from '../support/upstream.ts';

const kind = plainRegistries[0]!;
const CACHE = 'localhost:55000';

const single = (name: string): BuiltContent => image().layer(`opt/${name}`, name).build();
const tagOf = (built: BuiltContent): string => `sha256-${hexOf(built.root.digest)}`;
const line = (source: string, target: string): string => `docker://${source}=docker://${CACHE}/${target}`;

async function upstreamFor(t: TestContext, fields: UpstreamFields = {}): Promise<Upstream | undefined> {
  const access = await kind.open(t);
  return access === undefined ? undefined : openUpstream(t, access, fields);
}

async function mappingOf(upstream: Upstream, ...more: readonly string[]): Promise<string[]> {
  await upstream.succeed('plan', '-c', 'imageset.yaml', '--mapping', 'mapping.txt', ...more);
  return readFileSync(join(upstream.folder, 'mapping.txt'), 'utf8').trimEnd().split('\n').toSorted();
}

/** The configuration as this text, with the head every one has. */
function writeText(upstream: Upstream, rest: string): void {
  const head = 'apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n';
  writeFileSync(join(upstream.folder, 'imageset.yaml'), head + rest);
}

describe('additional images', () => {
  test('of Docker Hub, with one component, ports, nested paths, several references to one image', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const [nginx, redis, busybox, app, deep] = ['nginx', 'redis', 'busybox', 'app', 'deep'].map(single) as [
      BuiltContent,
      ...BuiltContent[],
    ] as [BuiltContent, BuiltContent, BuiltContent, BuiltContent, BuiltContent];
    await upstream.push('docker.io/library/nginx', nginx, '1.25');
    await upstream.push('docker.io/library/redis', redis, '7');
    await upstream.push('docker.io/library/busybox', busybox, '1');
    await upstream.push('quay.io/example/app', app, '1.0');
    await upstream.push('quay.io/example/app', app, 'latest');
    await upstream.push('registry.corp:5000/a/b/c/d', deep, 'V_1.0-x');
    await upstream.push('registry.corp:5000/single', deep, '1');
    const digest = app.root.digest;
    upstream.writeImageSet({
      additionalImages: [
        { name: 'nginx:1.25' },
        { name: 'library/redis:7' },
        { name: 'docker.io/busybox:1' },
        // Three names of one image, one of them twice, and one of them again under another transport text.
        { name: 'quay.io/example/app:1.0' },
        { name: 'quay.io/example/app:1.0' },
        { name: 'docker://quay.io/example/app:1.0' },
        { name: 'quay.io/example/app:latest' },
        { name: `quay.io/example/app@${digest}` },
        { name: `quay.io/example/app:1.0@${digest}` },
        { name: `quay.io/example/app:none@${digest}`, targetTag: 'some' },
        { name: `quay.io/example/app:1.0@${digest}`, targetRepo: 'a__b/c---d.e' },
        // Two images under one name are fine as long as they are the same.
        { name: `quay.io/example/app@${digest}`, targetRepo: 'shared', targetTag: 'x' },
        { name: 'quay.io/example/app:latest', targetRepo: 'shared', targetTag: 'x' },
        { name: 'registry.corp:5000/a/b/c/d:V_1.0-x' },
        { name: `registry.corp:5000/a/b/c/d:V_1.0-x@${deep.root.digest}`, targetTag: 'pinned' },
        { name: 'registry.corp:5000/single:1' },
      ],
      blockedImages: [{ name: 'nothing-is-called-like-this' }],
    });
    assert.deepEqual(
      await mappingOf(upstream),
      [
        line('nginx:1.25', 'nginx:1.25'),
        line('library/redis:7', 'redis:7'),
        line('docker.io/busybox:1', 'busybox:1'),
        line('quay.io/example/app:1.0', 'example/app:1.0'),
        line('quay.io/example/app:latest', 'example/app:latest'),
        line(`quay.io/example/app@${digest}`, `example/app:${tagOf(app)}`),
        line(`quay.io/example/app@${digest}`, 'example/app:1.0'),
        line(`quay.io/example/app@${digest}`, 'example/app:some'),
        line(`quay.io/example/app@${digest}`, 'a__b/c---d.e:1.0'),
        line(`quay.io/example/app@${digest}`, 'shared:x'),
        line('quay.io/example/app:latest', 'shared:x'),
        line('registry.corp:5000/a/b/c/d:V_1.0-x', 'a/b/c/d:V_1.0-x'),
        line(`registry.corp:5000/a/b/c/d@${deep.root.digest}`, 'a/b/c/d:pinned'),
        line('registry.corp:5000/single:1', 'single:1'),
      ].toSorted(),
    );
    writeText(upstream, 'mirror: {additionalImages: [{name: "registry.corp:5000/a/b/c/d:V_1.0-x"}]}');
    const nested = ['--registry', 'r.lab:8443/ns/two', '--max-nested-paths', '3'];
    const source = 'docker://registry.corp:5000/a/b/c/d:V_1.0-x';
    assert.deepEqual(await mappingOf(upstream, ...nested), [`${source}=docker://r.lab:8443/ns/two/a-b-c-d:V_1.0-x`]);
  });

  test('of which nothing is left are an error, as are sections without content', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    await upstream.push('quay.io/example/app', single('app'), '1.0');
    for (const mirror of ['', '{}', '{platform: {}, operators: [], additionalImages: [], helm: {}}']) {
      writeText(upstream, `mirror: ${mirror}\n`);
      const { status, stderr } = await upstream.run('plan', '-c', 'imageset.yaml');
      assert.equal(status, 2, mirror);
      assert.match(stderr, /no images to mirror/, mirror);
    }
    const app = 'additionalImages: [{name: "quay.io/example/app:1.0"}]';
    writeText(upstream, `mirror: {${app}, blockedImages: [{name: "^[^/]+/example/"}]}\n`);
    assert.match((await upstream.run('plan', '-c', 'imageset.yaml')).stderr, /no images to mirror/);
  });
});

describe('pinned configurations', () => {
  test('have catalogs at their digests and what else was set, however it was written', async (t) => {
    const upstream = await upstreamFor(t);
    if (upstream === undefined) return;
    const bundle = single('bundle');
    const reference = `registry.redhat.io/ops/bundle@${bundle.root.digest}`;
    await upstream.push('registry.redhat.io/ops/bundle', bundle);
    await upstream.push('quay.io/example/app', single('app'), '1.0');
    const files = catalog()
      .package('alpha', { defaultChannel: 'stable' })
      .channel('stable', ['alpha.v1'])
      .bundle('alpha.v1', '1.0.0', { image: reference, relatedImages: [{ name: '', image: reference }] })
      .files();
    const { digest } = await upstream.pushCatalog('registry.redhat.io/redhat/index', files, { tag: 'v4.17' });
    writeText(
      upstream,
      `archivesize: 4
mirror:
  platform: {graph: no}
  operators:
  - {Catalog: "docker://registry.redhat.io/redhat/index:v4.17", packages: [{name: alpha}]}
  - &full {catalog: "registry.redhat.io/redhat/index:v4.17", targetTag: all, full: true}
  - {<<: *full, targetCatalog: other/index, targetTag: null}
  additionalImages: [{name: "docker://quay.io/example/app:1.0", targetTag: ""}]
  blockedImages: [{name: nothing}]
  helm:
---
`,
    );
    await upstream.succeed('plan', '-c', 'imageset.yaml', '--pinned', 'pinned');
    const read = (name: string): string => readFileSync(join(upstream.folder, 'pinned', name), 'utf8');
    const pinned = `catalog: registry.redhat.io/redhat/index@${digest}`;
    const content = `  additionalImages:
  - name: docker://quay.io/example/app:1.0
`;
    const operators = `  operators:
  - ${pinned}
    packages:
    - name: alpha
    targetTag: v4.17
  - ${pinned}
    full: true
    packages: null
    targetTag: all
  - ${pinned}
    full: true
    packages: null
    targetCatalog: other/index
    targetTag: v4.17
`;
    assert.equal(
      read('isc_pinned.yaml'),
      `apiVersion: mirror.openshift.io/v2alpha1
archiveSize: 4
kind: ImageSetConfiguration
mirror:
${content}  blockedImages:
  - name: nothing
${operators}`,
    );
    assert.equal(
      read('disc_pinned.yaml'),
      `apiVersion: mirror.openshift.io/v2alpha1
delete:
${content}${operators}kind: DeleteImageSetConfiguration
`,
    );
  });
});

describe('charts', () => {
  test('name images by tag, digest and both, at default places and others, in sub-charts and several charts', async (t) => {
    const helm = needProgram(t, 'helm');
    if (helm === undefined) return;
    const upstream = await upstreamFor(t, {
      env: { PATH: `${dirname(helm)}${delimiter}${process.env['PATH'] ?? ''}` },
    });
    if (upstream === undefined) return;
    const [web, tool] = [single('web'), single('tool')];
    await upstream.push('quay.io/team/web', web, '5');
    await upstream.push('registry.corp:5000/team/deep/tool', tool, '2');
    const pod = (...images: string[]): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: { containers: images.map((name) => ({ image: name })) },
      });
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(upstream.folder, path)), { recursive: true });
      writeFileSync(join(upstream.folder, path), text);
    };
    const both = `quay.io/team/web:5@${web.root.digest}`;
    write(
      'one/Chart.yaml',
      'apiVersion: v2\nname: one\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0, alias: under}]\n',
    );
    write('one/values.yaml', 'under: {repository: registry.corp:5000/team/deep/tool}\n');
    write(
      'one/templates/p.yaml',
      pod('quay.io/team/web:5', 'quay.io/team/web:5', both, 'untagged/image', 'x y quay.io/team/web:5'),
    );
    write(
      'one/templates/other.yaml',
      JSON.stringify({ kind: 'Thing', apiVersion: 'x/v1', spec: { image: `quay.io/team/web@${web.root.digest}` } }),
    );
    write('one/charts/sub/Chart.yaml', 'apiVersion: v2\nname: sub\nversion: 1.0.0\n');
    write('one/charts/sub/values.yaml', `repository: example.com/none\n`);
    write(
      'one/charts/sub/templates/p.yaml',
      pod(`{{ .Values.repository }}:2`, `{{ .Values.repository }}@${tool.root.digest}`),
    );
    write('two/Chart.yaml', 'apiVersion: v2\nname: two\nversion: 1.0.0\n');
    write('two/templates/p.yaml', pod('quay.io/team/web:5'));
    upstream.writeImageSet({
      helm: {
        local: [
          { name: 'one', path: 'one', imagePaths: ['{.spec.image}', '.spec.image', '{.nothing[0].there}'] },
          { name: 'two', path: './two/' },
        ],
      },
    });
    assert.deepEqual(
      await mappingOf(upstream),
      [
        line('quay.io/team/web:5', 'team/web:5'),
        line(`quay.io/team/web@${web.root.digest}`, 'team/web:5'),
        line(`quay.io/team/web@${web.root.digest}`, `team/web:${tagOf(web)}`),
        line('registry.corp:5000/team/deep/tool:2', 'team/deep/tool:2'),
        line(`registry.corp:5000/team/deep/tool@${tool.root.digest}`, `team/deep/tool:${tagOf(tool)}`),
      ].toSorted(),
    );
  });
});
