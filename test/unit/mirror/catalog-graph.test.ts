import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildChannelGraph } from '../../../src/mirror/catalog-graph.ts';
import type { ChannelEntry } from '../../../src/mirror/catalog.ts';

test('the graph of a channel has its head, the chain of replacements and the skips', () => {
  const built = buildChannelGraph([
    { name: 'a1', replaces: 'a0' },
    { name: 'a3', replaces: 'a2', skipRange: '<3.0.0' },
    { name: 's1' },
    { name: 'a2', replaces: 'a1', skips: ['s1', 's1', 'gone'] },
  ]);
  assert.ok('graph' in built);
  assert.equal(built.graph.head, 'a3');
  assert.deepEqual(built.graph.chain, ['a3', 'a2', 'a1', 'a0']);
  assert.deepEqual(built.graph.skips.get('a2'), ['s1', 'gone']);
});

const BROKEN: readonly [what: string, entries: readonly ChannelEntry[], problem: RegExp][] = [
  ['no entries', [], /no entries/],
  ['a repeated entry', [{ name: 'a' }, { name: 'a' }], /a is there twice/],
  ['an entry that replaces itself', [{ name: 'a', replaces: 'a' }, { name: 'b' }], /a replaces itself/],
  ['an entry that skips itself', [{ name: 'a', skips: ['a'] }, { name: 'b' }], /a skips itself/],
  ['several heads', [{ name: 'b' }, { name: 'a' }], /2 heads: a, b/],
  [
    'a circle without head',
    [
      { name: 'a', replaces: 'b' },
      { name: 'b', replaces: 'a' },
    ],
    /no entry is the head/,
  ],
  [
    'a circle behind the head',
    [
      { name: 'h', replaces: 'a' },
      { name: 'a', replaces: 'b' },
      { name: 'b', replaces: 'a' },
    ],
    /circle/,
  ],
  [
    'a circle through skips, away from the chain',
    [{ name: 'h' }, { name: 'a', skips: ['b'] }, { name: 'b', skips: ['a'] }],
    /circle/,
  ],
];

for (const [what, entries, problem] of BROKEN) {
  test(`a channel with ${what} has no graph`, () => {
    const built = buildChannelGraph(entries);
    assert.ok('problems' in built);
    assert.match(built.problems.join('; '), problem);
  });
}

test('two ways to the same entry are no circle', () => {
  const built = buildChannelGraph([
    { name: 'c', replaces: 'b', skips: ['a', 'b'] },
    { name: 'b', replaces: 'a' },
    { name: 'a' },
  ]);
  assert.ok('graph' in built);
  assert.deepEqual(built.graph.chain, ['c', 'b', 'a']);
});

test('a long channel does not exhaust the stack', () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => ({ name: `a${index + 1}`, replaces: `a${index}` }));
  const built = buildChannelGraph(entries);
  assert.ok('graph' in built);
  assert.equal(built.graph.chain.length, 20_001);
});
