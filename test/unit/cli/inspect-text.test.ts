import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatInspection } from '../../../src/cli/inspect-text.ts';
import type { InspectResult } from '../../../src/workflows/inspect.ts';

function inspected(...paths: string[]): InspectResult {
  return {
    ok: true,
    verified: true,
    bundle: { name: 'ocp-prod', serial: 7, createdAt: '2026-11-22T16:00:00Z' },
    manifestSha256: '0'.repeat(64),
    signatures: 1,
    signers: [],
    files: paths.map((path) => ({ path, size: 2 ** 20, sha256: '0'.repeat(64) })),
    certificates: [],
  };
}

test('executables in a bundle are shown with their machine, and whether this is one', () => {
  const both = formatInspection(
    inspected('tool/airgap-linux-arm64', 'tool/airgap-linux-x64', 'plan.json'),
    'linux-x64',
  );
  assert.match(both, /^The tool itself:$/m);
  assert.match(both, /^ {2}tool\/airgap-linux-arm64 +1\.0 MiB +for Linux aarch64 +not for this machine$/m);
  assert.match(both, /^ {2}tool\/airgap-linux-x64 +1\.0 MiB +for Linux x86_64 +runs on this machine$/m);
  assert.ok(!both.includes('every machine'));
});

test('a bundle without an executable for this machine says that nothing else is wrong with it', () => {
  const other = formatInspection(inspected('tool/airgap-linux-arm64'), 'linux-x64');
  assert.match(other, /not for this machine\n {2}\(the rest of the bundle is good for every machine\)$/m);
  assert.ok(!formatInspection(inspected('tool/notes', 'plan.json'), 'linux-x64').includes('The tool itself'));
});

test('the head says who signed, and what another bundle has to bring', () => {
  const key = `sha256:${'a'.repeat(64)}`;
  const plain = formatInspection({ ...inspected('plan.json'), signers: [{ kind: 'key', key }] }, 'linux-x64');
  assert.match(plain, new RegExp(`, 1 signature\nsigned by key ${key}\n1 files`));
  assert.ok(!plain.includes('on top of'));
  const base = { manifestSha256: 'b'.repeat(64), serial: 6, files: 1, bytes: 2 ** 20 };
  const top = formatInspection({ ...inspected('plan.json'), base, signatures: 2 }, 'linux-x64');
  assert.match(
    top,
    /, 2 signatures\n1 files, 1\.0 MiB\non top of serial 6: 1 of the files, 1\.0 MiB, are not inside$/m,
  );
});
