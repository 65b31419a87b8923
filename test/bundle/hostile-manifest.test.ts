// Hostile inputs of signing, section 15 B: the signature is genuine, the bundle manifest must be refused all the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptTestSignature,
  archive,
  assertRefused,
  buildBundle,
  file,
  sha256,
  TEST_IDENTITY,
} from '../support/bundles.ts';
import type { AcceptSignatures } from '../../src/bundle/preamble.ts';

/** These files, listed under hostile names but otherwise packed honestly. */
function bundleWithPaths(...paths: string[]): Buffer {
  return archive(buildBundle(paths.map((path, index) => file(path, `content ${index}`))));
}

/** An honest bundle of one file whose bundle manifest bytes went through `change` before they were signed. */
function bundleWithManifest(change: (json: string) => string | Buffer): Buffer {
  const honest = buildBundle([file('a.txt', 'a')]);
  const changed = change(honest.manifestBytes.toString('utf8'));
  const manifestBytes = Buffer.from(changed as string);
  assert.notDeepEqual(manifestBytes, honest.manifestBytes, 'the test must change something');
  return archive(buildBundle([file('a.txt', 'a')], { manifestBytes }));
}

const PATH_CASES: readonly [row: string, name: string, paths: string[]][] = [
  ['24', 'a path that climbs out', ['../../etc/cron.d/x']],
  ['24', 'a path that climbs out in the middle', ['a/../../x']],
  ['24', 'a dot segment', ['a/./x']],
  ['25', 'an absolute path', ['/etc/passwd']],
  ['25', 'backslashes', ['a\\..\\b']],
  ['25', 'an empty segment', ['a//b']],
  ['25', 'a trailing slash', ['a/']],
  ['25', 'an empty path', ['']],
  ['26', 'a NUL', ['a\0b']],
  ['26', 'a newline', ['a\nb']],
  ['26', 'a newline at the end', ['a\n']],
  ['26', 'an escape sequence', ['\u001b[2Ja']],
  ['26', 'a look-alike letter', ['p\u0430th']],
  ['27', 'a leading dash', ['-rf']],
  ['27', 'a leading dot', ['.ssh']],
  ['27', 'a leading dot in a lower segment', ['a/.ssh/authorized_keys']],
  ['27', 'more than 100 bytes', ['a'.repeat(101)]],
  ['28', 'the same path twice', ['a.txt', 'a.txt']],
  ['28', 'paths that differ only in case', ['Readme', 'README']],
  ['28', 'folders that differ only in case around one name', ['x/Readme', 'X/readme']],
  ['29', 'a file that is the folder of another', ['a', 'a/b']],
  ['29', 'a file that is the folder of an earlier one', ['a/b/c', 'a/b']],
  ['29', 'a file that is the folder of another in other case', ['a/b', 'A']],
  ['30', 'the name of the bundle manifest', ['airgap-manifest.json']],
  ['30', 'the name of the bundle manifest in other case', ['AIRGAP-manifest.json']],
  ['30', 'the name of a signature entry', ['airgap-manifest.json.2.sigstore.json']],
  ['31', 'a blob path that is not the digest of its content', [`blobs/sha256/${'0'.repeat(64)}`]],
  ['31', 'a blob path that is no digest', ['blobs/sha256/latest']],
  ['31', 'a blob path below a folder that is not the digest', [`x/blobs/sha256/${'0'.repeat(64)}`]],
];
for (const [row, name, paths] of PATH_CASES) {
  test(`row ${row}: refuses ${name}`, async (t) => {
    const error = await assertRefused(t, bundleWithPaths(...paths), 'E_MANIFEST');
    assert.match(error.message, /^[ -~]*$/, 'nothing but printable ASCII reaches the terminal');
  });
}

