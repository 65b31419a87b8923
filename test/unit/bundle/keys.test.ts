import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, scryptSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import {
  generateKeyPair,
  keyName,
  loadPrivateKey,
  loadPublicKey,
  parsePrivateKey,
  parsePublicKey,
  writeKeyPair,
} from '../../../src/bundle/keys.ts';
import { isAirgapError } from '../../../src/core/errors.ts';

const answer = (password: string) => async (): Promise<string> => password;
const neverAsked = async (): Promise<string> => assert.fail('the password was asked for');
/** The error of a key that can not be used; each says what to do. */
const usage = (message: RegExp) => (error: unknown) =>
  isAirgapError(error, 'E_USAGE') && message.test(error.message) && error.hint !== undefined;

function pem(label: string, body: Buffer): string {
  return `-----BEGIN ${label}-----\n${body.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
}

/** A cosign key file made independently of the code under test. */
function cosignBox(privateKey: KeyObject, password: string, cost = 32_768): Buffer {
  const salt = randomBytes(32);
  const nonce = randomBytes(24);
  const key = scryptSync(password, salt, 32, { N: cost, r: 8, p: 1, maxmem: 256 * cost * 8 });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const box = {
    kdf: { name: 'scrypt', params: { N: cost, r: 8, p: 1 }, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(xsalsa20poly1305(key, nonce).encrypt(pkcs8)).toString('base64'),
  };
  return Buffer.from(JSON.stringify(box));
}

const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const nameOf = (key: KeyObject): string => keyName(key.export({ type: 'spki', format: 'der' }));

describe('private key files', () => {
  for (const label of ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY']) {
    it(`opens a cosign key box labelled ${label}`, async () => {
      const key = await parsePrivateKey(pem(label, cosignBox(p256.privateKey, 'secret')), answer('secret'), 'k');
      assert.equal(key.publicKey.name, nameOf(p256.publicKey));
      assert.deepEqual(key.warnings, []);
    });
  }

  for (const cost of [32_768, 65_536, 131_072]) {
    it(`opens a key box with scrypt N = ${cost}`, async () => {
      const text = pem('ENCRYPTED SIGSTORE PRIVATE KEY', cosignBox(p256.privateKey, 'x', cost));
      assert.equal((await parsePrivateKey(text, answer('x'), 'k')).publicKey.name, nameOf(p256.publicKey));
    });
  }

  it('opens a key box with the empty password, and only with that', async () => {
    const text = pem('ENCRYPTED SIGSTORE PRIVATE KEY', cosignBox(p256.privateKey, ''));
    assert.equal((await parsePrivateKey(text, answer(''), 'k')).publicKey.name, nameOf(p256.publicKey));
    await assert.rejects(parsePrivateKey(text, answer(' '), 'k'), usage(/wrong password or damaged key/));
  });

  const kdf = (params: object) => ({ kdf: { name: 'scrypt', params, salt: randomBytes(32).toString('base64') } });
  const refusedBoxes: Record<string, object> = {
    'a work factor of its own choice': kdf({ N: 1_048_576, r: 8, p: 1 }),
    'a low work factor': kdf({ N: 2, r: 8, p: 1 }),
    'another block size': kdf({ N: 65_536, r: 16, p: 1 }),
    'another parallelism': kdf({ N: 65_536, r: 8, p: 64 }),
    'another key derivation': { kdf: { name: 'argon2', params: { N: 65_536, r: 8, p: 1 }, salt: '' } },
    'another cipher': { cipher: { name: 'none', nonce: randomBytes(24).toString('base64') } },
    'a nonce of 12 bytes': { cipher: { name: 'nacl/secretbox', nonce: randomBytes(12).toString('base64') } },
  };
  const goodBox = JSON.parse(cosignBox(p256.privateKey, 'x').toString());
  for (const [what, change] of Object.entries(refusedBoxes)) {
    it(`refuses a key box with ${what} before asking for the password`, async () => {
      const text = pem('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from(JSON.stringify({ ...goodBox, ...change })));
      await assert.rejects(parsePrivateKey(text, neverAsked, 'k.key'), usage(/^k\.key: not a key file cosign writes/));
    });
  }

  it('reports a wrong password and a damaged box with the same error', async () => {
    const body = cosignBox(p256.privateKey, 'right');
    const box = JSON.parse(body.toString());
    const ciphertext = Buffer.from(box.ciphertext, 'base64');
    ciphertext[20] = (ciphertext[20] ?? 0) ^ 1;
    const damaged = Buffer.from(JSON.stringify({ ...box, ciphertext: ciphertext.toString('base64') }));
    const short = Buffer.from(JSON.stringify({ ...box, ciphertext: 'AAAA' }));
    const label = 'ENCRYPTED SIGSTORE PRIVATE KEY';
    const attempts = [
      parsePrivateKey(pem(label, body), answer('wrong'), 'k'),
      parsePrivateKey(pem(label, damaged), answer('right'), 'k'),
      parsePrivateKey(pem(label, short), answer('right'), 'k'),
    ];
    const errors = await Promise.all(
      attempts.map((attempt) =>
        attempt.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    for (const error of errors) {
      assert.ok(isAirgapError(error, 'E_USAGE'));
      assert.equal(error.message, 'k: wrong password or damaged key');
      assert.notEqual(error.hint, undefined);
    }
  });

  for (const passphrase of ['secret', '']) {
    it(`opens PKCS#8 encrypted with PBES2 and the password ${JSON.stringify(passphrase)}`, async () => {
      const text = p256.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
      const key = await parsePrivateKey(String(text), answer(passphrase), 'k');
      assert.equal(key.publicKey.name, nameOf(p256.publicKey));
      assert.deepEqual(key.warnings, []);
      await assert.rejects(parsePrivateKey(String(text), answer('no'), 'k'), usage(/wrong password or damaged key/));
    });
  }

  const plain: Record<string, [KeyObject, KeyObject, 'pkcs8' | 'sec1' | 'pkcs1']> = {
    'PKCS#8 P-256': [p256.privateKey, p256.publicKey, 'pkcs8'],
    'SEC 1 P-256': [p256.privateKey, p256.publicKey, 'sec1'],
    'PKCS#1 RSA': [rsa.privateKey, rsa.publicKey, 'pkcs1'],
    'PKCS#8 Ed25519': [ed25519.privateKey, ed25519.publicKey, 'pkcs8'],
  };
  for (const [what, [privateKey, publicKey, type]] of Object.entries(plain)) {
    it(`takes an unencrypted ${what} key with a warning and without a password`, async () => {
      const text = String(privateKey.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }));
      const key = await parsePrivateKey(text, neverAsked, 'k.pem');
      assert.equal(key.publicKey.name, nameOf(publicKey));
      assert.deepEqual(key.warnings, [{ code: 'W_PLAIN_KEY', message: 'k.pem: the private key is not encrypted' }]);
    });
  }

  it('refuses what holds no private key, and the traditional encryption of OpenSSL', async () => {
    const publicText = String(p256.publicKey.export({ type: 'spki', format: 'pem' }));
    await assert.rejects(parsePrivateKey(publicText, neverAsked, 'k'), usage(/no private key/));
    await assert.rejects(parsePrivateKey('', neverAsked, 'k'), usage(/no private key/));
    const options = { type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
    const traditional = String(p256.privateKey.export(options));
    await assert.rejects(parsePrivateKey(traditional, neverAsked, 'k'), usage(/form is not supported/));
  });

  it('refuses a path that is no file with a usage error', async () => {
    await assert.rejects(loadPrivateKey('/nonexistent/k.key', neverAsked), usage(/can not be read/));
    await assert.rejects(loadPublicKey(tmpdir()), usage(/can not be read/));
  });
});

