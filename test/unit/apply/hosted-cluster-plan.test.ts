import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import type { HostedClusterFiles } from '../../../src/apply/hosted-cluster-files.ts';
import type { FlagValue } from '../../../src/apply/hosted-cluster-flags.ts';
import {
  planHostedCluster,
  type BundleContent,
  type LiveHostedCluster,
} from '../../../src/apply/hosted-cluster-plan.ts';
import { withInfraLabel } from '../../../src/apply/hosted-cluster-render.ts';
import { textMapAt, valueAt, type KubeObject } from '../../../src/apply/kube-object.ts';
import { EMPTY_BUNDLE, FILES, FRESH, objectOf, optionsOf } from '../../support/hosted-cluster.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../../fixtures/certificates/ca-${name}.pem`, import.meta.url), 'utf8');
const image = (letter: string) => `registry.example.com:5000/openshift/release-images@sha256:${letter.repeat(64)}`;
const release = (version: string, letter: string) => ({ version, image: image(letter), architectures: ['amd64'] });
const bundle: BundleContent = {
  ...EMPTY_BUNDLE,
  releases: [release('4.9.9', 'a'), release('4.20.3', 'b'), release('4.20.11', 'c')],
};

function plan(
  flags: Readonly<Record<string, FlagValue | undefined>> = {},
  given: {
    bundle?: BundleContent;
    live?: Partial<LiveHostedCluster>;
    files?: Partial<HostedClusterFiles>;
    allowRemovals?: boolean;
  } = {},
) {
  return planHostedCluster(
    optionsOf(flags),
    { ...FILES, ...given.files },
    {
      bundle: given.bundle ?? EMPTY_BUNDLE,
      live: { nodePools: [], ...given.live },
      fresh: FRESH,
      allowRemovals: given.allowRemovals ?? false,
    },
  );
}

/** What is on the cluster after a plan was applied. */
function liveAfter(objects: readonly KubeObject[]): LiveHostedCluster {
  const labelled = withInfraLabel(objects, FRESH.infraId);
  return {
    hostedCluster: objectOf(labelled, 'HostedCluster'),
    nodePools: labelled.filter(({ kind }) => kind === 'NodePool'),
    encryptionKey: objectOf(labelled, 'Secret', 'example-etcd-encryption-key'),
  };
}

const cluster = (objects: readonly KubeObject[]) => objectOf(objects, 'HostedCluster');

test('without a stated release it is the newest of the bundle, by version and not by text', () => {
  const { releaseImage, objects } = plan({ 'release-image': undefined }, { bundle });
  assert.equal(releaseImage, image('c'));
  assert.equal(valueAt(objectOf(objects, 'NodePool'), 'spec', 'release', 'image'), image('c'));
});

test('without any release nothing is rendered', () => {
  assert.throws(
    () => plan({ 'release-image': undefined }),
    (error) => isAirgapError(error, 'E_CONFIG') && error.hint!.includes('--release-image'),
  );
});

test('a release under its original name is known by its digest', () => {
  const canonical = `quay.io/openshift-release-dev/ocp-release@sha256:${'b'.repeat(64)}`;
  const found = plan({ 'release-image': canonical }, { bundle });
  assert.equal(found.release?.version, '4.20.3');
  assert.equal(found.releaseImage, canonical);
});

test('a second run plans the same and never makes the encryption key again', () => {
  const first = plan({ 'node-pool-replicas': '2' });
  const second = planHostedCluster(optionsOf({ 'node-pool-replicas': '2' }), FILES, {
    bundle: EMPTY_BUNDLE,
    live: liveAfter(first.objects),
    fresh: { infraId: 'example-other', encryptionKey: new Uint8Array(32).fill(9) },
    allowRemovals: false,
  });
  assert.equal(second.infraId, FRESH.infraId);
  assert.deepEqual(
    second.objects,
    first.objects.filter(({ metadata }) => metadata.name !== 'example-etcd-encryption-key'),
  );
});

test('a run that was interrupted before the HostedCluster existed keeps the infrastructure id', () => {
  const { encryptionKey } = liveAfter(plan().objects);
  const next = planHostedCluster(optionsOf(), FILES, {
    bundle: EMPTY_BUNDLE,
    live: { nodePools: [], encryptionKey: encryptionKey! },
    fresh: { infraId: 'example-other', encryptionKey: new Uint8Array(32) },
    allowRemovals: false,
  });
  assert.equal(next.infraId, FRESH.infraId);
});

