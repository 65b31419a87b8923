import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../../../src/apply/kube-object.ts';
import { configuredSources, nodeVerdict, poolVerdict } from '../../../src/apply/node-rollout.ts';

const GRACE = 1000;
const MCO = 'machineconfiguration.openshift.io';

function pool(change: { spec?: object; status?: object; conditions?: Record<string, string> } = {}): KubeObject {
  const conditions = { Updated: 'True', Updating: 'False', Degraded: 'False', ...change.conditions };
  return {
    apiVersion: `${MCO}/v1`,
    kind: 'MachineConfigPool',
    metadata: { name: 'worker', generation: 3 },
    spec: { configuration: { name: 'rendered-1' }, ...change.spec },
    status: {
      observedGeneration: 3,
      configuration: { name: 'rendered-1' },
      machineCount: 2,
      updatedMachineCount: 2,
      readyMachineCount: 2,
      degradedMachineCount: 0,
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, reason: 'R', message: 'm' })),
      ...change.status,
    },
  };
}

test('a pool', async (t) => {
  const cases: { title: string; pool: KubeObject; state: string; reason?: RegExp }[] = [
    { title: 'is done when all nodes are', pool: pool(), state: 'ready' },
    {
      title: 'without nodes is done when updated',
      pool: pool({ status: { machineCount: 0, updatedMachineCount: 0, readyMachineCount: 0, configuration: {} } }),
      state: 'ready',
    },
    {
      title: 'that is paused never finishes',
      pool: pool({ spec: { paused: true } }),
      state: 'failed',
      reason: /paused/,
    },
    {
      title: 'that is degraded fails after a grace',
      pool: pool({ conditions: { NodeDegraded: 'True' } }),
      state: 'failed',
      reason: /NodeDegraded=True \(R\): m/,
    },
    {
      title: 'that can not be rendered fails after a grace',
      pool: pool({ conditions: { RenderDegraded: 'True' } }),
      state: 'failed',
    },
    {
      title: 'whose operator has not looked yet is not done',
      pool: pool({ status: { observedGeneration: 2 } }),
      state: 'waiting',
      reason: /not seen/,
    },
    {
      title: 'with nodes to go is not done',
      pool: pool({ conditions: { Updated: 'False' }, status: { updatedMachineCount: 1 } }),
      state: 'waiting',
      reason: /1 of 2 nodes updated/,
    },
    {
      title: 'with nodes that are not ready is not done',
      pool: pool({ status: { readyMachineCount: 1 } }),
      state: 'waiting',
    },
    {
      title: 'with another configuration wanted is not done',
      pool: pool({ spec: { configuration: { name: 'rendered-2' } } }),
      state: 'waiting',
    },
    {
      title: 'that still says updating is not done',
      pool: pool({ conditions: { Updating: 'True' } }),
      state: 'waiting',
    },
  ];
  for (const entry of cases) {
    await t.test(entry.title, () => {
      const verdict = poolVerdict(entry.pool, GRACE);
      assert.equal(verdict.state, entry.state);
      if (entry.reason !== undefined) assert.match(verdict.state === 'ready' ? '' : verdict.reason, entry.reason);
    });
  }
});

test('a node', async (t) => {
  const node = (annotations: Record<string, string>, isReady = 'True', spec = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'n',
      annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${MCO}/${key}`, value])),
    },
    spec,
    status: { conditions: [{ type: 'Ready', status: isReady }] },
  });
  const done = { currentConfig: 'a', desiredConfig: 'a', state: 'Done' };
  const cases: { title: string; node: KubeObject; state: string }[] = [
    { title: 'is done', node: node(done), state: 'ready' },
    { title: 'without a machine config operator only needs to be ready', node: node({}), state: 'ready' },
    { title: 'that changes is not done', node: node({ ...done, desiredConfig: 'b' }), state: 'waiting' },
    { title: 'that works is not done', node: node({ ...done, state: 'Working' }), state: 'waiting' },
    { title: 'that is degraded fails', node: node({ ...done, state: 'Degraded', reason: 'disk' }), state: 'failed' },
    { title: 'that is not ready is not done', node: node(done, 'Unknown'), state: 'waiting' },
    { title: 'that is cordoned is not done', node: node(done, 'True', { unschedulable: true }), state: 'waiting' },
  ];
  for (const entry of cases)
    await t.test(entry.title, () => assert.equal(nodeVerdict(entry.node, GRACE).state, entry.state));
});

test('the registries of a rendered configuration are read, base64 and percent encoded', () => {
  const text =
    'unqualified-search-registries = []\n[[registry]]\n  prefix = ""\n  location = "quay.io/a"\n[[registry]]\n  prefix = "*.example.com"\n';
  for (const source of [`data:;base64,${Buffer.from(text).toString('base64')}`, `data:,${encodeURIComponent(text)}`]) {
    const files = [{ path: '/etc/other' }, { path: '/etc/containers/registries.conf', contents: { source } }];
    const found = configuredSources({
      apiVersion: 'x',
      kind: 'MachineConfig',
      metadata: { name: 'r' },
      spec: { config: { storage: { files } } },
    });
    assert.ok(found?.has('quay.io/a') && found.has('*.example.com') && !found.has('quay.io/b'));
  }
  assert.equal(
    configuredSources({ apiVersion: 'x', kind: 'MachineConfig', metadata: { name: 'r' }, spec: {} }),
    undefined,
  );
});
