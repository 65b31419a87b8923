import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { readHostedCluster } from '../../../src/apply/hosted-cluster-reader.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { DEFAULT_OPERATORS, type DraftAnswers } from '../../../src/mirror/image-set-draft.ts';
import { draftSite, type SiteAnswers } from '../../../src/workflows/site-draft.ts';
import { parseSite } from '../../../src/workflows/site.ts';

const IMAGE_SET: DraftAnswers = {
  channel: 'stable-4.20',
  architectures: ['amd64'],
  graph: true,
  operators: DEFAULT_OPERATORS,
};
const NOTHING: SiteAnswers = { caFiles: [], addresses: [], hosted: {} };
const EVERYTHING: SiteAnswers = {
  registry: 'registry.lab:8443/ocp',
  caFiles: ['ca.pem'],
  addresses: ['192.0.2.10-192.0.2.40', '192.0.2.64/28'],
  hosted: {
    ...{ name: 'hosted1', namespace: 'hosting', 'base-domain': 'lab.example.com', 'ssh-key': 'id.pub' },
    ...{ 'pull-secret': 'pull.json', 'node-pool-replicas': '3', memory: '16Gi', cores: '8', 'root-volume-size': 64 },
    ...{ 'root-volume-storage-class': 'lvms-vg1', 'etcd-storage-class': 'fast', 'cluster-cidr': ['10.200.0.0/16'] },
    ...{ 'control-plane-availability-policy': 'SingleReplica' },
    ...{ 'release-image': `registry.lab:8443/ocp/openshift/release-images@sha256:${'a'.repeat(64)}` },
  },
};
const draft = (answers: Partial<SiteAnswers> = {}, imageSet: Partial<DraftAnswers> = {}) =>
  draftSite({ ...NOTHING, ...answers }, { ...IMAGE_SET, ...imageSet }, './site.schema.json');
const schema = z.fromJSONSchema(
  JSON.parse(
    readFileSync(new URL('../../../schemas/site.schema.json', import.meta.url), 'utf8'),
  ) as z.core.JSONSchema.JSONSchema,
);

