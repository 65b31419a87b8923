import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { signManifest } from '../../../src/bundle/make-signature.ts';
import { acceptSignatures } from '../../../src/bundle/signature.ts';
import { loadTrustPolicy, trustForStream } from '../../../src/bundle/trust-policy.ts';
import {
  compareTrustedRoots,
  loadTrustedRoot,
  parseTrustedRoot,
  saveTrustedRoot,
} from '../../../src/bundle/trusted-root.ts';
import { isAirgapError } from '../../../src/core/errors.ts';
import { IDENTITY, manifestBytes, newKey } from '../../support/signing.ts';

const folder = mkdtempSync(join(tmpdir(), 'airgap-policy-'));
after(() => rm(folder, { recursive: true }));

const [a, b] = [newKey(), newKey('rsa')];
const pemOf = (key: typeof a): string => String(key.publicKey.key.export({ type: 'spki', format: 'pem' }));
const ROOT = Buffer.from('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
const ROOT_SHA256 = createHash('sha256').update(ROOT).digest('hex');

const keyA = { file: 'a.pub', sha256: a.publicKey.name };
const keyB = { file: 'b.pub', sha256: b.publicKey.name.slice('sha256:'.length) };
const identity = { identity: 'release@corp.example', issuer: 'https://idp.corp.example' };
const trustedRoot = { file: 'trusted_root.json', sha256: ROOT_SHA256 };

/** Writes a policy and the files it may name, and gives its path. */
async function policy(streams: unknown, mode = 0o644, top: object = {}): Promise<string> {
  const dir = await mkdtemp(join(folder, 'p-'));
  await writeFile(join(dir, 'a.pub'), pemOf(a));
  await writeFile(join(dir, 'b.pub'), pemOf(b));
  await writeFile(join(dir, 'trusted_root.json'), ROOT);
  const path = join(dir, 'trust.json');
  await writeFile(path, JSON.stringify({ version: 1, streams, ...top }));
  await chmod(path, mode);
  return path;
}

async function trustOf(streams: unknown, stream?: string) {
  return trustForStream(await loadTrustPolicy(await policy(streams)), stream);
}

describe('a trust policy', () => {
  it('gives the keys, identities, threshold and trusted root of its only stream', async () => {
    const stream = { threshold: 2, keys: [keyA, keyB], identities: [identity], trustedRoot };
    const { stream: name, trust } = await trustOf({ 'ocp-prod': stream });
    assert.equal(name, 'ocp-prod');
    assert.deepEqual(
      trust.keys.map(({ publicKey }) => publicKey.name),
      [a.publicKey.name, b.publicKey.name],
    );
    assert.deepEqual(trust.identities, [
      { identity: { exact: 'release@corp.example' }, issuer: { exact: 'https://idp.corp.example' } },
    ]);
    assert.equal(trust.threshold, 2);
  });

  it('is enough to accept a signature of a key it names', async () => {
    const { trust } = await trustOf({ 'ocp-prod': { keys: [keyA] } });
    const manifest = manifestBytes();
    assert.equal(acceptSignatures(manifest, [signManifest(manifest, IDENTITY, a)], trust).signers.length, 1);
    const other = signManifest(manifest, IDENTITY, b);
    assert.throws(() => acceptSignatures(manifest, [other], trust), { code: 'E_SIGNATURE' });
  });

  it('with several streams needs the name of one, and gives that one', async () => {
    const streams = { 'ocp-prod': { keys: [keyA] }, 'ocp-test': { keys: [keyB] } };
    await assert.rejects(trustOf(streams), { code: 'E_USAGE', hint: /./ });
    await assert.rejects(trustOf(streams, 'ocp-dev'), { code: 'E_USAGE', hint: /./ });
    await assert.rejects(trustOf(streams, 'toString'), { code: 'E_USAGE', hint: /./ });
    assert.equal((await trustOf(streams, 'ocp-test')).trust.keys[0]?.publicKey.name, b.publicKey.name);
  });

  it('may give a key a validity period when a log entry or timestamp is required', async () => {
    const key = { ...keyA, validFrom: '2026-01-01T00:00:00Z', validUntil: '2027-01-01T00:00:00Z' };
    await assert.rejects(trustOf({ s: { keys: [key] } }), { code: 'E_USAGE', hint: /./ });
    const { trust } = await trustOf({ s: { keys: [key], trustedRoot, requireTimestamp: true } });
    assert.deepEqual(trust.keys[0]?.validity, {
      from: new Date('2026-01-01T00:00:00Z'),
      until: new Date('2027-01-01T00:00:00Z'),
    });
  });

  const refused: Record<string, unknown> = {
    nobody: { s: {} },
    'an unknown member': { s: { keys: [keyA], treshold: 2 } },
    'a key without a digest': { s: { keys: [{ file: 'a.pub' }] } },
    'the digest of another key': { s: { keys: [{ ...keyA, sha256: b.publicKey.name }] } },
    'a key file that is not there': { s: { keys: [{ ...keyA, file: 'c.pub' }] } },
    'a threshold nobody can reach': { s: { keys: [keyA], threshold: 2 } },
    'one key twice for a threshold of 2': { s: { keys: [keyA, keyA], threshold: 2 } },
    'an identity without issuer': { s: { identities: [{ identity: 'x' }], trustedRoot } },
    'an identity both exact and as pattern': { s: { identities: [{ ...identity, identityRegexp: 'x' }], trustedRoot } },
    'an identity without trusted root': { s: { identities: [identity] } },
    'a trusted root with another digest': {
      s: { identities: [identity], trustedRoot: { ...trustedRoot, sha256: '0'.repeat(64) } },
    },
    'a trusted root without digest': { s: { identities: [identity], trustedRoot: { file: 'trusted_root.json' } } },
    'a stream name that is none': { 'S!': { keys: [keyA] } },
  };
  for (const [what, streams] of Object.entries(refused)) {
    it(`with ${what} is a usage error`, async () => {
      await assert.rejects(trustOf(streams), { code: 'E_USAGE', hint: /./ });
    });
  }

  it('of another version is a usage error', async () => {
    const path = await policy({ s: { keys: [keyA] } }, 0o644, { version: 2 });
    await assert.rejects(loadTrustPolicy(path), { code: 'E_USAGE', hint: /./ });
  });

  for (const mode of [0o664, 0o646, 0o666]) {
    it(`that others can write is refused (mode ${mode.toString(8)})`, async () => {
      const path = await policy({ s: { keys: [keyA] } }, mode);
      const writable = (error: unknown) => isAirgapError(error, 'E_USAGE') && /others .* may write/.test(error.message);
      await assert.rejects(loadTrustPolicy(path), writable);
    });
  }

  it('of another user is refused', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
    const path = await policy({ s: { keys: [keyA] } });
    await chown(path, 12_345, 0);
    await assert.rejects(loadTrustPolicy(path), { code: 'E_USAGE', hint: /./ });
  });
});

