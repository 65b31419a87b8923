import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { signManifest } from '../../../src/bundle/make-signature.ts';
import { statementFor } from '../../../src/bundle/statement.ts';
import { keylessSigner } from '../../../src/workflows/keyless-signer.ts';
import type { BundleSigner } from '../../../src/workflows/signer.ts';
import { createAuthority, type Leaf } from '../../support/code-signing-authority.ts';
import { IDENTITY, manifestBytes, newKey } from '../../support/signing.ts';

const TYPE = 'application/vnd.in-toto+json';
const manifest = manifestBytes();
const authority = createAuthority('openssl');
const leaf = authority.issue({ subjectAltName: 'URI:https://ci.example/release', issuer: 'https://idp.example' });

function signature(payload: Buffer, { certificate, key }: Leaf): Uint8Array {
  const sig = sign('sha256', dsse.preAuthEncoding(TYPE, payload), key).toString('base64');
  return Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { certificate: { rawBytes: certificate.toString('base64') }, tlogEntries: [] },
      dsseEnvelope: { payload: payload.toString('base64'), payloadType: TYPE, signatures: [{ sig, keyid: '' }] },
    }),
  );
}

describe('signing with a private certificate authority', () => {
  const statement = statementFor(manifest, IDENTITY);
  let signer: BundleSigner;
  before(async () => {
    signer = await keylessSigner({ fulcioUrl: 'https://fulcio.example' });
  });

  it('takes a signature whose certificate made it for this bundle manifest', () => {
    assert.equal(signer.accepts(manifest, [signature(statement, leaf)]), true);
  });

  const other = authority.issue({ subjectAltName: 'URI:https://ci.example/release' });
  for (const [what, signatures] of Object.entries({
    'no signature at all': [],
    'what is no signature': [Buffer.from('junk')],
    'a good one beside what is none': [signature(statement, leaf), Buffer.from('{}')],
    'a signature of a key': [signManifest(manifest, IDENTITY, newKey())],
    'one for another bundle manifest': [signature(statementFor(Buffer.from('{}'), IDENTITY), leaf)],
    'one with the certificate of another key': [signature(statement, { ...leaf, certificate: other.certificate })],
  })) {
    it(`refuses ${what}`, () => assert.equal(signer.accepts(manifest, signatures), false));
  }

  it('uses no signature an earlier run left, since nothing proves who made it', () => {
    assert.equal(signer.keepsSignatures, false);
  });
});
