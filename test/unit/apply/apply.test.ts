import assert from 'node:assert/strict';
import test from 'node:test';
import { planWrites } from '../../../src/apply/apply.ts';
import { statusError } from '../../../src/apply/kube-error.ts';
import { createAbsentCluster } from '../../../src/apply/render.ts';

test('a webhook that allows no dry run leaves its object without a preview', async () => {
  // API servers since 1.22 take no new webhook of this kind, so a real one can not be set up.
  const message = 'admission webhook "x.example.com" does not support dry run';
  const request = { verb: 'apply', subject: 'Thing/x', server: 'https://api.example.com:6443' };
  const refuse = async () => {
    throw statusError(request, 400, JSON.stringify({ reason: 'BadRequest', message }));
  };
  const client = { ...createAbsentCluster(), apply: refuse };
  const object = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' } };
  const options = { signal: new AbortController().signal, report: () => {}, forceConflicts: false, webhookMs: 0 };
  const [planned] = await planWrites(client, [{ how: 'apply', object }], options);
  assert.equal(planned?.change.action, 'created');
  assert.equal(planned?.change.note, 'its admission webhook allows no preview');
});
