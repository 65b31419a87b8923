import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { planLayout } from '../../src/bundle/layout.ts';
import { openVolumeOutput, parseVolumeSize } from '../../src/bundle/volume-output.ts';
import { writeBundleTo, type BundleParts } from '../../src/bundle/writer.ts';
import {
  acceptTestSignature,
  archive,
  blob,
  buildBundle,
  collectingContext,
  file,
  noise,
  piecesOf,
  sha256,
  temporaryFolder,
  withCode,
} from '../support/bundles.ts';

const FILES = [file('a', 'a'), blob(noise(3_000_000, 'volumes')), file('z', 'z')];
const BUNDLE = buildBundle(FILES);
const WHOLE = archive(BUNDLE);
const CONTENTS = new Map(FILES.map(({ path, content }) => [path, content]));
const { manifestBytes, signatures, manifest } = BUNDLE;
const PARTS: BundleParts = { manifestBytes, signatures, layout: planLayout(manifestBytes, signatures, manifest) };

async function write(path: string, volumeSize: number): Promise<ReturnType<typeof openVolumeOutput>> {
  const output = openVolumeOutput(path, PARTS.layout.size, volumeSize);
  await writeBundleTo(output.sink, PARTS, {
    signal: new AbortController().signal,
    open: ({ path: name }, offset) => Promise.resolve(piecesOf(CONTENTS.get(name)!.subarray(offset), 70_000)),
  });
  return output;
}

for (const volumeSize of [1000 * 512, 700_001, WHOLE.length - 1, WHOLE.length, 2 ** 30]) {
  test(`volumes of ${volumeSize} bytes are plain slices that verify and join`, async (t) => {
    const folder = temporaryFolder(t);
    const output = await write(join(folder, 'X.tar'), volumeSize);
    const options = { ...collectingContext(), accept: acceptTestSignature };
    await verifyBundle({ paths: output.partialPaths() }, options);
    const { volumes, totalSize, wholeSha256 } = output.publish();
    const names = readdirSync(folder).toSorted();
    assert.deepEqual(
      volumes.map(({ path }) => path),
      names.map((name) => join(folder, name)),
    );
    assert.equal(names.length, Math.ceil(WHOLE.length / volumeSize));
    const joined = execFileSync('cat', [...volumes.map(({ path }) => path)], { maxBuffer: 2 ** 30 });
    assert.ok(joined.equals(WHOLE));
    assert.deepEqual([totalSize, wholeSha256], [WHOLE.length, sha256(WHOLE)]);
    for (const { path, size, sha256: hex } of volumes) {
      assert.equal(statSync(path).size, size);
      assert.equal(sha256(readFileSync(path)), hex);
    }
    await verifyBundle({ paths: volumes.map(({ path }) => path).toReversed() }, options);
  });
}

test('an interrupted split leaves nothing under a final name and can be discarded', async (t) => {
  const folder = temporaryFolder(t);
  const output = openVolumeOutput(join(folder, 'X.tar'), PARTS.layout.size, 500_000);
  const broken = writeBundleTo(output.sink, PARTS, {
    signal: new AbortController().signal,
    open: () => Promise.reject(new Error('no source')),
  });
  await assert.rejects(broken, /no source/);
  assert.throws(() => output.publish(), /bytes are written/);
  assert.ok(readdirSync(folder).every((name) => name.endsWith('.partial')));
  output.discard();
  assert.deepEqual(readdirSync(folder), []);
});

test('too many volumes and too much data are refused before the first byte', (t) => {
  const path = join(temporaryFolder(t), 'X.tar');
  assert.throws(() => openVolumeOutput(path, 1_000_000, 1000), withCode('E_USAGE'));
  assert.throws(() => openVolumeOutput(path, 2 ** 52, 2 ** 50), withCode('E_SPACE'));
});

const SIZES: readonly [text: string, bytes: number][] = [
  ['4GiB', 2 ** 32],
  ['700MiB', 700 * 2 ** 20],
  ['fat32', 2 ** 32 - 65_536],
];
for (const [text, bytes] of SIZES) {
  test(`${text} is a volume size`, () => {
    assert.equal(parseVolumeSize(text), bytes);
  });
}
for (const text of ['', '4', '4GB', '0GiB', '-1GiB', '1.5GiB', 'floppy', 'toString', '__proto__']) {
  test(`${JSON.stringify(text)} is no volume size`, () => {
    assert.throws(() => parseVolumeSize(text), withCode('E_USAGE'));
  });
}
