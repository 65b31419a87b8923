import { parseManifest, type BundleIdentity } from '../bundle/manifest.ts';
import type { AcceptSignatures } from '../bundle/preamble.ts';
import type { SigningKey } from '../bundle/keys.ts';
import { signManifest, signStatement } from '../bundle/make-signature.ts';
import { acceptSignatures } from '../bundle/signature.ts';
import { createTrust, type Trust } from '../bundle/trust.ts';
import { isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';

/** Makes the signatures of a bundle manifest and checks them the way the far side will. */
export interface BundleSigner {
  sign(manifest: Uint8Array, identity: BundleIdentity, ctx: RunContext): Promise<readonly Uint8Array[]>;
  /** Signs another statement about the bundle; absent when there is nothing to sign with. */
  signStatement?(statement: Uint8Array): Promise<Uint8Array>;
  readonly accept: AcceptSignatures;
  /** Whether signatures an unfinished run left may be used when they are accepted: false where `accept` proves no signer. */
  readonly keepsSignatures: boolean;
  /** `accept` as a question. */
  accepts(manifest: Uint8Array, signatures: readonly Uint8Array[]): boolean;
}

/** Signs with a private key; accepts that key alone. */
export function keySigner(key: SigningKey): BundleSigner {
  const trust = createTrust({ keys: [{ publicKey: key.publicKey }] });
  const signer = signerOf(acceptFor(trust), async (manifest, identity) => [signManifest(manifest, identity, key)]);
  return { ...signer, signStatement: async (statement) => signStatement(statement, key) };
}

/** Takes signatures made elsewhere (a hardware token, another person); accepts what `trust` says. */
export function givenSignatures(signatures: readonly Uint8Array[], trust: Trust): BundleSigner {
  return signerOf(acceptFor(trust), async () => signatures);
}

/** Leaves the bundle unsigned, as the user asked. */
export function noSigner(): BundleSigner {
  return {
    sign: async () => [],
    accept: acceptUnsigned,
    keepsSignatures: true,
    accepts: (_manifest, signatures) => signatures.length === 0,
  };
}

/** Accepts any bundle: what it says of itself is taken from the bundle manifest, which nobody vouches for. */
export function acceptUnsigned(manifest: Uint8Array): { bundle: BundleIdentity; signers: readonly never[] } {
  return { bundle: parseManifest(manifest).bundle, signers: [] };
}

/** The check of signatures against a trust. */
export function acceptFor(trust: Trust | 'unsigned'): AcceptSignatures {
  if (trust === 'unsigned') return acceptUnsigned;
  return (manifest, signatures) => acceptSignatures(manifest, signatures, trust);
}

/** A signer from its two halves. */
export function signerOf(accept: AcceptSignatures, sign: BundleSigner['sign']): BundleSigner {
  return {
    sign,
    accept,
    keepsSignatures: true,
    accepts(manifest, signatures) {
      try {
        accept(manifest, signatures);
        return true;
      } catch (error) {
        if (isAirgapError(error, 'E_SIGNATURE')) return false;
        throw error;
      }
    },
  };
}