describe('a trusted root', () => {
  const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const spki = a.publicKey.spki.toString('base64');
  const tlog = (change: object = {}) => ({
    baseUrl: 'https://log.example',
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: spki, keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start: '2026-01-01T00:00:00Z' } },
    logId: { keyId: Buffer.alloc(32, 1).toString('base64') },
    ...change,
  });
  const mediaType = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1';

  it('is compared with the digest that is pinned', async () => {
    const path = join(folder, 'root.json');
    await writeFile(path, ROOT);
    assert.equal((await loadTrustedRoot(path, ROOT_SHA256.toUpperCase())).sha256, ROOT_SHA256);
    await assert.rejects(loadTrustedRoot(path, '0'.repeat(64)), { code: 'E_USAGE', hint: /./ });
    await assert.rejects(loadTrustedRoot(join(folder, 'none.json')), { code: 'E_USAGE', hint: /./ });
  });

  for (const [what, bytes] of Object.entries({
    'another document': text({ mediaType: 'application/json' }),
    'no JSON': Buffer.from('{'),
    'a log without a key': text({ mediaType, tlogs: [tlog({ publicKey: undefined })] }),
    'a damaged certificate': text({
      mediaType,
      certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: 'AAAA' }] } }],
    }),
  })) {
    it(`is refused when it is ${what}`, () => {
      assert.throws(() => parseTrustedRoot(bytes, 'root.json'), { code: 'E_USAGE', hint: /./ });
    });
  }

  it('shows what adopting another one would add and remove, also a key that changed under the same id', () => {
    const before = parseTrustedRoot(text({ mediaType, tlogs: [tlog()] }), 'r');
    const otherKey = { rawBytes: newKey().publicKey.spki.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256' };
    const after = parseTrustedRoot(text({ mediaType, tlogs: [tlog({ publicKey: otherKey })] }), 'r');
    assert.deepEqual(compareTrustedRoots(before, before), { added: [], removed: [] });
    const { added, removed } = compareTrustedRoots(before, after);
    assert.equal(added[0]?.id, '01'.repeat(32));
    assert.equal(removed[0]?.validFrom, '2026-01-01T00:00:00.000Z');
    assert.notEqual(added[0]?.fingerprint, removed[0]?.fingerprint);
  });

  it('is replaced in one step when adopted', async () => {
    const path = join(folder, 'adopted.json');
    await writeFile(path, 'old');
    await saveTrustedRoot(path, ROOT);
    assert.deepEqual(readFileSync(path), ROOT);
  });
});