for (const [what, answers] of [
  ['without any answer', NOTHING],
  ['with every answer', EVERYTHING],
] as const) {
  test(`${what} the draft is a site file, by the published schema too, with a hosted cluster that can be made`, () => {
    const text = draft(answers);
    assert.equal(text.split('\n')[0], '# yaml-language-server: $schema=./site.schema.json');
    const { hostedClusters } = parseSite(text, 'draft');
    assert.equal(hostedClusters.length, 1);
    readHostedCluster(hostedClusters[0], 'draft');
    assert.deepEqual(schema.safeParse(parseYaml(text, 'draft')).error?.issues ?? [], []);
  });

  test(`${what} all that is commented out may be commented in`, () => {
    // Alternatives take the place of what is there.
    const text = draft(answers)
      .replace(/^ *storage:\n *kind: existing\n(?: *storageClass: .*\n)?/m, '')
      .replace(/^ *loadBalancer:\n *install: false\n/m, '')
      .replaceAll(/^( *)# (?=[a-z][A-Za-z]*:(?: |$))/gm, '$1')
      .replaceAll(/^( *)# (?= +[a-zA-Z]+:)/gm, '$1');
    const site = parseSite(text.replaceAll('sha256:…', `sha256:${'a'.repeat(64)}`), 'draft');
    readHostedCluster(site.hostedClusters[0], 'draft');
    const { managementCluster, registry } = site;
    assert.equal(managementCluster?.storage?.kind, 'lvms');
    assert.equal(managementCluster.loadBalancer?.install, true);
    assert.equal(managementCluster.updateService?.install, true);
    assert.equal(managementCluster.kubeconfig, 'management.kubeconfig');
    assert.deepEqual(registry?.caFiles.length, 1);
    for (const field of [
      'baseDomain',
      'sshKeyFile',
      'releaseImage',
      'etcdStorageClass',
      'additionalNodePools',
    ] as const) {
      assert.notEqual(site.hostedClusters[0]?.[field], undefined, field);
    }
  });
}

test('answers are kept as given', () => {
  const { registry, managementCluster, hostedClusters } = parseSite(draft(EVERYTHING), 'draft');
  assert.deepEqual([registry?.target, registry?.caFiles], ['registry.lab:8443/ocp', ['ca.pem']]);
  assert.deepEqual(managementCluster?.loadBalancer?.addressPools[0]?.addresses, EVERYTHING.addresses);
  const options = readHostedCluster(hostedClusters[0], 'draft');
  assert.deepEqual(
    [options.name, options.namespace, options.baseDomain, options.sshKeyFile, options.pullSecretFile],
    ['hosted1', 'hosting', 'lab.example.com', 'id.pub', 'pull.json'],
  );
  assert.deepEqual([options.nodePool.replicas, options.nodePool.memory, options.nodePool.cores], [3, '16Gi', 8]);
  assert.deepEqual([options.nodePool.rootVolumeStorageClass, options.etcdStorageClass], ['lvms-vg1', 'fast']);
  assert.deepEqual([options.clusterCidrs, options.serviceCidrs], [['10.200.0.0/16'], ['172.31.0.0/16']]);
  assert.equal(options.controlPlaneAvailabilityPolicy, 'SingleReplica');
  assert.match(options.releaseImage ?? '', /^registry\.lab/);
});

test('only what the configuration brings is installed, and wildcard routes are for clusters without a base domain', () => {
  const bare = parseSite(draft(), 'draft').managementCluster;
  assert.deepEqual(
    [bare?.loadBalancer?.install, bare?.updateService, bare?.ingress?.wildcardRoutes],
    [false, undefined, true],
  );
  const full = parseSite(draft(EVERYTHING, { operators: [...DEFAULT_OPERATORS, 'cincinnati-operator'] }), 'draft');
  const { loadBalancer, updateService, ingress } = full.managementCluster ?? {};
  assert.deepEqual([loadBalancer?.install, updateService?.install, ingress?.wildcardRoutes], [true, true, false]);
});

test('nodes have the architecture that is taken, and the file names the release when there is only one', () => {
  const text = draft({}, { architectures: ['s390x'], minVersion: '4.20.3', maxVersion: '4.20.3' });
  assert.equal(parseSite(text, 'draft').hostedClusters[0]?.arch, 's390x');
  assert.match(text, /# Release 4\.20\.3 of the bundle, by digest/);
  assert.doesNotMatch(draft({}, { minVersion: '4.20.3' }), /4\.20\.3/);
});

const hosted = (flags: SiteAnswers['hosted']): Partial<SiteAnswers> => ({ hosted: flags });
const REFUSED: readonly [what: string, answers: Partial<SiteAnswers>, message: RegExp][] = [
  ['a name with dots', hosted({ name: 'a.b' }), /name: "a\.b" is no DNS label/],
  ['an empty name', hosted({ name: '' }), /name: "" is no DNS label/],
  ['a name that is taken', hosted({ name: 'clusters' }), /would collide/],
  ['a name too long', hosted({ name: 'a'.repeat(60) }), /longer than 63/],
  ['a namespace that is none', hosted({ namespace: 'My_NS' }), /namespace: "My_NS"/],
  ['a base domain that is none', hosted({ 'base-domain': 'a..b' }), /--base-domain\): "a\.\.b" is no domain/],
  ['fewer than no nodes', hosted({ 'node-pool-replicas': '-1' }), /--node-pool-replicas: -1/],
  ['nodes in words', hosted({ 'node-pool-replicas': 'two' }), /--node-pool-replicas: "two"/],
  ['memory in words', hosted({ memory: 'lots' }), /memory: "lots" is no size/],
  ['memory without its unit', hosted({ memory: '8' }), /--memory: "8" is less/],
  ['no cores', hosted({ cores: '0' }), /cores: 0 cores/],
  ['half a core', hosted({ cores: '0.5' }), /--cores: "0\.5"/],
  ['a disk too small', hosted({ 'root-volume-size': 8 }), /--root-volume-size\): 8 GiB/],
  ['a storage class that is none', hosted({ 'root-volume-storage-class': 'Fast' }), /--root-volume-storage-class/],
  ['another one', hosted({ 'etcd-storage-class': 'a b' }), /--etcd-storage-class/],
  ['an unknown policy', hosted({ 'control-plane-availability-policy': 'Two' }), /--control-plane-availability-policy/],
  ['a range that is none', hosted({ 'cluster-cidr': ['10.0.0.0/33'] }), /--cluster-cidr\): "10\.0\.0\.0\/33"/],
  ['ranges that overlap', hosted({ 'service-cidr': ['10.132.0.0/16'] }), /overlaps/],
  ['a registry with a scheme', { registry: 'https://r.lab' }, /--registry .* is no host/],
  ['a registry with an empty label', { registry: 'r..lab' }, /--registry .* is no host/],
  ['a registry with a port that is none', { registry: 'r.lab:70000' }, /--registry .* is no host/],
  ['a registry with a tag', { registry: 'r.lab/ocp:v1' }, /--registry .* can not be a path/],
  ['a CA without its registry', { caFiles: ['ca.pem'] }, /--registry-ca/],
  ['a CA without a name', { registry: 'r.lab', caFiles: [''] }, /--registry-ca/],
  ['an address alone', { addresses: ['192.0.2.1'] }, /--address-pool: "192\.0\.2\.1" is neither/],
  ['addresses backwards', { addresses: ['192.0.2.9-192.0.2.1'] }, /--address-pool/],
  [
    'too few addresses',
    { addresses: ['192.0.2.1/32'], ...hosted({ 'base-domain': 'x.org' }) },
    /2 addresses are needed/,
  ],
];
for (const [what, answers, message] of REFUSED) {
  test(`${what} is refused with what to write instead`, () => {
    assert.throws(() => draft(answers), { code: 'E_USAGE', message, hint: /.+/ });
  });
}

test('addresses without the operator that gives them are refused', () => {
  const operators = ['kubevirt-hyperconverged', 'multicluster-engine'];
  const expected = { code: 'E_USAGE', message: /metallb-operator/, hint: /operators/ };
  assert.throws(() => draft({ addresses: ['192.0.2.0/28'] }, { operators }), expected);
});
