// Hostile inputs of signing, section 15 C: bundle manifest and signature are genuine, the archive around them is not.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { headerOf } from '../../src/bundle/layout.ts';
import { openBundle } from '../../src/bundle/reader.ts';
import {
  acceptTestSignature,
  archive,
  assertRefused,
  blob,
  buildBundle,
  bytesOf,
  collectingContext,
  entry,
  file,
  noise,
  piecesOf,
  refusalOf,
  temporaryFile,
  temporaryFolder,
  withHeader,
  type TestEntry,
} from '../support/bundles.ts';

const FILES = [file('a.txt', 'first'), file('b.txt', 'other'), blob(noise(3000, 'blob')), file('empty', '')];
const BUNDLE = buildBundle(FILES);
const [MANIFEST, SIGNATURE, A, B, BLOB, EMPTY] = BUNDLE.entries as [
  TestEntry,
  TestEntry,
  TestEntry,
  TestEntry,
  TestEntry,
  TestEntry,
];
const WHOLE = archive(BUNDLE);
const AFTER_FILES = bytesOf(BUNDLE.entries).length;

function withFiles(...files: TestEntry[]): Buffer {
  return archive(BUNDLE, { entries: [MANIFEST, SIGNATURE, ...files] });
}

test('the honest bundle is accepted from a file and from a pipe, with the same result', async (t) => {
  const options = { ...collectingContext(), accept: acceptTestSignature };
  const result = await verifyBundle({ paths: [temporaryFile(t, WHOLE)] }, options);
  const expected = {
    manifestSha256: createHash('sha256').update(BUNDLE.manifestBytes).digest('hex'),
    bundle: BUNDLE.manifest.bundle,
    signers: ['test'],
    files: 4,
    bytes: WHOLE.length,
  };
  assert.deepEqual(result, expected);
  assert.deepEqual(await verifyBundle({ stream: piecesOf(WHOLE, 1000) }, options), expected);
});

/** Type flags a tar reader would act on, with the name of what they stand for. */
const TYPES = {
  '1': 'hard link',
  '2': 'symbolic link',
  '3': 'character device',
  '4': 'block device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'contiguous file',
  S: 'GNU sparse file',
  '\0': 'old-style file',
};

const EXTRA = entry('extra', Buffer.from('x'));
const PAX = (content: string, type = 'x'): TestEntry => withHeader(entry('pax', Buffer.from(content)), { 156: type });

type Case = readonly [row: string, name: string, bytes: () => Buffer];

