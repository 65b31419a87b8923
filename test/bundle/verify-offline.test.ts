/** What verifying must never do: open a socket, or load the packages that could. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { signManifestKeyless } from '../../src/bundle/keyless.ts';
import { signManifest } from '../../src/bundle/make-signature.ts';
import { needOffline, runOffline } from '../support/offline.ts';
import { needProgram } from '../support/programs.ts';
import { IDENTITY, manifestBytes, newKey } from '../support/signing.ts';
import { startSigstore } from '../support/sigstore.ts';

const dir = mkdtempSync(join(tmpdir(), 'airgap-offline-'));
after(() => rm(dir, { recursive: true }));
const source = (name: string): string => JSON.stringify(new URL(`../../src/bundle/${name}.ts`, import.meta.url).href);

/** Verifies by key and by identity with everything read from files, and tells which packages that loaded. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const { acceptSignatures } = await import(${source('signature')});
const { loadTrustPolicy, trustForStream } = await import(${source('trust-policy')});
await import(${source('keys')});
await import(${source('state')});
await import(${source('keyless-options')});
const policy = await loadTrustPolicy('trust.json');
const accepted = [];
for (const name of ['by-key', 'by-identity']) {
  const { trust } = await trustForStream(policy, name);
  accepted.push(acceptSignatures(readFileSync('m.json'), [readFileSync(name + '.sigstore.json')], trust).signers[0]?.kind);
}
const loaded = Object.keys(createRequire(import.meta.url).cache);
process.stdout.write(JSON.stringify({ accepted, loaded }));
`;

describe('verifying', () => {
  it('opens no socket and loads neither the signing nor the TUF client', async (test) => {
    const strace = needProgram(test, 'strace');
    if (strace === undefined || !needOffline(test)) return;
    const manifest = manifestBytes();
    const key = newKey();
    await using sigstore = await startSigstore();
    const who = { subject: 'https://ci.example/release', issuer: 'https://idp.example' };
    const trustedRoot = { file: 'tr.json', sha256: await sha256(sigstore.trustedRoot) };
    const files: Record<string, string | Uint8Array> = {
      'm.json': manifest,
      'k.pub': String(key.publicKey.key.export({ type: 'spki', format: 'pem' })),
      'tr.json': sigstore.trustedRoot,
      'program.mjs': PROGRAM,
      'by-key.sigstore.json': signManifest(manifest, IDENTITY, key),
      'by-identity.sigstore.json': await signManifestKeyless(manifest, IDENTITY, {
        identityToken: sigstore.token(who),
        fulcioUrl: sigstore.url,
        rekor: { version: 2, url: sigstore.url },
        tsaUrl: sigstore.url,
      }),
      'trust.json': JSON.stringify({
        version: 1,
        streams: {
          'by-key': { keys: [{ file: 'k.pub', sha256: key.publicKey.name }] },
          'by-identity': { identities: [{ identity: who.subject, issuer: who.issuer }], trustedRoot },
        },
      }),
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content, { mode: 0o644 });
    const trace = ['-f', '-qq', '-e', 'trace=socket,connect,sendto', '-e', 'signal=none', '-o', 'trace.txt'];
    const { status, stdout, stderr } = runOffline(strace, [...trace, process.execPath, 'program.mjs'], { cwd: dir });
    assert.equal(status, 0, stderr);
    const { accepted, loaded } = JSON.parse(stdout) as { accepted: string[]; loaded: string[] };
    assert.deepEqual(accepted, ['key', 'identity']);
    assert.equal(readFileSync(join(dir, 'trace.txt'), 'utf8'), '');
    assert.ok(loaded.some((path) => path.includes('/@sigstore/verify/')));
    const network = /\/(@sigstore\/(sign|tuf|mock)|make-fetch-happen|tuf-js|undici)\//;
    assert.deepEqual(
      loaded.filter((path) => network.test(path)),
      [],
    );
  });
});

describe('exporting the public trusted root', () => {
  it('says that it needs the network when there is none', (test) => {
    if (!needOffline(test)) return;
    const program = `
      const { fetchTrustedRoot } = await import(${source('trusted-root')});
      await fetchTrustedRoot({ cacheDir: 'cache' }).catch((error) => process.stdout.write(error.code + ' ' + error.hint));
    `;
    writeFileSync(join(dir, 'export.mjs'), program);
    const { status, stdout, stderr } = runOffline(process.execPath, ['export.mjs'], { cwd: dir });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^E_UNREACHABLE .*--from/);
  });
});

async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex');
}
