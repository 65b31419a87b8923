import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { FlagValue } from '../../../src/apply/hosted-cluster-flags.ts';
import {
  checkForHostedCluster,
  nodeArchitectures,
  type ManagementFacts,
} from '../../../src/apply/hosted-cluster-checks.ts';
import type { KubeObject } from '../../../src/apply/kube-object.ts';
import { optionsOf } from '../../support/hosted-cluster.ts';

const object = (kind: string, name: string, fields: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...metadata },
  ...fields,
});
const node = (name: string, fields: object = {}, cpu = '64', memory = '256Gi') =>
  object(
    'Node',
    name,
    {
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [
          { type: 'InternalIP', address: '192.0.2.10' },
          { type: 'Hostname', address: name },
        ],
        allocatable: { cpu, memory },
      },
      ...fields,
    },
    { labels: { 'kubernetes.io/arch': 'amd64' } },
  );
const isDefault = { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
const ready = { status: { conditions: [{ type: 'Available', status: 'True' }] } };
const GOOD: ManagementFacts = {
  hostedClusters: [],
  managedClusters: [object('ManagedCluster', 'local-cluster')],
  namespaces: [object('Namespace', 'clusters')],
  nodes: [node('a'), node('b'), node('c')],
  storageClasses: [object('StorageClass', 'fast', {}, isDefault), object('StorageClass', 'slow')],
  network: object('Network', 'cluster', {
    spec: { clusterNetwork: [{ cidr: '10.128.0.0/14' }], serviceNetwork: ['172.30.0.0/16'] },
    status: { clusterNetworkMTU: 1400 },
  }),
  ingressController: object('IngressController', 'default', {
    spec: { routeAdmission: { wildcardPolicy: 'WildcardsAllowed' } },
  }),
  virtualizations: [object('HyperConverged', 'kubevirt-hyperconverged', ready)],
  isHyperShiftServed: true,
};
const own = object('HostedCluster', 'example', {}, { namespace: 'clusters' });
const imported = (annotations: object) => object('ManagedCluster', 'example', {}, { annotations });
const HOSTED = {
  'import.open-cluster-management.io/hosting-cluster-name': 'local-cluster',
  'import.open-cluster-management.io/klusterlet-deploy-mode': 'Hosted',
};

type Case = readonly [string, Partial<ManagementFacts>, Readonly<Record<string, FlagValue>>, RegExp];
const PROBLEMS: readonly Case[] = [
  [
    'same name elsewhere',
    { hostedClusters: [object('HostedCluster', 'example', {}, { namespace: 'other' })] },
    {},
    /exists in namespace other/,
  ],
  ['managed cluster', { managedClusters: [imported({})] }, {}, /managed cluster example exists/],
  [
    'managed cluster of another import',
    { hostedClusters: [own], managedClusters: [imported({})] },
    {},
    /managed cluster example/,
  ],
  ['namespace of a managed cluster', {}, { namespace: 'local-cluster' }, /belongs to a managed cluster/],
  [
    'namespace labelled as managed',
    {
      namespaces: [
        object('Namespace', 'clusters', {}, { labels: { 'cluster.open-cluster-management.io/managedCluster': 'x' } }),
      ],
    },
    {},
    /belongs to a managed cluster/,
  ],
  ['namespace of the name', { namespaces: [object('Namespace', 'example')] }, {}, /namespace example exists/],
  [
    'namespace of the control plane',
    { namespaces: [object('Namespace', 'clusters-example')] },
    {},
    /clusters-example exists/,
  ],
  ['etcd class', {}, { 'etcd-storage-class': 'none' }, /storage class none does not exist/],
  ['root class', {}, { 'root-volume-storage-class': 'none' }, /storage class none does not exist/],
  ['mapped class', {}, { 'infra-storage-class-mapping': ['none/g'] }, /storage class none does not exist/],
  ['no default class', { storageClasses: [object('StorageClass', 'slow')] }, {}, /0 storage classes are the default/],
  [
    'two default classes',
    { storageClasses: [object('StorageClass', 'a', {}, isDefault), object('StorageClass', 'b', {}, isDefault)] },
    { 'etcd-storage-class': 'a' },
    /2 storage classes are the default/,
  ],
  ['two nodes', { nodes: [node('a'), node('b')] }, {}, /needs 3 nodes that take work, there are 2/],
  ['cordoned node', { nodes: [node('a'), node('b'), node('c', { spec: { unschedulable: true } })] }, {}, /there are 2/],
  [
    'tainted node',
    { nodes: [node('a'), node('b'), node('c', { spec: { taints: [{ effect: 'NoSchedule' }] } })] },
    {},
    /there are 2/,
  ],
  [
    'pod network',
    {},
    { 'cluster-cidr': ['10.130.0.0/16'] },
    /overlaps 10\.128\.0\.0\/14 \(pod network of the management/,
  ],
  ['service network', {}, { 'service-cidr': ['172.30.0.0/24'] }, /service network of the management/],
  ['node address', {}, { 'machine-cidr': ['192.0.2.0/24'] }, /overlaps 192\.0\.2\.10\/32 \(node a\)/],
  ['no virtualization', { virtualizations: [] }, {}, /Virtualization is not ready/],
  ['virtualization coming up', { virtualizations: [object('HyperConverged', 'h')] }, {}, /Virtualization is not ready/],
];

test('a management cluster that is in order has no finding', () => {
  assert.deepEqual(checkForHostedCluster(optionsOf({ 'node-pool-replicas': '2' }), GOOD), {
    problems: [],
    warnings: [],
  });
});

test('each thing that keeps a hosted cluster from working is found', () => {
  for (const [name, facts, flags, expected] of PROBLEMS) {
    const { problems } = checkForHostedCluster(optionsOf(flags), { ...GOOD, ...facts });
    assert.ok(
      problems.some(({ problem, fix }) => expected.test(problem) && fix.length > 0),
      `${name}: ${JSON.stringify(problems)}`,
    );
  }
});

test('a cluster that exists finds its own namespaces and import in order', () => {
  const facts = {
    ...GOOD,
    hostedClusters: [own],
    managedClusters: [...GOOD.managedClusters, imported(HOSTED)],
    namespaces: ['clusters', 'example', 'clusters-example'].map((name) => object('Namespace', name)),
  };
  assert.deepEqual(checkForHostedCluster(optionsOf(), facts).problems, []);
});

test('named storage classes need no default one, and machines elsewhere need none here', () => {
  const facts = { ...GOOD, storageClasses: [object('StorageClass', 'slow')] };
  const named = { 'etcd-storage-class': 'slow', 'root-volume-storage-class': 'slow' };
  assert.deepEqual(checkForHostedCluster(optionsOf(named), facts).problems, []);
  const elsewhere = {
    'infra-namespace': 'vms',
    'infra-kubeconfig-file': 'k',
    'root-volume-storage-class': 'theirs',
    'etcd-storage-class': 'slow',
  };
  assert.deepEqual(checkForHostedCluster(optionsOf(elsewhere), { ...facts, virtualizations: [] }).problems, []);
});

test('a single replica runs on one node', () => {
  const flags = { 'control-plane-availability-policy': 'SingleReplica' };
  assert.deepEqual(checkForHostedCluster(optionsOf(flags), { ...GOOD, nodes: [node('a')] }).problems, []);
});

test('what works badly or later is a warning', () => {
  for (const [facts, flags, expected] of [
    [{ ingressController: object('IngressController', 'default') }, {}, /WildcardsAllowed/],
    [
      { nodes: [node('a', {}, '2', '4Gi'), node('b', {}, '2', '4Gi'), node('c', {}, '1500m', '4Gi')] },
      { 'node-pool-replicas': '2' },
      /asks for 9 cores and 28 GiB, the nodes have 5 cores and 12 GiB/,
    ],
    [{}, { 'ovn-kubernetes-mtu': '1301' }, /use 1300 at most/],
  ] as const)
    assert.match(checkForHostedCluster(optionsOf(flags), { ...GOOD, ...facts }).warnings.join('\n'), expected);
  const withDomain = checkForHostedCluster(optionsOf({ 'base-domain': 'example.com' }), {
    ...GOOD,
    ingressController: object('IngressController', 'default'),
  });
  assert.deepEqual(withDomain.warnings, []);
});

test('architectures are those of the node labels', () => {
  assert.deepEqual(nodeArchitectures(GOOD), ['amd64']);
});
