import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Digest } from '../../../src/oci/digest.ts';
import { publishedKey, readArmouredKeys } from '../../../src/mirror/openpgp-keys.ts';
import { verifyMessage } from '../../../src/mirror/openpgp.ts';
import { RED_HAT_BETA_KEY, RED_HAT_RELEASE_KEY } from '../../../src/mirror/release-keys.ts';
import { checkReleaseSignature, signatureBase, signatureKeys } from '../../../src/mirror/release-signature.ts';
import { formatReference } from '../../../src/oci/reference.ts';
import { findProgram } from '../../support/programs.ts';
import { createTestKey, packet, signaturePayload, type SignOptions } from '../../support/openpgp.ts';

const DIGEST: Digest = `sha256:${'1'.repeat(64)}`;
const OTHER: Digest = `sha256:${'2'.repeat(64)}`;
const IDENTITY = 'quay.io/openshift-release-dev/ocp-release:4.17.5-x86_64';
const PAYLOAD = signaturePayload(IDENTITY, DIGEST);
const key = createTestKey();
const stranger = createTestKey();

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/signatures/${name}`, import.meta.url));
}

function check(content: Buffer, digest: Digest = DIGEST) {
  return checkReleaseSignature(content, digest, { keys: [key.trusted], what: 'signature' });
}

describe('real signatures', () => {
  const digests = {
    'v4-release-4.15.0-signature-1': 'sha256:0da6316466d60a3a4535d5fed3589feb0391989982fba59d47d4c729912d6363',
    'v3-signature-1': 'sha256:50b9402635dd4b312a86bed05dcdbda8c00120d3789ec2e9b527045100b3bdb4',
  } as const;

  test('of a current release (version 4) is accepted with the built-in key', () => {
    const name = 'v4-release-4.15.0-signature-1';
    const signature = checkReleaseSignature(fixture(name), digests[name], { keys: signatureKeys({}), what: name });
    assert.equal(formatReference(signature.identity), 'quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64');
    assert.equal(signature.signedBy, RED_HAT_RELEASE_KEY.fingerprint);
  });

  test('of an older image (version 3) is accepted too', () => {
    const name = 'v3-signature-1';
    const signature = checkReleaseSignature(fixture(name), digests[name], { keys: signatureKeys({}), what: name });
    assert.equal(signature.identity.tag, '0.0.1');
  });

  for (const [name, digest] of Object.entries(digests)) {
    test(`${name} with any changed byte is refused`, () => {
      const original = fixture(name);
      for (let at = 0; at < original.length; at += 1) {
        const changed = Buffer.from(original);
        changed[at] = changed[at]! ^ 0x01;
        try {
          const accepted = checkReleaseSignature(changed, digest, { keys: signatureKeys({}), what: name });
          // Names and dates outside the signed content may change; what it says may not.
          assert.equal(accepted.digest, digest);
          assert.match(formatReference(accepted.identity), /ocp-release:4\.15\.0-x86_64|operator-bundle:0\.0\.1/);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'E_SIGNATURE', `byte ${at}: ${String(error)}`);
        }
      }
    });

    test(`${name} cut at any place is refused`, () => {
      const original = fixture(name);
      for (let length = 0; length < original.length; length += 7) {
        assert.throws(
          () => checkReleaseSignature(original.subarray(0, length), digest, { keys: signatureKeys({}), what: name }),
          {
            code: 'E_SIGNATURE',
          },
        );
      }
    });
  }
});

describe('built-in keys', () => {
  test('have the fingerprints that are published', () => {
    assert.equal(publishedKey(RED_HAT_RELEASE_KEY).fingerprint, '567E347AD0044ADE55BA8A5F199E2F91FD431D51');
    assert.equal(publishedKey(RED_HAT_BETA_KEY).fingerprint, 'B08B659EE86AF623BC90E8DB938A80CAF21541EB');
  });

  test('that do not match their fingerprint are a defect', () => {
    assert.throws(() => publishedKey({ ...RED_HAT_RELEASE_KEY, exponent: 3 }), /fingerprint does not match/);
  });

  test('the beta key is trusted only when asked for', () => {
    assert.deepEqual(
      signatureKeys({}).map(({ fingerprint }) => fingerprint),
      [RED_HAT_RELEASE_KEY.fingerprint],
    );
    assert.equal(signatureKeys({ trustBetaKey: true }).length, 2);
  });
});

describe('key files', () => {
  test('replace the built-in key', () => {
    const keys = signatureKeys({ verificationKeys: { text: key.armoured, origin: 'key.asc' } });
    assert.deepEqual(
      keys.map(({ fingerprint }) => fingerprint),
      [key.fingerprint],
    );
  });

  test('may hold several keys, from which fingerprints choose', () => {
    const text = `comment\n${key.armoured}\n${stranger.armoured}`;
    assert.equal(readArmouredKeys(text, 'keys.asc').length, 2);
    const chosen = readArmouredKeys(text, 'keys.asc', [stranger.fingerprint.toLowerCase()]);
    assert.deepEqual(
      chosen.map(({ fingerprint }) => fingerprint),
      [stranger.fingerprint],
    );
    assert.throws(() => readArmouredKeys(text, 'keys.asc', ['AB'.repeat(20)]), {
      code: 'E_CONFIG',
      hint: new RegExp(key.fingerprint),
    });
  });

  const bad: [string, string][] = [
    ['an empty file', ''],
    ['no armour', 'hello'],
    ['a broken checksum', key.armoured.replace(/\n=.{4}/, '\n=AAAA')],
    ['a changed body', key.armoured.replace(/\n\n(.)/, (_, first: string) => `\n\n${first === 'x' ? 'm' : 'x'}`)],
    ['a key that is too short', createTestKey(1024).armoured],
    ['a signature block', key.armoured.replaceAll('PUBLIC KEY BLOCK', 'SIGNATURE')],
  ];
  for (const [what, text] of bad) {
    test(`${what} is refused`, () => {
      assert.throws(() => signatureKeys({ verificationKeys: { text, origin: 'key.asc' } }), {
        code: /E_CONFIG|E_SIGNATURE/,
      });
    });
  }

  test('and signatures of GnuPG are read', async (t) => {
    const gpg = findProgram('gpg');
    if (gpg === undefined) return t.skip('needs gpg');
    const home = mkdtempSync(join(tmpdir(), 'airgap-gpg-'));
    t.after(async () => {
      const gpgconf = findProgram('gpgconf');
      if (gpgconf !== undefined) execFileSync(gpgconf, ['--homedir', home, '--kill', 'gpg-agent']);
      await rm(home, { recursive: true, force: true });
    });
    const run = (args: readonly string[]) =>
      execFileSync(gpg, ['--homedir', home, '--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    run(['--quick-gen-key', 'Tester <t@example.com>', 'rsa2048', 'sign', 'never']);
    const keys = readArmouredKeys(run(['--armor', '--export']).toString(), 'gpg');
    writeFileSync(join(home, 'payload.json'), PAYLOAD);
    const file = run(['--digest-algo', 'SHA256', '--output', '-', '--sign', join(home, 'payload.json')]);
    assert.equal(checkReleaseSignature(file, DIGEST, { keys, what: 'gpg' }).signedBy, keys[0]?.fingerprint);
  });
});

describe('signatures', () => {
  const accepted: [string, SignOptions][] = [
    ['version 4, ZIP', {}],
    ['version 3', { version: 3 }],
    ['ZLIB', { compression: 'zlib' }],
    ['stored blocks', { compression: 'stored' }],
    ['no compression', { compression: 'none' }],
    ['new packet headers', { newFormat: true }],
    ['SHA-384', { hash: 'sha384' }],
    ['SHA-512', { hash: 'sha512' }],
    ['an issuer fingerprint', { fingerprint: key.fingerprint }],
    ['an unknown subpacket that is not critical', { subpackets: [Buffer.from([100, 1, 2])] }],
    ['an expiry of zero, which is none', { subpackets: [Buffer.from([3, 0, 0, 0, 0])] }],
  ];
  for (const [what, options] of accepted) {
    test(`are accepted: ${what}`, () => {
      const signature = check(key.sign(PAYLOAD, options));
      assert.equal(formatReference(signature.identity), IDENTITY);
      assert.equal(signature.signedBy, key.fingerprint);
    });
  }

  const hostile: [string, Buffer, RegExp][] = [
    ['no signature, literal alone', key.sign(PAYLOAD, { parts: ['literal'] }), /packets 11 /],
    [
      'a literal with announcement but no signature',
      key.sign(PAYLOAD, { parts: ['onePass', 'literal'] }),
      /packets 4, 11 /,
    ],
    ['a detached signature', key.sign(PAYLOAD, { parts: ['signature'] }), /packets 2 /],
    ['a signature in front', key.sign(PAYLOAD, { parts: ['signature', 'literal'] }), /packets 2, 11 /],
    [
      'two signatures',
      key.sign(PAYLOAD, { parts: ['onePass', 'onePass', 'literal', 'signature', 'signature'] }),
      /packets 4, 4, 11, 2, 2/,
    ],
    ['two literals', key.sign(PAYLOAD, { parts: ['onePass', 'literal', 'literal', 'signature'] }), /packets/],
    ['clear-signed text', Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n'), /clear-signed/],
    ['SHA-1', key.sign(PAYLOAD, { hash: 'sha1' }), /hash algorithm 2 is not accepted/],
    ['bzip2', key.sign(PAYLOAD, { compression: 'bzip2' }), /compression 3 is not accepted/],
    ['text mode of the literal', key.sign(PAYLOAD, { literalFormat: 't' }), /not marked as binary/],
    ['UTF-8 mode of the literal', key.sign(PAYLOAD, { literalFormat: 'u' }), /not marked as binary/],
    ['a text signature', key.sign(PAYLOAD, { type: 1 }), /one-pass/],
    ['a text signature announced as binary', key.sign(PAYLOAD, { type: 1, announcedType: 0 }), /signature type 1/],
    ['wrong check bytes', key.sign(PAYLOAD, { checkBytes: Buffer.from([0, 0]) }), /does not match the content/],
    ['a packet without length', Buffer.concat([Buffer.from([0x93]), Buffer.alloc(13)]), /indeterminate length/],
    ['more than the cap after unpacking', key.sign(Buffer.alloc(70_000, ' ')), /unpacks to more than 65536/],
    ['more than the cap as it is', Buffer.alloc(70_000, 0xa3), /larger than 65536/],
    ['compressed data in compressed data', Buffer.concat([Buffer.from([0xa3, 0]), key.sign(PAYLOAD)]), /packets 8 /],
    [
      'bytes behind the compressed data',
      Buffer.concat([key.sign(PAYLOAD), Buffer.from('x')]),
      /behind the compressed data/,
    ],
    [
      'a packet behind the message',
      Buffer.concat([key.sign(PAYLOAD, { compression: 'none' }), packet(13, Buffer.from('x'))]),
      /packets 4, 11, 2, 13/,
    ],
    ['a partial length', Buffer.from([0xcb, 0xe5, ...Buffer.alloc(40)]), /partial/],
    [
      'another content than was signed',
      key.sign(PAYLOAD, { shown: Buffer.from(PAYLOAD.replace(/1{64}/, '2'.repeat(64))) }),
      /does not match the content/,
    ],
    ['a key that is not trusted', stranger.sign(PAYLOAD), /not trusted/],
    [
      'the right key id but another key',
      stranger.sign(PAYLOAD, { keyId: key.fingerprint.slice(-16) }),
      /does not match the content/,
    ],
    [
      'the right key id but another key, version 3',
      stranger.sign(PAYLOAD, { version: 3, keyId: key.fingerprint.slice(-16) }),
      /does not match/,
    ],
    [
      'the right key id but another fingerprint',
      key.sign(PAYLOAD, { fingerprint: stranger.fingerprint }),
      /signed by another key/,
    ],
    ['a signature that expires', key.sign(PAYLOAD, { subpackets: [Buffer.from([3, 0, 0, 0, 9])] }), /expires/],
    [
      'an unknown critical subpacket',
      key.sign(PAYLOAD, { subpackets: [Buffer.from([0x80 | 100, 1])] }),
      /critical subpacket 100/,
    ],
    ['nothing', Buffer.alloc(0), /packets {2}/],
    ['not OpenPGP', Buffer.from('{"critical":{}}'), /not an OpenPGP packet/],
  ];
  for (const [what, content, message] of hostile) {
    test(`are refused: ${what}`, () => {
      assert.throws(() => check(content), { code: 'E_SIGNATURE', message });
    });
  }

  const document = JSON.parse(PAYLOAD) as { critical: Record<string, unknown>; optional: unknown };
  const contents: [string, string | Buffer, RegExp][] = [
    ['another digest', signaturePayload(IDENTITY, OTHER), /signed for sha256:2+, not for sha256:1+/],
    [
      'another type',
      PAYLOAD.replace('atomic container signature', 'cosign container image signature'),
      /critical\.type/,
    ],
    [
      'an unknown critical member',
      JSON.stringify({ ...document, critical: { ...document.critical, expires: 1 } }),
      /critical/,
    ],
    ['an unknown member on top', JSON.stringify({ ...document, more: 1 }), /more/],
    ['no optional part', JSON.stringify({ critical: document.critical }), /optional/],
    [
      'no identity',
      JSON.stringify({ ...document, critical: { ...document.critical, identity: {} } }),
      /docker-reference/,
    ],
    ['an identity without tag', signaturePayload(`quay.io/o/r@${DIGEST}`, DIGEST), /no reference with a tag/],
    ['an identity that is no reference', signaturePayload('https://x', DIGEST), /no reference with a tag/],
    ['no JSON', 'hello', /not JSON/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not JSON/],
  ];
  for (const [what, content, message] of contents) {
    test(`with good OpenPGP but ${what} are refused`, () => {
      assert.throws(() => check(key.sign(content)), { code: 'E_SIGNATURE', message });
    });
  }

  test('the content is not parsed before the signature is good', () => {
    assert.throws(() => check(stranger.sign('not json')), { message: /not trusted/ });
  });

  test('an unsigned message is never handed out', () => {
    assert.throws(() => verifyMessage(key.sign(PAYLOAD), [], 'x'), { code: 'E_SIGNATURE' });
  });
});

describe('the place of signatures', () => {
  test('is the vendor store of the kind of release, or what was given', () => {
    assert.match(signatureBase('ocp', {}).url, /^https:\/\/mirror\.openshift\.com\/.*\/$/);
    assert.match(signatureBase('okd', {}).url, /openshift-ci-release/);
    assert.equal(signatureBase('ocp', { signatureBaseUrl: 'http://127.0.0.1:1/s/' }).url, 'http://127.0.0.1:1/s/');
    assert.equal(signatureBase('okd', { signatureBaseUrl: 'http://127.0.0.1:1/s' }).url, 'http://127.0.0.1:1/s/');
  });

  for (const baseUrl of ['signatures/', '/srv/signatures/', 'file:///srv/signatures/']) {
    test(`${baseUrl} is not used, and that is told`, () => {
      const base = signatureBase('ocp', { signatureBaseUrl: baseUrl });
      assert.match(base.url, /^https:\/\/mirror\.openshift\.com/);
      assert.equal(base.warnings[0]?.code, 'W_CONFIG');
    });
  }
});
