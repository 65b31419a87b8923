import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREIGN_HEAD_BYTES, recognizeForeign } from '../../../src/bundle/foreign-file.ts';
import { archive, buildBundle, file, withHeader } from '../../support/bundles.ts';
import { rawTar } from '../../support/tar.ts';

const HEX = '0123456789abcdef'.repeat(4);
const FILE = { body: Buffer.from('content') };

const TARS: readonly (readonly [what: RegExp, names: readonly string[]])[] = [
  [/an archive of oc-mirror \(it holds "docker/, [`docker/registry/v2/repositories/a/_layers/sha256/${HEX}/link`]],
  [/an archive of oc-mirror/, ['isc_2026-11-22T16:00:00Z', 'working-dir/hold-release/x']],
  [/an archive of imgpkg/, ['manifest.json', `sha256-${HEX}.tar.gz`]],
  [/an OCI archive of images/, ['blobs/', `blobs/sha256/${HEX}`]],
  [/an OCI archive of images \(it holds "oci-layout"\)/, ['./', './oci-layout']],
  [/an archive of docker save/, [`${HEX}.tar`]],
  [/an archive of docker save/, [`sha256:${HEX}`]],
  [/an archive of docker save/, [`${HEX}/VERSION`, `${HEX}/json`]],
  [/a tar archive of something else \(it begins with "zarf.yaml"\)/, ['zarf.yaml', 'checksums.txt']],
  [/files of an airgap bundle, but damaged at the beginning or packed again/, ['README.txt', 'airgap-manifest.json']],
];
for (const [what, names] of TARS) {
  test(`recognizes ${names.join(', ')}`, () => {
    const found = recognizeForeign(rawTar(names.map((name) => ({ name, ...FILE }))));
    assert.match(found!.message, what);
    assert.notEqual(found!.hint, '');
  });
}

test('records about the next entry are passed over, prefixes belong to the name', () => {
  const long = `docker/registry/v2/blobs/sha256/01/${HEX}`;
  const pax = rawTar([
    { name: `PaxHeaders.0/${HEX}`, flag: 'x', ...FILE },
    { name: 'index.json', ...FILE },
  ]);
  assert.match(recognizeForeign(pax)!.message, /OCI archive/);
  const [entry] = buildBundle([file('data', 'x')]).entries.slice(-1);
  const { header } = withHeader(entry!, { 345: long });
  assert.match(recognizeForeign(header)!.message, /oc-mirror/);
});

test('a name can not write to the terminal', () => {
  const { message } = recognizeForeign(rawTar([{ name: '\u001b]0;owned\u0007\u202e' }]))!;
  assert.match(message, /^[ -~]+$/);
});

test('sizes that lie, cut headers and endless names end the search', () => {
  const [entry] = buildBundle([file('oci-layout', 'x')]).entries.slice(-1);
  for (const size of ['77777777777\0', '            ', '\u0080\0\0\0\0\0\0\0\0\0\0\u0001', '-0000000001\0']) {
    const { header } = withHeader(entry!, { 124: size });
    assert.match(recognizeForeign(Buffer.concat([header, header]))!.message, /OCI archive/);
  }
  const many = rawTar(Array.from({ length: 2000 }, (_, index) => ({ name: `x${index}` })));
  assert.match(recognizeForeign(many.subarray(0, FOREIGN_HEAD_BYTES))!.message, /it begins with "x0"/);
  assert.equal(recognizeForeign(many.subarray(0, 511)), undefined);
});

test('what tells nothing is not guessed at', () => {
  for (const bytes of ['', 'hello', '\u001f', '\0'.repeat(2048), '{"mediaType":"x"}'.padEnd(600)]) {
    assert.equal(recognizeForeign(Buffer.from(bytes, 'latin1')), undefined);
  }
});

test('compressed files are named by their first bytes, a bundle with a flipped bit in its first header as what it is', () => {
  for (const [hex, what] of [
    ['1f8b08', /a gzip file/],
    ['28b52ffd', /a zstd file/],
    ['fd377a585a00', /an xz file/],
    ['425a6839', /a bzip2 file/],
    ['504b0304', /a zip file/],
  ] as const) {
    assert.match(recognizeForeign(Buffer.from(hex, 'hex'))!.message, what);
  }
  const bytes = archive(buildBundle([file('a', 'b')]));
  bytes[101]! ^= 1;
  assert.match(recognizeForeign(bytes)!.message, /damaged at the beginning/);
});
