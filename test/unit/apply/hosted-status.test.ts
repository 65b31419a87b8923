import { test } from 'node:test';
import assert from 'node:assert/strict';
import { BLOCK_RANKS } from '../../../src/apply/hosted-conditions.ts';
import { judgeHostedCluster, type GuestObjects, type HostedClusterObjects } from '../../../src/apply/hosted-status.ts';
import { controlPlaneTables, dataPlaneTables, hostedClusterTable } from '../../../src/apply/hosted-status-tables.ts';
import type { KubeObject } from '../../../src/apply/kube-object.ts';

const condition = (type: string, status: string, message = `${type} message`) => ({
  type,
  status,
  reason: 'Reason',
  message,
});
const object = (kind: string, name: string, fields: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'clusters' },
  ...fields,
});
const hostedCluster = (
  conditions: readonly object[],
  history: readonly object[] = [{ state: 'Partial', version: '4.20.3' }],
) => object('HostedCluster', 'example', { status: { conditions, version: { history } } });
const AVAILABLE = [condition('Available', 'True'), condition('Progressing', 'False')];
const pool = (replicas: number, have: number, conditions: readonly object[] = []) =>
  object('NodePool', 'example', { spec: { replicas }, status: { replicas: have, conditions } });
const guest = (operators: readonly (readonly [string, object])[]): GuestObjects => ({
  nodes: [],
  clusterOperators: operators.map(([name, bad]) => object('ClusterOperator', name, { status: { conditions: [bad] } })),
});

function objects(parts: Partial<HostedClusterObjects>): HostedClusterObjects {
  return {
    hostedCluster: hostedCluster(AVAILABLE),
    nodePools: [pool(2, 2)],
    pods: [],
    components: [],
    machines: [],
    virtualMachines: [],
    virtualMachineInstances: [],
    dataVolumes: [],
    routes: [],
    ...parts,
  };
}

const backOff = object('Pod', 'etcd-0', {
  status: {
    containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff', message: 'x509: unknown authority' } } }],
  },
});

const JUDGED: readonly (readonly [string, Partial<HostedClusterObjects>, string, string, RegExp])[] = [
  ['nothing reported', { hostedCluster: hostedCluster([]) }, 'partial', 'infrastructure', /HyperShift operator/],
  [
    'release not readable',
    { hostedCluster: hostedCluster([condition('ValidReleaseImage', 'False', 'unauthorized')]) },
    'failed',
    'terminal',
    /unauthorized/,
  ],
  [
    'unsupported',
    { hostedCluster: hostedCluster([condition('SupportedHostedCluster', 'False')]) },
    'failed',
    'terminal',
    /Supported/,
  ],
  [
    'bad reference',
    { hostedCluster: hostedCluster([condition('ValidConfiguration', 'False')]) },
    'failed',
    'terminal',
    /ValidConfig/,
  ],
  [
    'paused',
    { hostedCluster: hostedCluster([condition('ReconciliationActive', 'False')]) },
    'partial',
    'infrastructure',
    /Active/,
  ],
  [
    'no address before no etcd',
    { hostedCluster: hostedCluster([condition('EtcdAvailable', 'False'), condition('InfrastructureReady', 'False')]) },
    'partial',
    'infrastructure',
    /InfrastructureReady/,
  ],
  [
    'etcd',
    { hostedCluster: hostedCluster([condition('EtcdAvailable', 'False')]), pods: [backOff] },
    'partial',
    'etcd',
    /Etcd/,
  ],
  ['image pull', { pods: [backOff] }, 'partial', 'images', /etcd-0: ImagePullBackOff: x509/],
  [
    'disk import',
    { dataVolumes: [object('DataVolume', 'root', { status: { phase: 'ImportInProgress' } })] },
    'partial',
    'disks',
    /ImportInProgress/,
  ],
  [
    'disk image',
    { nodePools: [pool(2, 0, [condition('ValidPlatformImage', 'False')])] },
    'partial',
    'disks',
    /ValidPlatformImage/,
  ],
  ['no nodes wanted', { nodePools: [pool(0, 0)] }, 'partial', 'nodes', /no node pool has any/],
  ['no pool', { nodePools: [] }, 'partial', 'nodes', /no node pool has any/],
  ['nodes coming', { nodePools: [pool(2, 1)] }, 'partial', 'nodes', /1 of 2 nodes/],
  [
    'network conflict',
    { nodePools: [pool(2, 2, [condition('ClusterNetworkCIDRConflict', 'True')])] },
    'partial',
    'nodes',
    /Conflict/,
  ],
  [
    'DNS before other operators',
    {
      guest: guest([
        ['storage', condition('Degraded', 'True')],
        ['console', condition('Available', 'False')],
      ]),
    },
    'partial',
    'ingress',
    /DNS of the applications: ClusterOperator console/,
  ],
  [
    'wildcard route refused',
    {
      routes: [
        object('Route', 'default-ingress-passthrough-route-x', {
          status: { ingress: [{ conditions: [condition('Admitted', 'False', 'wildcard routes are not allowed')] }] },
        }),
      ],
    },
    'partial',
    'ingress',
    /not allowed/,
  ],
  ['operator', { guest: guest([['storage', condition('Degraded', 'True')]]) }, 'partial', 'operators', /storage/],
  ['roll-out', {}, 'partial', 'operators', /finish its release/],
  [
    'informational',
    { hostedCluster: hostedCluster([condition('KubeVirtNodesLiveMigratable', 'False')]) },
    'partial',
    'operators',
    /finish/,
  ],
  [
    'not known yet',
    { hostedCluster: hostedCluster([condition('ValidReleaseImage', 'Unknown')]) },
    'partial',
    'operators',
    /finish/,
  ],
];