const LAYOUT_CASES: readonly Case[] = [
  ['35', 'an extra entry at the end', () => withFiles(A, B, BLOB, EMPTY, EXTRA)],
  ['35', 'an extra entry between files', () => withFiles(A, EXTRA, B, BLOB, EMPTY)],
  [
    '36',
    'a file twice, the second one altered',
    () => withFiles(A, entry('a.txt', Buffer.from('FIRST')), B, BLOB, EMPTY),
  ],
  ['36', 'a file twice at the end', () => withFiles(A, B, BLOB, EMPTY, A)],
  ['37', 'a file left out', () => withFiles(A, BLOB, EMPTY)],
  ['37', 'the last file left out', () => withFiles(A, B, BLOB)],
  ['37', 'files in another order', () => withFiles(B, A, BLOB, EMPTY)],
  ...Object.entries(TYPES).map(([flag, name]): Case => [
    '38',
    `an entry turned into a ${name}`,
    () => withFiles(withHeader(A, { 156: flag }), B, BLOB, EMPTY),
  ]),
  ['38', 'a link name', () => withFiles(withHeader(A, { 157: '/etc/passwd' }), B, BLOB, EMPTY)],
  ['39', 'a pax path record', () => withFiles(PAX('19 path=/etc/crontab\n'), A, B, BLOB, EMPTY)],
  ['39', 'a pax size record', () => withFiles(PAX('10 size=9\n'), A, B, BLOB, EMPTY)],
  ['39', 'a pax global header', () => withFiles(PAX('10 size=9\n', 'g'), A, B, BLOB, EMPTY)],
  [
    '39',
    'a GNU long name',
    () => withFiles(withHeader(entry('././@LongLink', Buffer.from('x')), { 156: 'L' }), A, B, BLOB, EMPTY),
  ],
  [
    '39',
    'a GNU long link',
    () => withFiles(withHeader(entry('././@LongLink', Buffer.from('x')), { 156: 'K' }), A, B, BLOB, EMPTY),
  ],
  [
    '39',
    'a pax header in front of the bundle manifest',
    () => archive(BUNDLE, { entries: [PAX('10 size=9\n', 'g'), ...BUNDLE.entries] }),
  ],
  ['40', 'a size in base-256', () => withFiles(withHeader(A, { 124: '\x80\0\0\0\0\0\0\0\0\0\0\x05' }), B, BLOB, EMPTY)],
  ['40', 'a size with spaces', () => withFiles(withHeader(A, { 124: '          5 ' }), B, BLOB, EMPTY)],
  ['40', 'a size without its end', () => withFiles(withHeader(A, { 124: '000000000005' }), B, BLOB, EMPTY)],
  [
    '40',
    'the size of the bundle manifest in base-256',
    () =>
      archive(BUNDLE, {
        entries: [withHeader(MANIFEST, { 124: binarySize(MANIFEST.content.length) }), ...BUNDLE.entries.slice(1)],
      }),
  ],
  [
    '40',
    'the size of the bundle manifest with spaces',
    () =>
      archive(BUNDLE, {
        entries: [
          withHeader(MANIFEST, { 124: MANIFEST.content.length.toString(8).padStart(11) + ' ' }),
          ...BUNDLE.entries.slice(1),
        ],
      }),
  ],
  ['40', 'a wrong checksum', () => withFiles(withHeader(A, { 148: '000000\0 ' }), B, BLOB, EMPTY)],
  [
    '40',
    'a checksum with another ending',
    () => withFiles(withHeader(A, { 148: A.header.toString('latin1', 148, 154) + ' \0' }), B, BLOB, EMPTY),
  ],
  ['41', 'a set-uid mode', () => withFiles(withHeader(A, { 100: '0004755\0' }), B, BLOB, EMPTY)],
  ['41', 'a foreign owner', () => withFiles(withHeader(A, { 108: '0001750\0' }), B, BLOB, EMPTY)],
  ['41', 'a foreign group', () => withFiles(withHeader(A, { 116: '0001750\0' }), B, BLOB, EMPTY)],
  ['41', 'a user name', () => withFiles(withHeader(A, { 265: 'root' }), B, BLOB, EMPTY)],
  ['41', 'a modification time', () => withFiles(withHeader(A, { 136: '00000000001\0' }), B, BLOB, EMPTY)],
  ['41', 'a prefix', () => withFiles(withHeader(A, { 345: 'etc' }), B, BLOB, EMPTY)],
  ['41', 'bytes behind the name', () => withFiles(withHeader(A, { 99: 'x' }), B, BLOB, EMPTY)],
  ['41', 'bytes in the unused end of a header', () => withFiles(withHeader(A, { 511: 'x' }), B, BLOB, EMPTY)],
  ['42', 'non-zero padding after a file', () => withFiles(withPadding(A), B, BLOB, EMPTY)],
  ['42', 'non-zero padding after the last file', () => withFiles(A, B, withPadding(BLOB), EMPTY)],
  [
    '42',
    'non-zero padding after the bundle manifest',
    () => archive(BUNDLE, { entries: [withPadding(MANIFEST), ...BUNDLE.entries.slice(1)] }),
  ],
  [
    '42',
    'non-zero padding after a signature',
    () => archive(BUNDLE, { entries: [MANIFEST, withPadding(SIGNATURE), A, B, BLOB, EMPTY] }),
  ],
  ['46', 'a gzip of a bundle', () => gzipSync(WHOLE)],
  ['46', 'a zstd of a bundle', () => zstdCompressSync(WHOLE)],
  ['46', 'an xz of a bundle, by its magic', () => Buffer.concat([Buffer.from('fd377a585a00', 'hex'), WHOLE])],
  ['46', 'a compressed bundle shorter than a header', () => Buffer.from('1f8b0800000000000003', 'hex')],
  [
    '46',
    'something in front of a bundle',
    () => Buffer.concat([Buffer.from('#!/bin/sh\nexit\n'.padEnd(512, '\0')), WHOLE]),
  ],
  ['47', 'the bundle manifest not first', () => archive(BUNDLE, { entries: [SIGNATURE, MANIFEST, A, B, BLOB, EMPTY] })],
  ['47', 'the bundle manifest last', () => archive(BUNDLE, { entries: [A, B, BLOB, EMPTY, MANIFEST, SIGNATURE] })],
  [
    '35',
    'bytes in the end blocks',
    () => archive(BUNDLE, { end: Buffer.concat([Buffer.alloc(700), Buffer.from('x'), Buffer.alloc(323)]) }),
  ],
];
for (const [row, name, bytes] of LAYOUT_CASES) {
  test(`row ${row}: refuses ${name}`, async (t) => {
    await assertRefused(t, bytes(), 'E_LAYOUT');
  });
}

