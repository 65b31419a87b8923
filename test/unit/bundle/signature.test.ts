import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { signManifest } from '../../../src/bundle/make-signature.ts';
import { acceptSignatures } from '../../../src/bundle/signature.ts';
import { readStatement, statementFor } from '../../../src/bundle/statement.ts';
import { createTrust, ruleMatches } from '../../../src/bundle/trust.ts';
import type { TrustOptions } from '../../../src/bundle/trust.ts';
import { isAirgapError } from '../../../src/core/errors.ts';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { IDENTITY, manifestBytes, newKey, trustIn } from '../../support/signing.ts';

const manifest = manifestBytes();
const manifestHex = createHash('sha256').update(manifest).digest('hex');

describe('statements', () => {
  it('are canonical JSON about the bundle manifest alone', () => {
    assert.equal(
      statementFor(manifest, IDENTITY).toString(),
      '{"_type":"https://in-toto.io/Statement/v1","predicate":{"bundle":{"createdAt":"2026-11-22T16:00:00Z",' +
        '"name":"ocp-prod","serial":7},"manifest":{"mediaType":"application/vnd.airgap.bundle.manifest.v1+json",' +
        `"size":${manifest.length}}},"predicateType":"urn:airgap:attestation:bundle:v1","subject":[{"digest":` +
        `{"sha256":"${manifestHex}"},"name":"airgap-manifest.json"}]}`,
    );
  });

  it('carry the expiry when the bundle has one, and read back to the same identity', () => {
    const identity = { ...IDENTITY, expiresAt: '2027-01-01T00:00:00Z' };
    assert.deepEqual(readStatement(statementFor(manifest, identity), manifest), identity);
    assert.deepEqual(readStatement(statementFor(manifest, IDENTITY), manifest), IDENTITY);
  });

  const ours = JSON.parse(statementFor(manifest, IDENTITY).toString());
  const text = (value: unknown): string => JSON.stringify(value);
  const refused: Record<string, string> = {
    'invalid UTF-8': '\xff',
    'a BOM': `\ufeff${text(ours)}`,
    'a trailing newline': `${text(ours)}\n`,
    'members in another order': text({ subject: ours.subject, ...ours }),
    'a member more': text({ ...ours, zzz: 1 }),
    'a predicate member more': text({ ...ours, predicate: { ...ours.predicate, zzz: 1 } }),
    'a bundle member more': text({
      ...ours,
      predicate: { ...ours.predicate, bundle: { ...ours.predicate.bundle, zzz: 1 } },
    }),
    'a serial of 0': text(ours).replace('"serial":7', '"serial":0'),
    'a serial with an exponent': text(ours).replace('"serial":7', '"serial":7e0'),
    'a serial above 2^53-1': text(ours).replace('"serial":7', '"serial":9007199254740993'),
    'a manifest size of another manifest': text(ours).replace(/"size":\d+/, '"size":1'),
    'an escaped character that needs no escape': text(ours).replace('ocp-prod', 'ocp\\u002dprod'),
    '__proto__ in the bundle': text(ours).replace('"createdAt"', '"__proto__":{},"createdAt"'),
    'an empty list': '[]',
    null: 'null',
  };
  for (const [what, payload] of Object.entries(refused)) {
    it(`are refused with ${what}`, () => {
      const bytes = Buffer.from(payload, payload === '\xff' ? 'latin1' : 'utf8');
      assert.equal(typeof readStatement(bytes, manifest), 'string');
    });
  }
});

