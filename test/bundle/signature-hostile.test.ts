/** Hostile signatures, numbered as in docs: signing, section 15 A. Row 19 is about the container and tested there. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { TSAWitness } from '@sigstore/sign';
import { bundleFromJSON } from '@sigstore/bundle';
import { signManifestKeyless } from '../../src/bundle/keyless.ts';
import type { KeylessOptions } from '../../src/bundle/keyless-options.ts';
import { parsePublicKey } from '../../src/bundle/keys.ts';
import type { SigningKey } from '../../src/bundle/keys.ts';
import { signManifest } from '../../src/bundle/make-signature.ts';
import { acceptSignatures } from '../../src/bundle/signature.ts';
import type { AcceptedSignatures } from '../../src/bundle/signature.ts';
import { statementFor } from '../../src/bundle/statement.ts';
import { createTrust } from '../../src/bundle/trust.ts';
import type { IdentityRule, Trust, TrustOptions } from '../../src/bundle/trust.ts';
import { parseTrustedRoot } from '../../src/bundle/trusted-root.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { isAirgapError } from '../../src/core/errors.ts';
import { createAuthority } from '../support/code-signing-authority.ts';
import type { Leaf } from '../support/code-signing-authority.ts';
import { findProgram } from '../support/programs.ts';
import {
  asBytes,
  dsseSignature,
  IDENTITY,
  manifestBytes,
  newKey,
  signedEnvelope,
  trustIn,
} from '../support/signing.ts';
import { startSigstore } from '../support/sigstore.ts';
import type { Sigstore } from '../support/sigstore.ts';

const manifest = manifestBytes();
const key = newKey();
const stranger = newKey();
const trust = trustIn([key]);
const statement = JSON.parse(statementFor(manifest, IDENTITY).toString());
/** A signature by the trusted key over any payload. */
const signed = (payload: unknown, by: SigningKey = key): Uint8Array =>
  asBytes(signedEnvelope(by, Buffer.from(canonicalJson(payload))));
const good = (): Uint8Array => signManifest(manifest, IDENTITY, key);
const parsed = (signature: Uint8Array) => JSON.parse(Buffer.from(signature).toString());

function refuses(
  signatures: readonly Uint8Array[],
  reason: RegExp,
  by: Trust = trust,
  bytes: Uint8Array = manifest,
): void {
  assert.throws(
    () => acceptSignatures(bytes, signatures, by),
    (error) => isAirgapError(error, 'E_SIGNATURE') && (reason.test(error.message) || assert.fail(error.message)),
  );
}

/** Changes random bytes; what is accepted must be what was signed. Gives how often it was. */
function fuzz(original: Uint8Array, rounds: number, by: Trust, expected: AcceptedSignatures): number {
  let seed = 20_261_122;
  const random = (limit: number): number => {
    // Numerical Recipes' generator: a failure can be repeated.
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  let acceptedCount = 0;
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.from(original);
    for (let changes = 1 + random(3); changes > 0; changes -= 1) bytes[random(bytes.length)] = random(256);
    try {
      assert.deepEqual(acceptSignatures(manifest, [bytes], by), expected);
      acceptedCount += 1;
    } catch (error) {
      if (!isAirgapError(error, 'E_SIGNATURE')) throw error;
    }
  }
  return acceptedCount;
}

