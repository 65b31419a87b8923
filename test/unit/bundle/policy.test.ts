import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planLayout } from '../../../src/bundle/layout.ts';
import { checkPolicy, type BundlePolicy } from '../../../src/bundle/policy.ts';
import { buildBundle, file, sha256, TEST_IDENTITY, withCode } from '../../support/bundles.ts';

const BASE = { manifestSha256: sha256('base'), serial: 6 };
const BUNDLE = buildBundle([file('a', 'a')], {
  base: BASE,
  identity: { ...TEST_IDENTITY, expiresAt: '2026-12-01T00:00:00Z' },
});
const LAYOUT = planLayout(BUNDLE.manifestBytes, BUNDLE.signatures, BUNDLE.manifest);
const SHA = LAYOUT.entries[0]!.sha256;
const BEFORE = Date.parse('2026-11-30T23:59:59Z');
const AFTER = Date.parse('2026-12-01T00:00:00Z');

const REFUSED: readonly [row: string, name: string, policy: BundlePolicy, code: string][] = [
  ['50', 'a lower serial than applied', { applied: { serial: 8, manifestSha256: SHA } }, 'E_ROLLBACK'],
  ['50', 'a lower serial than demanded', { minSerial: 8 }, 'E_ROLLBACK'],
  ['50', 'a lower serial when another one is allowed', { minSerial: 8, allowRollback: 6 }, 'E_ROLLBACK'],
  [
    '51',
    'the applied serial with another bundle manifest',
    { applied: { serial: 7, manifestSha256: sha256('x') } },
    'E_EQUIVOCATION',
  ],
  [
    '51',
    'the same, also when rolling back is allowed',
    { applied: { serial: 7, manifestSha256: sha256('x') }, allowRollback: 7 },
    'E_EQUIVOCATION',
  ],
  ['52', 'another stream', { name: 'ocp-test' }, 'E_NAME'],
  ['53', 'an expired bundle, enforced', { nowMs: AFTER, enforceExpiry: true }, 'E_EXPIRED'],
  ['54', 'a base that was never applied', { knownBases: [sha256('other')] }, 'E_BASE'],
  ['55', 'more bytes than are free', { freeBytes: LAYOUT.size - 1 }, 'E_SPACE'],
  ['7.1', 'the stream name first', { name: 'x', minSerial: 8, freeBytes: 0 }, 'E_NAME'],
];
for (const [row, name, policy, code] of REFUSED) {
  test(`row ${row}: refuses ${name}`, () => {
    assert.throws(() => checkPolicy(LAYOUT, SHA, policy), withCode(code));
  });
}

const ACCEPTED: readonly [name: string, policy: BundlePolicy][] = [
  ['no demands', {}],
  ['the same bundle again', { applied: { serial: 7, manifestSha256: SHA } }],
  ['a higher serial', { applied: { serial: 6, manifestSha256: sha256('x') } }],
  ['a lower serial that is named', { applied: { serial: 9, manifestSha256: SHA }, allowRollback: 7 }],
  [
    'its stream, base, space and time',
    {
      name: 'ocp-prod',
      minSerial: 7,
      knownBases: [BASE.manifestSha256],
      freeBytes: LAYOUT.size,
      nowMs: BEFORE,
      enforceExpiry: true,
    },
  ],
];
for (const [name, policy] of ACCEPTED) {
  test(`accepts ${name}`, () => {
    assert.deepEqual(checkPolicy(LAYOUT, SHA, policy), []);
  });
}

test('an expired bundle is a warning unless expiry is enforced', () => {
  assert.deepEqual(
    checkPolicy(LAYOUT, SHA, { nowMs: AFTER }).map(({ code }) => code),
    ['W_EXPIRED'],
  );
});
