import { test } from 'node:test';
import assert from 'node:assert/strict';
import { HOSTED_CLUSTER_FLAGS, readHostedClusterFlags } from '../../../src/apply/hosted-cluster-flags.ts';
import { HostedClusterSchema } from '../../../src/apply/hosted-cluster-schema.ts';
import { isAirgapError } from '../../../src/core/errors.ts';

const READ: readonly (readonly [string, string | boolean | readonly string[], string, unknown])[] = [
  ['name', 'example', 'name', 'example'],
  ['cores', '4', 'cores', 4],
  ['node-pool-replicas', '-1', 'nodePoolReplicas', -1],
  ['fips', true, 'fips', true],
  ['attach-default-network', 'false', 'attachDefaultNetwork', false],
  ['annotations', ['a=b', 'c=d,e=f'], 'annotations', { a: 'b', c: 'd,e=f' }],
  ['labels', ['a='], 'labels', { a: '' }],
  ['node-selector', ['role=cp,disk=fast'], 'nodeSelector', { role: 'cp', disk: 'fast' }],
  ['vm-node-selector', ['a=b', 'c=d'], 'vmNodeSelector', { a: 'b', c: 'd' }],
  ['pods-labels', ['a=b,c'], 'podsLabels', { a: 'b,c' }],
  ['pods-labels', ['"a=b,c",d=e'], 'podsLabels', { a: 'b,c', d: 'e' }],
  ['cluster-cidr', ['10.0.0.0/14', 'fd01::/48'], 'clusterCidrs', ['10.0.0.0/14', 'fd01::/48']],
  ['disable-cluster-capabilities', ['Ingress,Console'], 'disableClusterCapabilities', ['Ingress', 'Console']],
  [
    'root-volume-access-modes',
    ['ReadWriteOnce,ReadWriteMany'],
    'rootVolumeAccessModes',
    ['ReadWriteOnce', 'ReadWriteMany'],
  ],
  ['additional-network', ['name:ns1/nad-foo', 'name:ns2/nad'], 'additionalNetworks', ['ns1/nad-foo', 'ns2/nad']],
  [
    'host-device-name',
    ['gpu', 'nic,count:3'],
    'hostDevices',
    [
      { deviceName: 'gpu', count: 1 },
      { deviceName: 'nic', count: 3 },
    ],
  ],
  [
    'toleration',
    ['key=key1, Value=value1 ,effect=noSchedule', 'operator=Exists,tolerationSeconds=30'],
    'tolerations',
    [
      { key: 'key1', value: 'value1', effect: 'noSchedule' },
      { operator: 'Exists', tolerationSeconds: 30 },
    ],
  ],
  [
    'infra-storage-class-mapping',
    ['gp3-csi/gp3', 'ceph/rbd, group=g1,unknown=x'],
    'infraStorageClassMappings',
    [
      { infra: 'gp3-csi', guest: 'gp3' },
      { infra: 'ceph', guest: 'rbd', group: 'g1' },
    ],
  ],
];

test('flags of the vendor tool mean fields of the site file', () => {
  for (const [flag, value, field, expected] of READ)
    assert.deepEqual(readHostedClusterFlags({ [flag]: value }), { [field]: expected }, flag);
});

const REFUSED: readonly (readonly [string, string | readonly string[]])[] = [
  ['annotations', ['novalue']],
  ['annotations', ['=value']],
  ['node-selector', ['role']],
  ['node-selector', ['a=b,c,d=e']],
  ['cores', 'two'],
  ['fips', 'perhaps'],
  ['toleration', ['key']],
  ['toleration', ['key=a=b']],
  ['toleration', ['color=red']],
  ['toleration', ['tolerationSeconds=soon']],
  ['toleration', ['']],
  ['infra-storage-class-mapping', ['gp3']],
  ['infra-storage-class-mapping', ['a/b/c']],
  ['infra-storage-class-mapping', ['a/b,group']],
  ['infra-volumesnapshot-class-mapping', ['gp3']],
  ['additional-network', ['ns/nad']],
  ['additional-network', ['name:ns/nad,mtu:9000']],
  ['host-device-name', ['gpu,number:2']],
  ['host-device-name', ['gpu,count:two']],
  ['host-device-name', ['gpu,count:1,count:2']],
];

test('a flag that can not be read is refused by name', () => {
  for (const [flag, value] of REFUSED)
    assert.throws(
      () => readHostedClusterFlags({ [flag]: value }),
      (error) => isAirgapError(error, 'E_CONFIG') && error.message.startsWith(`--${flag}:`) && error.hint !== undefined,
      `${flag} ${String(value)}`,
    );
});

test('every flag has its own field in the site file', () => {
  const fields = HOSTED_CLUSTER_FLAGS.map(({ field }) => field);
  assert.equal(new Set(fields).size, fields.length);
  for (const field of fields) assert.ok(field in HostedClusterSchema.shape, field);
});