describe('hostile signatures by key', () => {
  it('the signature they are made from is accepted', () => {
    assert.deepEqual(acceptSignatures(manifest, [good()], trust).bundle, IDENTITY);
    assert.deepEqual(acceptSignatures(manifest, [signed(statement)], trust).bundle, IDENTITY);
  });

  it('1: no signature', () => refuses([], /has no signature/));

  it('2: signed with a key that is not pinned', () => {
    refuses([signManifest(manifest, IDENTITY, stranger)], /no trusted key made it/);
  });

  it('3: 2, with the key shipped inside', () => {
    const bundle = signedEnvelope(stranger, statementFor(manifest, IDENTITY));
    const rawBytes = stranger.publicKey.spki.toString('base64');
    bundle.verificationMaterial['publicKey'] = {
      hint: key.publicKey.hint,
      rawBytes,
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    };
    refuses([asBytes({ ...bundle, publicKey: { rawBytes }, trustedRoot: {} })], /no trusted key made it/);
  });

  it('4: valid signature of another bundle of the same signer', () => {
    const identity = { ...IDENTITY, serial: 6 };
    refuses([signManifest(manifestBytes(identity), identity, key)], /another bundle manifest/);
  });

  it('5: any one byte of the bundle manifest changed', () => {
    const signature = good();
    for (let index = 0; index < manifest.length; index += 1) {
      const changed = Buffer.from(manifest);
      changed[index] = (changed[index] ?? 0) ^ 1;
      refuses([signature], /another bundle manifest/, trust, changed);
    }
    refuses([signature], /another bundle manifest/, trust, Buffer.concat([manifest, Buffer.from('\n')]));
  });

  it('6: a bare message signature over the bundle manifest', () => {
    const { dsseEnvelope: _, ...bundle } = signedEnvelope(key, manifest);
    const messageDigest = { algorithm: 'SHA2_256', digest: statement.subject[0].digest.sha256 };
    const signature = sign('sha256', manifest, key.key).toString('base64');
    refuses([asBytes({ ...bundle, messageSignature: { messageDigest, signature } })], /bare message signature/);
  });

  it('7: another payload type, signed so or relabelled', () => {
    const payload = statementFor(manifest, IDENTITY);
    refuses([asBytes(signedEnvelope(key, payload, 'application/json'))], /payload type is "application\/json"/);
    const relabelled = signedEnvelope(key, payload, 'application/json');
    relabelled.dsseEnvelope.payloadType = 'application/vnd.in-toto+json';
    refuses([asBytes(relabelled)], /no trusted key made it/);
  });

  for (const predicateType of [
    'https://slsa.dev/provenance/v1',
    'https://sigstore.dev/cosign/sign/v1',
    'urn:airgap:attestation:volumes:v1',
    'urn:airgap:attestation:bundle:v10',
  ]) {
    it(`8: predicate type ${predicateType} about the same digest`, () => {
      refuses([signed({ ...statement, predicateType })], /it states/);
    });
  }

  it('9: Statement v0.1', () => {
    refuses([signed({ ...statement, _type: 'https://in-toto.io/Statement/v0.1' })], /of type/);
  });

  it('10: two subjects, one of them ours, in either order; and none', () => {
    const other = { name: 'airgap-manifest.json', digest: { sha256: '0'.repeat(64) } };
    const [ours] = statement.subject;
    for (const subject of [
      [ours, other],
      [other, ours],
      [ours, ours],
    ])
      refuses([signed({ ...statement, subject })], /2 subjects/);
    refuses([signed({ ...statement, subject: [] })], /not a name with one sha256/);
  });

  it('11: subject with a digest more or less', () => {
    const [ours] = statement.subject;
    for (const digest of [{ ...ours.digest, md5: '0'.repeat(32) }, { ...ours.digest, sha512: '' }, {}, { md5: '' }]) {
      refuses([signed({ ...statement, subject: [{ ...ours, digest }] })], /one sha256 digest/);
    }
    refuses([signed({ ...statement, subject: [{ ...ours, name: 'other' }] })], /is about "other"/);
  });

  it('12: duplicate member or white space in the statement', () => {
    const text = canonicalJson(statement);
    for (const payload of [`${text} `, text.replace(',', ', '), text.replace('{', '{"_type":"x",')]) {
      refuses([asBytes(signedEnvelope(key, Buffer.from(payload)))], /canonical form/);
    }
  });

  it('13: the identity handed on for comparison is the one that was signed', () => {
    const { bundle } = acceptSignatures(manifest, [signManifest(manifest, { ...IDENTITY, serial: 8 }, key)], trust);
    assert.deepEqual(bundle, { ...IDENTITY, serial: 8 });
  });

  it('15: two signatures in one envelope, also twice the same', () => {
    const bundle = signedEnvelope(key, statementFor(manifest, IDENTITY));
    const [first] = bundle.dsseEnvelope.signatures;
    assert.ok(first);
    const second = {
      ...first,
      sig: dsseSignature(stranger.key, statementFor(manifest, IDENTITY), bundle.dsseEnvelope.payloadType).toString(
        'base64',
      ),
    };
    for (const signatures of [[first, first], [first, second], [second, first], []]) {
      refuses([asBytes({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, signatures } })], /malformed/);
    }
  });

  for (const mediaType of [
    'application/vnd.dev.sigstore.bundle+json;version=0.1',
    'application/vnd.dev.sigstore.bundle+json;version=0.2',
    'application/vnd.dev.sigstore.bundle+json;version=0.3',
    'application/vnd.dev.sigstore.bundle.v0.9+json',
    'application/vnd.dev.sigstore.bundle.v0.3+json ',
    undefined,
    ['application/vnd.dev.sigstore.bundle.v0.3+json'],
  ]) {
    it(`16: relabelled ${JSON.stringify(mediaType)}`, () =>
      refuses([asBytes({ ...parsed(good()), mediaType })], /media type is/));
  }

  const text = Buffer.from(good()).toString();
  const junk: Record<string, Uint8Array> = {
    nothing: Buffer.alloc(0),
    'no JSON': Buffer.from('\0\0\0'),
    'invalid UTF-8': Buffer.from([0x22, 0xff, 0x22]),
    null: Buffer.from('null'),
    'a number': Buffer.from('1'),
    'deeply nested lists': Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)),
    'a deeply nested payload': Buffer.from(
      text
        .replace('{', `{"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)},`)
        .replace(/"payload":"[^"]*"/, '"payload":""'),
    ),
    'a signature cut in half': Buffer.from(text.slice(0, text.length / 2)),
    'truncated base64': Buffer.from(text.replace(/"payload":"([^"]*).{5}"/, '"payload":"$1"')),
    'no verification material': asBytes({ ...parsed(good()), verificationMaterial: undefined }),
    'verification material of no kind': asBytes({ ...parsed(good()), verificationMaterial: {} }),
    'a number where text belongs': asBytes({
      ...parsed(good()),
      dsseEnvelope: { payload: 1, payloadType: 2, signatures: 3 },
    }),
    'more than 1 MiB': Buffer.from(text + ' '.repeat(1024 * 1024)),
  };
  for (const [what, bytes] of Object.entries(junk)) it(`17: ${what}`, () => refuses([bytes], /signature 1: /));

  it('18: the same key twice against a threshold of 2', () => {
    refuses(
      [good(), good()],
      /1 of 2 required signers signed: signature 2: sha256:[0-9a-f]{64} is counted already/,
      trustIn([key, stranger], 2),
    );
  });

  it('23: keys of refused algorithms given as trust are a usage error', () => {
    for (const { publicKey } of [
      generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
      generateKeyPairSync('rsa', { modulusLength: 1024 }),
    ]) {
      const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
      assert.throws(() => parsePublicKey(pem, 'k.pub'), { code: 'E_USAGE' });
    }
  });

  it('random changes of a signature are never accepted with another payload and never fail in another way', () => {
    const expected = { signers: [{ kind: 'key' as const, key: key.publicKey.name }], bundle: IDENTITY };
    const acceptedCount = fuzz(good(), 3000, trust, expected);
    // Changes of the hint and the like do no harm; those of payload and signature must have been refused.
    assert.ok(acceptedCount < 1500, `${acceptedCount} accepted`);
  });
});

