import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerOf, paddedSize, planLayout, sizeInHeader } from '../../../src/bundle/layout.ts';
import { archive, buildBundle, file, TEST_IDENTITY } from '../../support/bundles.ts';
import { MANIFEST_MEDIA_TYPE, serializeManifest, type BundleManifest } from '../../../src/bundle/manifest.ts';

test('a header has the canonical bytes', () => {
  const header = headerOf('oci-layout', 30);
  const expected = Buffer.alloc(512);
  expected.write('oci-layout', 0);
  const fields = ['0000644', '0000000', '0000000', '00000000036', '00000000000', '007754', ' 0'];
  expected.write(fields.join('\0'), 100);
  expected.write('ustar\x0000', 257);
  assert.equal(header.toString('latin1'), expected.toString('latin1'));
});

const SIZES: readonly [size: number, field: string][] = [
  [0, '303030303030303030303000'],
  [8 ** 11 - 1, '373737373737373737373700'],
  [8 ** 11, '800000000000000200000000'],
  [9 * 2 ** 30 + 1, '800000000000000240000001'],
  [Number.MAX_SAFE_INTEGER, '80000000001fffffffffffff'],
];
for (const [size, field] of SIZES) {
  test(`the size field of ${size} bytes is ${field} and reads back`, () => {
    const header = headerOf('a', size);
    assert.equal(header.toString('hex', 124, 136), field);
    assert.equal(sizeInHeader(header), size);
  });
}

for (const [name, field] of [
  ['spaces', '          5 '],
  ['no end', '000000000005'],
  ['a digit that is not octal', '00000000008\0'],
  ['a negative number', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
  ['more than 2^53', '\x80\0\0\0\0\x20\0\0\0\0\0\0'],
] as const) {
  test(`a size field with ${name} has no size`, () => {
    const header = headerOf('a', 0);
    header.write(field, 124, 'latin1');
    assert.equal(sizeInHeader(header), undefined);
  });
}

test('a path of 100 bytes fills the name field', () => {
  const path = 'a'.repeat(100);
  assert.equal(headerOf(path, 0).toString('latin1', 0, 108), `${path}0000644\0`);
});

test('every byte is where the layout says', () => {
  const files = [
    file('a', 'x'.repeat(512)),
    file('empty', ''),
    file('b', 'y'.repeat(513)),
    { ...file('far', 'z'), base: true as const },
  ];
  const bundle = buildBundle(files, { base: { manifestSha256: '0'.repeat(64), serial: 6 } });
  const layout = planLayout(bundle.manifestBytes, bundle.signatures, bundle.manifest);
  const bytes = archive(bundle);
  assert.equal(layout.size, bytes.length);
  assert.deepEqual(
    layout.entries.map(({ path }) => path),
    ['airgap-manifest.json', 'airgap-manifest.json.1.sigstore.json', 'a', 'empty', 'b'],
  );
  assert.equal(layout.firstFile, 2);
  for (const { path, size, headerAt, bodyAt } of layout.entries) {
    assert.ok(bytes.subarray(headerAt, bodyAt).equals(headerOf(path, size)));
  }
  const b = layout.entries[4]!;
  assert.equal(bytes.toString('latin1', b.bodyAt, b.bodyAt + b.size), 'y'.repeat(513));
  assert.ok(bytes.subarray(layout.endAt).equals(Buffer.alloc(1024)));
});

test('the total length is the sum of signing, section 4, far above 4 GiB too', () => {
  const sizes = [0, 1, 511, 512, 513, 10 * 2 ** 40, 3 * 2 ** 40 + 1];
  const manifest: BundleManifest = {
    mediaType: MANIFEST_MEDIA_TYPE,
    bundle: TEST_IDENTITY,
    files: sizes.map((size, n) => ({ path: `f${n}`, size, sha256: '0'.repeat(64) })),
  };
  const bytes = serializeManifest(manifest);
  const layout = planLayout(bytes, [], manifest);
  const expected = [bytes.length, ...sizes].reduce(
    (sum, size) => sum + 512 + size + ((512 - (size % 512)) % 512),
    1024,
  );
  assert.equal(layout.size, expected);
  assert.equal(paddedSize(3 * 2 ** 40 + 1), 3 * 2 ** 40 + 512);
});
