import assert from 'node:assert/strict';
import test from 'node:test';
import { poolSize } from '../../../src/apply/address-pool.ts';

test('the size of an address pool entry', async (t) => {
  const cases: [string, bigint | undefined][] = [
    ['192.0.2.0/28', 16n],
    ['192.0.2.7/32', 1n],
    ['192.0.2.10-192.0.2.20', 11n],
    ['192.0.2.10 - 192.0.2.10', 1n],
    ['2001:db8::/126', 4n],
    ['2001:db8::1-2001:db8::4', 4n],
    ['192.0.2.20-192.0.2.10', undefined],
    ['192.0.2.1-2001:db8::4', undefined],
    ['192.0.2.1', undefined],
    ['192.0.2.0/33', undefined],
    ['a-b', undefined],
    ['192.0.2.1-192.0.2.2-192.0.2.3', undefined],
  ];
  for (const [entry, size] of cases) await t.test(entry, () => assert.equal(poolSize(entry), size));
});