describe('hostile keyless signatures', () => {
  const SUBJECT = 'https://ci.example/release';
  const ISSUER = 'https://idp.example';
  const exactly = (identity: string, issuer = ISSUER): IdentityRule => ({
    identity: { exact: identity },
    issuer: { exact: issuer },
  });
  let sigstore: Sigstore;
  let other: Sigstore;
  before(async () => {
    [sigstore, other] = [await startSigstore(), await startSigstore()];
  });
  after(async () => {
    await sigstore[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  const rootOf = (deployment: Sigstore) => parseTrustedRoot(Buffer.from(deployment.trustedRoot), 'test');
  const trusting = (rule: IdentityRule = exactly(SUBJECT), options: TrustOptions = {}): Trust =>
    createTrust({ identities: [rule], trustedRoot: rootOf(sigstore), ...options });
  const keyless = (options: Partial<KeylessOptions> = {}, subject = SUBJECT, issuer = ISSUER): Promise<Uint8Array> =>
    signManifestKeyless(manifest, IDENTITY, {
      identityToken: sigstore.token({ subject, issuer }),
      fulcioUrl: sigstore.url,
      rekor: { version: 1, url: sigstore.url },
      ...options,
    });
  const withTsa = (): Partial<KeylessOptions> => ({ tsaUrl: sigstore.url });
  const version2 = (): Partial<KeylessOptions> => ({ rekor: { version: 2, url: sigstore.url }, tsaUrl: sigstore.url });
  const change = (signature: Uint8Array, edit: (material: Material) => void): Uint8Array => {
    const bundle = parsed(signature);
    edit(bundle.verificationMaterial);
    return asBytes(bundle);
  };

  interface Material {
    tlogEntries: Record<string, unknown>[];
    timestampVerificationData: { rfc3161Timestamps: unknown[] };
  }

  it('the signatures they are made from are accepted', async () => {
    const signer = { kind: 'identity', identity: SUBJECT, issuer: ISSUER };
    for (const options of [{}, withTsa(), version2()]) {
      assert.deepEqual(acceptSignatures(manifest, [await keyless(options)], trusting()), {
        signers: [signer],
        bundle: IDENTITY,
      });
    }
    const tsaOnly = await keyless({ rekor: 'none', tsaUrl: sigstore.url });
    const { signers } = acceptSignatures(manifest, [tsaOnly], trusting(undefined, { requireTlog: false }));
    assert.deepEqual(signers, [signer]);
  });

  it('a key and an identity are two signers, and only the identity must be in the log', async () => {
    const trustedRoot = rootOf(sigstore);
    const options = { keys: [{ publicKey: key.publicKey }], identities: [exactly(SUBJECT)], trustedRoot };
    const both = createTrust({ ...options, threshold: 2 });
    assert.equal(acceptSignatures(manifest, [good(), await keyless()], both).signers.length, 2);
    refuses([good(), good()], /1 of 2/, both);
    refuses([await keyless(), await keyless()], /1 of 2/, both);
    const logged = createTrust({ ...options, threshold: 2, requireTlog: true });
    refuses([good(), await keyless()], /1 of 2 .*expected 1 tlog entries/, logged);
  });

  it('3: signed under a deployment whose trusted root is shipped inside', async () => {
    const options = { fulcioUrl: other.url, rekor: { version: 1 as const, url: other.url } };
    const bundle = parsed(await keyless(options));
    const shipped = asBytes({ ...bundle, trustedRoot: JSON.parse(other.trustedRoot) });
    refuses([shipped], /trusted root has no entry for log [0-9a-f]{64}; it may be older/, trusting());
  });

  it('14: certificate-signed while a key is pinned; key-signed while an identity is demanded', async () => {
    refuses([await keyless()], /a pinned key is demanded/);
    refuses([good()], /a certificate identity is demanded/, trusting());
  });

  for (const subject of [
    `${SUBJECT}/x`,
    `x${SUBJECT}`,
    'https://ci.example/RELEASE',
    'https://ci-example/release',
    `https://evil.example/?${SUBJECT}`,
  ]) {
    it(`20: identity ${subject} where ${SUBJECT} is wanted`, async () => {
      const signature = await keyless({}, subject);
      refuses([signature], /who is not trusted/, trusting());
      refuses(
        [signature],
        /who is not trusted/,
        trusting({ identity: { regexp: 'https://ci\\.example/release' }, issuer: { exact: ISSUER } }),
      );
    });
  }

  for (const issuer of ['https://other.example', `${ISSUER}/x`, `${ISSUER}.evil`, 'https://idp-example']) {
    it(`20: issuer ${issuer} where ${ISSUER} is wanted`, async () => {
      const signature = await keyless({}, SUBJECT, issuer);
      refuses([signature], /who is not trusted/, trusting());
      refuses(
        [signature],
        /who is not trusted/,
        trusting({ identity: { exact: SUBJECT }, issuer: { regexp: 'https://idp\\.example' } }),
      );
    });
  }

  it('20: an identity and an issuer wanted by two different rules', async () => {
    const rules = [exactly(SUBJECT, 'https://one.example'), exactly('https://ci.example/two', ISSUER)];
    refuses([await keyless()], /who is not trusted/, trusting(undefined, { identities: rules }));
  });

  it('21: log entry stripped', async () => {
    const stripped = change(await keyless(withTsa()), (material) => void (material.tlogEntries = []));
    refuses([stripped], /expected 1 tlog entries, got 0/, trusting());
  });

  it('21: timestamp stripped', async () => {
    const edit = (material: Material): void => void (material.timestampVerificationData.rfc3161Timestamps = []);
    refuses([change(await keyless(version2()), edit)], /expected 1 timestamps, got 0/, trusting());
    const both = change(await keyless(withTsa()), edit);
    refuses([both], /no timestamp of a timestamp authority/, trusting(undefined, { requireTimestamp: true }));
  });

  for (const [what, options] of [
    ['1', withTsa],
    ['2', version2],
  ] as const) {
    it(`21: log entry (version ${what}) or timestamp taken from another bundle`, async () => {
      const [one, two] = [await keyless(options()), parsed(await keyless(options())).verificationMaterial as Material];
      refuses([change(one, (material) => void (material.tlogEntries = two.tlogEntries))], /TLOG|TIMESTAMP/, trusting());
      const edit = (material: Material): void =>
        void (material.timestampVerificationData = two.timestampVerificationData);
      refuses([change(one, edit)], /TIMESTAMP_ERROR/, trusting());
    });
  }

  it('21: time of the log entry forged', async () => {
    const edit = (material: Material): void => {
      for (const entry of material.tlogEntries) entry['integratedTime'] = String(Number(entry['integratedTime']) + 1);
    };
    refuses([change(await keyless(), edit)], /TLOG/, trusting());
  });

  it('21: timestamp from before and after the validity of the certificate', async () => {
    for (const offsetMs of [-3_600_000, 3_600_000]) {
      sigstore.timeOfSigning = new Date(Date.now() + offsetMs);
      const signature = await keyless(withTsa()).finally(() => void (sigstore.timeOfSigning = undefined));
      refuses([signature], /CERTIFICATE_ERROR|TIMESTAMP_ERROR/, trusting());
    }
  });

  it('21: one log entry or timestamp counted twice', async () => {
    const twice = (list: unknown[]): void => void list.push(...list);
    refuses([change(await keyless(), ({ tlogEntries }) => twice(tlogEntries))], /duplicate/, trusting());
    const stamps = change(await keyless(version2()), (material) =>
      twice(material.timestampVerificationData.rfc3161Timestamps),
    );
    refuses([stamps], /duplicate/, trusting());
  });

  it('22: certificate from another authority, logged where trusted', async () => {
    refuses([await keyless({ fulcioUrl: other.url })], /CERTIFICATE_ERROR.*may be older/, trusting());
  });

  it('22: timestamp from another authority', async () => {
    const signature = await keyless({ rekor: { version: 2, url: sigstore.url }, tsaUrl: other.url });
    refuses([signature], /TIMESTAMP_ERROR.*may be older/, trusting());
  });

  it('random changes of a signature are never accepted with another payload or signer', async () => {
    const expected = { signers: [{ kind: 'identity' as const, identity: SUBJECT, issuer: ISSUER }], bundle: IDENTITY };
    for (const options of [withTsa(), version2()]) fuzz(await keyless(options), 700, trusting(), expected);
  });

  const openssl = findProgram('openssl');
  describe(
    'with certificates of an authority without certificate log',
    { skip: openssl === undefined && 'needs openssl' },
    () => {
      const authority = createAuthority(openssl ?? '');
      const EMAIL = 'release@corp.example';
      const rule = exactly(EMAIL);
      const alone: TrustOptions = { requireTlog: false, ignoreSct: true };
      const trustingIt = (options: TrustOptions = alone, by = rule): Trust => {
        const root = JSON.parse(sigstore.trustedRoot);
        const certificates = [{ rawBytes: authority.certificate.toString('base64') }];
        const added = {
          uri: 'https://ca.example',
          certChain: { certificates },
          validFor: { start: '2020-01-01T00:00:00Z' },
        };
        const trustedRoot = parseTrustedRoot(asBytes({ ...root, certificateAuthorities: [added] }), 'test');
        return createTrust({ identities: [by], trustedRoot, ...options });
      };
      const signedBy = async ({ certificate, key: leafKey }: Leaf): Promise<Uint8Array> => {
        const payload = statementFor(manifest, IDENTITY);
        const type = 'application/vnd.in-toto+json';
        const bundle = {
          ...signedEnvelope(key, payload),
          dsseEnvelope: {
            payload: payload.toString('base64'),
            payloadType: type,
            signatures: [{ sig: dsseSignature(leafKey, payload, type).toString('base64') }],
          },
          verificationMaterial: { certificate: { rawBytes: certificate.toString('base64') } },
        };
        const { content } = bundleFromJSON(bundle);
        const { rfc3161Timestamps } = await new TSAWitness({
          tsaBaseURL: sigstore.url,
          retry: 0,
          timeout: 10_000,
        }).testify(content);
        const tokens = rfc3161Timestamps.map(({ signedTimestamp }) => ({
          signedTimestamp: signedTimestamp.toString('base64'),
        }));
        return asBytes({
          ...bundle,
          verificationMaterial: {
            ...bundle.verificationMaterial,
            timestampVerificationData: { rfc3161Timestamps: tokens },
          },
        });
      };
      const email = { subjectAltName: `email:${EMAIL}`, issuer: ISSUER };

      it('an e-mail identity is accepted', async () => {
        const { signers } = acceptSignatures(manifest, [await signedBy(authority.issue(email))], trustingIt());
        assert.deepEqual(signers, [{ kind: 'identity', identity: EMAIL, issuer: ISSUER }]);
      });

      for (const address of [`${EMAIL}.evil`, `x${EMAIL}`, 'release@corp-example']) {
        it(`20: e-mail ${address} where ${EMAIL} is wanted`, async () => {
          const signature = await signedBy(authority.issue({ ...email, subjectAltName: `email:${address}` }));
          refuses([signature], /who is not trusted/, trustingIt());
        });
      }

      it('20: no issuer in the certificate', async () => {
        const signature = await signedBy(authority.issue({ subjectAltName: `email:${EMAIL}` }));
        refuses([signature], /does not name the issuer/, trustingIt());
      });

      it('20: an identity of a kind that is not compared', async () => {
        const subjectAltName = 'otherName:1.3.6.1.4.1.57264.1.7;UTF8:release';
        refuses(
          [await signedBy(authority.issue({ ...email, subjectAltName }))],
          /no identity of the kinds/,
          trustingIt(),
        );
      });

      it('22: SCT missing', async () => {
        const signature = await signedBy(authority.issue(email));
        refuses([signature], /expected 1 SCTs, got 0/, trustingIt({ requireTlog: false }));
      });

      it('22: leaf without code-signing usage', async () => {
        const signature = await signedBy(authority.issue({ ...email, extendedKeyUsage: 'clientAuth,serverAuth' }));
        refuses([signature], /not for signing code/, trustingIt());
      });

      it('22: leaf that is a certificate authority', async () => {
        refuses(
          [await signedBy(authority.issue({ ...email, isAuthority: true }))],
          /certificate authority/,
          trustingIt(),
        );
      });

      it('22: leaf with a key on another curve', async () => {
        refuses([await signedBy(authority.issue({ ...email, curve: 'secp384r1' }))], /secp384r1/, trustingIt());
      });

      it('17: malformed certificate', async () => {
        const bundle = parsed(await signedBy(authority.issue(email)));
        const raw = Buffer.from(bundle.verificationMaterial.certificate.rawBytes, 'base64');
        for (const rawBytes of [raw.subarray(0, 40), Buffer.from('30', 'hex'), Buffer.alloc(2000, 0x30)]) {
          const material = { ...bundle.verificationMaterial, certificate: { rawBytes: rawBytes.toString('base64') } };
          refuses([asBytes({ ...bundle, verificationMaterial: material })], /signature 1: /, trustingIt());
        }
      });
    },
  );
});
