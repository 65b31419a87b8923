import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatus } from '../../../src/cli/status-text.ts';

test('a cluster without hosted clusters says so, rather than nothing', () => {
  assert.equal(formatStatus({ tables: [], hostedClusters: [] }), 'no hosted clusters');
});
