import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { textAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { parseYamlStream } from '../../src/core/yaml.ts';
import { DEFAULT_OPERATORS } from '../../src/mirror/image-set-draft.ts';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import { RESULT_SCHEMAS } from '../../src/workflows/result-schemas.ts';
import { parseSite } from '../../src/workflows/site.ts';
import { catalog } from '../support/catalogs.ts';
import { image } from '../support/images.ts';
import { jsonOf, succeed } from '../support/packing.ts';
import { buildRelease } from '../support/releases.ts';
import { cleanEnvironment, ENTRY, runCli, temporaryFolder } from '../support/run-cli.ts';
import { plainRegistries } from '../support/shared-registries.ts';
import { openTerminal } from '../support/terminal.ts';
import { openUpstream } from '../support/upstream.ts';

const SCHEMAS = new URL('../../schemas/', import.meta.url);

/** Runs a command on a terminal of its own (program `script`) and types `input`. */
async function onTerminal(folder: string, args: string, input: string): Promise<string> {
  const command = `${process.execPath} ${ENTRY} ${args}`;
  // The status of the command is not looked at: what it said tells.
  const running = promisify(execFile)('script', ['-qc', command, '/dev/null'], {
    cwd: folder,
    env: { ...cleanEnvironment(folder), TERM: 'xterm' },
    timeout: 60_000,
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

const at = (folder: string) => ({
  read: (name: string) => readFileSync(join(folder, name), 'utf8'),
  imageSet: () => loadImageSet(readFileSync(join(folder, 'imageset.yaml'), 'utf8'), 'imageset.yaml'),
  site: () => parseSite(readFileSync(join(folder, 'site.yaml'), 'utf8'), 'site.yaml'),
});

test('init writes configuration, site file and their schemas', async (t) => {
  const folder = temporaryFolder(t);
  const result = jsonOf(await succeed(['init', '--channel', 'stable-4.20', '--json'], { cwd: folder }));
  assert.deepEqual(result, {
    ...{ ok: true, path: 'imageset.yaml', schema: 'imageset.schema.json' },
    site: { path: 'site.yaml', schema: 'site.schema.json' },
  });
  assert.ok(RESULT_SCHEMAS.init.safeParse(result).success);
  const { read, imageSet, site } = at(folder);
  for (const name of ['imageset.schema.json', 'site.schema.json']) {
    assert.equal(read(name), readFileSync(new URL(name, SCHEMAS), 'utf8'));
  }
  assert.deepEqual(imageSet().warnings, []);
  assert.equal(site().hostedClusters[0]?.name, 'example');
});

test('the site file lies beside the configuration unless told otherwise, or is left out', async (t) => {
  const folder = temporaryFolder(t);
  const init = (...args: string[]) => succeed(['init', '--channel', 'stable-4.20', ...args], { cwd: folder });
  mkdirSync(join(folder, 'trip'));
  const { stdout } = await init('-o', 'trip/weekly.yaml');
  assert.match(stdout, /^next: airgap plan -c trip\/weekly\.yaml --site trip\/site\.yaml$/m);
  assert.deepEqual(readdirSync(join(folder, 'trip')).toSorted(), [
    ...['imageset.schema.json', 'site.schema.json', 'site.yaml', 'weekly.yaml'],
  ]);
  await init('--site', 'far.yaml', '-o', 'near.yaml');
  await init('--no-site', '-o', 'alone.yaml');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.yaml')),
    ['alone.yaml', 'far.yaml', 'near.yaml'],
  );
});

test('nothing is overwritten, and nothing is written beside what is there', async (t) => {
  const folder = temporaryFolder(t);
  const init = (...args: string[]) => runCli(['init', '--channel', 'stable-4.20', ...args], { cwd: folder });
  for (const name of ['site.yaml', 'imageset.schema.json']) writeFileSync(join(folder, name), 'mine');
  const refused = await init();
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /E_USAGE: site\.yaml exists and is not overwritten\n {2}fix: .*--no-site/);
  assert.deepEqual(readdirSync(folder).toSorted(), ['imageset.schema.json', 'site.yaml']);

  await succeed(['init', '--channel', 'stable-4.20', '--site', 'far.yaml'], { cwd: folder });
  for (const name of ['site.yaml', 'imageset.schema.json']) assert.equal(at(folder).read(name), 'mine');
  const again = await init('--site', 'further.yaml');
  assert.match(again.stderr, /E_USAGE: imageset\.yaml exists/);
  assert.equal(existsSync(join(folder, 'further.yaml')), false);
});

const WRONG: readonly [what: string, args: string[], message: RegExp][] = [
  [
    'a place for the second file that is none',
    ['--site', 'no/site.yaml'],
    /no\/site\.yaml can not be written: no such folder/,
  ],
  ['one place for both', ['--site', './imageset.yaml'], /--output and --site both name/],
  ['a name no cluster can have', ['--name', 'My.Cluster'], /name: "My\.Cluster" is no DNS label/],
  ['cores that are no number', ['--cores', 'many'], /--cores/],
  ['fewer than no nodes', ['--node-pool-replicas=-1'], /--node-pool-replicas: -1/],
  ['networks that overlap', ['--cluster-cidr', '172.16.0.0/12'], /--cluster-cidr\).* overlaps/],
  ['a registry that is none', ['--registry', 'https://registry.lab'], /--registry .* is no host/],
  ['a release too old', ['--min-version', '4.13.1'], /4\.14 or newer/],
  ['a word about the site file that is left out', ['--no-site', '--memory', '8Gi'], /--memory .* --no-site/],
];
for (const [what, args, message] of WRONG) {
  test(`${what}: exit status 2, the answer, the fix, and no file`, async (t) => {
    const folder = temporaryFolder(t);
    const result = await runCli(['init', '--channel', 'stable-4.20', ...args], { cwd: folder });
    assert.equal(result.status, 2);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /E_USAGE[^]*\n {2}fix: ./);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test('without a terminal and a channel init asks for the flag', async (t) => {
  const folder = temporaryFolder(t);
  const result = await runCli(['init'], { cwd: folder });
  assert.equal(result.status, 2);
  assert.match(result.stderr, /fix: give --channel/);
  assert.deepEqual(readdirSync(folder), []);
});

test('on a terminal init asks, explains answers that can not be, and asks again', async (t) => {
  const folder = temporaryFolder(t);
  const content = ['stable-4.12', 'stable-4.18', '4.18.3', 'arm64', '', ''];
  const registry = ['https://registry.lab', 'registry.lab:8443/ocp', 'ca.pem'];
  const cluster = ['My.Cluster', 'hosted1', 'lab..x', 'lab.example.com', '-1', '3', 'lots', '16Gi', '0', '4'];
  const rest = ['', 'Fast', 'fast', '', 'id.pub', '192.0.2.1/32', '192.0.2.10-192.0.2.20'];
  const said = await onTerminal(folder, 'init', [...content, ...registry, ...cluster, ...rest, ''].join('\n'));
  for (const problem of [
    ...[/need release 4\.14 or newer, not 4\.12/, /do not run on "arm64"/, /--registry .* is no host/],
    ...[/"My\.Cluster" is no DNS label/, /"lab\.\.x" is no domain name/, /--node-pool-replicas: -1/],
    ...[/"lots" is no size/, /0 cores are not possible/, /"Fast" is no object name/, /2 addresses are needed/],
  ]) {
    assert.match(said, problem);
  }
  const imageSet = at(folder).imageSet();
  assert.equal(imageSet.platform?.channels[0]?.name, 'stable-4.18');
  assert.equal(imageSet.platform?.channels[0]?.minVersion, '4.18.3');
  assert.equal(imageSet.operators[0]?.packages?.length, 4);
  const { registry: target, managementCluster, hostedClusters } = at(folder).site();
  assert.deepEqual([target?.target, target?.caFiles], ['registry.lab:8443/ocp', ['ca.pem']]);
  assert.deepEqual(managementCluster?.loadBalancer?.addressPools[0]?.addresses, ['192.0.2.10-192.0.2.20']);
  const { name, baseDomain, nodePoolReplicas, memory, cores, etcdStorageClass, sshKeyFile } = hostedClusters[0]!;
  assert.deepEqual([name, baseDomain, sshKeyFile, etcdStorageClass], ['hosted1', 'lab.example.com', 'id.pub', 'fast']);
  assert.deepEqual([nodePoolReplicas, memory, cores], [3, '16Gi', 4]);
});

test('in a terminal window a person may take every offered answer', async (t) => {
  const folder = temporaryFolder(t);
  const terminal = openTerminal(t, folder, [ENTRY, 'init', '--channel', 'stable-4.20']);
  if (terminal === undefined) return;
  for (const question of [/Target registry/, /Name of the hosted cluster \[example\]/, /base domain/, /Nodes \[2\]/]) {
    await terminal.until(question);
    terminal.press('Enter');
  }
  terminal.press(...Array<string>(7).fill('Enter'));
  await terminal.until(/next: airgap plan -c imageset\.yaml --site site\.yaml[^]*ended with 0/);
  assert.equal(at(folder).site().registry, undefined);
  assert.equal(at(folder).site().hostedClusters[0]?.name, 'example');
});

test('on a terminal what a flag got wrong is told at once', async (t) => {
  const folder = temporaryFolder(t);
  const said = await onTerminal(folder, 'init --channel stable-4.20 --memory lots', '\n\n');
  assert.match(said, /E_USAGE: .*memory: "lots"/);
  assert.doesNotMatch(said, /Target registry/);
});

for (const answers of ['stable-4.18\n\u0004', 'stable-4.18\n\n\n\nregistry.lab\n\u0004']) {
  test(`input that ends before the last answer writes nothing: ${JSON.stringify(answers)}`, async (t) => {
    const folder = temporaryFolder(t);
    const said = await onTerminal(folder, 'init', answers);
    assert.match(said, /E_USAGE: no answer to/);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test('plan, pack and unpack accept both files as they are', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const release = buildRelease({ version: '4.20.3', components: ['cli', 'etcd', 'hypershift'], layerSize: 256 });
  const upstream = await openUpstream(t, access, { releases: [release], channels: { 'stable-4.20': ['4.20.3'] } });
  const bundle = image().layer('manifests/x', 'y').build();
  const reference = `registry.redhat.io/ops/bundle@${bundle.root.digest}`;
  await upstream.push('registry.redhat.io/ops/bundle', bundle);
  const operators = DEFAULT_OPERATORS.reduce(
    (built, name) =>
      built
        .package(name, { defaultChannel: 'stable' })
        .channel('stable', [`${name}.v1.0.0`])
        .bundle(`${name}.v1.0.0`, '1.0.0', { image: reference, relatedImages: [] }),
    catalog(),
  );
  await upstream.pushCatalog('registry.redhat.io/redhat/redhat-operator-index', operators.files(), { tag: 'v4.20' });

  const target = ['--registry', 'registry.lab:8443/ocp', '--address-pool', '192.0.2.10-192.0.2.40'];
  await upstream.succeed('init', '--channel', 'stable-4.20', ...target);
  const site = ['-c', 'imageset.yaml', '--site', 'site.yaml'];
  const plan = jsonOf(await upstream.succeed('plan', ...site, '--mapping', 'mapping.txt', '--json'));
  assert.equal(plan['ok'], true);
  assert.match(
    at(upstream.folder).read('mapping.txt'),
    /=docker:\/\/registry\.lab:8443\/ocp\/openshift\/release-images:4\.20\.3/,
  );
  await upstream.succeed('pack', ...site, '--unsigned', '-o', 'trip.tar');

  writeFileSync(join(upstream.folder, 'pull-secret.json'), '{"auths":{"registry.lab:8443":{"auth":"eDp5"}}}');
  const unpack = ['unpack', 'trip.tar', '--insecure-unsigned', '--site', 'site.yaml', '--render', 'gitops'];
  await upstream.succeed(...unpack);
  const rendered = readdirSync(join(upstream.folder, 'gitops'));
  for (const step of ['load-balancer', 'multicluster-engine', 'hosted-cluster']) {
    assert.ok(
      rendered.some((name) => name.includes(step)),
      `${step}: ${rendered.join(' ')}`,
    );
  }
  const file = rendered.find((name) => name.endsWith('-hosted-cluster.yaml'))!;
  const objects = parseYamlStream(at(upstream.folder).read(join('gitops', file)), file) as KubeObject[];
  const hosted = objects.find(({ kind }) => kind === 'HostedCluster');
  assert.equal(
    textAt(hosted, 'spec', 'release', 'image'),
    `registry.lab:8443/ocp/openshift/release-images@${release.root.digest}`,
  );

  const text = at(upstream.folder).read('imageset.yaml');
  writeFileSync(
    join(upstream.folder, 'no-disk.yaml'),
    text.replace('kubeVirtContainer: true', 'kubeVirtContainer: false'),
  );
  for (const command of [['plan'], ['pack', '--unsigned', '-o', 'none.tar'], ['mirror']]) {
    const refused = await upstream.run(...command, '-c', 'no-disk.yaml', '--site', 'site.yaml');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /E_CONFIG: no-disk\.yaml: the site has hosted clusters, but no KubeVirt disk/);
  }
});

test('a terminal of unknown width gets plain lines', async (t) => {
  const folder = temporaryFolder(t);
  // Nothing listens there: the stage lasts as long as the attempts, and an endless redraw would last for ever.
  const image = { name: '127.0.0.1:9/nothing:v1' };
  const document = { apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration' };
  writeFileSync(join(folder, 'imageset.yaml'), JSON.stringify({ ...document, mirror: { additionalImages: [image] } }));
  // The terminal of the program script has no width unless somebody sets one.
  const said = await onTerminal(folder, 'plan -c imageset.yaml', '');
  assert.match(said, /E_UNREACHABLE/);
});
