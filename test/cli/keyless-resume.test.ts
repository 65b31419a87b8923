/** A pack that signs with a private certificate authority, is killed, and is run again: it signs anew and keeps what was fetched. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readUnfinished } from '../../src/bundle/unfinished.ts';
import { image, pushContent } from '../support/images.ts';
import { jsonOf, openRepository, succeed, writeImageSet } from '../support/packing.ts';
import { resultOf, runCli, startCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';
import { startSigstore } from '../support/sigstore.ts';
import { startSlowFront } from '../support/slow-front.ts';

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const ISSUER = 'https://idp.example';
const FIRST = 'https://ci.example/first';
// Longer, so that the bodies move: the second signature takes more room in front of them.
const SECOND = `https://ci.example/${'second/'.repeat(120)}`;

/** Bytes that do not repeat. */
function noise(size: number, seed: string): Buffer {
  const parts = Array.from({ length: Math.ceil(size / 32) }, (_, n) =>
    createHash('sha256').update(`${seed} ${n}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, size);
}

for (const volumes of [[], ['--volume-size', '1MiB']]) {
  const what = volumes.length === 0 ? 'one file' : 'volumes';
  test(`a private authority signs the resumed bundle again, and nothing that arrived is fetched twice: ${what}`, async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    await using sigstore = await startSigstore();
    const folder = temporaryFolder(t);
    const repository = freshRepository('keyless');
    const layers = Array.from({ length: 12 }, (_, n) => noise(200_000 + n, `layer ${n}`));
    const content = layers.reduce((builder, bytes) => builder.rawLayer(bytes, LAYER), image()).build();
    await pushContent(openRepository(t, access, repository), content, 'v1');
    const front = await startSlowFront(t, access.host);
    writeImageSet(folder, [{ name: `${front.host}/${repository}:v1` }]);
    writeFileSync(join(folder, 'root.json'), sigstore.trustedRoot);
    const pack = (subject: string): string[] => {
      writeFileSync(join(folder, 'token'), sigstore.token({ subject, issuer: ISSUER }), { mode: 0o600 });
      const authority = ['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url, '--identity-token', 'token'];
      return [
        'pack',
        '-c',
        'imageset.yaml',
        '-o',
        'x.tar',
        '--keyless',
        ...authority,
        ...volumes,
        '--concurrency',
        '1',
        '--json',
      ];
    };
    const certificates = () => sigstore.requests.filter((path) => path === '/api/v2/signingCert').length;

    front.limit(700_000);
    const child = startCli(pack(FIRST), { cwd: folder });
    front.onSent = (sent) => (sent > 1_200_000 ? void child.kill('SIGKILL') : undefined);
    assert.equal((await resultOf(child)).status, null, 'killed');
    front.onSent = () => undefined;
    assert.equal(certificates(), 1);
    const left = await readUnfinished(join(folder, 'x.tar.partial'));
    assert.ok(left !== undefined && left.complete.size > 0 && left.signatures.length === 1);

    front.reset();
    front.limit(Infinity);
    const result = jsonOf(await succeed(pack(SECOND), { cwd: folder }));
    // One for the bundle, and with volumes one for their index.
    assert.equal(certificates(), volumes.length === 0 ? 2 : 3);
    assert.deepEqual(result['bundle'], left.manifest.bundle, 'the same bundle, by name, serial and time');
    assert.equal(result['manifestSha256'], createHash('sha256').update(left.manifestBytes).digest('hex'));
    assert.ok(Number(result['keptBytes']) > 500_000, `kept ${String(result['keptBytes'])} bytes`);
    const total = layers.reduce((sum, { length }) => sum + length, 0);
    assert.ok(front.blobBytes() < total - 500_000, `fetched ${front.blobBytes()} of ${total} bytes`);

    const written = result['volumes'] as { path: string }[] | undefined;
    const paths = written?.map(({ path }) => path) ?? ['x.tar'];
    const verifyAs = (identity: string) =>
      runCli(
        [
          'verify',
          ...paths,
          '--trusted-root',
          'root.json',
          '--certificate-identity',
          identity,
          '--certificate-oidc-issuer',
          ISSUER,
          '--deep',
          '--json',
        ],
        { cwd: folder },
      );
    const accepted = await verifyAs(SECOND);
    assert.equal(accepted.status, 0, accepted.stderr);
    assert.match(accepted.stdout, /"issuer":\s*"https:\/\/idp\.example"/);
    const refused = await verifyAs(FIRST);
    assert.equal(refused.status, 3, 'the signature of the killed run is gone');
  });
}
