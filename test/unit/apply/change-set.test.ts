import assert from 'node:assert/strict';
import test from 'node:test';
import { inKindOrder } from '../../../src/apply/apply.ts';
import { differencesBetween, maskedObject } from '../../../src/apply/change-set.ts';

test('differences name the path, both values, and nothing that is equal', () => {
  const before = { a: 1, list: [{ x: 1 }, { x: 2 }], labels: { 'a.b/c': 'old' }, gone: true };
  const after = { a: 1, list: [{ x: 1 }, { x: 3 }, 'new'], labels: { 'a.b/c': 'new' } };
  assert.deepEqual(differencesBetween(before, after), [
    { path: 'list[1].x', before: 2, after: 3 },
    { path: 'list[2]', before: undefined, after: 'new' },
    { path: 'labels["a.b/c"]', before: 'old', after: 'new' },
    { path: 'gone', before: true, after: undefined },
  ]);
});

test('a shown Secret has no value, not in its annotations either', () => {
  const shown = maskedObject({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 's',
      resourceVersion: '7',
      managedFields: [],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'hunter2', note: 'kept' },
    },
    data: { password: Buffer.from('hunter2').toString('base64') },
    stringData: { other: 'hunter2' },
    status: {},
  });
  const text = JSON.stringify(shown);
  assert.ok(!text.includes('hunter2') && !text.includes(Buffer.from('hunter2').toString('base64')));
  assert.match(text, /7 bytes, sha256:f52fbd32b2b3b86f/);
  assert.deepEqual(Object.keys(shown), ['apiVersion', 'kind', 'metadata', 'data', 'stringData']);
  assert.deepEqual(Object.keys(shown.metadata), ['name', 'annotations']);
  assert.equal(shown.metadata.annotations?.['note'], 'kept');
});

test('what others need is written first, the rest in the given order', () => {
  const kinds = ['Subscription', 'Image', 'ConfigMap', 'OperatorGroup', 'Namespace', 'Alpha'];
  const writes = kinds.map(
    (kind) => ({ how: 'apply', object: { apiVersion: 'v1', kind, metadata: { name: 'x' } } }) as const,
  );
  assert.deepEqual(
    inKindOrder(writes).map((write) => (write.how === 'apply' ? write.object.kind : '')),
    ['Namespace', 'ConfigMap', 'OperatorGroup', 'Subscription', 'Image', 'Alpha'],
  );
});
