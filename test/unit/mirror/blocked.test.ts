import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blockedBy, compileBlocked, removeBlocked } from '../../../src/mirror/blocked.ts';
import type { ImageRequest } from '../../../src/mirror/mirror-plan.ts';
import { imageTarget } from '../../../src/mirror/target-name.ts';
import { parseReference } from '../../../src/oci/reference.ts';

function request(origin: string): ImageRequest {
  const source = parseReference(origin);
  return { kind: 'additional', origin, source, target: imageTarget(source), because: ['test'] };
}

describe('blocked images', () => {
  /** What Go's regexp package answers for `MatchString`. */
  const matches: [string, string, boolean][] = [
    ['alpine', 'docker.io/library/alpine:3', true],
    ['^quay\\.io/.*-tests:', 'quay.io/x/app-tests:1', true],
    ['^io/', 'quay.io/x/app:1', false],
    ['a.c', 'abc', true],
    ['(?i)ALPINE', 'library/alpine', true],
    ['x(?i)A|B', 'b', true],
    ['x(?i)A|B', 'XA', false],
    ['x(?i)A|B', 'xa', true],
    ['((?i)a)B', 'Ab', false],
    ['(?i)a(?-i)B', 'AB', true],
    ['(?i)a(?-i)B', 'Ab', false],
    ['(?i:a)B', 'AB', true],
    ['(?P<name>a+)b', 'aab', true],
    ['(?<name>a+)b', 'aab', true],
    ['\\Qa.b\\E$', 'a.b', true],
    ['\\Qa.b', 'axb', false],
    ['\\Aa\\z', 'a', true],
    ['[[:digit:]]{3}', 'v123', true],
    ['[^[:alpha:]/]', 'abc/def', false],
    ['[\\w-.]+$', 'a-b.c', true],
    ['[a\\-z]', 'b', false],
    ['[]a]', ']', true],
    ['[a-c-e]', '-', true],
    ['a{,2}', 'a{,2}', true],
    ['a{2}', 'aa', true],
    ['x{', 'x{', true],
    ['\\x41', 'A', true],
    ['\\x{1F600}', '😀', true],
    ['\\101', 'A', true],
    ['\\pL', 'é', true],
    ['\\p{Greek}', 'α', true],
    ['[\\d]', '٣', false],
    ['[[:^alpha:]]', 'ab', false],
    ['[[:^alpha:]]', 'é', true],
    ['[[:xdigit:]]+$', 'cafe', true],
    ['^[[:punct:]]$', '~', true],
    ['^*a$?', 'a', true],
    ['(?U)a+b', 'aab', true],
    ['\\b?a', 'a', true],
    ['^\\Qab\\E?$', 'a', true],
    ['a\\/b', 'a/b', true],
    ['a\\-b', 'a-b', true],
  ];
  for (const [pattern, subject, expected] of matches) {
    test(`${pattern} ${expected ? 'matches' : 'does not match'} ${subject}`, () => {
      assert.equal(compileBlocked(pattern).expression.test(subject), expected);
    });
  }

  const refused = [
    '',
    'a(?=b)',
    'a(?!b)',
    '(?<=a)b',
    '(?<!a)b',
    '(a)\\1',
    '(a',
    'a)',
    '[a',
    'a**',
    '*a',
    'a{2}{3}',
    'a\\',
    '\\C',
    '[z-a]',
    '\\y',
    '(?x)a',
    'a{1001}',
    '(?>a)',
    '\\p{Nowhere}',
  ];
  for (const pattern of refused) {
    test(`refuses ${JSON.stringify(pattern)}, which RE2 does not take either`, () => {
      assert.throws(() => compileBlocked(pattern), { code: 'E_CONFIG', message: /blocked image/ });
    });
  }

  test('matches the origin or the destination, without transports', () => {
    const image = { origin: 'docker://quay.io/a/b:1', target: { repository: 'other/place', tag: 'x' } };
    const blocks = (pattern: string) => blockedBy([compileBlocked(pattern)], image) !== undefined;
    for (const pattern of ['^quay', '/other/place:x$', '^[^/]+/other/', '^localhost:55000/other/place:', '^.*place:']) {
      assert.ok(blocks(pattern), pattern);
    }
    // The vendor tool would block every image for the last two.
    for (const pattern of ['docker:', '^other', 'localhost', ':5']) assert.ok(!blocks(pattern), pattern);
  });

  test('removes what matches and tells how much each pattern removed', () => {
    const images = ['quay.io/a/must-gather:1', 'quay.io/a/app:1', 'quay.io/b/must-gather:2'].map(request);
    const result = removeBlocked(images, ['.*/must-gather.*', 'nothing-like-it'].map(compileBlocked));
    assert.deepEqual(result.kept, [images[1]]);
    assert.match(result.warnings[0]!.message, /leaves out 2 image\(s\)/);
    assert.equal(result.warnings.length, 1);
  });
});
