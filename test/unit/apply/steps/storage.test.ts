import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../../../../src/apply/kube-object.ts';
import { lvmVerdict } from '../../../../src/apply/steps/storage.ts';

function object(kind: string, fields: object): KubeObject {
  return { apiVersion: 'x/v1', kind, metadata: { name: 'x' }, ...fields };
}

test('LVM storage', async (t) => {
  const conditions = ['ResourcesAvailable', 'VolumeGroupsReady'].map((type) => ({ type, status: 'True' }));
  const cases: [string, object, string][] = [
    ['is ready', { state: 'Ready', ready: true, conditions }, 'ready'],
    ['is not ready without its conditions', { state: 'Ready', ready: true, conditions: [] }, 'waiting'],
    ['is not ready while it works', { state: 'Progressing', conditions }, 'waiting'],
    ['has failed', { state: 'Failed', conditions: [] }, 'failed'],
  ];
  for (const [title, status, state] of cases) {
    await t.test(title, () => assert.equal(lvmVerdict(object('LVMCluster', { status }), 1000).state, state));
  }
});
