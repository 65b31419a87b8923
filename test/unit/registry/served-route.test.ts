import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, parseRange, routeOf } from '../../../src/registry/served-route.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test('paths of the protocol are told apart, also for repositories named like its words', () => {
  const cases: readonly [string, unknown][] = [
    ['/v2/', { kind: 'base' }],
    ['/v2', { kind: 'base' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/v2/a/b/tags/list', { kind: 'tags', name: 'a/b' }],
    ['/v2/tags/list/tags/list', { kind: 'tags', name: 'tags/list' }],
    ['/v2/a/manifests/v1', { kind: 'manifest', name: 'a', reference: 'v1' }],
    ['/v2/blobs/manifests/manifests/v1', { kind: 'manifest', name: 'blobs/manifests', reference: 'v1' }],
    [`/v2/a/manifests/${DIGEST}`, { kind: 'manifest', name: 'a', reference: DIGEST }],
    [`/v2/a/blobs/${DIGEST.replace(':', '%3A')}`, { kind: 'blob', name: 'a', digest: DIGEST }],
    [`/v2/a/referrers/${DIGEST}`, { kind: 'referrers', name: 'a', digest: DIGEST }],
    ['/v2/a/blobs/sha256:short', { kind: 'badDigest', text: 'sha256:short' }],
    ['/v2/a/manifests/sha256:short', { kind: 'badDigest', text: 'sha256:short' }],
    ['/v2/a/blobs/uploads/', undefined],
    ['/v2//manifests/v1', undefined],
    ['/v1/a/manifests/v1', undefined],
    ['/', undefined],
  ];
  for (const [path, expected] of cases) assert.deepEqual(routeOf(path), expected, path);
});

test('one range is understood, several or strange ones mean everything', () => {
  const cases: readonly [string | undefined, unknown][] = [
    [undefined, undefined],
    ['bytes=0-', { first: 0, last: 9 }],
    ['bytes=3-5', { first: 3, last: 5 }],
    ['bytes=3-100', { first: 3, last: 9 }],
    ['bytes=9-', { first: 9, last: 9 }],
    ['bytes=-4', { first: 6, last: 9 }],
    ['bytes=-100', { first: 0, last: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-3', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
    ['bytes=-', undefined],
    ['bytes=0x1-', undefined],
  ];
  for (const [header, expected] of cases) assert.deepEqual(parseRange(header, 10), expected, header);
  assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
});

test('pages follow each other without gap or overlap', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const query = (text: string) => new URLSearchParams(text);
  assert.deepEqual(pageOf(names, query('')), { page: names });
  assert.deepEqual(pageOf(names, query('n=2')), { page: ['a', 'b'], next: 'b' });
  assert.deepEqual(pageOf(names, query('n=2&last=b')), { page: ['c', 'd'], next: 'd' });
  assert.deepEqual(pageOf(names, query('n=2&last=d')), { page: ['e'] });
  assert.deepEqual(pageOf(names, query('n=5')), { page: names });
  assert.deepEqual(pageOf(names, query('n=1&last=bb')), { page: ['c'], next: 'c' });
  assert.deepEqual(pageOf(names, query('n=0')), { page: [] });
  assert.equal(pageOf(names, query('n=-1')), undefined);
  assert.equal(pageOf(names, query('n=x')), undefined);
});
