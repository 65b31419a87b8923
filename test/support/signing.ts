/** Bundle manifests and keys for tests of signatures. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
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

/** A Sigstore bundle in key mode as plain data, with every part open to change. */
export function signedEnvelope(key: SigningKey, payload: Uint8Array, payloadType = 'application/vnd.in-toto+json') {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: key.publicKey.hint } } as Record<string, unknown>,
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType,
      signatures: [{ sig: dsseSignature(key.key, payload, payloadType).toString('base64'), keyid: '' }],
    },
  };
}

/** A DSSE signature, written out from the DSSE specification and not with the library of the code under test. */
export function dsseSignature(key: KeyObject, payload: Uint8Array, payloadType: string): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.byteLength} `;
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return sign(hash, Buffer.concat([Buffer.from(head), payload]), key);
}

export function asBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}
