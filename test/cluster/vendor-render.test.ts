import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { parseYamlStream } from '../../src/core/yaml.ts';
import type { FlagValue } from '../../src/apply/hosted-cluster-flags.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { findCrds } from '../support/apiserver-programs.ts';
import { findProgram } from '../support/programs.ts';
import { renderFlags } from '../support/hosted-cluster.ts';

/** The vendor's own records of what its tool renders are part of the Go module that also brings the HyperShift CRDs. */
const MODULE = 'github.com/openshift/hypershift@v0.1.82';
const CRD_MODULE = fileURLToPath(new URL('./crds/', import.meta.url));
const RECORDS = 'cmd/cluster/kubevirt/testdata';

/** File of a record, and the flags it was made with (cmd/cluster/kubevirt/create_test.go of the module). */
const RECORDED: readonly (readonly [string, Readonly<Record<string, FlagValue>>])[] = [
  [
    'zz_fixture_TestCreateCluster_When_minimal_flags_are_provided__it_should_render_successfully.yaml',
    // The record is of the developer tool, whose default differs here, and without a release.
    { 'infra-id': 'example-sffhb', 'control-plane-availability-policy': 'SingleReplica', 'release-image': 'none' },
  ],
  [
    'zz_fixture_TestCreateCluster_When_complex_configuration_flags_are_provided__it_should_create_cluster_with_all_options.yaml',
    {
      name: 'test1',
      'infra-id': 'test1-f9nvz',
      'etcd-storage-class': 'gp3-csi',
      'control-plane-availability-policy': 'HighlyAvailable',
      'infra-availability-policy': 'HighlyAvailable',
      'node-pool-replicas': '2',
      memory: '12Gi',
      cores: '4',
      'release-image': 'fake',
      'root-volume-access-modes': ['ReadWriteOnce'],
      'root-volume-storage-class': 'gp3-csi',
      'root-volume-size': '32',
      'infra-storage-class-mapping': ['gp3-csi/gp3', 'ocs-storagecluster-ceph-rbd/ceph-rbd'],
      'infra-volumesnapshot-class-mapping': ['ocs-storagecluster-rbd-snap/rdb-snap'],
      'vm-node-selector': ['key=val'],
      'additional-network': ['name:ns1/nad-foo', 'name:ns2/nad-foo2'],
      toleration: ['key=key1,value=value1,effect=noSchedule', 'key=key2,value=value2,effect=noSchedule'],
    },
  ],
];

test('what we render equals what the vendor tool has recorded of itself', (t) => {
  const folder = needRecords(t);
  if (folder === undefined) return;
  for (const [file, flags] of RECORDED) {
    const objects = renderFlags(flags, { pullSecret: Buffer.from('fake') });
    assert.deepEqual(objects, recorded(join(folder, RECORDS, file), objects), file);
  }
});

/** The recorded objects without `status` and empty namespace spec, which are no wish, and with our random key and release. */
function recorded(file: string, ours: readonly KubeObject[]): unknown[] {
  const objects = parseYamlStream(readFileSync(file, 'utf8'), file) as (KubeObject & Record<string, unknown>)[];
  return objects.map(({ status: _status, spec, ...object }, index) => {
    if (object.metadata.name.endsWith('-etcd-encryption-key')) return ours[index];
    if (object.kind === 'Namespace' || spec === undefined) return object;
    const { release } = spec as { release: { image: string } };
    return { ...object, spec: { ...spec, release: { image: release.image || 'none' } } };
  });
}

function needRecords(t: TestContext): string | undefined {
  if (findCrds() === undefined || findProgram('go') === undefined) {
    const message = `needs Go and its module ${MODULE}: run "npm run components"`;
    if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(message);
    t.skip(message);
    return undefined;
  }
  // In Go's cache since the CRDs were fetched.
  const listing = execFileSync('go', ['mod', 'download', '-json', MODULE], {
    cwd: CRD_MODULE,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '', GONOSUMDB: '*' },
  });
  return (JSON.parse(listing) as { Dir: string }).Dir;
}