const SIZE = '"size":1';
const MANIFEST_CASES: readonly [row: string, name: string, change: (json: string) => string | Buffer][] = [
  ['32', 'a negative size', (json) => json.replace(SIZE, '"size":-1')],
  ['32', 'minus zero', (json) => json.replace(SIZE, '"size":-0')],
  ['32', 'a fractional size', (json) => json.replace(SIZE, '"size":1.5')],
  ['32', 'a fraction that is a whole number', (json) => json.replace(SIZE, '"size":1.0')],
  ['32', 'a size with an exponent', (json) => json.replace(SIZE, '"size":1e0')],
  ['32', 'a size above 2^53-1', (json) => json.replace(SIZE, '"size":9007199254740992')],
  ['32', 'sizes that add up to too much', (json) => json.replace(SIZE, '"size":9007199254740991')],
  ['32', 'a size that is text', (json) => json.replace(SIZE, '"size":"1"')],
  ['33', 'an unknown member on top', (json) => json.replace('{"bundle"', '{"aaa":1,"bundle"')],
  ['33', 'an unknown member of a file', (json) => json.replace(SIZE, `${SIZE},"x":1`)],
  ['33', 'an unknown member of the identity', (json) => json.replace('"serial":7', '"serial":7,"x":1')],
  ['33', '__proto__ on top', (json) => json.replace('{"bundle"', '{"__proto__":{"x":1},"bundle"')],
  ['33', '__proto__ of a file', (json) => json.replace('{"path"', '{"__proto__":{"base":true},"path"')],
  ['33', '__proto__ holding the members of a file', (json) => json.replace(/\{"path":[^}]*\}/, '{"__proto__":$&}')],
  ['33', 'a member twice', (json) => json.replace(SIZE, `${SIZE},${SIZE}`)],
  ['33', 'white space', (json) => json.replace(SIZE, '"size": 1')],
  ['33', 'a newline at the end', (json) => `${json}\n`],
  ['33', 'a byte order mark', (json) => `\ufeff${json}`],
  ['33', 'members in another order', (json) => json.replace(/\{("path":"[^"]*"),("sha256":"[^"]*")/, '{$2,$1')],
  ['33', 'invalid UTF-8', (json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0x7d])])],
  ['33', 'an escaped lone surrogate', (json) => json.replace('a.txt', '\\ud800')],
  ['33', 'an escape where none is needed', (json) => json.replace('a.txt', '\\u0061.txt')],
  ['33', 'no JSON', () => 'manifest'],
  ['33', 'a list', () => '[]'],
  ['33', 'null', () => 'null'],
  ['33', 'deep nesting', () => '['.repeat(100_000) + ']'.repeat(100_000)],
  ['34', 'a newer media type', (json) => json.replace('manifest.v1+json', 'manifest.v2+json')],
  ['34', 'a base flag without a base', (json) => json.replace('{"path"', '{"base":true,"path"')],
  ['34', 'a base flag that is false', (json) => json.replace('{"path"', '{"base":false,"path"')],
  [
    '34',
    'a base that is not older',
    (json) => json.replace('{', `{"base":{"manifestSha256":"${'0'.repeat(64)}","serial":7},`),
  ],
  ['5', 'a stream name in capitals', (json) => json.replace('ocp-prod', 'OCP')],
  ['5', 'serial 0', (json) => json.replace('"serial":7', '"serial":0')],
  ['5', 'a day that does not exist', (json) => json.replace('2026-11-22', '2026-02-30')],
  ['5', 'a time with a fraction', (json) => json.replace('00Z', '00.5Z')],
  ['5', 'a digest in capitals', (json) => json.replace(sha256('a'), sha256('a').toUpperCase())],
];
for (const [row, name, change] of MANIFEST_CASES) {
  test(`row ${row}: refuses ${name}`, async (t) => {
    await assertRefused(t, bundleWithManifest(change), 'E_MANIFEST');
  });
}

test('row 13: refuses a signed statement about another bundle than the bundle manifest names', async (t) => {
  const accept: AcceptSignatures = (manifest, signatures) => ({
    ...acceptTestSignature(manifest, signatures),
    bundle: { ...TEST_IDENTITY, serial: 8 },
  });
  await assertRefused(t, bundleWithPaths('a.txt'), 'E_SIGNATURE', { verify: { accept } });
});

test('the signature is judged before the bundle manifest is parsed', async (t) => {
  const manifestBytes = Buffer.from('not JSON');
  const bundle = buildBundle([], { manifestBytes, sign: () => [Buffer.from('{"sha256":"0"}')] });
  await assertRefused(t, archive(bundle), 'E_SIGNATURE');
});

test('whatever accepting throws on malformed signatures is a refused signature', async (t) => {
  const bundle = buildBundle([file('a.txt', 'a')], { sign: () => [Buffer.from('{')] });
  await assertRefused(t, archive(bundle), 'E_SIGNATURE');
});
