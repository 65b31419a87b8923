import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { FlagValue } from '../../../src/apply/hosted-cluster-flags.ts';
import { withInfraLabel, withoutSecrets } from '../../../src/apply/hosted-cluster-render.ts';
import { valueAt } from '../../../src/apply/kube-object.ts';
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

type Case = readonly [Readonly<Record<string, FlagValue>>, 'HostedCluster' | 'NodePool', string, unknown];
const network = { 'additional-network': ['name:ns/nad'] };
const RENDERED: readonly Case[] = [
  [{ namespace: 'tenants' }, 'HostedCluster', 'metadata.namespace', 'tenants'],
  [{ 'base-domain': 'example.com' }, 'HostedCluster', 'spec.dns', { baseDomain: 'example.com' }],
  [{ 'base-domain': 'example.com' }, 'HostedCluster', 'spec.platform.kubevirt', {}],
  [{ 'base-domain-prefix': 'p' }, 'HostedCluster', 'spec.dns', { baseDomain: '', baseDomainPrefix: 'p' }],
  [{ 'base-domain-prefix': 'none' }, 'HostedCluster', 'spec.dns', { baseDomain: '', baseDomainPrefix: '' }],
  [{ 'node-pool-replicas': '3' }, 'NodePool', 'spec.replicas', 3],
  [{ arch: 'S390X' }, 'NodePool', 'spec.arch', 's390x'],
  [{ 'infra-id': 'own-id' }, 'HostedCluster', 'spec.infraID', 'own-id'],
  [
    { 'control-plane-availability-policy': 'SingleReplica' },
    'HostedCluster',
    'spec.controllerAvailabilityPolicy',
    'SingleReplica',
  ],
  [
    { 'infra-availability-policy': 'HighlyAvailable' },
    'HostedCluster',
    'spec.infrastructureAvailabilityPolicy',
    'HighlyAvailable',
  ],
  [
    { 'cluster-cidr': ['10.128.0.1/14'] },
    'HostedCluster',
    'spec.networking.clusterNetwork',
    [{ cidr: '10.128.0.1/14' }],
  ],
  [
    { 'service-cidr': ['172.30.0.0/16', 'FD02::/112'] },
    'HostedCluster',
    'spec.networking.serviceNetwork',
    [{ cidr: '172.30.0.0/16' }, { cidr: 'fd02::/112' }],
  ],
  [
    { 'machine-cidr': ['192.168.1.0/24'] },
    'HostedCluster',
    'spec.networking.machineNetwork',
    [{ cidr: '192.168.1.0/24' }],
  ],
  [
    { 'default-dual': true },
    'HostedCluster',
    'spec.networking.clusterNetwork',
    [{ cidr: '10.132.0.0/14' }, { cidr: 'fd01::/48' }],
  ],
  [
    { 'default-dual': true },
    'HostedCluster',
    'spec.networking.serviceNetwork',
    [{ cidr: '172.31.0.0/16' }, { cidr: 'fd02::/112' }],
  ],
  [{ 'network-type': 'Calico' }, 'HostedCluster', 'spec.networking.networkType', 'Calico'],
  [
    { 'network-type': 'Other', 'allocate-node-cidrs': true },
    'HostedCluster',
    'spec.networking.allocateNodeCIDRs',
    'Enabled',
  ],
  [
    { 'network-type': 'Other', 'disable-multi-network': true },
    'HostedCluster',
    'spec.operatorConfiguration',
    { clusterNetworkOperator: { disableMultiNetwork: true } },
  ],
  [
    { 'ovn-kubernetes-mtu': '1300' },
    'HostedCluster',
    'spec.operatorConfiguration',
    { clusterNetworkOperator: { ovnKubernetesConfig: { mtu: 1300 } } },
  ],
  [{ 'olm-catalog-placement': 'Guest' }, 'HostedCluster', 'spec.olmCatalogPlacement', 'guest'],
  [
    { 'olm-disable-default-sources': true },
    'HostedCluster',
    'spec.configuration',
    { operatorhub: { disableAllDefaultSources: true } },
  ],
  [{ annotations: ['a=b=c', 'd=e,f'] }, 'HostedCluster', 'metadata.annotations', { a: 'b=c', d: 'e,f' }],
  [{ labels: ['a=b'] }, 'HostedCluster', 'metadata.labels', { a: 'b' }],
  [{ 'pods-labels': ['a=b,c=d'] }, 'HostedCluster', 'spec.labels', { a: 'b', c: 'd' }],
  [{ 'node-selector': ['role=cp'] }, 'HostedCluster', 'spec.nodeSelector', { role: 'cp' }],
  [
    { toleration: ['key=k,operator=exists,effect=noexecute,tolerationSeconds=30'] },
    'HostedCluster',
    'spec.tolerations',
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }],
  ],
  [
    { 'etcd-storage-class': 'lvms-vg1', 'etcd-storage-size': '10.5Gi' },
    'HostedCluster',
    'spec.etcd.managed.storage.persistentVolume',
    { size: '10752Mi', storageClassName: 'lvms-vg1' },
  ],
  [{ fips: true }, 'HostedCluster', 'spec.fips', true],
  [
    { 'feature-set': 'TechPreviewNoUpgrade' },
    'HostedCluster',
    'spec.configuration',
    { featureGate: { featureSet: 'TechPreviewNoUpgrade' } },
  ],
  [
    { 'disable-cluster-capabilities': ['Ingress,Console'], 'enable-cluster-capabilities': ['Insights'] },
    'HostedCluster',
    'spec.capabilities',
    { enabled: ['Insights'], disabled: ['Ingress', 'Console'] },
  ],
  [{ 'kas-dns-name': 'api.example.com' }, 'HostedCluster', 'spec.kubeAPIServerDNSName', 'api.example.com'],
  [
    { 'auto-repair': true, 'node-upgrade-type': 'inplace' },
    'NodePool',
    'spec.management',
    { autoRepair: true, upgradeType: 'InPlace' },
  ],
  [{ 'node-drain-timeout': '30m' }, 'NodePool', 'spec.nodeDrainTimeout', '30m0s'],
  [{ 'node-volume-detach-timeout': '90s' }, 'NodePool', 'spec.nodeVolumeDetachTimeout', '1m30s'],
  [{ pausedUntil: 'true' }, 'HostedCluster', 'spec.pausedUntil', 'true'],
  [{ pausedUntil: '2027-01-31T12:00:00Z' }, 'NodePool', 'spec.pausedUntil', '2027-01-31T12:00:00Z'],
  [{ memory: '8192Mi', cores: '4' }, 'NodePool', 'spec.platform.kubevirt.compute', { cores: 4, memory: '8Gi' }],
  [{ 'qos-class': 'Guaranteed' }, 'NodePool', 'spec.platform.kubevirt.compute.qosClass', 'Guaranteed'],
  [{ 'qos-class': 'Burstable' }, 'NodePool', 'spec.platform.kubevirt.compute.qosClass', undefined],
  [{ 'root-volume-size': '1024' }, 'NodePool', 'spec.platform.kubevirt.rootVolume.persistent', { size: '1Ti' }],
  [
    {
      'root-volume-storage-class': 'sc',
      'root-volume-access-modes': ['ReadWriteOnce,ReadWriteMany'],
      'root-volume-volume-mode': 'Block',
      'root-volume-cache-strategy': 'PVC',
    },
    'NodePool',
    'spec.platform.kubevirt.rootVolume',
    {
      type: 'Persistent',
      persistent: {
        size: '32Gi',
        storageClass: 'sc',
        accessModes: ['ReadWriteOnce', 'ReadWriteMany'],
        volumeMode: 'Block',
      },
      cacheStrategy: { type: 'PVC' },
    },
  ],
  [{ 'network-multiqueue': 'Disable' }, 'NodePool', 'spec.platform.kubevirt.networkInterfaceMultiqueue', 'Disable'],
  [network, 'NodePool', 'spec.platform.kubevirt.additionalNetworks', [{ name: 'ns/nad' }]],
  [{ ...network, 'attach-default-network': 'false' }, 'NodePool', 'spec.platform.kubevirt.attachDefaultNetwork', false],
  [{ 'vm-node-selector': ['a=b'] }, 'NodePool', 'spec.platform.kubevirt.nodeSelector', { a: 'b' }],
  [
    { 'host-device-name': ['gpu', 'nic,count:2'] },
    'NodePool',
    'spec.platform.kubevirt.hostDevices',
    [
      { deviceName: 'gpu', count: 1 },
      { deviceName: 'nic', count: 2 },
    ],
  ],
  [
    { 'infra-kubeconfig-file': 'k', 'infra-namespace': 'vms' },
    'HostedCluster',
    'spec.platform.kubevirt.credentials',
    { infraNamespace: 'vms', infraKubeConfigSecret: { name: 'example-infra-credentials', key: 'kubeconfig' } },
  ],
  [
    { 'infra-storage-class-mapping': ['i/g,group=x'], 'infra-volumesnapshot-class-mapping': ['s/t'] },
    'HostedCluster',
    'spec.platform.kubevirt.storageDriver',
    {
      type: 'Manual',
      manual: {
        storageClassMapping: [{ infraStorageClassName: 'i', guestStorageClassName: 'g', group: 'x' }],
        volumeSnapshotClassMapping: [{ infraVolumeSnapshotClassName: 's', guestVolumeSnapshotClassName: 't' }],
      },
    },
  ],
  [
    { annotations: ['hypershift.openshift.io/allow-unsupported-kubevirt-rhcos-variants=true'] },
    'NodePool',
    'metadata.annotations',
    { 'hypershift.openshift.io/allow-unsupported-kubevirt-rhcos-variants': 'true' },
  ],
];

test('every option lands in its field', () => {
  for (const [flags, kind, path, expected] of RENDERED)
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
