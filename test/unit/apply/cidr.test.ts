import { test } from 'node:test';
import assert from 'node:assert/strict';
import { cidrContains, cidrsOverlap, parseCidr } from '../../../src/apply/cidr.ts';

test('a CIDR keeps its host bits and is written in canonical form', () => {
  for (const [text, expected] of [
    ['10.132.0.1/14', '10.132.0.1/14'],
    ['FD01:0::/48', 'fd01::/48'],
    ['2001:db8:0:0:1:0:0:1/64', '2001:db8::1:0:0:1/64'],
    ['10.0.0.0/08', '10.0.0.0/8'],
    ['1:0:0:2:0:0:3:4/64', '1::2:0:0:3:4/64'],
    ['1:2:3:4:5:6:0:8/128', '1:2:3:4:5:6:0:8/128'],
    ['::/0', '::/0'],
    ['2001:db8::192.168.0.1/64', '2001:db8::c0a8:1/64'],
  ])
    assert.equal(parseCidr(text!)?.text, expected, text);
});

test('text that is no CIDR is refused', () => {
  for (const text of [
    '10.0.0.0',
    '010.0.0.0/8',
    '10.0.0.0/33',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/104',
    '10.0.0/8',
    '',
  ])
    assert.equal(parseCidr(text), undefined, text);
});

test('ranges overlap when they share an address', () => {
  for (const [a, b, expected] of [
    ['10.132.0.0/14', '10.135.255.0/24', true],
    ['10.132.0.0/14', '10.136.0.0/14', false],
    ['fd01::/48', 'fd01:0:0:ffff::/64', true],
    ['0.0.0.0/0', '::/0', false],
  ] as const)
    assert.equal(cidrsOverlap(parseCidr(a)!, parseCidr(b)!), expected, `${a} ${b}`);
  assert.ok(cidrContains(parseCidr('172.16.0.0/12')!, '172.20.0.1'));
  assert.ok(!cidrContains(parseCidr('172.31.0.0/16')!, '172.20.0.1'));
});
