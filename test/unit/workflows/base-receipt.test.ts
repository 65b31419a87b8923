import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { signStatement } from '../../../src/bundle/make-signature.ts';
import { RECEIPT_STATEMENT, statementFor } from '../../../src/bundle/statement.ts';
import { digestOf, hexOf } from '../../../src/oci/digest.ts';
import { readBase } from '../../../src/workflows/base-receipt.ts';
import { IDENTITY, newKey, trustIn } from '../../support/signing.ts';

const key = newKey();

/** Paths of a receipt with its signature, which states `stated`. */
function signedReceipt(t: TestContext, repositories: readonly (readonly string[])[], stated = IDENTITY) {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-receipt-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const document = {
    apiVersion: 'airgap/v1alpha1',
    kind: 'Receipt',
    createdAt: '2026-11-23T00:00:00Z',
    toolVersion: '0.0.0',
    bundle: { ...IDENTITY, manifestSha256: hexOf(digestOf('manifest')) },
    registry: 'registry.lab:8443/ocp',
    content: {
      manifests: [],
      tags: [],
      blobs: repositories.map((names, at) => ({ digest: digestOf(`blob ${at}`), size: at, repositories: names })),
    },
    steps: [],
    gaps: [],
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const paths = { receipt: join(folder, 'receipt.json'), signature: join(folder, 'receipt.json.sigstore.json') };
  writeFileSync(paths.receipt, bytes);
  writeFileSync(paths.signature, signStatement(statementFor(bytes, stated, RECEIPT_STATEMENT), key));
  return paths;
}

test('of a receipt only what can be found again in its registry is a base', async (t) => {
  const paths = signedReceipt(t, [
    ['registry.lab:8443/ocp/team/app', 'registry.lab:8443/ocp/team/other'],
    ['registry.lab:84/ocp/team/app', 'registry.lab:8443/ocp/team/app'],
    ['elsewhere.example/ocp/team/app'],
    ['registry.lab:8443/../secret', 'registry.lab:8443/ocp/App', 'registry.lab:8443/'],
    [],
  ]);
  const base = await readBase(paths, trustIn([key]));
  assert.equal(base.registry, 'registry.lab:8443');
  assert.deepEqual(
    [...base.blobs.values()],
    [
      { size: 0, repository: 'ocp/team/app' },
      { size: 1, repository: 'ocp/team/app' },
    ],
  );
});

test('a signature over the right bytes that states another bundle is refused', async (t) => {
  const paths = signedReceipt(t, [], { ...IDENTITY, serial: IDENTITY.serial + 1 });
  await assert.rejects(readBase(paths, trustIn([key])), { code: 'E_SIGNATURE', message: /states another bundle/ });
});
