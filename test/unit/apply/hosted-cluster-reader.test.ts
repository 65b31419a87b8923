import { test } from 'node:test';
import assert from 'node:assert/strict';
import { AirgapError } from '../../../src/core/errors.ts';
import { readHostedCluster } from '../../../src/apply/hosted-cluster-reader.ts';

const VALID = { name: 'example', pullSecretFile: 'pull-secret.json' };

/** Fields, and the field the error names. */
const REFUSED: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
  [{ name: 'Example' }, 'name'],
  [{ name: 'a.b' }, 'name'],
  [{ etcdStorageClass: 'Fast' }, 'etcdStorageClass'],
  [{ rootVolumeStorageClass: 'fast_disks' }, 'rootVolumeStorageClass'],
  [{ name: '-a' }, 'name'],
  [{ name: 'a'.repeat(64) }, 'name'],
  [{ name: 'a'.repeat(60) }, 'name'],
  [{ name: 'clusters', namespace: 'other' }, 'name'],
  [{ name: 'same', namespace: 'same' }, 'name'],
  [{ name: 'local-cluster' }, 'name'],
  [{ namespace: 'Not_A_Label' }, 'namespace'],
  [{ pullSecretFile: undefined }, 'pullSecretFile'],
  [{ pullSecretFile: '' }, 'pullSecretFile'],
  [{ releaseImage: 'with space@sha256:1' }, 'releaseImage'],
  [{ releaseImage: '/starts/with/slash' }, 'releaseImage'],
  [{ releaseImage: `r/${'a'.repeat(253)}` }, 'releaseImage'],
  [{ baseDomain: 'example.c' }, 'baseDomain'],
  [{ baseDomain: 'under_score.com' }, 'baseDomain'],
  [{ baseDomainPrefix: 'a b' }, 'baseDomainPrefix'],
  [{ nodePoolReplicas: 2 ** 31 }, 'nodePoolReplicas'],
  [{ nodePoolReplicas: 1.5 }, 'nodePoolReplicas'],
  [{ arch: 'arm64' }, 'arch'],
  [{ infraId: 'Upper' }, 'infraId'],
  [{ controlPlaneAvailabilityPolicy: 'highlyavailable' }, 'controlPlaneAvailabilityPolicy'],
  [{ infraAvailabilityPolicy: 'Both' }, 'infraAvailabilityPolicy'],
  [{ clusterCidrs: ['10.0.0.0'] }, 'clusterCidrs'],
  [{ clusterCidrs: [] }, 'clusterCidrs'],
  [{ clusterCidrs: ['10.0.0.0/16', '10.1.0.0/16'] }, 'clusterCidrs'],
  [{ clusterCidrs: ['fd01::/48', '10.132.0.0/14'] }, 'clusterCidrs'],
  [{ clusterCidrs: ['172.31.128.0/17'] }, 'clusterCidrs'],
  [{ serviceCidrs: ['172.16.0.0/12'] }, 'serviceCidrs'],
  [{ machineCidrs: ['10.133.0.0/16'] }, 'clusterCidrs'],
  [{ clusterCidrs: ['100.66.1.0/24'] }, 'clusterCidrs'],
  [{ machineCidrs: ['100.64.0.0/20'] }, 'machineCidrs'],
  [{ defaultDual: true, clusterCidrs: ['10.0.0.0/14'] }, 'defaultDual'],
  [{ defaultDual: true, serviceCidrs: ['10.0.0.0/14'] }, 'defaultDual'],
  [{ networkType: 'ovnkubernetes' }, 'networkType'],
  [{ disableMultiNetwork: true }, 'disableMultiNetwork'],
  [{ allocateNodeCidrs: true }, 'allocateNodeCidrs'],
  [{ ovnKubernetesMtu: 575 }, 'ovnKubernetesMtu'],
  [{ ovnKubernetesMtu: 9217 }, 'ovnKubernetesMtu'],
  [{ ovnKubernetesMtu: 1400, networkType: 'Other' }, 'ovnKubernetesMtu'],
  [{ sshKeyFile: 'k.pub', generateSsh: true }, 'generateSsh'],
  [{ olmCatalogPlacement: 'both' }, 'olmCatalogPlacement'],
  [{ podsLabels: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, 'v'])) }, 'podsLabels'],
  [{ nodeSelector: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, 'v'])) }, 'nodeSelector'],
  [{ annotations: { '': 'v' } }, 'annotations'],
  [{ annotations: { 'hypershift.openshift.io/management-platform': 'x' } }, 'annotations'],
  [{ annotations: { 'hypershift.openshift.io/kubevirt-vm-jsonpatch': '{}' } }, 'annotations'],
  [{ annotations: { 'hypershift.openshift.io/kubevirt-vm-jsonpatch': 'no' } }, 'annotations'],
  [{ annotations: { 'hypershift.openshift.io/redhat-operators-catalog-image': 'r/i:v1' } }, 'annotations'],
  [{ annotations: { 'hypershift.openshift.io/olm-catalogs-is-registry-overrides': 'quay.io=r' } }, 'annotations'],
  [
    { annotations: { 'hypershift.openshift.io/olm-catalogs-is-registry-overrides': 'registry.redhat.io=https://r' } },
    'annotations',
  ],
  [
    { annotations: { 'hypershift.openshift.io/olm-catalogs-is-registry-overrides': 'registry.redhat.io' } },
    'annotations',
  ],
  [
    {
      olmCatalogPlacement: 'guest',
      annotations: { 'hypershift.openshift.io/olm-catalogs-is-registry-overrides': 'registry.redhat.io=r' },
    },
    'annotations',
  ],
  [{ tolerations: [{ operator: 'Maybe' }] }, 'tolerations'],
  [{ tolerations: [{ effect: 'Never' }] }, 'tolerations'],
  [{ tolerations: [{ color: 'red' }] }, 'tolerations.0.color'],
  [{ etcdStorageSize: 'large' }, 'etcdStorageSize'],
  [{ featureSet: 'CustomNoUpgrade' }, 'featureSet'],
  [{ disableClusterCapabilities: ['Storage'] }, 'disableClusterCapabilities'],
  [{ enableClusterCapabilities: ['storage'] }, 'enableClusterCapabilities'],
  [{ disableClusterCapabilities: ['Ingress'] }, 'disableClusterCapabilities'],
  [{ disableClusterCapabilities: ['Console'], enableClusterCapabilities: ['Console'] }, 'disableClusterCapabilities'],
  [{ kasDnsName: 'API.example.com' }, 'kasDnsName'],
  [{ kasDnsName: 'api.example.1' }, 'kasDnsName'],
  [{ nodeUpgradeType: 'Rolling' }, 'nodeUpgradeType'],
  [{ nodeDrainTimeout: '5' }, 'nodeDrainTimeout'],
  [{ nodeVolumeDetachTimeout: '-5m' }, 'nodeVolumeDetachTimeout'],
  [{ pausedUntil: 'tomorrow' }, 'pausedUntil'],
  [{ pausedUntil: '2027-13-01T00:00:00Z' }, 'pausedUntil'],
  [{ pausedUntil: '2027-02-30T00:00:00Z' }, 'pausedUntil'],
  [{ pausedUntil: 'false' }, 'pausedUntil'],
  [{ wait: true }, 'wait'],
  [{ timeout: 'soon' }, 'timeout'],
  [{ memory: '' }, 'memory'],
  [{ memory: '0' }, 'memory'],
  [{ memory: '4GB' }, 'memory'],
  [{ cores: 0 }, 'cores'],
  [{ rootVolumeSize: 15 }, 'rootVolumeSize'],
  [{ rootVolumeAccessModes: ['ReadOnlyMany'] }, 'rootVolumeAccessModes'],
  [{ rootVolumeVolumeMode: 'block' }, 'rootVolumeVolumeMode'],
  [{ rootVolumeCacheStrategy: 'pvc' }, 'rootVolumeCacheStrategy'],
  [{ networkMultiqueue: 'enable' }, 'networkMultiqueue'],
  [{ qosClass: 'BestEffort' }, 'qosClass'],
  [{ additionalNetworks: [''] }, 'additionalNetworks'],
  [{ additionalNetworks: ['a/b/c'] }, 'additionalNetworks'],
  [{ additionalNetworks: Array.from({ length: 21 }, (_, i) => `ns/n${i}`) }, 'additionalNetworks'],
  [{ attachDefaultNetwork: false }, 'attachDefaultNetwork'],
  [{ hostDevices: [{ deviceName: 'gpu', count: 0 }] }, 'hostDevices'],
  [{ hostDevices: [{ deviceName: '' }] }, 'hostDevices'],
  [{ hostDevices: Array.from({ length: 11 }, (_, i) => ({ deviceName: `d${i}` })) }, 'hostDevices'],
  [{ infraKubeconfigFile: 'k' }, 'infraNamespace'],
  [{ infraNamespace: 'ns' }, 'infraKubeconfigFile'],
  [{ infraNamespace: 'N', infraKubeconfigFile: 'k' }, 'infraNamespace'],
  [{ infraStorageClassMappings: [{ infra: '', guest: 'g' }] }, 'infraStorageClassMappings'],
  [{ infraVolumeSnapshotClassMappings: [{ infra: 'i', guest: '' }] }, 'infraVolumeSnapshotClassMappings'],
  [
    { infraStorageClassMappings: Array.from({ length: 51 }, () => ({ infra: 'i', guest: 'g' })) },
    'infraStorageClassMappings',
  ],
  [{ additionalNodePools: [{ name: 'example' }] }, 'additionalNodePools[0].name'],
  [{ additionalNodePools: [{ name: 'big', memory: 'much' }] }, 'additionalNodePools[0].memory'],
  [{ memmory: '4Gi' }, 'memmory'],
];

