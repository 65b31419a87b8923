import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compareText, DocumentError, readDocument } from '../../../src/mirror/catalog.ts';
import { formatDocument } from '../../../src/mirror/catalog-json.ts';
import { scanDocuments } from '../../../src/mirror/catalog-scan.ts';

function reformat(bytes: Buffer): string {
  const texts: string[] = [];
  const scanner = scanDocuments('f', (one) =>
    texts.push(formatDocument(readDocument(JSON.parse(one.bytes().toString())))),
  );
  scanner.write(bytes);
  scanner.end();
  return texts.join('');
}

for (const file of ['catalog.json', 'alpha-operator/catalog.json', 'beta-operator/catalog.json']) {
  test(`what the vendor tool wrote (${file}) is written again byte for byte`, () => {
    const bytes = readFileSync(new URL(`../../fixtures/catalogs/recorded/${file}`, import.meta.url));
    assert.equal(reformat(bytes), bytes.toString());
  });
}

const write = (fields: object) => formatDocument(readDocument(fields));

test('known documents are written in the order of the format, empty optional fields left out', () => {
  const written = write({
    relatedImages: [{ image: 'r/a@sha256:0' }],
    properties: [{ value: { b: 1, a: [] }, type: 't' }],
    unknown: true,
    image: 'r/b',
    package: 'p',
    name: 'n',
    schema: 'olm.bundle',
  });
  assert.equal(
    written,
    `{
    "schema": "olm.bundle",
    "name": "n",
    "package": "p",
    "image": "r/b",
    "properties": [
        {
            "type": "t",
            "value": {
                "a": [],
                "b": 1
            }
        }
    ],
    "relatedImages": [
        {
            "name": "",
            "image": "r/a@sha256:0"
        }
    ]
}
`,
  );
  const channel = write({
    schema: 'olm.channel',
    name: 'c',
    package: 'p',
    entries: [{ name: 'a', skips: [], skipRange: '' }],
  });
  assert.equal(
    JSON.stringify(JSON.parse(channel)),
    '{"schema":"olm.channel","name":"c","package":"p","entries":[{"name":"a"}]}',
  );
  const one = write({ schema: 'olm.package', name: 'p', description: '', properties: [], icon: {} });
  assert.equal(
    JSON.stringify(JSON.parse(one)),
    '{"schema":"olm.package","name":"p","defaultChannel":"","icon":{"base64data":null,"mediatype":""}}',
  );
});

const VALUES: readonly [json: string, written: string][] = [
  ['1.0', '1'],
  ['1e3', '1000'],
  ['12345678901234567890', '12345678901234567000'],
  ['1e21', '1e+21'],
  ['1e-7', '1e-7'],
  ['0.000001', '0.000001'],
  ['-0', '-0'],
  ['true', 'true'],
  ['null', 'null'],
  ['{}', '{}'],
  ['"<a>&\\u00fc\\u2028\\u2029\\u0001\\b\\f\\n\\/"', '"<a>&ü\\u2028\\u2029\\u0001\\b\\f\\n/"'],
  ['"\\ud800"', '"\ufffd"'],
];

test('values are re-encoded as the vendor tool does: doubles, literal <, > and &, escaped line separators', () => {
  for (const [json, written] of VALUES) {
    assert.equal(
      write(JSON.parse(`{"schema":"x","v":${json}}`) as object),
      `{\n    "schema": "x",\n    "v": ${written}\n}\n`,
    );
  }
});

test('keys are sorted by their UTF-8 bytes, whatever they look like', () => {
  const written = write(
    JSON.parse('{"schema":"x","10":1,"9":1,"__proto__":1,"ﬀ":1,"😀":1,"Z":1,"a":1,"":1}') as object,
  );
  const keys = [...written.matchAll(/^ {4}"(.*)":/gm)].map(([, key]) => key);
  assert.deepEqual(keys, ['', '10', '9', 'Z', '__proto__', 'a', 'schema', 'ﬀ', '😀']);
  assert.ok(compareText('a', 'ab') < 0 && compareText('ab', 'a') > 0 && compareText('a', 'a') === 0);
});

test('field names of documents count in any case, icons lose line breaks', () => {
  const written = write({
    Schema: 'olm.package',
    Name: 'p',
    DefaultChannel: 'c',
    icon: { base64data: 'YW\nJj', mediatype: 'm' },
  });
  assert.deepEqual(JSON.parse(written), {
    schema: 'olm.package',
    name: 'p',
    defaultChannel: 'c',
    icon: { base64data: 'YWJj', mediatype: 'm' },
  });
});

for (const [what, fields] of Object.entries({
  'no schema': { name: 'x' },
  'a name that is no text': { schema: 'olm.package', name: 1 },
  'entries that are no list': { schema: 'olm.channel', entries: {} },
  'a skip that is no text': { schema: 'olm.channel', entries: [{ name: 'a', skips: [1] }] },
  'a property that is no object': { schema: 'olm.bundle', properties: ['x'] },
})) {
  test(`a document with ${what} is not read`, () => {
    assert.throws(() => readDocument(fields), DocumentError);
  });
}
