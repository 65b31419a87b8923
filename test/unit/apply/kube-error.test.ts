import assert from 'node:assert/strict';
import test from 'node:test';
import { isStale, isTransient, isWebhookNotReady, networkError, statusError } from '../../../src/apply/kube-error.ts';

const request = { verb: 'apply', subject: 'ConfigMap/ns/name', server: 'https://api.example.com:6443' };

function status(code: number, reason: string, message: string, details?: object): ReturnType<typeof statusError> {
  return statusError(request, code, JSON.stringify({ kind: 'Status', code, reason, message, details }));
}

test('answers of the API server become errors with a code', async (t) => {
  const cases: { title: string; error: ReturnType<typeof statusError>; code: string; isTransient: boolean }[] = [
    {
      title: 'unauthorized',
      error: status(401, 'Unauthorized', 'Unauthorized'),
      code: 'E_UNAUTHORIZED',
      isTransient: false,
    },
    {
      title: 'forbidden by RBAC',
      error: status(403, 'Forbidden', 'configmaps "name" is forbidden: User "x" cannot patch resource'),
      code: 'E_UNAUTHORIZED',
      isTransient: false,
    },
    {
      title: 'forbidden for every name by RBAC',
      error: status(403, 'Forbidden', 'secrets is forbidden: User "x" cannot list resource'),
      code: 'E_UNAUTHORIZED',
      isTransient: false,
    },
    {
      title: 'forbidden by admission',
      error: status(403, 'Forbidden', 'admission webhook "v.example.com" denied the request: no'),
      code: 'E_REJECTED',
      isTransient: false,
    },
    { title: 'not found', error: status(404, 'NotFound', 'x not found'), code: 'E_NOT_FOUND', isTransient: false },
    {
      title: 'changed since it was read',
      error: status(409, 'Conflict', 'the object has been modified'),
      code: 'E_CONFLICT',
      isTransient: false,
    },
    {
      title: 'invalid',
      error: status(422, 'Invalid', 'spec.x: Invalid value'),
      code: 'E_REJECTED',
      isTransient: false,
    },
    {
      title: 'too many requests',
      error: status(429, 'TooManyRequests', 'slow down'),
      code: 'E_RATE_LIMIT',
      isTransient: true,
    },
    {
      title: 'etcd without a leader',
      error: status(500, '', 'etcdserver: leader changed'),
      code: 'E_UNREACHABLE',
      isTransient: true,
    },
    {
      title: 'content outside the schema, which comes as a server error',
      error: status(500, '', 'failed to create typed patch object: .spec.x: field not declared in schema'),
      code: 'E_REJECTED',
      isTransient: false,
    },
    {
      title: 'a proxy without a backend',
      error: statusError(request, 503, '<html>no server'),
      code: 'E_UNREACHABLE',
      isTransient: true,
    },
    {
      title: 'half a document',
      error: statusError(request, 502, '{"kind":"Sta'),
      code: 'E_UNREACHABLE',
      isTransient: true,
    },
  ];
  for (const { title, error, code, isTransient: expected } of cases) {
    await t.test(title, () => {
      assert.equal(error.code, code);
      assert.equal(isTransient(error), expected);
    });
  }
});

test('a field conflict names manager and field', () => {
  const cause = (manager: string, field: string) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}" using apps/v1`,
    field,
  });
  const error = status(409, 'Conflict', 'Apply failed with 2 conflicts', {
    causes: [cause('argocd', '.spec.replicas'), cause('oc', '.spec.paused')],
  });
  assert.equal(error.code, 'E_CONFLICT');
  assert.match(error.message, /\.spec\.replicas is managed by "argocd", \.spec\.paused is managed by "oc"/);
  assert.equal(isStale(error), false);
  assert.equal(isStale(status(409, 'Conflict', 'the object has been modified')), true);
});

test('a webhook that is not up yet is told from one that refuses', () => {
  const failed = status(
    500,
    'InternalError',
    'Internal error occurred: failed calling webhook "x": no endpoints available for service "y"',
  );
  assert.equal(isWebhookNotReady(failed), true);
  assert.equal(isWebhookNotReady(status(403, 'Forbidden', 'admission webhook "x" denied the request: no')), false);
});

test('a certificate nobody vouches for is not waited for', () => {
  const error = networkError(
    request,
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
  );
  assert.equal(error.code, 'E_UNREACHABLE');
  assert.equal(isTransient(error), false);
  assert.equal(isTransient(networkError(request, Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))), true);
});

test('the content of a Secret that can not be read stays out of the message', () => {
  const error = statusError(
    { ...request, subject: 'Secret/ns/name' },
    400,
    JSON.stringify({ reason: 'BadRequest', message: 'cannot decode hunter2' }),
  );
  assert.ok(!error.message.includes('hunter2'));
});
