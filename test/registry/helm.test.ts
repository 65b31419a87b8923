import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { AirgapError } from '../../src/core/errors.ts';
import { collectHelm, type HelmCollection } from '../../src/mirror/helm.ts';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import type { Collection, MirrorContext } from '../../src/mirror/mirror-plan.ts';
import { findProgram, needProgram } from '../support/programs.ts';

const run = promisify(execFile);

/** A web server that serves what is in `documents` and notes what was asked for. */
interface Site {
  readonly url: string;
  readonly documents: Map<string, Buffer>;
  readonly requests: string[];
  readonly server: Server;
}

let folder: string;
let site: Site;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'airgap-helm-test-'));
  site = await startSite();
});

after(async () => {
  site.server.close();
  await rm(folder, { recursive: true, force: true });
});

async function startSite(): Promise<Site> {
  const documents = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const document = documents.get(path);
    response.writeHead(document === undefined ? 404 : 200).end(document);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, documents, requests, server };
}

const context: MirrorContext = {
  signal: new AbortController().signal,
  report: () => undefined,
  openSource: () => assert.fail('no registry is asked while charts are read'),
  fetchDocument: async (url) => {
    const response = await fetch(url);
    if (response.status === 404) throw new AirgapError('E_NOT_FOUND', `${url} is not there`);
    return Buffer.from(await response.arrayBuffer());
  },
};

function collect(helm: string, options: { readonly program?: string } = {}): Promise<HelmCollection> {
  const text = `apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  helm: ${helm}\n`;
  const helmProgram = options.program ?? findProgram('helm') ?? 'helm';
  return collectHelm(loadImageSet(text, 'isc.yaml'), context, { workingDirectory: folder, helmProgram });
}

