/** Bundle manifests and keys for tests of signatures. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { toPublicKey } from '../../src/bundle/keys.ts';
import type { SigningKey } from '../../src/bundle/keys.ts';
import { MANIFEST_MEDIA_TYPE } from '../../src/bundle/manifest.ts';
import type { BundleIdentity } from '../../src/bundle/manifest.ts';
import { createTrust } from '../../src/bundle/trust.ts';
import type { Trust } from '../../src/bundle/trust.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';

export const IDENTITY: BundleIdentity = { name: 'ocp-prod', serial: 7, createdAt: '2026-11-22T16:00:00Z' };

/** The bytes of a small bundle manifest. */
export function manifestBytes(identity: BundleIdentity = IDENTITY): Buffer {
  const sha256 = '18f0797eab35a4597c1e9624aa4f15fd91f6254e5538c1e0d193b2a95dd4acc6';
  return Buffer.from(
    canonicalJson({
      bundle: identity,
      files: [{ path: 'oci-layout', sha256, size: 30 }],
      mediaType: MANIFEST_MEDIA_TYPE,
    }),
  );
}

export function signingKey(privateKey: KeyObject): SigningKey {
  return { key: privateKey, publicKey: toPublicKey(createPublicKey(privateKey), 'test key'), warnings: [] };
}

export function newKey(type: 'p256' | 'rsa' | 'ed25519' = 'p256'): SigningKey {
  switch (type) {
    case 'p256':
      return signingKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);
    case 'rsa':
      return signingKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
    case 'ed25519':
      return signingKey(generateKeyPairSync('ed25519').privateKey);
  }
}

/** Trust in the public halves of some keys. */
export function trustIn(keys: readonly SigningKey[], threshold = 1): Trust {
  return createTrust({ keys: keys.map(({ publicKey }) => ({ publicKey })), threshold });
}