test('row 40: a signature whose size is not canonical is no signature', async (t) => {
  const odd = withHeader(SIGNATURE, { 124: binarySize(SIGNATURE.content.length) });
  await assertRefused(t, archive(BUNDLE, { entries: [MANIFEST, odd, A, B, BLOB, EMPTY] }), 'E_SIGNATURE');
});

test('row 43: refuses one changed byte of content, at its place', async (t) => {
  const changed = Buffer.from(WHOLE);
  const bodyAt = bytesOf([MANIFEST, SIGNATURE, A, B]).length + 512;
  changed[bodyAt + 1700]! ^= 1;
  const error = await assertRefused(t, changed, 'E_DIGEST');
  assert.deepEqual(error.data, { at: FILES[2]!.path, offset: bodyAt });
});

test('row 43: refuses a file swapped for one of equal length', async (t) => {
  await assertRefused(t, withFiles(entry('a.txt', Buffer.from('FIRST')), B, BLOB, EMPTY), 'E_DIGEST');
});

const TRUNCATIONS: readonly [name: string, length: number][] = [
  ['cut inside a blob', AFTER_FILES - 512 - 2000],
  ['cut inside a header', bytesOf([MANIFEST, SIGNATURE]).length + 100],
  ['cut at a header', bytesOf([MANIFEST, SIGNATURE, A]).length],
  ['cut inside padding', bytesOf([MANIFEST, SIGNATURE, A]).length - 10],
  ['cut inside the bundle manifest', 600],
  ['cut inside the header of the bundle manifest', 130],
  ['cut inside a signature', bytesOf([MANIFEST]).length + 520],
  ['no end blocks', AFTER_FILES],
  ['one end block', AFTER_FILES + 512],
  ['one byte less than all', WHOLE.length - 1],
  ['an empty file', 0],
];
for (const [name, length] of TRUNCATIONS) {
  test(`row 44: refuses ${name}`, async (t) => {
    const error = await assertRefused(t, WHOLE.subarray(0, length), 'E_TRUNCATED');
    assert.equal(error.data?.['offset'], length);
  });
}

test('no prefix of a bundle is accepted', async () => {
  for (let length = 0; length < WHOLE.length; length += 256) {
    const stream = (async function* () {
      yield WHOLE.subarray(0, length);
    })();
    const error = await refusalOf(verifyBundle({ stream }, { ...collectingContext(), accept: acceptTestSignature }));
    assert.match(error.code, /^E_(TRUNCATED|SIGNATURE)$/);
  }
});

for (const [name, tail] of [
  ['zero bytes after the end', Buffer.alloc(10 * 1024)],
  ['one zero byte after the end', Buffer.alloc(1)],
  ['a second archive appended', WHOLE],
] as const) {
  test(`row 45: refuses ${name}`, async (t) => {
    const error = await assertRefused(t, Buffer.concat([WHOLE, tail]), 'E_TRAILING');
    assert.equal(error.data?.['offset'], WHOLE.length);
  });
}

