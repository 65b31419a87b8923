import { sign, verify, X509Certificate } from 'node:crypto';
import { bundleToJSON, toDSSEBundle } from '@sigstore/bundle';
import type { Bundle } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { AirgapError } from '../core/errors.ts';
import type { SigningKey } from './keys.ts';
import type { BundleIdentity } from './manifest.ts';
import type { AcceptedSignatures } from './signature.ts';
import { describeFailure, envelopeOf, parseSignature } from './signature-file.ts';
import { PAYLOAD_TYPE, readStatement, statementFor } from './statement.ts';

/**
 * Signs a bundle manifest: a Sigstore bundle v0.3 (JSON) with a DSSE envelope over {@link statementFor}'s bytes, verifiable
 * with the public key alone, by this tool and by cosign (signing, section 6).
 */
export function signManifest(manifest: Uint8Array, identity: BundleIdentity, key: SigningKey): Uint8Array {
  return signStatement(statementFor(manifest, identity), key);
}

/** Signs an in-toto statement the same way. */
export function signStatement(statement: Uint8Array, key: SigningKey): Uint8Array {
  const payload = Buffer.from(statement);
  // Ed25519 hashes by itself; both other algorithms are used with SHA-256.
  const hash = key.key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(hash, dsse.preAuthEncoding(PAYLOAD_TYPE, payload), key.key);
  const bundle = toDSSEBundle({ artifact: payload, artifactType: PAYLOAD_TYPE, signature, certificateChain: false });
  // The hint goes here only: cosign skips envelope signatures whose keyid is neither empty nor its own fingerprint.
  bundle.verificationMaterial.content = { $case: 'publicKey', publicKey: { hint: key.publicKey.hint } };
  return Buffer.from(JSON.stringify(bundleToJSON(bundle)), 'utf8');
}

/**
 * Whether every signature, and there is at least one, is of the form the far side will look for and states exactly this
 * manifest: a Sigstore bundle v0.3 whose DSSE envelope the key of its one certificate signed. Who issued the certificate is
 * not known here, so this proves nobody's identity: it is a check of what was just made, not of what was found. Throws
 * `E_SIGNATURE` (signing, sections 6 and 8).
 */
export function acceptWellFormed(manifest: Uint8Array, signatures: readonly Uint8Array[]): AcceptedSignatures {
  const verdicts = signatures.map((bytes) => {
    try {
      return judgeForm(manifest, parseSignature(bytes));
    } catch (error) {
      // Everything the libraries throw on malformed input means the same: not usable.
      return describeFailure(error);
    }
  });
  const reasons = verdicts.flatMap((one, index) => (typeof one === 'string' ? [`signature ${index + 1}: ${one}`] : []));
  const [bundle] = verdicts;
  if (bundle !== undefined && typeof bundle !== 'string' && reasons.length === 0) return { signers: [], bundle };
  const why = reasons.length === 0 ? 'the bundle manifest has no signature' : reasons.join('; ');
  throw new AirgapError('E_SIGNATURE', `the signature is not usable: ${why}`, {
    hint: 'the certificate authority answered with something unexpected; check --fulcio-url and try again',
    data: { reasons },
  });
}

function judgeForm(manifest: Uint8Array, bundle: Bundle): BundleIdentity | string {
  const { content } = bundle.verificationMaterial;
  if (content.$case !== 'certificate') return 'it carries no certificate';
  const envelope = envelopeOf(bundle);
  if (typeof envelope === 'string') return envelope;
  const { payload, payloadType, signatures } = envelope;
  const { publicKey } = new X509Certificate(content.certificate.rawBytes);
  const hash = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const [first, ...others] = signatures;
  const isSigned =
    first !== undefined &&
    others.length === 0 &&
    verify(hash, dsse.preAuthEncoding(payloadType, payload), publicKey, first.sig);
  return isSigned ? readStatement(payload, manifest) : 'the key of its certificate did not make it';
}
