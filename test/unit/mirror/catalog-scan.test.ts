import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { scanDocuments } from '../../../src/mirror/catalog-scan.ts';

interface Seen {
  readonly label: string;
  readonly line: number;
  readonly text: string;
}

function scan(text: string, chunkSize: number): Seen[] {
  const seen: Seen[] = [];
  const scanner = scanDocuments('f.json', (one) => {
    const label = [one.schema, one.package, one.name].map((value) => value ?? '-').join('/');
    seen.push({ label, line: one.line, text: one.bytes().toString() });
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkSize) scanner.write(bytes.subarray(at, at + chunkSize));
  scanner.end();
  return seen;
}

const DOCUMENTS: readonly [label: string, text: string][] = [
  ['olm.package/-/alpha', '{"schema":"olm.package","name":"alpha"}'],
  ['x/p/-', '{ "a": {"name":"no","schema":"no"},\n "b": ["name", {"package":"no"}], "package" : "p","schema":"x" }'],
  ['s/-/-', '{"name":["x"],"schema":"s","package":null,"k":"name"}'],
  ['q"uote/b\\/ü', '{"schema":"q\\"uote","package":"b\\\\","name":"\\u00fc","x":"{[\\"}]\\\\"}'],
  ['long/-/-', `{"x":"${'y'.repeat(300)}\\"${'z'.repeat(300)}\\\\","schema":"long"}`],
  ['-/-/-', '{}'],
  ['s/é漢/n', '{"schema":"s","package":"é漢","name":"n"}'],
];

for (const chunkSize of [1, 2, 3, 7, 64, 100_000]) {
  test(`documents and their names are found in chunks of ${chunkSize} bytes`, () => {
    const seen = scan(DOCUMENTS.map(([, text]) => text).join('\n \t\r\n'), chunkSize);
    assert.deepEqual(
      seen.map(({ label, text }) => [label, text]),
      DOCUMENTS,
    );
    assert.deepEqual(
      seen.map(({ line }) => line),
      [1, 3, 6, 8, 10, 12, 14],
    );
  });
}

test('YAML separators between JSON documents are no harm', () => {
  assert.equal(scan('{"schema":"a"}\n---\n{"schema":"b"}\n---\n', 5).length, 2);
});

const DAMAGED: readonly [what: string, text: string, said: RegExp][] = [
  ['text between documents', '{}\n{}\nx', /f\.json:3: unexpected "x"/],
  ['a list', '[{}]', /f\.json:1: unexpected "\["/],
  ['one bracket too many', '{}\n}', /f\.json:2: unexpected "}"/],
  ['an end in the middle', '{}\n\n{"a":\n[', /f\.json:3: the document that begins here is not complete/],
  ['an end in a string', '{"a":"b', /not complete/],
];

for (const [what, text, said] of DAMAGED) {
  test(`${what} is a damaged catalog, told with file and line`, () => {
    assert.throws(
      () => scan(text, 3),
      (error) => isAirgapError(error, 'E_CONFIG') && said.test(error.message),
    );
  });
}

test('nesting without end is refused', () => {
  assert.throws(
    () => scan('{"a":'.repeat(501), 1000),
    (error) => isAirgapError(error, 'E_LIMIT'),
  );
});