test('any one changed byte is refused with a code for bundles', async () => {
  const options = { ...collectingContext(), accept: acceptTestSignature };
  for (let at = 0; at < WHOLE.length; at += 13) {
    const changed = Buffer.from(WHOLE);
    changed[at]! ^= 1 << (at % 8);
    const error = await refusalOf(verifyBundle({ stream: piecesOf(changed, 4096) }, options));
    assert.match(error.code, /^E_(SIGNATURE|LAYOUT|DIGEST|TRUNCATED|LIMIT)$/, `byte ${at}: ${error.message}`);
  }
});

test('row 19: refuses more than eight signatures, one of 2 MiB, a bundle manifest claiming 7 GiB', async (t) => {
  const many = buildBundle(FILES, { sign: () => Array.from({ length: 9 }, (_, n) => Buffer.from(`{"n":${n}}`)) });
  await assertRefused(t, archive(many), 'E_LIMIT');
  const long = buildBundle(FILES, { sign: () => [Buffer.alloc(2 * 1024 * 1024, 0x20)] });
  await assertRefused(t, archive(long), 'E_LIMIT');
  const huge = Buffer.concat([headerOf('airgap-manifest.json', 7 * 2 ** 30), WHOLE.subarray(512)]);
  await assertRefused(t, huge, 'E_LIMIT');
  const hugeBinary = Buffer.concat([headerOf('airgap-manifest.json', 7 * 2 ** 40), WHOLE.subarray(512)]);
  await assertRefused(t, hugeBinary, 'E_LIMIT');
});

test('a claimed bundle manifest of 60 MiB in a short input costs no memory', async (t) => {
  const claimed = Buffer.concat([headerOf('airgap-manifest.json', 60 * 2 ** 20), WHOLE.subarray(512)]);
  const before = process.memoryUsage.rss();
  await assertRefused(t, claimed, 'E_TRUNCATED');
  assert.ok(process.memoryUsage.rss() - before < 40 * 2 ** 20);
});

const VOLUME_BYTES = 1500;

/** The bytes as volumes X.tar.001, … under `folder`. */
function writeVolumes(folder: string, bytes: Buffer): string[] {
  const paths: string[] = [];
  for (let at = 0; at < bytes.length; at += VOLUME_BYTES) {
    const path = join(folder, `X.tar.${String(paths.length + 1).padStart(3, '0')}`);
    writeFileSync(path, bytes.subarray(at, at + VOLUME_BYTES));
    paths.push(path);
  }
  return paths;
}

async function volumeRefusal(paths: readonly string[]): Promise<{ code: string; data: unknown }> {
  return refusalOf(verifyBundle({ paths }, { ...collectingContext(), accept: acceptTestSignature }));
}

test('row 48: volumes are accepted in any order of arguments', async (t) => {
  const paths = writeVolumes(temporaryFolder(t), WHOLE);
  assert.ok(paths.length > 3);
  const options = { ...collectingContext(), accept: acceptTestSignature };
  const result = await verifyBundle({ paths: paths.toReversed() }, options);
  assert.equal(result.bytes, WHOLE.length);
});

test('row 48: refuses a missing volume, whichever it is', async (t) => {
  const paths = writeVolumes(temporaryFolder(t), WHOLE);
  for (const missing of paths.keys()) {
    const { code } = await volumeRefusal(paths.filter((_, index) => index !== missing));
    assert.match(code, /^E_(TRUNCATED|LAYOUT|DIGEST|SIGNATURE)$/);
    if (missing === paths.length - 1) assert.equal(code, 'E_TRUNCATED');
  }
});

test('row 48: refuses volumes whose names were swapped, and names the volume', async (t) => {
  const folder = temporaryFolder(t);
  const paths = writeVolumes(folder, WHOLE);
  const last = paths.length - 1;
  writeFileSync(paths[last - 1]!, WHOLE.subarray((last - 2) * VOLUME_BYTES, (last - 1) * VOLUME_BYTES));
  writeFileSync(paths[last - 2]!, WHOLE.subarray((last - 1) * VOLUME_BYTES, last * VOLUME_BYTES));
  const { code, data } = await volumeRefusal(paths);
  assert.match(code, /^E_(LAYOUT|DIGEST)$/);
  assert.match(String((data as { volume: string }).volume), /^X\.tar\.\d{3}$/);
});

