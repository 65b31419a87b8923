import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileJsonPath, renderJsonPath } from '../../../src/mirror/json-path.ts';

const render = (template: string, data: unknown): string => renderJsonPath(compileJsonPath(template), data);

/** Template, data, and the text client-go's own implementation gives with missing keys allowed. */
const VECTORS: readonly (readonly [string, unknown, string])[] = [
  ['{.spec.containers[*].image}', { spec: { containers: [{ image: 'a:1' }, { image: 'b:2' }] } }, 'a:1 b:2'],
  ['{.spec.containers[*].image}', { kind: 'Service' }, ''],
  ['{.a[*].b}', { a: [{ b: '1' }, null, { b: null }, {}] }, '1 null'],
  ['{.a[0]}{.a[-1]}{.a[]}', { a: ['x', 'y'] }, 'xyx'],
  ['{.a[1:]} {.a[:1]} {.a[::2]} {.a[0:-1]} {.a[1:1]}', { a: ['x', 'y', 'z'] }, 'y z x x z x y '],
  ['{.a[0,2]}', { a: ['x', 'y', 'z'] }, 'x z'],
  ["{.a['b','c']}", { a: { b: '1', c: '2' } }, '1 2'],
  ["{.a[*]['image', 'tag']}", { a: [{ image: 'i', tag: 't' }, { image: 'j' }] }, 'i j t'],
  ["{.a['b\\.c']}{.a.b\\.c}", { a: { 'b.c': 'x', b: { c: 'y' } } }, 'xx'],
  ["{.a['b.c']}", { a: { 'b.c': 'x', b: { c: 'y' } } }, 'y'],
  ['{.a.*}', { a: { b: 'x', c: 'y' } }, 'x y'],
  ['{..image}', { b: { image: 'i1' }, a: [{ image: 'i2' }, { c: { image: 'i3' } }] }, 'i1 i2 i3'],
  ['{..image.name}', { b: { image: { name: 'i1' } }, image: 'x' }, 'i1'],
  ['{.a[?(@.n=="x")].v}', { a: [{ n: 'x', v: '1' }, { n: 'y', v: '2' }, { v: '3' }] }, '1'],
  ['{.a[?(@.n!="x")].n}', { a: [{ n: 'x' }, { n: 'y' }] }, 'y'],
  ['{.a[?(@.n<"y")].n}', { a: [{ n: 'x' }, { n: 'z' }] }, 'x'],
  ['{.a[?(@.n=="x)")].n}', { a: [{ n: 'x)' }] }, 'x)'],
  ['{.a[?(@.n)].n}', { a: [{ n: 'x' }, { m: 'y' }] }, 'x'],
  ['{.a[?(@.b[0].c=="1")].d}', { a: [{ b: [{ c: '1' }], d: 'y' }] }, 'y'],
  ['{.a[?(@=="x")]}', { a: ['x', 'y'] }, 'x'],
  ['{range .a[*]}{.n}{","}{end}tail', { a: [{ n: 'x' }, { n: 'y' }] }, 'x,y,tail'],
  [
    '{range .a[*]}{range .b[*]}{.c}{end}{";"}{end}',
    { a: [{ b: [{ c: '1' }, { c: '2' }] }, { b: [{ c: '3' }] }] },
    '12;3;',
  ],
  ['{.repo}:{.tag}', { repo: 'q.io/a', tag: 'v1' }, 'q.io/a:v1'],
  ['.spec.x', { spec: { x: 'i' } }, '.spec.x'],
  ['{$.a}{@.a}{.a .b}', { a: 'x' }, 'xx'],
  ['{.a}', { a: { b: [true, null] } }, '{"b":[true,null]}'],
  ["{true}{1}{-2.5}{'q\\'s'}", {}, "true1-2.5q's"],
  ['{}', { a: 'x' }, '{"a":"x"}'],
  ['', { a: 'x' }, ''],
];

describe('JSONPath in the dialect of kubectl', () => {
  it('gives what client-go gives', () => {
    for (const [template, data, expected] of VECTORS) assert.equal(render(template, data), expected, template);
  });

  it('compares numbers and never confuses types', () => {
    const data = { a: [{ n: 1 }, { n: 2 }, { n: '2' }] };
    assert.equal(render('{.a[?(@.n>=2)].n}', data), '2');
    assert.equal(render('{.a[?(@.n=="2")].n}', data), '2');
    assert.equal(render('{.a[?(@.n!=1)].n}', data), '2 2');
  });

  it('does not find what a prototype has', () => {
    assert.equal(render('{.constructor}{.a.length}', { a: [1] }), '');
  });

  it('refuses a template it can not read, with the place', () => {
    const templates = [
      '{.spec[',
      '{.spec',
      '{.a}{',
      '{spec.x}',
      '{.a[x]}',
      '{.a["b"]}',
      '{.a[?(@.b==1}',
      '{.a[?(@.b=1)]}',
      '{....a}',
      '{..*}',
      "{'open}",
      '{.a[::0]}',
      '{end}',
      '{range .a[*]}{.b}',
      '{.a range}',
    ];
    for (const template of templates) {
      assert.throws(
        () => compileJsonPath(template),
        { code: 'E_CONFIG', message: /^JSONPath .*character \d+/ },
        template,
      );
    }
  });

  it('refuses an index on what is no list or too short', () => {
    const cases: readonly (readonly [string, unknown])[] = [
      ['{.a[*]}', { a: { b: 1 } }],
      ['{.a[5]}', { a: ['x'] }],
      ['{.a[0:9]}', { a: ['x'] }],
      ['{.a[-2]}', { a: ['x'] }],
      ['{.a[?(@.b)]}', { a: 'text' }],
      ['{.a[?(@.b[*]=="x")]}', { a: [{ b: ['x', 'y'] }] }],
    ];
    for (const [template, data] of cases) {
      assert.throws(() => render(template, data), { code: 'E_CONFIG', message: /^JSONPath/ }, template);
    }
  });
});
