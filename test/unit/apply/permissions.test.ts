import assert from 'node:assert/strict';
import test from 'node:test';
import { describePermissions } from '../../../src/apply/permissions.ts';

test('missing permissions are told per resource', () => {
  const missing = ['get', 'patch', 'get'].map((verb) => ({
    group: 'apps',
    resource: 'deployments',
    verb,
    namespace: 'hypershift',
  }));
  assert.deepEqual(describePermissions([...missing, { group: '', resource: 'nodes', verb: 'list' }]), [
    'get, patch deployments.apps in hypershift',
    'list nodes',
  ]);
});