describe('algorithms', () => {
  const refused: Record<string, { pair: { publicKey: KeyObject; privateKey: KeyObject }; reason: RegExp }> = {
    'P-384': { pair: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }), reason: /curve secp384r1/ },
    'P-521': { pair: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }), reason: /curve secp521r1/ },
    secp256k1: { pair: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), reason: /curve secp256k1/ },
    'RSA 1024': { pair: generateKeyPairSync('rsa', { modulusLength: 1024 }), reason: /RSA key of 1024 bits/ },
    'RSA-PSS': { pair: generateKeyPairSync('rsa-pss', { modulusLength: 2048 }), reason: /type rsa-pss/ },
    X25519: { pair: generateKeyPairSync('x25519'), reason: /type x25519/ },
  };
  for (const [what, { pair, reason }] of Object.entries(refused)) {
    it(`refuses ${what} keys, public and private, with the reason`, async () => {
      const publicText = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
      const privateText = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      assert.throws(() => parsePublicKey(publicText, 'k'), usage(reason));
      await assert.rejects(parsePrivateKey(privateText, neverAsked, 'k'), usage(reason));
    });
  }
});

describe('public key files', () => {
  it('names a key by the digest of its SPKI, as hex for people and base64 for the hint', () => {
    const spki = p256.publicKey.export({ type: 'spki', format: 'der' });
    const key = parsePublicKey(String(p256.publicKey.export({ type: 'spki', format: 'pem' })), 'k');
    assert.equal(key.name, `sha256:${createHash('sha256').update(spki).digest('hex')}`);
    assert.equal(key.hint, createHash('sha256').update(spki).digest('base64'));
  });

  it('gives a key with a compressed point the name it has uncompressed', () => {
    const spki = p256.publicKey.export({ type: 'spki', format: 'der' });
    const [x, y] = [spki.subarray(27, 59), spki.subarray(59)];
    const header = Buffer.from(spki.subarray(0, 26));
    header[1] = 0x39;
    header[24] = 0x22;
    // SEQUENCE, BIT STRING and their lengths as before, 32 bytes shorter.
    const compressed = Buffer.concat([header.subarray(0, 25), Buffer.from([0, 2 + ((y[31] ?? 0) & 1)]), x]);
    compressed[23] = 0x03;
    const text = pem('PUBLIC KEY', compressed);
    assert.notDeepEqual(createPublicKey(text).export({ type: 'spki', format: 'der' }), spki);
    assert.equal(parsePublicKey(text, 'k').name, nameOf(p256.publicKey));
  });

  it('refuses private keys, several keys and damaged ones in its place', () => {
    const publicText = String(p256.publicKey.export({ type: 'spki', format: 'pem' }));
    const privateText = String(p256.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    assert.throws(() => parsePublicKey(privateText, 'k'), usage(/found "PRIVATE KEY"/));
    assert.throws(() => parsePublicKey(publicText + publicText, 'k'), usage(/more than one/));
    assert.throws(() => parsePublicKey(pem('PUBLIC KEY', Buffer.from('nonsense')), 'k'), usage(/can not be read/));
    assert.throws(() => parsePublicKey('hello', 'k'), usage(/no public key/));
  });
});

describe('new key pairs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-keys-'));
  after(() => rm(folder, { recursive: true }));

  for (const type of ['p256', 'rsa3072'] as const) {
    it(`makes an encrypted ${type} pair that opens with its password`, async () => {
      const pair = generateKeyPair({ type, password: 'pass' });
      const key = await parsePrivateKey(pair.privateKey, answer('pass'), 'k');
      assert.equal(key.publicKey.name, parsePublicKey(pair.publicKey, 'k').name);
      assert.ok(pair.privateKey.startsWith('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n'));
      assert.ok(pair.privateKey.split('\n').every((line) => line.length <= 64));
      assert.equal(key.key.asymmetricKeyType, type === 'p256' ? 'ec' : 'rsa');
      if (type === 'rsa3072') assert.equal(key.key.asymmetricKeyDetails?.modulusLength, 3072);
    });
  }

  it('makes a plain pair as PKCS#8', async () => {
    const pair = generateKeyPair({ type: 'p256', plain: true });
    assert.match(pair.privateKey, /^-----BEGIN PRIVATE KEY-----\n/);
    assert.equal((await parsePrivateKey(pair.privateKey, neverAsked, 'k')).warnings.length, 1);
  });

  it('writes the private key for its owner alone and the public key for everyone, whatever the umask', async () => {
    const previous = process.umask(0o077);
    try {
      const paths = await writeKeyPair(join(folder, 'a'), generateKeyPair({ type: 'p256', plain: true }));
      assert.equal((await stat(paths.privateKey)).mode & 0o777, 0o600);
      assert.equal((await stat(paths.publicKey)).mode & 0o777, 0o644);
    } finally {
      process.umask(previous);
    }
  });

  it('never overwrites a key and leaves no half of a pair behind', async () => {
    const pair = generateKeyPair({ type: 'p256', plain: true });
    await writeFile(join(folder, 'b.pub'), 'precious');
    await assert.rejects(writeKeyPair(join(folder, 'b'), pair), usage(/b\.pub exists/));
    await writeFile(join(folder, 'c.key'), 'precious');
    await assert.rejects(writeKeyPair(join(folder, 'c'), pair), usage(/c\.key exists/));
    assert.equal(await readFile(join(folder, 'b.pub'), 'utf8'), 'precious');
    assert.equal(await readFile(join(folder, 'c.key'), 'utf8'), 'precious');
    assert.deepEqual((await readdir(folder)).filter((name) => /^[bc]\./.test(name)).toSorted(), ['b.pub', 'c.key']);
  });
});
