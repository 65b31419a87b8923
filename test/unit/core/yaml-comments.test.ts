import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCommentedYaml } from '../../../src/core/yaml-comments.ts';
import { parseYaml } from '../../../src/core/yaml.ts';

const DOCUMENT = { a: 'x', b: { c: [{ name: 'one', d: true }, { name: 'two' }], a: 1 }, e: [] };

test('comments stand above their keys, indented like them, and change nothing', () => {
  const comments = { a: ['top', ''], b: ['mapping'], 'b.c': ['list'], 'b.c.name': ['item'], 'b.a': ['nested'] };
  const text = formatCommentedYaml(DOCUMENT, comments);
  assert.equal(
    text,
    [
      ...[
        '# top',
        '#',
        'a: x',
        '# mapping',
        'b:',
        '  # list',
        '  c:',
        '    # item',
        '    - name: one',
        '      d: true',
      ],
      ...['    - name: two', '  # nested', '  a: 1', 'e: []', ''],
    ].join('\n'),
  );
  assert.deepEqual(parseYaml(text, 'test'), DOCUMENT);
});

test('a comment whose key is not there is a defect', () => {
  assert.throws(() => formatCommentedYaml(DOCUMENT, { 'b.x': ['lost'] }), /b\.x/);
});
