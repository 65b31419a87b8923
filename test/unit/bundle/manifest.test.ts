import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest, planManifest, serializeManifest, type BundleFile } from '../../../src/bundle/manifest.ts';
import { sha256, TEST_IDENTITY, withCode } from '../../support/bundles.ts';

const HEX = sha256('');
const ONE: BundleFile = { path: 'a', size: 1, sha256: HEX };

test('the bytes are the canonical form of signing, section 5', () => {
  const manifest = planManifest(
    { ...TEST_IDENTITY, expiresAt: '2027-01-01T00:00:00Z' },
    [
      { ...ONE, base: true },
      { ...ONE, path: 'b' },
    ],
    {
      serial: 6,
      manifestSha256: HEX,
    },
  );
  assert.equal(
    serializeManifest(manifest).toString(),
    `{"base":{"manifestSha256":"${HEX}","serial":6},` +
      '"bundle":{"createdAt":"2026-11-22T16:00:00Z","expiresAt":"2027-01-01T00:00:00Z","name":"ocp-prod","serial":7},' +
      `"files":[{"base":true,"path":"a","sha256":"${HEX}","size":1},{"path":"b","sha256":"${HEX}","size":1}],` +
      '"mediaType":"application/vnd.airgap.bundle.manifest.v1+json"}',
  );
  assert.deepEqual(parseManifest(serializeManifest(manifest)), manifest);
});

for (const [name, plan] of [
  ['a path that climbs out', () => planManifest(TEST_IDENTITY, [{ ...ONE, path: '../a' }])],
  ['two paths that differ only in case', () => planManifest(TEST_IDENTITY, [ONE, { ...ONE, path: 'A' }])],
  ['a stream name with a slash', () => planManifest({ ...TEST_IDENTITY, name: 'a/b' }, [])],
  ['a serial that is no number', () => planManifest({ ...TEST_IDENTITY, serial: Number.NaN }, [])],
  ['a base of the same serial', () => planManifest(TEST_IDENTITY, [], { serial: 7, manifestSha256: HEX })],
  ['a base file without a base', () => planManifest(TEST_IDENTITY, [{ ...ONE, base: true }])],
] as const) {
  test(`a plan refuses what a verifier would refuse: ${name}`, () => {
    assert.throws(plan, withCode('E_MANIFEST'));
  });
}

test('a plan refuses a bundle manifest above 64 MiB, which no verifier reads', () => {
  const files = Array.from({ length: 400_000 }, (_, n) => {
    const hex = n.toString(16).padStart(64, '0');
    return { path: `blobs/sha256/${hex}`, size: 1, sha256: hex };
  });
  assert.throws(() => planManifest(TEST_IDENTITY, files), withCode('E_LIMIT'));
});

test('a million files are the most', () => {
  const files = Array.from({ length: 1_000_001 }, (_, n) => ({ path: `f${n}`, size: 0, sha256: HEX }));
  assert.throws(() => planManifest(TEST_IDENTITY, files), withCode('E_MANIFEST'));
  const most = {
    mediaType: 'application/vnd.airgap.bundle.manifest.v1+json',
    bundle: TEST_IDENTITY,
    files: files.slice(1),
  } as const;
  assert.equal(parseManifest(serializeManifest(most)).files.length, 1_000_000);
});