test('a lost encryption key is never replaced', () => {
  const { encryptionKey: _lost, ...live } = liveAfter(plan().objects);
  assert.throws(
    () => plan({}, { live }),
    (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('example-etcd-encryption-key'),
  );
});

test('a generated SSH key is read back', () => {
  const sshKey = { publicKey: Buffer.from('pub'), privateKey: Buffer.from('priv') };
  const first = planHostedCluster(optionsOf({ 'generate-ssh': true }), FILES, {
    bundle: EMPTY_BUNDLE,
    live: { nodePools: [] },
    fresh: { ...FRESH, sshKey },
    allowRemovals: false,
  });
  const secret = objectOf(first.objects, 'Secret', 'example-ssh-key');
  assert.deepEqual(secret['data'], { 'id_rsa.pub': 'cHVi', id_rsa: 'cHJpdg==' });
  const second = plan({ 'generate-ssh': true }, { live: { ...liveAfter(first.objects), sshKey: secret } });
  assert.deepEqual(objectOf(second.objects, 'Secret', 'example-ssh-key'), secret);
});

const FINAL: readonly (readonly [Record<string, FlagValue>, Record<string, FlagValue>, string])[] = [
  [{}, { 'infra-id': 'another' }, 'spec.infraID'],
  [{}, { 'base-domain': 'example.com' }, 'spec.dns.baseDomain'],
  [{}, { 'base-domain-prefix': 'p' }, 'spec.dns.baseDomainPrefix'],
  [{}, { 'machine-cidr': ['192.168.0.0/24'] }, 'spec.networking.machineNetwork'],
  [{ 'machine-cidr': ['192.168.0.0/24'] }, {}, 'spec.networking.machineNetwork'],
  [{}, { 'cluster-cidr': ['10.200.0.0/16'] }, 'spec.networking.clusterNetwork'],
  [{}, { 'service-cidr': ['10.200.0.0/16'] }, 'spec.networking.serviceNetwork'],
  [{}, { 'network-type': 'Calico' }, 'spec.networking.networkType'],
  [{}, { 'etcd-storage-class': 'fast' }, 'spec.etcd.managed.storage.persistentVolume'],
  [{}, { 'etcd-storage-size': '16Gi' }, 'spec.etcd.managed.storage.persistentVolume'],
  [{}, { fips: true }, 'spec.fips'],
  [{}, { 'olm-catalog-placement': 'guest' }, 'spec.olmCatalogPlacement'],
  [{}, { 'control-plane-availability-policy': 'SingleReplica' }, 'spec.controllerAvailabilityPolicy'],
  [{}, { 'disable-cluster-capabilities': ['Console'] }, 'spec.capabilities'],
  [{}, { 'ovn-kubernetes-mtu': '1400' }, 'spec.operatorConfiguration.clusterNetworkOperator.ovnKubernetesConfig.mtu'],
  [{}, { 'infra-storage-class-mapping': ['a/b'] }, 'spec.platform.kubevirt.storageDriver'],
  [{}, { 'node-upgrade-type': 'InPlace' }, 'spec.management.upgradeType'],
  [{}, { arch: 's390x' }, 'spec.arch'],
];

test('what is fixed at creation, "not set" included, is never changed', () => {
  for (const [before, after, path] of FINAL) {
    const live = liveAfter(plan(before).objects);
    assert.throws(
      () => plan(after, { live }),
      (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes(`${path} is`),
      path,
    );
  }
});

test('values that admission fills in are no change', () => {
  const live = liveAfter(plan().objects);
  const spec = live.hostedCluster!['spec'] as Record<string, Record<string, unknown>>;
  const admitted = {
    ...live.hostedCluster!,
    spec: {
      ...spec,
      networking: {
        ...spec['networking'],
        allocateNodeCIDRs: 'Disabled',
        apiServer: { allowedCIDRBlocks: ['10.0.0.0/8'] },
      },
      platform: { type: 'KubeVirt', kubevirt: { baseDomainPassthrough: true, generateID: 'abcdefghij' } },
      etcd: {
        managementType: 'Managed',
        managed: { storage: { type: 'PersistentVolume', persistentVolume: { size: '8192Mi' } } },
      },
      operatorConfiguration: { clusterNetworkOperator: { disableMultiNetwork: false } },
    },
  };
  assert.equal(plan({}, { live: { ...live, hostedCluster: admitted } }).infraId, FRESH.infraId);
});

test('what may change later is planned', () => {
  const live = liveAfter(plan().objects);
  const { objects } = plan(
    { memory: '8Gi', 'auto-repair': true, annotations: ['a=b'], 'node-drain-timeout': '5m' },
    { live },
  );
  assert.equal(valueAt(objectOf(objects, 'NodePool'), 'spec', 'platform', 'kubevirt', 'compute', 'memory'), '8Gi');
});

test('the number of nodes of a pool changes only when it is stated', () => {
  const live = liveAfter(plan({ 'node-pool-replicas': '3' }).objects);
  const replicas = (flags: Record<string, FlagValue>) =>
    valueAt(objectOf(plan(flags, { live }).objects, 'NodePool'), 'spec', 'replicas');
  assert.equal(replicas({}), 3);
  assert.equal(replicas({ 'node-pool-replicas': '5' }), 5);
});

test('a cluster stays at its release until another one is asked for', () => {
  const live = liveAfter(plan({ 'release-image': image('b') }, { bundle }).objects);
  const kept = plan({ 'release-image': undefined }, { bundle, live });
  assert.equal(kept.releaseImage, image('b'));
  assert.match(kept.warnings.join(), /4\.20\.11/);
  assert.equal(plan({ 'release-image': image('c') }, { bundle, live }).releaseImage, image('c'));
});

test('mirrors of earlier bundles stay unless removal is allowed', () => {
  const sources = (
    bundleSources: BundleContent['imageContentSources'],
    live?: LiveHostedCluster,
    allowRemovals = false,
  ) =>
    valueAt(
      cluster(
        plan(
          {},
          { bundle: { ...EMPTY_BUNDLE, imageContentSources: bundleSources }, ...(live ? { live } : {}), allowRemovals },
        ).objects,
      ),
      'spec',
      'imageContentSources',
    );
  const old = [{ source: 'quay.io/old', mirrors: ['r/old'] }];
  const next = [{ source: 'quay.io/new', mirrors: ['r/new'] }];
  const live = liveAfter(plan({}, { bundle: { ...EMPTY_BUNDLE, imageContentSources: old } }).objects);
  assert.deepEqual(sources(next, live), [...old, ...next]);
  assert.deepEqual(sources(next, live, true), next);
  // Any other order would replace every node.
  const both = liveAfter(plan({}, { bundle: { ...EMPTY_BUNDLE, imageContentSources: [...old, ...next] } }).objects);
  assert.deepEqual(sources(next, both), [...old, ...next]);
});

test('entries the user states come first and nothing of the bundle is lost', () => {
  const { objects } = plan(
    {},
    {
      files: { imageContentSources: [{ source: 'quay.io/a', mirrors: ['mine/a'] }] },
      bundle: {
        ...EMPTY_BUNDLE,
        imageContentSources: [
          { source: 'quay.io/a', mirrors: ['r/a', 'mine/a'] },
          { source: 'quay.io/b', mirrors: ['r/b'] },
        ],
      },
    },
  );
  assert.deepEqual(valueAt(cluster(objects), 'spec', 'imageContentSources'), [
    { source: 'quay.io/a', mirrors: ['mine/a', 'r/a'] },
    { source: 'quay.io/b', mirrors: ['r/b'] },
  ]);
});

test('a toleration is not dropped without consent', () => {
  const live = liveAfter(plan({ toleration: ['key=k,operator=Exists'] }).objects);
  assert.throws(
    () => plan({}, { live }),
    (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('tolerations'),
  );
  assert.equal(plan({}, { live, allowRemovals: true }).infraId, FRESH.infraId);
});

test('the shared trust bundle only grows', () => {
  const trustBundle = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'user-ca-bundle' },
    data: { 'ca-bundle.crt': certificate('one') },
  };
  const { objects } = plan({}, { files: { trustBundle: certificate('two') }, live: { trustBundle } });
  assert.equal(
    textMapAt(objectOf(objects, 'ConfigMap'), 'data')['ca-bundle.crt'],
    certificate('one') + certificate('two'),
  );
});

test('the registry CA of the bundle is trusted, by image imports too where the release needs it', () => {
  const withCa = { ...bundle, trustBundle: certificate('one'), registryCas: { 'r..5000': certificate('one') } };
  const old = plan({ 'release-image': image('a') }, { bundle: withCa }).objects;
  assert.deepEqual(objectOf(old, 'ConfigMap', 'example-registry-config')['data'], { 'r..5000': certificate('one') });
  assert.deepEqual(valueAt(cluster(old), 'spec', 'configuration', 'image'), {
    additionalTrustedCA: { name: 'example-registry-config' },
  });
  const recent = plan({ 'release-image': image('c') }, { bundle: withCa }).objects;
  assert.equal(textMapAt(objectOf(recent, 'ConfigMap'), 'data')['ca-bundle.crt'], certificate('one'));
  assert.equal(valueAt(cluster(recent), 'spec', 'configuration', 'image'), undefined);
});

test('a cluster that is being deleted is left alone', () => {
  const live = liveAfter(plan().objects);
  const leaving = {
    ...live.hostedCluster!,
    metadata: { ...live.hostedCluster!.metadata, deletionTimestamp: '2027-01-01T00:00:00Z' },
  };
  assert.throws(
    () => plan({}, { live: { ...live, hostedCluster: leaving } }),
    (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('is being deleted'),
  );
});

test('the node pool of another cluster is never taken over', () => {
  const otherNodePools = [{ ...objectOf(plan().objects, 'NodePool'), spec: { clusterName: 'other' } }];
  assert.throws(
    () => plan({}, { live: { otherNodePools } }),
    (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('belongs to another hosted cluster'),
  );
  assert.equal(plan({ 'node-pool-replicas': '-1' }, { live: { otherNodePools } }).infraId, FRESH.infraId);
});

test('additional node pools belong to the same cluster and release', () => {
  const options = { ...optionsOf({ 'node-pool-replicas': '1' }) };
  const big = { ...options.nodePool, name: 'big', replicas: 2, memory: '16Gi' };
  const { objects } = planHostedCluster({ ...options, additionalNodePools: [big] }, FILES, {
    bundle: EMPTY_BUNDLE,
    live: { nodePools: [] },
    fresh: FRESH,
    allowRemovals: false,
  });
  const pool = objectOf(objects, 'NodePool', 'big');
  assert.equal(valueAt(pool, 'spec', 'clusterName'), 'example');
  assert.equal(valueAt(pool, 'spec', 'platform', 'kubevirt', 'compute', 'memory'), '16Gi');
});
