import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoteForeign } from '../../../src/core/quote.ts';

const CASES: readonly [text: string, quoted: string][] = [
  ['plain', '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['\u001b[2J', '"\\u001b[2J"'],
  ['\u009b', '"\\u009b"'],
  ['\u202ename', '"\\u202ename"'],
  ['a'.repeat(78), `"${'a'.repeat(78)}"`],
  ['a'.repeat(79), `"${'a'.repeat(75)}..."`],
  ['\u0000'.repeat(20), `"${'\\u0000'.repeat(12)}..."`],
];
for (const [text, quoted] of CASES) {
  test(`${quoted.slice(0, 30)} is how such text is shown`, () => {
    assert.equal(quoteForeign(text), quoted);
    assert.ok(quoted.length <= 80);
  });
}