describe('signing', () => {
  for (const type of ['p256', 'rsa', 'ed25519'] as const) {
    it(`with a ${type} key gives a signature that the same key's public half accepts`, () => {
      const key = newKey(type);
      const accepted = acceptSignatures(manifest, [signManifest(manifest, IDENTITY, key)], trustIn([key]));
      assert.deepEqual(accepted, { signers: [{ kind: 'key', key: key.publicKey.name }], bundle: IDENTITY });
    });
  }

  it('writes a Sigstore bundle v0.3 with one DSSE signature, the hint in the key and no keyid', () => {
    const key = newKey();
    const bundle = JSON.parse(Buffer.from(signManifest(manifest, IDENTITY, key)).toString());
    assert.equal(bundle.mediaType, 'application/vnd.dev.sigstore.bundle.v0.3+json');
    assert.deepEqual(bundle.verificationMaterial.publicKey, { hint: key.publicKey.hint });
    assert.equal(bundle.dsseEnvelope.payloadType, 'application/vnd.in-toto+json');
    assert.equal(bundle.dsseEnvelope.signatures.length, 1);
    assert.equal(bundle.dsseEnvelope.signatures[0].keyid ?? '', '');
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
    assert.deepEqual(payload, statementFor(manifest, IDENTITY));
    const pae = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `), payload]);
    const signature = Buffer.from(bundle.dsseEnvelope.signatures[0].sig, 'base64');
    assert.ok(verify('sha256', pae, createPublicKey(key.key), signature));
  });
});

describe('acceptance', () => {
  const [a, b, c] = [newKey(), newKey('rsa'), newKey('ed25519')];
  const sign = (key: typeof a, identity = IDENTITY): Uint8Array => signManifest(manifest, identity, key);

  it('counts distinct signers against the threshold, wherever their signatures come from', () => {
    const { signers } = acceptSignatures(manifest, [sign(a), sign(c), sign(b)], trustIn([a, b, c], 3));
    assert.deepEqual(
      signers.map((signer) => signer.kind === 'key' && signer.key),
      [a, c, b].map((k) => k.publicKey.name),
    );
  });

  it('ignores signatures of others when enough trusted ones are there', () => {
    const { signers } = acceptSignatures(manifest, [sign(b), Buffer.from('junk'), sign(a)], trustIn([a]));
    assert.equal(signers.length, 1);
  });

  it('counts a key once that is pinned twice', () => {
    const twice = createTrust({
      keys: [{ publicKey: a.publicKey }, { publicKey: a.publicKey }, { publicKey: b.publicKey }],
      threshold: 2,
    });
    assert.throws(() => acceptSignatures(manifest, [sign(a), sign(a)], twice), { code: 'E_SIGNATURE' });
  });

  it('does not add up signatures that state different serials of the same bundle manifest', () => {
    const signatures = [sign(a), sign(b, { ...IDENTITY, serial: 8 })];
    assert.throws(() => acceptSignatures(manifest, signatures, trustIn([a, b], 2)), { code: 'E_SIGNATURE' });
  });

  it('says for each signature why it does not count', () => {
    const message = ((): string => {
      try {
        acceptSignatures(manifest, [Buffer.from('{'), sign(b)], trustIn([a]));
      } catch (error) {
        if (isAirgapError(error, 'E_SIGNATURE')) return error.message;
      }
      return assert.fail('accepted');
    })();
    assert.match(message, /signature 1: it is not JSON; signature 2: no trusted key made it/);
  });

  it('shows text of a signature quoted, cut and in printable ASCII', () => {
    const bundle = JSON.parse(Buffer.from(sign(a)).toString());
    bundle.dsseEnvelope.payloadType = `\u001b[2J\u202e${'x'.repeat(200)}`;
    assert.throws(
      () => acceptSignatures(manifest, [Buffer.from(JSON.stringify(bundle))], trustIn([a])),
      (error) =>
        isAirgapError(error, 'E_SIGNATURE') &&
        error.message.includes('"\\u001b[2J\\u202exxx') &&
        !error.message.includes('x'.repeat(80)),
    );
  });

  it('does not look at log entries and timestamps nobody asked for', () => {
    const bundle = JSON.parse(Buffer.from(sign(a)).toString());
    bundle.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] };
    const signature = Buffer.from(JSON.stringify(bundle));
    assert.equal(acceptSignatures(manifest, [signature], trustIn([a])).signers.length, 1);
  });

  it('of a key fails without the log entry or timestamp that is asked for', () => {
    const trustedRoot = TrustedRoot.fromJSON({});
    for (const demand of [{ requireTlog: true }, { requireTimestamp: true }]) {
      const trust = createTrust({ keys: [{ publicKey: a.publicKey }], trustedRoot, ...demand });
      assert.throws(() => acceptSignatures(manifest, [sign(a)], trust), { code: 'E_SIGNATURE' });
    }
  });
});

describe('trust', () => {
  const key = { publicKey: newKey().publicKey };
  const identity = { identity: { exact: 'a' }, issuer: { exact: 'b' } };
  const trustedRoot = TrustedRoot.fromJSON({});
  const refused: Record<string, TrustOptions> = {
    nobody: {},
    'a threshold of 0': { keys: [key], threshold: 0 },
    'a threshold nobody can reach': { keys: [key], threshold: 2 },
    'one key listed twice to reach a threshold of 2': { keys: [key, key], threshold: 2 },
    'an identity without a trusted root': { identities: [identity] },
    'a required log entry without a trusted root': { keys: [key], requireTlog: true },
    'a validity period without a proof of time': { keys: [{ ...key, validity: { until: new Date() } }], trustedRoot },
    'a pattern that is none': { identities: [{ ...identity, identity: { regexp: '(' } }], trustedRoot },
    'a pattern that closes our group': { identities: [{ ...identity, identity: { regexp: 'a)|(?:b' } }], trustedRoot },
    'a pattern over 512 characters': {
      identities: [{ ...identity, issuer: { regexp: 'a'.repeat(513) } }],
      trustedRoot,
    },
    'an empty identity': { identities: [{ ...identity, identity: { exact: '' } }], trustedRoot },
  };
  for (const [what, options] of Object.entries(refused)) {
    it(`in ${what} is a usage error`, () => {
      assert.throws(() => createTrust(options), { code: 'E_USAGE' });
    });
  }

  it('matches patterns against the whole text only', () => {
    assert.equal(ruleMatches({ regexp: 'rele.se@corp' }, 'release@corp'), true);
    assert.equal(ruleMatches({ regexp: 'rele.se@corp' }, 'release@corp.example'), false);
    assert.equal(ruleMatches({ regexp: 'a|b' }, 'ab'), false);
    assert.equal(ruleMatches({ regexp: 'a' }, 'a\n'), false);
    assert.equal(ruleMatches({ exact: 'rele.se@corp' }, 'release@corp'), false);
  });
});
