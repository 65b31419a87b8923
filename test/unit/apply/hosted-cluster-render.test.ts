import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { withInfraLabel, withoutSecrets } from '../../../src/apply/hosted-cluster-render.ts';
import { valueAt } from '../../../src/apply/kube-object.ts';
import { RENDERED_FLAGS } from '../../support/hosted-cluster-cases.ts';
import { FRESH, objectOf, RELEASE_IMAGE, renderFlags } from '../../support/hosted-cluster.ts';

const certificate = readFileSync(new URL('../../fixtures/certificates/ca-one.pem', import.meta.url), 'utf8');
const secret = (name: string, data: Record<string, string>, type?: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'clusters', labels: { 'hypershift.openshift.io/safe-to-delete-with-cluster': 'true' } },
  data,
  ...(type === undefined ? {} : { type }),
});

test('without options the objects are those of the vendor tool, in its order', () => {
  assert.deepEqual(renderFlags(), [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'clusters' } },
    secret('example-pull-secret', { '.dockerconfigjson': 'eyJhdXRocyI6eyJyIjp7fX19' }),
    secret('example-etcd-encryption-key', { key: Buffer.from(FRESH.encryptionKey).toString('base64') }, 'Opaque'),
    {
      apiVersion: 'hypershift.openshift.io/v1beta1',
      kind: 'HostedCluster',
      metadata: { name: 'example', namespace: 'clusters' },
      spec: {
        autoscaling: {},
        capabilities: {},
        configuration: {},
        controllerAvailabilityPolicy: 'HighlyAvailable',
        dns: { baseDomain: '' },
        etcd: {
          managed: { storage: { persistentVolume: { size: '8Gi' }, type: 'PersistentVolume' } },
          managementType: 'Managed',
        },
        fips: false,
        infraID: 'example-x7k2q',
        networking: {
          clusterNetwork: [{ cidr: '10.132.0.0/14' }],
          networkType: 'OVNKubernetes',
          serviceNetwork: [{ cidr: '172.31.0.0/16' }],
        },
        olmCatalogPlacement: 'management',
        platform: { kubevirt: { baseDomainPassthrough: true }, type: 'KubeVirt' },
        pullSecret: { name: 'example-pull-secret' },
        release: { image: RELEASE_IMAGE },
        secretEncryption: { aescbc: { activeKey: { name: 'example-etcd-encryption-key' } }, type: 'aescbc' },
        services: [
          { service: 'APIServer', servicePublishingStrategy: { type: 'LoadBalancer' } },
          { service: 'Ignition', servicePublishingStrategy: { type: 'Route' } },
          { service: 'Konnectivity', servicePublishingStrategy: { type: 'Route' } },
          { service: 'OAuthServer', servicePublishingStrategy: { type: 'Route' } },
        ],
        sshKey: {},
      },
    },
    {
      apiVersion: 'hypershift.openshift.io/v1beta1',
      kind: 'NodePool',
      metadata: { name: 'example', namespace: 'clusters' },
      spec: {
        arch: 'amd64',
        clusterName: 'example',
        management: { autoRepair: false, upgradeType: 'Replace' },
        nodeDrainTimeout: '0s',
        nodeVolumeDetachTimeout: '0s',
        platform: {
          kubevirt: {
            attachDefaultNetwork: true,
            compute: { cores: 2, memory: '4Gi' },
            networkInterfaceMultiqueue: 'Enable',
            rootVolume: { persistent: { size: '32Gi' }, type: 'Persistent' },
          },
          type: 'KubeVirt',
        },
        release: { image: RELEASE_IMAGE },
        replicas: 0,
      },
    },
  ]);
});

test('every option lands in its field', () => {
  for (const [flags, kind, path, expected] of RENDERED_FLAGS)
    assert.deepEqual(valueAt(objectOf(renderFlags(flags), kind), ...path.split('.')), expected, JSON.stringify(flags));
});

test('a negative number of nodes makes no node pool', () => {
  assert.deepEqual(
    renderFlags({ 'node-pool-replicas': '-1' }).filter(({ kind }) => kind === 'NodePool'),
    [],
  );
});

test('files become Secrets and a ConfigMap that the hosted cluster names', () => {
  const objects = renderFlags(
    { 'infra-kubeconfig-file': 'k', 'infra-namespace': 'vms' },
    {
      sshPublicKey: Buffer.from('ssh-rsa AAAA'),
      trustBundle: certificate,
      infraKubeconfig: Buffer.from('kube'),
      imageContentSources: [{ source: 'quay.io/a', mirrors: ['r/a'] }, { source: 'quay.io/b' }],
    },
  );
  assert.deepEqual(
    objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    [
      'Namespace/clusters',
      'ConfigMap/user-ca-bundle',
      'Secret/example-pull-secret',
      'Secret/example-ssh-key',
      'Secret/example-infra-credentials',
      'Secret/example-etcd-encryption-key',
      'HostedCluster/example',
      'NodePool/example',
    ],
  );
  assert.deepEqual(objectOf(objects, 'ConfigMap')['data'], { 'ca-bundle.crt': certificate });
  assert.deepEqual(
    objectOf(objects, 'Secret', 'example-ssh-key'),
    secret('example-ssh-key', { 'id_rsa.pub': 'c3NoLXJzYSBBQUFB' }),
  );
  assert.deepEqual(
    objectOf(objects, 'Secret', 'example-infra-credentials'),
    secret('example-infra-credentials', { kubeconfig: 'a3ViZQ==' }, 'Opaque'),
  );
  const cluster = objectOf(objects, 'HostedCluster');
  assert.deepEqual(valueAt(cluster, 'spec', 'additionalTrustBundle'), { name: 'user-ca-bundle' });
  assert.deepEqual(valueAt(cluster, 'spec', 'sshKey'), { name: 'example-ssh-key' });
  assert.deepEqual(valueAt(cluster, 'spec', 'imageContentSources'), [
    { source: 'quay.io/a', mirrors: ['r/a'] },
    { source: 'quay.io/b' },
  ]);
});

test('what people see holds no Secret, what is written carries the infrastructure label', () => {
  const objects = renderFlags({ labels: ['a=b'] });
  assert.ok(withoutSecrets(objects).every(({ kind }) => kind !== 'Secret'));
  for (const { metadata } of withInfraLabel(objects, 'id'))
    assert.equal(metadata.labels?.['hypershift.openshift.io/auto-created-for-infra'], 'id');
  assert.equal(objectOf(withInfraLabel(objects, 'id'), 'HostedCluster').metadata.labels?.['a'], 'b');
});
