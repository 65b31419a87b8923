import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePaths, ignoreMatcher } from '../../../src/mirror/catalog-ignore.ts';

const CASES: readonly [patterns: string, ignored: string, used: string][] = [
  ['a', 'a x/a a/b x/a/b', 'ab b/c'],
  ['# a\n\n  b  ', 'b', 'a'],
  ['/a', 'a a/b', 'x/a'],
  ['a/', 'a/b x/a/b', 'a x/a'],
  ['x/a', 'x/a x/a/b', 'y/x/a a'],
  ['*.md', 'README.md x/y.md', 'a.json'],
  ['?.json', 'a.json x/b.json', 'ab.json'],
  ['[ab].json', 'a.json', 'c.json'],
  ['[^ab].json', 'c.json', 'a.json'],
  ['[a-c]', 'b', 'd'],
  ['really/**/f', 'really/f really/x/f really/x/y/f', 'f x/really/f'],
  ['**/f', 'f x/f x/y/f', 'g'],
  ['x/**', 'x/a x/b/c', 'a'],
  ['*\n!keep', 'a b/c', 'keep b/keep'],
  ['\\#a', '#a', 'a'],
  ['a+b(c)', 'a+b(c)', 'aab'],
];

for (const [patterns, ignored, used] of CASES) {
  test(`${JSON.stringify(patterns)} leaves out ${ignored}`, () => {
    const isIgnored = ignoreMatcher(new Map([['.indexignore', patterns]]));
    for (const path of ignored.split(' ')) assert.equal(isIgnored(path), true, path);
    for (const path of used.split(' ')) assert.equal(isIgnored(path), false, path);
  });
}

test('a deeper ignore file holds for its folder and has the last word there', () => {
  const isIgnored = ignoreMatcher(
    new Map([
      ['dir/.indexignore', 'b\n/own\n!a'],
      ['.indexignore', 'a'],
    ]),
  );
  assert.deepEqual(['a', 'b', 'dir/a', 'dir/b', 'dir/x/b', 'dir/own', 'dir/x/own', 'other/b'].filter(isIgnored), [
    'a',
    'dir/b',
    'dir/x/b',
    'dir/own',
  ]);
});

test('paths are ordered as a walk through folders', () => {
  const ordered = ['a/b/c', 'a/b.x', 'a.json', 'b'];
  assert.deepEqual(ordered.toReversed().toSorted(comparePaths), ordered);
});
