import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { signManifestKeyless } from '../../src/bundle/keyless.ts';
import type { KeylessOptions } from '../../src/bundle/keyless-options.ts';
import { isAirgapError } from '../../src/core/errors.ts';
import { IDENTITY, manifestBytes } from '../support/signing.ts';
import { startSigstore } from '../support/sigstore.ts';
import type { Sigstore } from '../support/sigstore.ts';

const manifest = manifestBytes();
const WHO = { subject: 'https://ci.example/release', issuer: 'https://idp.example' };

describe('keyless signing', () => {
  let sigstore: Sigstore;
  before(async () => {
    sigstore = await startSigstore();
  });
  after(() => sigstore[Symbol.asyncDispose]());

  const sign = (options: Partial<KeylessOptions>): Promise<Uint8Array> =>
    signManifestKeyless(manifest, IDENTITY, {
      identityToken: sigstore.token(WHO),
      fulcioUrl: sigstore.url,
      rekor: { version: 1, url: sigstore.url },
      ...options,
    });

  it('writes a Sigstore bundle v0.3 with one certificate, one signature without keyid, and the proofs asked for', async () => {
    const bundle = JSON.parse(Buffer.from(await sign({ tsaUrl: sigstore.url })).toString());
    assert.equal(bundle.mediaType, 'application/vnd.dev.sigstore.bundle.v0.3+json');
    assert.deepEqual(Object.keys(bundle.verificationMaterial).toSorted(), [
      'certificate',
      'timestampVerificationData',
      'tlogEntries',
    ]);
    assert.equal(bundle.dsseEnvelope.signatures.length, 1);
    assert.equal(bundle.dsseEnvelope.signatures[0].keyid ?? '', '');
    assert.equal(bundle.verificationMaterial.tlogEntries[0].kindVersion.kind, 'dsse');
    assert.equal(bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps.length, 1);
  });

  it('gives a log of version 2 a hashedrekord entry', async () => {
    const signature = await sign({ rekor: { version: 2, url: sigstore.url }, tsaUrl: sigstore.url });
    const [entry] = JSON.parse(Buffer.from(signature).toString()).verificationMaterial.tlogEntries;
    assert.deepEqual(entry.kindVersion, { kind: 'hashedrekord', version: '0.0.2' });
  });

  it('refuses combinations that prove no time of signing, before anything is sent', async () => {
    const sent = sigstore.requests.length;
    for (const rekor of [{ version: 2, url: sigstore.url }, 'none'] as const) {
      await assert.rejects(sign({ rekor }), { code: 'E_USAGE' });
    }
    assert.equal(sigstore.requests.length, sent);
  });

  for (const [what, token] of Object.entries({
    'not a token': 's3cret-not-a-token',
    'a token whose payload is no JSON': `s3cret.${Buffer.from('s3cret {').toString('base64url')}.s3cret`,
    'a token without a subject': `s3cret.${Buffer.from('{"iss":"s3cret"}').toString('base64url')}.s3cret`,
  })) {
    it(`keeps the identity token out of the error: ${what}`, async () => {
      await assert.rejects(
        sign({ identityToken: token }),
        (error) => isAirgapError(error, 'E_USAGE') && !inspect(error, { depth: 10 }).includes('s3cret'),
      );
    });
  }

  it('names the service that fails, without the token', async () => {
    const token = sigstore.token(WHO);
    for (const options of [
      { fulcioUrl: `${sigstore.url}/none` },
      { rekor: { version: 1, url: `${sigstore.url}/none` } as const },
    ]) {
      await assert.rejects(
        sign({ identityToken: token, ...options }),
        (error) => isAirgapError(error, 'E_UNREACHABLE') && !inspect(error, { depth: 10 }).includes(token),
      );
    }
  });
});