test('the first thing to settle is named, with a cause and a command', () => {
  for (const [name, parts, state, rank, waitingFor] of JUDGED) {
    const verdict = judgeHostedCluster(objects(parts));
    assert.equal(verdict.state, state, name);
    const first = verdict.blockers[0]!;
    assert.equal(first.rank, rank, name);
    assert.match(first.waitingFor, waitingFor, name);
    assert.ok(first.cause.length > 0 && first.look.includes('oc '), name);
  }
});

test('a completed cluster is completed, whatever else is reported about it', () => {
  const completed = hostedCluster(AVAILABLE, [{ state: 'Completed', version: '4.20.3' }]);
  assert.deepEqual(judgeHostedCluster(objects({ hostedCluster: completed })), { state: 'completed', blockers: [] });
  const degraded = hostedCluster([condition('Degraded', 'True')], [{ state: 'Completed', version: '4.20.3' }]);
  const verdict = judgeHostedCluster(objects({ hostedCluster: degraded }));
  assert.equal(verdict.state, 'completed');
  assert.equal(verdict.blockers.length, 1);
});

test('blockers come in the order in which they explain each other', () => {
  const everything = objects({
    hostedCluster: hostedCluster([condition('EtcdAvailable', 'False'), condition('ValidConfiguration', 'False')]),
    pods: [backOff],
    nodePools: [pool(2, 0)],
    guest: guest([['ingress', condition('Degraded', 'True')]]),
  });
  const ranks = judgeHostedCluster(everything).blockers.map(({ rank }) => BLOCK_RANKS.indexOf(rank));
  assert.deepEqual(
    ranks,
    ranks.toSorted((a, b) => a - b),
  );
  assert.equal(ranks.length, 5);
});

test('the table of hosted clusters has the columns of the API', () => {
  const history = [
    { state: 'Partial', version: '4.20.11' },
    { state: 'Completed', version: '4.20.3' },
  ];
  assert.deepEqual(hostedClusterTable([hostedCluster(AVAILABLE, history)]).rows, [
    ['clusters', 'example', '4.20.3', '', 'Partial', 'True', 'False', 'Available message'],
  ]);
});

test('tables without rows are left out and the others show what is there', () => {
  const vm = object('VirtualMachine', 'vm-1', { status: { printableStatus: 'Running', ready: true } });
  const vmi = object('VirtualMachineInstance', 'vm-1', {
    status: { nodeName: 'host-a', interfaces: [{ ipAddress: '10.1.2.3' }] },
  });
  const tables = controlPlaneTables(
    objects({ pods: [backOff], virtualMachines: [vm], virtualMachineInstances: [vmi] }),
  );
  assert.deepEqual(
    tables.map(({ title }) => title),
    ['Node pools', 'Virtual machines', 'Control plane pods'],
  );
  assert.deepEqual(tables[1]!.rows, [['vm-1', 'Running', 'True', 'host-a', '10.1.2.3']]);
  assert.equal(tables[2]!.rows[0]![2], 'ImagePullBackOff');
});

test('the data plane shows version, nodes and operators', () => {
  const node = object('Node', 'n1', {
    metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/worker': '' } },
    spec: { unschedulable: true },
    status: { conditions: [condition('Ready', 'True')], nodeInfo: { kubeletVersion: 'v1.33.4' } },
  });
  const operator = object('ClusterOperator', 'dns', {
    status: {
      versions: [{ name: 'operator', version: '4.20.3' }],
      conditions: [condition('Available', 'True'), condition('Progressing', 'False'), condition('Degraded', 'True')],
    },
  });
  const clusterVersion = object('ClusterVersion', 'version', {
    status: { history: [{ state: 'Completed', version: '4.20.3' }], conditions: AVAILABLE },
  });
  const tables = dataPlaneTables({ clusterVersion, nodes: [node], clusterOperators: [operator] });
  assert.deepEqual(tables[0]!.rows[0]!.slice(0, 3), ['4.20.3', 'True', 'False']);
  assert.deepEqual(tables[1]!.rows, [['n1', 'Ready,SchedulingDisabled', 'worker', 'v1.33.4']]);
  assert.deepEqual(tables[2]!.rows, [['dns', '4.20.3', 'True', 'False', 'True', '', 'Degraded message']]);
});