function refusal(input: Readonly<Record<string, unknown>>): AirgapError {
  try {
    readHostedCluster(input, 'hostedClusters[0]');
  } catch (error) {
    assert.ok(error instanceof AirgapError);
    return error;
  }
  throw new Error(`accepted: ${JSON.stringify(input)}`);
}

test('a value that can not work is refused, with the field and what to do', () => {
  for (const [fields, field] of REFUSED) {
    const error = refusal({ ...VALID, ...fields });
    assert.equal(error.code, 'E_CONFIG');
    const problems = (error.data?.['problems'] ?? []) as { field: string; fix: string }[];
    assert.equal(problems[0]?.field, field, `${JSON.stringify(fields)}: ${error.message}`);
    assert.ok(error.message.startsWith('hostedClusters[0]: '));
    assert.ok((error.hint ?? '').length > 0);
  }
});

test('all problems are told at once', () => {
  const error = refusal({ ...VALID, memory: 'much', cores: 0, rootVolumeSize: 1 });
  assert.deepEqual(
    (error.data!['problems'] as { field: string }[]).map(({ field }) => field),
    ['memory', 'cores', 'rootVolumeSize'],
  );
  assert.match(error.message, /rootVolumeSize \(--root-volume-size\)/);
});

test('values at the edge of what is possible are accepted', () => {
  for (const fields of [
    { name: 'a'.repeat(54) },
    { baseDomain: 'lab' },
    { baseDomain: 'Example.COM' },
    { kasDnsName: 'api.example.com' },
    { ovnKubernetesMtu: 576 },
    { ovnKubernetesMtu: 0 },
    { rootVolumeSize: 16 },
    { memory: 4096 },
    { pausedUntil: true },
    { featureSet: '' },
    { machineCidrs: ['192.168.0.0/16'] },
    { clusterCidrs: ['100.66.0.0/16'], networkType: 'Calico' },
    { additionalNetworks: ['nad'] },
    { wait: true, nodePoolReplicas: 1 },
    { disableClusterCapabilities: ['Ingress', 'Console'] },
    { annotations: { 'hypershift.openshift.io/kubevirt-vm-jsonpatch': '[{"op":"add","path":"/a","value":1}]' } },
  ])
    assert.equal(readHostedCluster({ ...VALID, ...fields }, 'x').namespace, 'clusters', JSON.stringify(fields));
});
