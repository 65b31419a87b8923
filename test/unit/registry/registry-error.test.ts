import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AirgapError } from '../../../src/core/errors.ts';
import { connectionError, isCertificateError, retryVerdict } from '../../../src/registry/registry-error.ts';
import { resolveLocation } from '../../../src/registry/session.ts';

const url = new URL('https://registry.example/v2/?_state=hidden');
const broken = (code: string) => connectionError(Object.assign(new Error(code), { code }), 'GET', url);
const answered = (status: number) => new AirgapError('E_REGISTRY', 'x', { data: { status } });

const verdicts: readonly (readonly [name: string, error: unknown, isRetried: boolean])[] = [
  ['a reset connection', broken('ECONNRESET'), true],
  ['a refused connection', broken('ECONNREFUSED'), true],
  ['a temporary name failure', broken('EAI_AGAIN'), true],
  ['a timeout', broken('ETIMEDOUT'), true],
  ['an unknown host', broken('ENOTFOUND'), false],
  ['an untrusted certificate', broken('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), false],
  ['an expired certificate', broken('CERT_HAS_EXPIRED'), false],
  ['a proxy that refuses', broken('ERR_PROXY_TUNNEL'), false],
  ...[500, 502, 503, 504, 408].map((status) => [`status ${status}`, answered(status), true] as const),
  ...[400, 405, 409, 501].map((status) => [`status ${status}`, answered(status), false] as const),
  ['content that does not match', new AirgapError('E_DIGEST', 'x'), true],
  ['missing content', new AirgapError('E_NOT_FOUND', 'x', { data: { status: 404 } }), false],
  ['a refused login', new AirgapError('E_UNAUTHORIZED', 'x', { data: { status: 401 } }), false],
  ['a defect', new TypeError('x'), false],
];

for (const [name, error, isRetried] of verdicts) {
  test(`${name} is ${isRetried ? 'tried again' : 'final'}`, () => {
    assert.equal(retryVerdict(error) !== false, isRetried);
  });
}

test('a rate limit is tried again after the pause that was asked for', () => {
  const error = new AirgapError('E_RATE_LIMIT', 'x', { data: { status: 429, retryAfterMs: 7000 } });
  assert.deepEqual(retryVerdict(error), { afterMs: 7000 });
});

test('a refused certificate is told from a server that does not speak TLS', () => {
  assert.equal(isCertificateError(broken('DEPTH_ZERO_SELF_SIGNED_CERT')), true);
  assert.equal(isCertificateError(broken('EPROTO')), false);
});

test('a connection error shows no secret of its address', () => {
  assert.ok(!broken('ECONNRESET').message.includes('hidden'));
});

const locations: readonly (readonly [from: string, location: string, expected: string | undefined])[] = [
  ['https://r.example/v2/a', '/v2/b?x=1', 'https://r.example/v2/b?x=1'],
  ['https://r.example/v2/a', 'https://cdn.example/b', 'https://cdn.example/b'],
  ['https://r.example/v2/a', 'http://r.example/v2/b', 'https://r.example/v2/b'],
  ['https://r.example:8443/v2/a', 'http://r.example/v2/b', 'https://r.example:8443/v2/b'],
  ['https://r.example/v2/a', 'http://cdn.example/b', undefined],
  ['https://r.example/v2/a', 'ftp://r.example/b', undefined],
  ['https://r.example/v2/a', 'http://', undefined],
  ['http://127.0.0.1:5000/v2/a', 'http://127.0.0.1:9000/b', 'http://127.0.0.1:9000/b'],
  ['https://r.example/v2/a', 'https://user:password@cdn.example/b', 'https://cdn.example/b'],
];

for (const [from, location, expected] of locations) {
  test(`${location} given by ${from} leads to ${expected ?? 'an error'}`, () => {
    if (expected === undefined) {
      assert.throws(() => resolveLocation(location, new URL(from)), { code: 'E_REGISTRY' });
    } else {
      assert.equal(resolveLocation(location, new URL(from)).href, expected);
    }
  });
}

test('a missing location is an error', () => {
  assert.throws(() => resolveLocation(undefined, url), { code: 'E_REGISTRY' });
});
