import type { KeylessOptions } from '../bundle/keyless-options.ts';
import { acceptWellFormed } from '../bundle/make-signature.ts';
import { acceptSignatures } from '../bundle/signature.ts';
import { createTrust, type Trust } from '../bundle/trust.ts';
import { fetchTrustedRoot } from '../bundle/trusted-root.ts';
import { signerOf, type BundleSigner } from './signer.ts';

/** Any identity: the signature was just made, the question is only whether the far side can check it. */
const ANY = { regexp: '.+' };

/**
 * Signs with a certificate for the identity of the user or workflow. With the public authority the signature is checked
 * against the public trusted root before it is used; a private authority's root is the verifier's own, so that there only
 * the form and the statement are checked, and signatures an earlier run left are not used again.
 */
export async function keylessSigner(options: KeylessOptions): Promise<BundleSigner> {
  const isPublic = options.fulcioUrl === undefined;
  const trust = isPublic ? await publicTrust(options) : undefined;
  const sign: BundleSigner['sign'] = async (manifest, identity) => {
    const { signManifestKeyless } = await import('../bundle/keyless.ts');
    return [await signManifestKeyless(manifest, identity, options)];
  };
  const accept: BundleSigner['accept'] =
    trust === undefined ? acceptWellFormed : (manifest, signatures) => acceptSignatures(manifest, signatures, trust);
  const signStatement = async (statement: Uint8Array): Promise<Uint8Array> => {
    const { signStatementKeyless } = await import('../bundle/keyless.ts');
    return signStatementKeyless(statement, options);
  };
  return { ...signerOf(accept, sign), signStatement, keepsSignatures: isPublic };
}

async function publicTrust(options: KeylessOptions): Promise<Trust> {
  const { root } = await fetchTrustedRoot();
  return createTrust({
    identities: [{ identity: ANY, issuer: ANY }],
    trustedRoot: root,
    requireTlog: options.rekor !== 'none',
    requireTimestamp: options.tsaUrl !== undefined,
  });
}