type Files = Readonly<Record<string, string>>;

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: web, image: "{{ .Values.image }}:{{ .Chart.AppVersion }}"}]
`;

const CHART: Files = {
  'values.yaml': 'image: q.io/team/web\ncron: {enabled: true}\n',
  'templates/web.yaml': DEPLOYMENT,
  'templates/pod.yaml':
    'kind: Pod\napiVersion: v1\nmetadata: {name: a-pod}\nspec: {containers: [{image: "q.io/team/pod:1"}]}\n',
  'templates/cron.yaml':
    'kind: CronJob\napiVersion: batch/v1\nmetadata: {name: c}\n' +
    'spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: "q.io/team/cron:1"}]}}}}}\n',
  'templates/hook.yaml':
    'kind: Pod\napiVersion: v1\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n' +
    'spec: {containers: [{image: "q.io/team/hook:1"}]}\n',
  'templates/NOTES.txt': 'Thank you.\n',
  'crds/d.yaml':
    'kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nmetadata: {name: d.q.io}\n' +
    'spec: {containers: [{image: "q.io/team/crd:1"}]}\n',
};

async function writeChart(name: string, version: string, files: Files, header: Files = {}): Promise<string> {
  const root = join(folder, await freshName(), name);
  const metadata = { apiVersion: 'v2', name, version, appVersion: '"5"', ...header };
  const chartYaml = Object.entries(metadata)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
  for (const [path, text] of Object.entries({ 'Chart.yaml': chartYaml, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

let count = 0;
async function freshName(): Promise<string> {
  count += 1;
  return `charts-${count}`;
}

/** The chart as an archive made by helm itself; returns its path. */
async function pack(root: string): Promise<string> {
  const destination = await mkdtemp(join(folder, 'packed-'));
  const { stdout } = await run(findProgram('helm') ?? 'helm', ['package', root, '-d', destination]);
  return stdout.trim().replace(/^.*: /, '');
}

function origins(collection: Collection): string[] {
  return collection.images.map((image) => image.origin);
}

function withHelm(name: string, test: (t: TestContext) => Promise<void>): void {
  it(name, async (t) => {
    if (needProgram(t, 'helm') !== undefined) await test(t);
  });
}

describe('charts on the disk', () => {
  withHelm('gives the images of definitions and manifests in the order of installation, no hooks', async () => {
    const root = await writeChart('web', '1.0.0', CHART);
    const collection = await collect(`{local: [{name: web, path: ${root}}]}`);
    assert.deepEqual(origins(collection), ['q.io/team/crd:1', 'q.io/team/pod:1', 'q.io/team/web:5']);
    assert.deepEqual(collection.images[2], {
      kind: 'helm',
      origin: 'q.io/team/web:5',
      source: { transport: 'docker', registry: 'q.io', repository: 'team/web', tag: '5' },
      target: { repository: 'team/web', tag: '5' },
      because: ['chart web-1.0.0.tgz', 'Deployment web'],
    });
    assert.match(
      collection.warnings[0]?.message ?? '',
      /CronJob c names q\.io\/team\/cron:1 where no image path looks/,
    );
  });

  withHelm('takes image paths and platforms of the chart', async () => {
    const root = await writeChart('web', '1.0.0', CHART);
    const path = '"{.spec.jobTemplate.spec.template.spec.containers[*].image}"';
    const chart = `{name: web, path: ${root}, imagePaths: [${path}], platforms: [{os: linux, architecture: arm64}]}`;
    const collection = await collect(`{local: [${chart}]}`);
    assert.ok(origins(collection).includes('q.io/team/cron:1'));
    assert.deepEqual(collection.images[0]?.platforms, [{ os: 'linux', architecture: 'arm64' }]);
    assert.deepEqual(collection.warnings, []);
  });

  withHelm('renders sub-charts under their alias and leaves out those whose condition is false', async () => {
    const dependency = (name: string): string =>
      `\n  - {name: ${name}, version: 1.0.0, alias: ${name}x, condition: ${name}x.enabled}`;
    const sub = (name: string): Files => ({
      [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
      [`charts/${name}/values.yaml`]: `tag: "1"\n`,
      [`charts/${name}/templates/p.yaml`]:
        `kind: Pod\napiVersion: v1\nmetadata: {name: ${name}}\n` +
        `spec: {containers: [{image: "q.io/sub/${name}:{{ .Values.tag }}"}]}\n`,
    });
    const root = await writeChart(
      'parent',
      '1.0.0',
      { ...sub('one'), ...sub('two'), 'values.yaml': 'onex: {enabled: true, tag: "7"}\ntwox: {enabled: false}\n' },
      { dependencies: dependency('one') + dependency('two') },
    );
    assert.deepEqual(origins(await collect(`{local: [{path: ${root}}]}`)), ['q.io/sub/one:7']);
  });

  withHelm('tells charts of one Kubernetes version, whatever helm is installed', async () => {
    const image = 'q.io/team/agent:{{ .Capabilities.KubeVersion.Version }}';
    const files = { 'templates/p.yaml': `kind: Pod\napiVersion: v1\nspec: {containers: [{image: "${image}"}]}\n` };
    const root = await writeChart('agent', '1.0.0', files, { kubeVersion: '">=1.34.0-0"' });
    assert.deepEqual(origins(await collect(`{local: [{path: ${root}}]}`)), ['q.io/team/agent:v1.34.0']);
  });

  withHelm('renders charts that no cluster would get: for other versions, and libraries', async () => {
    const pod = (name: string): Files => ({
      'templates/p.yaml': `kind: Pod\napiVersion: v1\nspec: {containers: [{image: "q.io/team/${name}:{{ .Chart.AppVersion }}"}]}\n`,
    });
    const old = await writeChart('old', '1.0.0', pod('old'), { kubeVersion: '">=1.16.0-0 <1.20.0-0"' });
    const parts = { 'templates/_p.tpl': '{{ define "p" }}kind: Pod{{ end }}' };
    const library = await writeChart('parts', '1.0.0', parts, { type: 'library' });
    const collection = await collect(`{local: [{path: ${old}}, {path: ${library}}]}`);
    assert.deepEqual(origins(collection), ['q.io/team/old:5']);
    // The archive travels as it is.
    const archive = join(folder, 'old.tgz');
    await writeFile(archive, collection.files[0]!.content);
    const { stdout } = await run(findProgram('helm') ?? 'helm', ['show', 'chart', archive]);
    assert.match(stdout, /kubeVersion: '>=1\.16\.0-0 <1\.20\.0-0'/);
  });

  withHelm('packs a folder into the same bytes at any time, without what .helmignore names', async () => {
    const root = await writeChart('web', '1.0.0', { ...CHART, '.helmignore': 'secret.txt\n', 'secret.txt': 'x' });
    const [first] = (await collect(`{local: [{path: ${root}}]}`)).files;
    await utimes(join(root, 'values.yaml'), 1, 1);
    const [second] = (await collect(`{local: [{path: ${root}}]}`)).files;
    assert.equal(first?.path, 'charts/web-1.0.0.tgz');
    assert.ok(Buffer.from(first.content).equals(second?.content ?? Buffer.alloc(0)));
    const archive = join(folder, 'again.tgz');
    await writeFile(archive, first.content);
    const { stdout: shown } = await run(findProgram('helm') ?? 'helm', ['show', 'values', archive]);
    assert.equal(shown.trim(), CHART['values.yaml']?.trim());
    const { stdout: listed } = await run('tar', ['tzf', archive]);
    assert.doesNotMatch(listed, /secret/);
  });

  withHelm('carries an archive as it is', async () => {
    const archive = await pack(await writeChart('web', '1.0.0', CHART));
    const { files } = await collect(`{local: [{path: ${archive}}]}`);
    assert.equal(files[0]?.path, 'charts/web-1.0.0.tgz');
    assert.ok(Buffer.from(files[0].content).equals(await readFile(archive)));
  });

  withHelm('asks for an image of two charts once for each, with its platforms', async () => {
    const [a, b] = [await writeChart('a', '1.0.0', CHART), await writeChart('b', '1.0.0', CHART)];
    const arm = 'platforms: [{os: linux, architecture: arm64}]';
    const { images } = await collect(`{local: [{path: ${a}, ${arm}}, {path: ${b}}]}`);
    const pods = images.filter((image) => image.origin === 'q.io/team/pod:1');
    assert.deepEqual(
      pods.map((image) => [image.because[0], image.platforms?.[0]?.architecture]),
      [
        ['chart a-1.0.0.tgz', 'arm64'],
        ['chart b-1.0.0.tgz', undefined],
      ],
    );
  });

  withHelm('carries two different charts of one file name, and the same chart once', async () => {
    const [a, b] = [await writeChart('web', '1.0.0', CHART), await writeChart('web', '1.0.0', {})];
    const { files } = await collect(`{local: [{path: ${a}}, {path: ${b}}, {path: ${a}}]}`);
    assert.deepEqual(
      files.map((file) => file.path),
      ['charts/web-1.0.0.tgz', 'charts/web-1.0.0-2.tgz'],
    );
  });

  withHelm('tells of every chart that can not be taken', async () => {
    const broken = await writeChart('broken', '1.0.0', { 'templates/x.yaml': '{{ fail "values are needed" }}' });
    const helm = `{local: [{path: missing-chart}, {path: ${broken}}]}`;
    await assert.rejects(collect(helm), { code: 'E_CONFIG', message: /missing-chart[\s\S]*values are needed/ });
    await assert.rejects(collect(`{local: [{path: ${broken}}]}`), {
      code: 'E_FAILED',
      message: /broken-1\.0\.0\.tgz.*values are needed/s,
    });
  });

  it('names the helm program when it is not there', async () => {
    const root = await writeChart('web', '1.0.0', CHART);
    await assert.rejects(collect(`{local: [{path: ${root}}]}`, { program: join(folder, 'helm-not-there') }), {
      code: 'E_USAGE',
      hint: /helm/,
    });
  });

  it('needs no program and no network without charts', async () => {
    const nothing = { images: [], files: [], warnings: [], charts: [] };
    assert.deepEqual(await collect('{}', { program: 'helm-not-there' }), nothing);
    const empty = '{repositories: [{name: r, url: "http://127.0.0.1:1/", charts: []}]}';
    assert.deepEqual(await collect(empty, { program: 'helm-not-there' }), nothing);
  });
});

describe('charts of a repository', () => {
  /** Puts charts and the index that helm writes for them below `path`. */
  async function publish(path: string, roots: readonly string[]): Promise<string> {
    const destination = await mkdtemp(join(folder, 'repository-'));
    for (const root of roots) {
      await run(findProgram('helm') ?? 'helm', ['package', root, '-d', destination]);
    }
    await run(findProgram('helm') ?? 'helm', ['repo', 'index', destination]);
    const { stdout } = await run('ls', [destination]);
    for (const name of stdout.trim().split('\n')) {
      site.documents.set(`/${path}/${name}`, await readFile(join(destination, name)));
    }
    return `${site.url}/${path}`;
  }

  withHelm('takes the version asked for, or the newest stable one', async () => {
    const versions = ['1.0.0', '1.10.0', '1.9.0', '2.0.0-beta'];
    const roots = await Promise.all(versions.map((version) => writeChart('web', version, CHART)));
    const url = await publish('choose', roots);
    const newest = await collect(`{repositories: [{name: r, url: "${url}", charts: [{name: web}]}]}`);
    assert.deepEqual(
      newest.files.map((file) => file.path),
      ['charts/web-1.10.0.tgz'],
    );
    assert.equal(newest.images.length, 3);
    assert.deepEqual(newest.charts, [{ repository: url, name: 'web', requested: '', version: '1.10.0' }]);
    const chosen = await collect(`{repositories: [{name: r, url: "${url}/", charts: [{name: web, version: 1.0.0}]}]}`);
    assert.deepEqual(
      chosen.files.map((file) => file.path),
      ['charts/web-1.0.0.tgz'],
    );
  });

  withHelm('takes every version of every chart but libraries when no charts are listed', async () => {
    const url = await publish('all', [
      await writeChart('web', '1.0.0', CHART),
      await writeChart('web', '1.1.0', CHART),
      await writeChart('parts', '1.0.0', {}, { type: 'library' }),
    ]);
    const { files } = await collect(`{repositories: [{name: r, url: "${url}"}]}`);
    assert.deepEqual(files.map((file) => file.path).toSorted(), ['charts/web-1.0.0.tgz', 'charts/web-1.1.0.tgz']);
  });

  withHelm('refuses an archive that is not the one the index describes', async () => {
    const url = await publish('changed', [await writeChart('web', '1.0.0', CHART)]);
    site.documents.set('/changed/web-1.0.0.tgz', Buffer.from('something else'));
    await assert.rejects(collect(`{repositories: [{name: r, url: "${url}", charts: [{name: web}]}]}`), {
      code: 'E_DIGEST',
      message: /changed\/web-1\.0\.0\.tgz/,
    });
  });

  it('tells of a repository and of a chart that are not there', async () => {
    site.documents.set(
      '/few/index.yaml',
      Buffer.from('apiVersion: v1\nentries: {web: [{version: 1.0.0, urls: [x.tgz]}]}'),
    );
    const none = `{name: a, url: "${site.url}/none"}`;
    const few = `{name: b, url: "${site.url}/few", charts: [{name: wbe}]}`;
    await assert.rejects(collect(`{repositories: [${none}, ${few}]}`), {
      code: 'E_NOT_FOUND',
      message: /none\/index\.yaml[\s\S]*did you mean web/,
    });
  });
});
