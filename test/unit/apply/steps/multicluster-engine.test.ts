import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../../../../src/apply/kube-object.ts';
import { engineVerdict, mergedFlags } from '../../../../src/apply/steps/multicluster-engine.ts';

function object(kind: string, fields: object): KubeObject {
  return { apiVersion: 'x/v1', kind, metadata: { name: 'x' }, ...fields };
}

test('installation flags are added to those that are there', () => {
  const choice = { installFlagsToAdd: ['--a=1'], installFlagsToRemove: [] };
  assert.deepEqual(mergedFlags({}, choice), {
    installFlagsToAdd: '--a=1',
    installFlagsToRemove: '--enable-uwm-telemetry-remote-write',
  });
  const full = { installFlagsToAdd: '--b  --a=1', installFlagsToRemove: '--enable-uwm-telemetry-remote-write' };
  assert.deepEqual(mergedFlags(full, choice), full);
  assert.equal(mergedFlags({ installFlagsToAdd: '--b' }, choice)['installFlagsToAdd'], '--b --a=1');
});

test('the engine', async (t) => {
  const cases: [string, object | undefined, string][] = [
    ['is ready in its version', { phase: 'Available', currentVersion: '2', desiredVersion: '2' }, 'ready'],
    ['is not ready in another version', { phase: 'Available', currentVersion: '1', desiredVersion: '2' }, 'waiting'],
    ['is not ready while it updates', { phase: 'Updating' }, 'waiting'],
    ['has failed', { phase: 'Error' }, 'failed'],
    ['does not go on when paused', { phase: 'Paused' }, 'failed'],
    ['is not reported yet', {}, 'waiting'],
  ];
  for (const [title, status, state] of cases) {
    await t.test(title, () => assert.equal(engineVerdict(object('MultiClusterEngine', { status }), 1000).state, state));
  }
  const lagging = {
    phase: 'Progressing',
    components: [{ name: 'hypershift-addon-manager', type: 'Available', status: 'False', message: 'no pods' }],
  };
  const verdict = engineVerdict(object('MultiClusterEngine', { status: lagging }), 1000);
  assert.equal(verdict.state === 'waiting' && verdict.reason, 'phase Progressing: hypershift-addon-manager: no pods');
});
