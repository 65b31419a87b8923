/** Signatures and keys in both directions between this tool and cosign, every command of "Interoperability" in signing. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
import { RekorWitness, TSAWitness } from '@sigstore/sign';
import { signManifestKeyless } from '../../src/bundle/keyless.ts';
import type { KeylessOptions } from '../../src/bundle/keyless-options.ts';
import { generateKeyPair, loadPrivateKey, loadPublicKey, writeKeyPair } from '../../src/bundle/keys.ts';
import type { SigningKey } from '../../src/bundle/keys.ts';
import { signManifest } from '../../src/bundle/make-signature.ts';
import { acceptSignatures } from '../../src/bundle/signature.ts';
import { statementFor } from '../../src/bundle/statement.ts';
import { createTrust } from '../../src/bundle/trust.ts';
import { parseTrustedRoot } from '../../src/bundle/trusted-root.ts';
import { isAirgapError } from '../../src/core/errors.ts';
import { needOffline, runOffline } from '../support/offline.ts';
import type { OfflineResult } from '../support/offline.ts';
import { needProgram } from '../support/programs.ts';
import { asBytes, IDENTITY, manifestBytes, newKey } from '../support/signing.ts';
import { startSigstore } from '../support/sigstore.ts';
import type { Sigstore } from '../support/sigstore.ts';

const execFileAsync = promisify(execFile);
const TYPE = 'urn:airgap:attestation:bundle:v1';
const PASSWORD = 'correct horse';
const WHO = { subject: 'https://ci.example/release', issuer: 'https://idp.example' };
const manifest = manifestBytes();
const manifestHex = createHash('sha256').update(manifest).digest('hex');

const dir = mkdtempSync(join(tmpdir(), 'airgap-cosign-'));
after(() => rm(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);
const signatureIn = (name: string): Uint8Array => readFileSync(at(name));
const trustIn = async (name: string) => createTrust({ keys: [{ publicKey: await loadPublicKey(at(name)) }] });

/** Both lines, and what the older one needs in addition: without a trusted root it goes to the network even with a key. */
const LINES = [
  {
    name: 'cosign-2',
    format: ['--new-bundle-format'],
    keyOnly: ['--new-bundle-format', '--trusted-root', 'empty.json'],
  },
  { name: 'cosign-3', format: [], keyOnly: [] },
] as const;

type Cosign = (...args: readonly string[]) => OfflineResult;

function needCosign(test: TestContext, name: string, password = PASSWORD): Cosign | undefined {
  const program = needProgram(test, name);
  if (program === undefined || !needOffline(test)) return undefined;
  return (...args) => runOffline(program, args, { cwd: dir, env: { COSIGN_PASSWORD: password } });
}

function succeeds({ status, stderr }: OfflineResult, said = /./): void {
  assert.equal(status, 0, stderr);
  assert.match(stderr, said);
}

function fails({ status, stderr }: OfflineResult, said: RegExp): void {
  assert.notEqual(status, 0, stderr);
  assert.match(stderr, said);
}

