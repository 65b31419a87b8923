import { test } from 'node:test';
import assert from 'node:assert/strict';
import { canonicalDuration } from '../../../src/apply/duration.ts';

test('a duration is written as Go writes it', () => {
  for (const [text, expected] of [
    ['0s', '0s'],
    ['0', '0s'],
    ['30m', '30m0s'],
    ['1h', '1h0m0s'],
    ['1.5h', '1h30m0s'],
    ['90s', '1m30s'],
    ['100ms', '100ms'],
    ['1us', '1µs'],
    ['1500us', '1.5ms'],
    ['2h45m', '2h45m0s'],
    ['-1m', '-1m0s'],
    ['1h0m0.5s', '1h0m0.5s'],
    ['.5s', '500ms'],
    ['24h', '24h0m0s'],
    ['2562047h47m16.854775807s', '2562047h47m16.854775807s'],
  ])
    assert.equal(canonicalDuration(text!), expected, text);
});

test('text that is no duration is refused', () => {
  for (const text of ['', '5', '1d', 's', '1h-1m', '2562047h47m16.854775808s'])
    assert.equal(canonicalDuration(text), undefined, text);
});
