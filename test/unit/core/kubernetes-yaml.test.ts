import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatKubernetesYaml, formatKubernetesYamlStream } from '../../../src/core/kubernetes-yaml.ts';

/** Value of a member `d` and the text the Go serialiser (sigs.k8s.io/yaml) prints after `d:`. */
const SCALARS: readonly (readonly [unknown, string])[] = [
  ['plain text', ' plain text'],
  ['2026-11-24T02:23:46Z', ' "2026-11-24T02:23:46Z"'],
  ['2001-01-01', ' "2001-01-01"'],
  ['2001-13-01', ' 2001-13-01'],
  ['', ' ""'],
  ['yes', ' "yes"'],
  ['NO', ' "NO"'],
  ['~', ' "~"'],
  ['1.0', ' "1.0"'],
  ['4.17.5', ' 4.17.5'],
  ['0x1', ' "0x1"'],
  ['1_000', ' "1_000"'],
  ['1:20', ' "1:20"'],
  ['1e3', ' "1e3"'],
  ['1e999', ' 1e999'],
  ['.5', ' ".5"'],
  ['v1.0', ' v1.0'],
  ['{.spec.x[*].image}', " '{.spec.x[*].image}'"],
  ['*foo', " '*foo'"],
  ['a: b', " 'a: b'"],
  ['a #b', " 'a #b'"],
  ["'q'", " '''q'''"],
  ['- a', " '- a'"],
  ['?x', ' ?x'],
  ['a:', " 'a:'"],
  [' lead', " ' lead'"],
  ['trail ', " 'trail '"],
  ['tab\tx', ' "tab\\tx"'],
  ['a\r\nb', ' "a\\r\\nb"'],
  ['a \nb', ' "a \\nb"'],
  ['é', ' é'],
  ['😀', ' "\\U0001F600"'],
  ['two lines\nsecond', ' |-\n  two lines\n  second'],
  ['trailing\n', ' |\n  trailing'],
  ['x\ny\n\n', ' |+\n  x\n  y\n'],
  [' lead\nx', ' |2-\n   lead\n  x'],
  [[], ' []'],
  [{}, ' {}'],
  [null, ' null'],
  [true, ' true'],
  [42, ' 42'],
];

describe('formatKubernetesYaml', () => {
  it('writes every scalar as the Go serialiser does', () => {
    for (const [value, expected] of SCALARS) assert.equal(formatKubernetesYaml({ d: value }), `d:${expected}\n`);
  });

  it('sorts keys with letters last and numbers by value, and leaves undefined members out', () => {
    const value = { b: 1, a10: 2, a2: 3, A: 4, _: 5, '9': 6, gone: undefined, n: 7 };
    assert.equal(formatKubernetesYaml(value), '_: 5\n"9": 6\nA: 4\na2: 3\na10: 2\nb: 1\n"n": 7\n');
  });

  it('puts lists at the indentation of their key and nests collections on the dash line', () => {
    const value = { d: [[1, 2], [{ x: 1, y: ['z'] }]], e: { f: { g: [] } } };
    assert.equal(formatKubernetesYaml(value), 'd:\n- - 1\n  - 2\n- - x: 1\n    "y":\n    - z\ne:\n  f:\n    g: []\n');
  });

  it('folds text at the first single blank after column 80, escaping a blank that would be lost', () => {
    const words = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore';
    assert.equal(
      formatKubernetesYaml({ d: words }),
      'd: lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt\n  ut labore\n',
    );
    const blanks = `${'a'.repeat(80)}  b\t c`;
    assert.equal(formatKubernetesYaml({ d: blanks }), `d: "${'a'.repeat(80)}\n  \\ b\\t c"\n`);
  });

  it('introduces every document of a stream', () => {
    assert.equal(formatKubernetesYamlStream([{ a: 1 }, { b: 2 }]), '---\na: 1\n---\nb: 2\n');
  });
});