before(async () => {
  writeFileSync(at('m.json'), manifest);
  writeFileSync(at('statement.json'), statementFor(manifest, IDENTITY));
  writeFileSync(at('empty.json'), '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
  for (const type of ['p256', 'rsa3072'] as const) {
    await writeKeyPair(at(type), generateKeyPair({ type, password: PASSWORD }));
    writeFileSync(at(`${type}.sigstore.json`), signManifest(manifest, IDENTITY, await ourKey(type)));
  }
  await writeKeyPair(at('empty-password'), generateKeyPair({ type: 'p256', password: '' }));
});

function ourKey(type: string): Promise<SigningKey> {
  return loadPrivateKey(at(`${type}.key`), async () => PASSWORD);
}

for (const { name, keyOnly } of LINES) {
  describe(`${name}, keys and signatures by key, offline`, () => {
    const verify = (cosign: Cosign, key: string, ...args: readonly string[]): OfflineResult =>
      cosign('verify-blob-attestation', '--key', key, '--insecure-ignore-tlog', ...keyOnly, ...args);

    for (const key of ['p256', 'rsa3072']) {
      it(`verifies our ${key} signature`, (test) => {
        const cosign = needCosign(test, name);
        if (cosign === undefined) return;
        succeeds(
          verify(cosign, `${key}.pub`, '--type', TYPE, '--bundle', `${key}.sigstore.json`, 'm.json'),
          /Verified OK/,
        );
      });
    }

    it('verifies our pure Ed25519 signature', (test) => {
      const cosign = needCosign(test, name);
      if (cosign === undefined) return;
      const key = newKey('ed25519');
      writeFileSync(at('ed.pub'), String(key.publicKey.key.export({ type: 'spki', format: 'pem' })));
      writeFileSync(at('ed.sigstore.json'), signManifest(manifest, IDENTITY, key));
      succeeds(verify(cosign, 'ed.pub', '--type', TYPE, '--bundle', 'ed.sigstore.json', 'm.json'), /Verified OK/);
    });

    it('refuses our signature for another bundle manifest and for another key', (test) => {
      const cosign = needCosign(test, name);
      if (cosign === undefined) return;
      writeFileSync(at('other.json'), manifestBytes({ ...IDENTITY, serial: 8 }));
      fails(verify(cosign, 'p256.pub', '--type', TYPE, '--bundle', 'p256.sigstore.json', 'other.json'), /digest/);
      fails(verify(cosign, 'rsa3072.pub', '--type', TYPE, '--bundle', 'p256.sigstore.json', 'm.json'), /signature/);
    });

    it('generates key pairs that sign here, with a password and with the empty one', async (test) => {
      for (const [prefix, password] of [
        [`${name}-a`, PASSWORD],
        [`${name}-b`, ''],
      ] as const) {
        const cosign = needCosign(test, name, password);
        if (cosign === undefined) return;
        succeeds(cosign('generate-key-pair', '--output-key-prefix', prefix));
        const key = await loadPrivateKey(at(`${prefix}.key`), async () => password);
        const accepted = acceptSignatures(
          manifest,
          [signManifest(manifest, IDENTITY, key)],
          await trustIn(`${prefix}.pub`),
        );
        assert.equal(accepted.signers.length, 1);
      }
    });

    for (const [key, password] of [
      ['p256', PASSWORD],
      ['rsa3072', PASSWORD],
      ['empty-password', ''],
    ] as const) {
      it(`opens our ${key} key file`, async (test) => {
        const cosign = needCosign(test, name, password);
        if (cosign === undefined) return;
        const { status, stdout, stderr } = cosign('public-key', '--key', `${key}.key`);
        assert.equal(status, 0, stderr);
        assert.equal(stdout.trim(), readFileSync(at(`${key}.pub`), 'utf8').trim());
      });
    }
  });
}

describe('cosign-2 alone', () => {
  it('does not compare the predicate type, which is why its answer says less', (test) => {
    const cosign = needCosign(test, 'cosign-2');
    if (cosign === undefined) return;
    const args = ['--key', 'p256.pub', '--insecure-ignore-tlog', ...LINES[0].keyOnly, '--type', 'urn:example:other'];
    succeeds(cosign('verify-blob-attestation', ...args, '--bundle', 'p256.sigstore.json', 'm.json'), /Verified OK/);
  });

  it('goes to the network without a trusted root, even with a key', (test) => {
    const cosign = needCosign(test, 'cosign-2');
    if (cosign === undefined) return;
    const args = ['--key', 'p256.pub', '--insecure-ignore-tlog', '--new-bundle-format', '--type', TYPE];
    fails(cosign('verify-blob-attestation', ...args, '--bundle', 'p256.sigstore.json', 'm.json'), /TUF|tuf/);
  });
});

describe('cosign-3 alone', () => {
  const keyed = [
    'verify-blob-attestation',
    '--key',
    'p256.pub',
    '--insecure-ignore-tlog',
    '--bundle',
    'p256.sigstore.json',
  ];

  for (const type of ['p256', 'rsa3072'] as const) {
    // Version 2.5.0 as packaged refuses to import keys of every kind ("unsupported public key type").
    it(`imports a plain ${type} key into a key file that signs here`, async (test) => {
      const cosign = needCosign(test, 'cosign-3');
      if (cosign === undefined) return;
      await writeKeyPair(at(`plain-${type}`), generateKeyPair({ type, plain: true }));
      succeeds(cosign('import-key-pair', '--key', `plain-${type}.key`, '--output-key-prefix', `imported-${type}`));
      const key = await loadPrivateKey(at(`imported-${type}.key`), async () => PASSWORD);
      assert.equal(key.publicKey.name, (await loadPublicKey(at(`plain-${type}.pub`))).name);
    });
  }

  it('verifies by digest', (test) => {
    const cosign = needCosign(test, 'cosign-3');
    if (cosign === undefined) return;
    succeeds(cosign(...keyed, '--type', TYPE, '--digest', manifestHex, '--digestAlg', 'sha256'), /Verified OK/);
    fails(cosign(...keyed, '--type', TYPE, '--digest', '0'.repeat(64), '--digestAlg', 'sha256'), /digest/);
  });

  it('refuses another predicate type', (test) => {
    const cosign = needCosign(test, 'cosign-3');
    if (cosign === undefined) return;
    fails(cosign(...keyed, '--type', 'urn:example:other', 'm.json'), /invalid predicate type/);
  });

  for (const key of ['p256', 'rsa3072']) {
    it(`signs our statement with our ${key} key, and we accept it`, async (test) => {
      const cosign = needCosign(test, 'cosign-3');
      if (cosign === undefined) return;
      const out = `made-by-cosign-${key}.sigstore.json`;
      succeeds(cosign('signing-config', 'create', '--out', `config-${key}.json`), /^/);
      const signing = ['-y', '--key', `${key}.key`, '--signing-config', `config-${key}.json`];
      succeeds(cosign('attest-blob', ...signing, '--statement', 'statement.json', '--bundle', out));
      assert.deepEqual(acceptSignatures(manifest, [signatureIn(out)], await trustIn(`${key}.pub`)), {
        signers: [{ kind: 'key', key: (await ourKey(key)).publicKey.name }],
        bundle: IDENTITY,
      });
    });
  }

  it('signs with flags instead of a signing config, and only with both of them', async (test) => {
    const cosign = needCosign(test, 'cosign-3');
    if (cosign === undefined) return;
    const args = ['-y', '--key', 'p256.key', '--statement', 'statement.json', '--tlog-upload=false'];
    succeeds(cosign('attest-blob', ...args, '--use-signing-config=false', '--bundle', 'flags.sigstore.json'));
    const accepted = acceptSignatures(manifest, [signatureIn('flags.sigstore.json')], await trustIn('p256.pub'));
    assert.deepEqual(accepted.bundle, IDENTITY);
    fails(cosign('attest-blob', ...args, '--bundle', 'not-made.sigstore.json'), /signing.config/);
  });

  it('makes a statement of its own from a predicate, which is refused', async (test) => {
    const cosign = needCosign(test, 'cosign-3');
    if (cosign === undefined) return;
    writeFileSync(
      at('predicate.json'),
      JSON.stringify(JSON.parse(statementFor(manifest, IDENTITY).toString()).predicate),
    );
    succeeds(cosign('signing-config', 'create', '--out', 'config-predicate.json'), /^/);
    const signing = ['-y', '--key', 'p256.key', '--signing-config', 'config-predicate.json', '--type', TYPE];
    succeeds(
      cosign('attest-blob', ...signing, '--predicate', 'predicate.json', '--bundle', 'own.sigstore.json', 'm.json'),
    );
    const trust = await trustIn('p256.pub');
    assert.throws(
      () => acceptSignatures(manifest, [signatureIn('own.sigstore.json')], trust),
      (error) => isAirgapError(error, 'E_SIGNATURE') && /statement is of type .*v0\.1/.test(error.message),
    );
  });
});

describe('cosign with the trusted root of a deployment, offline', () => {
  let sigstore: Sigstore;
  before(async () => {
    sigstore = await startSigstore();
    writeFileSync(at('tr.json'), sigstore.trustedRoot);
    const services = { fulcioUrl: sigstore.url, tsaUrl: sigstore.url };
    const version1 = { version: 1, url: sigstore.url } as const;
    const version2 = { version: 2, url: sigstore.url } as const;
    await keyless('v1', { fulcioUrl: sigstore.url, rekor: version1 });
    await keyless('v1-tsa', { ...services, rekor: version1 });
    await keyless('v2-tsa', { ...services, rekor: version2 });
    await keyless('tsa', { ...services, rekor: 'none' });
    await logged();
  });
  after(() => sigstore[Symbol.asyncDispose]());

  async function keyless(name: string, options: KeylessOptions): Promise<void> {
    const identityToken = sigstore.token(WHO);
    const signature = await signManifestKeyless(manifest, IDENTITY, { identityToken, ...options });
    writeFileSync(at(`keyless-${name}.sigstore.json`), signature);
  }

  /** Our signature by key, with a log entry and a timestamp added to it. */
  async function logged(): Promise<void> {
    const bundle = bundleFromJSON(JSON.parse(readFileSync(at('p256.sigstore.json'), 'utf8')));
    const request = { timeout: 10_000, retry: 0 };
    const log = new RekorWitness({ rekorBaseURL: sigstore.url, entryType: 'dsse', ...request });
    const { tlogEntries } = await log.testify(bundle.content, readFileSync(at('p256.pub'), 'utf8'));
    const tsa = new TSAWitness({ tsaBaseURL: sigstore.url, ...request });
    const { rfc3161Timestamps } = await tsa.testify(bundle.content);
    bundle.verificationMaterial.tlogEntries = tlogEntries;
    writeFileSync(at('logged.sigstore.json'), asBytes(bundleToJSON(bundle)));
    bundle.verificationMaterial.timestampVerificationData = { rfc3161Timestamps };
    writeFileSync(at('logged-tsa.sigstore.json'), asBytes(bundleToJSON(bundle)));
  }

  for (const { name, format } of LINES) {
    const verify = (cosign: Cosign, bundle: string, ...args: readonly string[]): OfflineResult =>
      cosign(
        'verify-blob-attestation',
        '--trusted-root',
        'tr.json',
        ...format,
        '--type',
        TYPE,
        ...args,
        '--bundle',
        bundle,
        'm.json',
      );
    const who = ['--certificate-identity', WHO.subject, '--certificate-oidc-issuer', WHO.issuer];

    it(`${name} verifies our signature by key with its log entry, and with its timestamp`, (test) => {
      const cosign = needCosign(test, name);
      if (cosign === undefined) return;
      succeeds(verify(cosign, 'logged.sigstore.json', '--key', 'p256.pub'), /Verified OK/);
      succeeds(
        verify(cosign, 'logged-tsa.sigstore.json', '--key', 'p256.pub', '--use-signed-timestamps'),
        /Verified OK/,
      );
      fails(verify(cosign, 'p256.sigstore.json', '--key', 'p256.pub'), /log/);
    });

    for (const [proofs, extra] of [
      ['v1', []],
      ['v1-tsa', []],
      ['v2-tsa', []],
      ['v2-tsa', ['--use-signed-timestamps']],
      ['tsa', ['--use-signed-timestamps', '--insecure-ignore-tlog']],
    ] as const) {
      // Version 2.5 is older than logs of version 2.
      const known = name === 'cosign-3' || proofs !== 'v2-tsa';
      it(`${name} ${known ? 'verifies' : 'refuses'} our keyless signature (${[proofs, ...extra].join(' ')})`, (test) => {
        const cosign = needCosign(test, name);
        if (cosign === undefined) return;
        const result = verify(cosign, `keyless-${proofs}.sigstore.json`, ...who, ...extra);
        if (known) succeeds(result, /Verified OK/);
        else fails(result, /log entry/);
      });
    }

    it(`${name} refuses our keyless signature for another identity`, (test) => {
      const cosign = needCosign(test, name);
      if (cosign === undefined) return;
      const other = ['--certificate-identity', 'https://ci.example/other', '--certificate-oidc-issuer', WHO.issuer];
      fails(verify(cosign, 'keyless-v1.sigstore.json', ...other), /identit|SAN/);
    });
  }

  it('cosign-3 signs our statement keyless, and we accept it', async (test) => {
    const cosign = needProgram(test, 'cosign-3');
    if (cosign === undefined) return;
    // Not offline: it speaks to the deployment, on loopback.
    const run = (...args: readonly string[]) =>
      execFileAsync(cosign, args, { cwd: dir, env: { PATH: process.env['PATH'] ?? '', HOME: dir }, timeout: 60_000 });
    const service = `url=${sigstore.url},api-version=1,start-time=2020-01-01T00:00:00Z,operator=test`;
    const services = ['--fulcio', service, '--rekor', service, '--rekor-config', 'ANY'];
    await run('signing-config', 'create', ...services, '--out', 'config-keyless.json');
    const signing = ['--signing-config', 'config-keyless.json', '--trusted-root', 'tr.json'];
    const out = ['--statement', 'statement.json', '--bundle', 'keyless-by-cosign.sigstore.json'];
    await run('attest-blob', '-y', '--identity-token', sigstore.token(WHO), ...signing, ...out);
    const trust = createTrust({
      identities: [{ identity: { exact: WHO.subject }, issuer: { exact: WHO.issuer } }],
      trustedRoot: parseTrustedRoot(Buffer.from(sigstore.trustedRoot), 'tr.json'),
    });
    assert.deepEqual(acceptSignatures(manifest, [signatureIn('keyless-by-cosign.sigstore.json')], trust), {
      signers: [{ kind: 'identity', identity: WHO.subject, issuer: WHO.issuer }],
      bundle: IDENTITY,
    });
  });

  it('we accept the same key signature when its log entry and timestamp are demanded', async () => {
    const publicKey = await loadPublicKey(at('p256.pub'));
    const trustedRoot = parseTrustedRoot(Buffer.from(sigstore.trustedRoot), 'tr.json');
    const demanding = createTrust({ keys: [{ publicKey }], trustedRoot, requireTlog: true, requireTimestamp: true });
    assert.equal(acceptSignatures(manifest, [signatureIn('logged-tsa.sigstore.json')], demanding).signers.length, 1);
    assert.throws(() => acceptSignatures(manifest, [signatureIn('logged.sigstore.json')], demanding), {
      code: 'E_SIGNATURE',
    });
    const now = Date.now();
    for (const [validity, accepted] of [
      [{ from: new Date(now - 3_600_000), until: new Date(now + 3_600_000) }, true],
      [{ until: new Date(now - 3_600_000) }, false],
      [{ from: new Date(now + 3_600_000) }, false],
    ] as const) {
      const trust = createTrust({ keys: [{ publicKey, validity }], trustedRoot, requireTimestamp: true });
      const accept = () => acceptSignatures(manifest, [signatureIn('logged-tsa.sigstore.json')], trust);
      if (accepted) assert.equal(accept().signers.length, 1);
      else assert.throws(accept, { code: 'E_SIGNATURE' });
    }
  });
});

describe('without cosign', () => {
  it('our signature verifies with openssl alone', (test) => {
    const openssl = needProgram(test, 'openssl');
    if (openssl === undefined || !needOffline(test)) return;
    const { dsseEnvelope } = JSON.parse(readFileSync(at('p256.sigstore.json'), 'utf8'));
    const payload = Buffer.from(dsseEnvelope.payload, 'base64');
    writeFileSync(
      at('pae.bin'),
      Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `), payload]),
    );
    writeFileSync(at('sig.der'), Buffer.from(dsseEnvelope.signatures[0].sig, 'base64'));
    const args = ['dgst', '-sha256', '-verify', 'p256.pub', '-signature', 'sig.der', 'pae.bin'];
    const { status, stdout } = runOffline(openssl, args, { cwd: dir });
    assert.equal(status, 0);
    assert.match(stdout, /Verified OK/);
  });
});