test('row 48: refuses a volume of another bundle of the same shape', async (t) => {
  const paths = writeVolumes(temporaryFolder(t), WHOLE);
  const other = archive(buildBundle([...FILES.slice(0, 2), blob(noise(3000, 'other')), FILES[3]!]));
  assert.equal(other.length, WHOLE.length);
  const last = paths.length - 2;
  writeFileSync(paths[last]!, other.subarray(last * VOLUME_BYTES, (last + 1) * VOLUME_BYTES));
  const { code } = await volumeRefusal(paths);
  assert.match(code, /^E_(LAYOUT|DIGEST)$/);
});

test('row 49: a reader notices what changed after the bundle was verified', async (t) => {
  const path = temporaryFile(t, WHOLE);
  await verifyBundle({ paths: [path] }, { ...collectingContext(), accept: acceptTestSignature });
  const changed = Buffer.from(WHOLE);
  changed[bytesOf([MANIFEST, SIGNATURE]).length + 512]! ^= 1;
  changed[bytesOf([MANIFEST, SIGNATURE, A]).length]! ^= 1;
  writeFileSync(path, changed.subarray(0, AFTER_FILES - 1500));
  const reader = await openBundle([path], { accept: acceptTestSignature });
  t.after(() => reader.close());
  assert.equal((await refusalOf(reader.readFile('a.txt'))).code, 'E_DIGEST');
  assert.equal((await refusalOf(reader.readFile('b.txt'))).code, 'E_LAYOUT');
  assert.equal((await refusalOf(reader.readFile(FILES[2]!.path))).code, 'E_TRUNCATED');
});

test('several threads read across the borders of volumes, and name the volume of a failure', async (t) => {
  const bundle = buildBundle(['a', 'b', 'c'].map((seed) => blob(noise(25 * 2 ** 20, seed))));
  const bytes = archive(bundle);
  const folder = temporaryFolder(t);
  const half = 40_000_001;
  const paths = ['X.tar.001', 'X.tar.002'].map((name) => join(folder, name));
  const options = { ...collectingContext(), accept: acceptTestSignature };
  writeFileSync(paths[0]!, bytes.subarray(0, half));
  writeFileSync(paths[1]!, bytes.subarray(half));
  assert.equal((await verifyBundle({ paths: paths.toReversed() }, options)).bytes, bytes.length);
  bytes[bytes.length - 1024 - 512]! ^= 1;
  writeFileSync(paths[1]!, bytes.subarray(half));
  const error = await refusalOf(verifyBundle({ paths }, options));
  assert.equal(error.code, 'E_DIGEST');
  assert.equal(error.data?.['volume'], 'X.tar.002');
});

test('with several threads the failure reported is the first one in the archive', async (t: TestContext) => {
  const blobs = ['a', 'b', 'c', 'd'].map((seed) => blob(noise(20 * 2 ** 20, seed)));
  const bundle = buildBundle([blob('small'), ...blobs, blob('last')]);
  const bytes = archive(bundle);
  const bodyOf = (index: number): number => bytesOf(bundle.entries.slice(0, index)).length + 512;
  bytes[bodyOf(7)]! ^= 1;
  bytes[bodyOf(5) + 10]! ^= 1;
  bytes[bodyOf(4) - 500]! ^= 1;
  const path = temporaryFile(t, bytes);
  const options = { ...collectingContext(), accept: acceptTestSignature };
  for (let run = 0; run < 5; run += 1) {
    const error = await refusalOf(verifyBundle({ paths: [path] }, options));
    assert.equal(error.code, 'E_LAYOUT');
    assert.deepEqual(error.data, { at: bundle.manifest.files[2]!.path, offset: bodyOf(4) - 500 });
  }
});

function withPadding(original: TestEntry): TestEntry {
  assert.ok(original.padding.length > 0);
  const padding = Buffer.from(original.padding);
  padding[padding.length - 1] = 1;
  return { ...original, padding };
}

function binarySize(size: number): string {
  const field = Buffer.alloc(12);
  field[0] = 0x80;
  field.writeUInt32BE(size, 8);
  return field.toString('latin1');
}
