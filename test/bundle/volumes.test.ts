/** Bundles in volumes: written by position, killed and continued, indexed, and read from the parts. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { planLayout } from '../../src/bundle/layout.ts';
import { partialPathOf } from '../../src/bundle/pieces.ts';
import { signStatement } from '../../src/bundle/make-signature.ts';
import { readUnfinished } from '../../src/bundle/unfinished.ts';
import { formatSums, hashVolumes, volumeStatement, VOLUMES_PREDICATE_TYPE } from '../../src/bundle/volume-index.ts';
import { assertVolumeCount, parseVolumeSize } from '../../src/bundle/volume-size.ts';
import { openVolumes } from '../../src/bundle/volumes.ts';
import { writeInOrder } from '../../src/bundle/write-in-order.ts';
import { openBodyWriter, openBundleFile, type BundleParts } from '../../src/bundle/writer.ts';
import {
  acceptTestSignature,
  archive,
  blob,
  buildBundle,
  collectingContext,
  file,
  noise,
  piecesOf,
  refusalOf,
  sha256,
  temporaryFile,
  temporaryFolder,
  TEST_IDENTITY,
  withCode,
} from '../support/bundles.ts';
import { slowBundle } from '../support/pack-child.ts';
import { needProgram } from '../support/programs.ts';
import { newKey } from '../support/signing.ts';

const CHILD = new URL('../support/pack-child.ts', import.meta.url).pathname;
const KILLS = 12;
const FILES = [file('a', 'a'), blob(noise(5_000_000, 'volumes')), blob(noise(2_000_000, 'more')), file('z', 'z')];
const BUNDLE = buildBundle(FILES);
const WHOLE = archive(BUNDLE);
const CONTENTS = new Map(FILES.map(({ path, content }) => [path, content]));
const { manifestBytes, signatures, manifest } = BUNDLE;
const PARTS: BundleParts = { manifestBytes, signatures, layout: planLayout(manifestBytes, signatures, manifest) };
const { signal } = new AbortController();
const verify = () => ({ ...collectingContext(), accept: acceptTestSignature });

function volumesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.\d{3}$/.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}

async function write(path: string, volumeSize: number, mode: 'sparse' | 'ordered', direct = true): Promise<void> {
  const writer = openBundleFile(path, PARTS, { sparse: mode === 'sparse', volumeSize });
  if (mode === 'ordered') {
    await writeInOrder(writer, PARTS, {
      signal,
      open: (entry, offset) => Promise.resolve(piecesOf(CONTENTS.get(entry.path)!.subarray(offset), 70_000)),
    });
  } else {
    const bodies = openBodyWriter(writer.pieces, { direct });
    for (let index = PARTS.layout.entries.length - 1; index >= PARTS.layout.firstFile; index -= 1) {
      const entry = PARTS.layout.entries[index]!;
      await bodies.write(entry, piecesOf(CONTENTS.get(entry.path)!, 70_000));
      writer.completed(index);
    }
    bodies.close();
  }
  await verifyBundle({ paths: writer.pieces.map((piece) => piece.path) }, verify());
  await writer.finish();
}

for (const mode of ['sparse', 'ordered'] as const) {
  for (const volumeSize of [1_048_576, 700_001, 2 ** 20 * 3 + 1, WHOLE.length - 1, WHOLE.length, 2 ** 30]) {
    test(`volumes of ${volumeSize} bytes are plain slices of the bundle (${mode})`, async (t) => {
      const folder = temporaryFolder(t);
      await write(join(folder, 'X.tar'), volumeSize, mode, volumeSize % 2 === 0);
      const paths = volumesIn(folder);
      assert.equal(readdirSync(folder).length, paths.length, 'nothing else is left');
      assert.deepEqual(
        paths.map((path) => statSync(path).size),
        paths.map((_, index) => Math.min(volumeSize, WHOLE.length - index * volumeSize)),
      );
      assert.ok(execFileSync('cat', paths, { maxBuffer: 2 ** 30 }).equals(WHOLE));
      assert.equal((await verifyBundle({ paths: paths.toReversed() }, verify())).bytes, WHOLE.length);
    });
  }
}

for (const mode of ['sparse', 'ordered'] as const) {
  test(`killed at random moments and run again, the volumes are the same as in an undisturbed run (${mode})`, async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'X.tar');
    const expected = archive(slowBundle());
    const args = [CHILD, path, mode, '9000001'];
    let kept = 0;
    const check = (): void => {
      assert.ok(Buffer.concat(volumesIn(folder).map((volume) => readFileSync(volume))).equals(expected));
    };
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
      child.stdout.once('data', (line: Buffer) => {
        kept += (JSON.parse(line.toString()) as { kept: number }).kept;
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 150);
      });
      await ended;
      if (existsSync(`${path}.001`)) {
        check();
        for (const volume of volumesIn(folder)) rmSync(volume);
      }
    }
    const last = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    assert.equal(await new Promise((resolve) => last.on('exit', resolve)), 0);
    check();
    assert.equal(readdirSync(folder).length, volumesIn(folder).length);
    assert.ok(kept > 0, 'some run must have continued an earlier one');
  });
}

test('a run killed while it gave out the final names is continued with everything in place', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'X.tar');
  const first = openBundleFile(path, PARTS, { sparse: true, volumeSize: 2 ** 20 });
  const bodies = openBodyWriter(first.pieces, { direct: false });
  for (const [index, entry] of PARTS.layout.entries.entries()) {
    if (index < PARTS.layout.firstFile) continue;
    await bodies.write(entry, piecesOf(CONTENTS.get(entry.path)!, 70_000));
    first.completed(index);
  }
  bodies.close();
  await first.suspend();
  for (const piece of first.pieces.toReversed().slice(0, 3)) renameSync(piece.path, piece.finalPath);
  assert.equal((await readUnfinished(partialPathOf(path)))?.complete.size, FILES.length);
  const second = openBundleFile(path, PARTS, { sparse: true, volumeSize: 2 ** 20 });
  assert.equal(second.complete.size, FILES.length);
  await second.finish();
  assert.ok(execFileSync('cat', volumesIn(folder), { maxBuffer: 2 ** 30 }).equals(WHOLE));
});

test('another volume size begins anew and leaves no unfinished volume behind', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'X.tar');
  await openBundleFile(path, PARTS, { sparse: true, volumeSize: 2 ** 20 }).suspend();
  assert.equal(readdirSync(folder).length, Math.ceil(WHOLE.length / 2 ** 20) + 1);
  await write(path, 4_000_000, 'sparse');
  assert.deepEqual(readdirSync(folder).toSorted(), ['X.tar.001', 'X.tar.002']);
  await openBundleFile(path, PARTS, { sparse: true }).suspend();
  await write(path, 4_000_000, 'sparse');
  assert.deepEqual(readdirSync(folder).toSorted(), ['X.tar.001', 'X.tar.002'], 'also from one file to volumes');
});

test('volumes of an earlier bundle that would be mixed up with this one are named', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'X.tar.009'), '');
  const open = () => openBundleFile(join(folder, 'X.tar'), PARTS, { volumeSize: 4_000_000 });
  assert.throws(open, { code: 'E_USAGE', message: /X\.tar\.009/ });
  assert.deepEqual(readdirSync(folder), ['X.tar.009']);
});

test('a missing, repeated, swapped or foreign volume is named', async (t) => {
  const folder = temporaryFolder(t);
  await write(join(folder, 'X.tar'), 2 ** 20, 'sparse');
  const paths = volumesIn(folder);
  const refuse = (given: readonly string[]) => refusalOf(verifyBundle({ paths: given }, verify()));

  const missing = await refuse(paths.toSpliced(2, 1));
  assert.deepEqual([missing.code, missing.data?.['volume']], ['E_TRUNCATED', 'X.tar.003']);
  const first = await refuse(paths.slice(1));
  assert.deepEqual([first.code, first.data?.['volume']], ['E_TRUNCATED', 'X.tar.001']);
  const last = await refuse(paths.slice(0, -1));
  const lastName = paths.at(-1)!.split('/').at(-1);
  assert.deepEqual([last.code, last.data?.['volume']], ['E_TRUNCATED', lastName]);
  const only = await refuse(paths.slice(0, 1));
  assert.match(only.message, /X\.tar\.002, X\.tar\.003/);
  assert.equal((await refuse([...paths, paths[1]!])).code, 'E_USAGE');

  const [second, third] = [readFileSync(paths[1]!), readFileSync(paths[2]!)];
  writeFileSync(paths[1]!, third);
  writeFileSync(paths[2]!, second);
  const swapped = await refuse(paths);
  assert.equal(swapped.code, 'E_DIGEST');
  writeFileSync(paths[1]!, second);
  writeFileSync(paths[2]!, noise(third.length, 'foreign'));
  assert.equal((await refuse(paths)).code, 'E_DIGEST');
});

test('the index names every volume with its digest, and the sums are those of sha256sum', async (t) => {
  const folder = temporaryFolder(t);
  await write(join(folder, 'X.tar'), 3_000_000, 'sparse');
  const paths = volumesIn(folder);
  let read = 0;
  const hashed = await hashVolumes(
    paths.map((path) => ({ path, finalPath: path })),
    { signal, onBytes: (bytes) => (read += bytes) },
  );
  assert.deepEqual([read, hashed.totalSize, hashed.wholeSha256], [WHOLE.length, WHOLE.length, sha256(WHOLE)]);
  writeFileSync(join(folder, 'X.SHA256SUMS'), formatSums(hashed));
  execFileSync('sha256sum', ['--check', '--strict', 'X.SHA256SUMS'], { cwd: folder, stdio: 'ignore' });
  const manifestSha256 = sha256(manifestBytes);
  const subject = { identity: TEST_IDENTITY, manifestSha256, volumeSize: 3_000_000 };
  assert.deepEqual(JSON.parse(volumeStatement(hashed, subject).toString()), {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'urn:airgap:attestation:volumes:v1',
    predicate: {
      bundle: TEST_IDENTITY,
      manifestSha256,
      totalSize: WHOLE.length,
      volumeSize: 3_000_000,
      wholeSha256: sha256(WHOLE),
    },
    subject: paths.map((path, index) => ({
      name: `X.tar.00${index + 1}`,
      digest: { sha256: sha256(readFileSync(path)) },
    })),
  });

  const cosign = needProgram(t, 'cosign-3');
  if (cosign === undefined) return;
  const key = newKey();
  writeFileSync(join(folder, 'k.pub'), key.publicKey.key.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(folder, 'index.json'), signStatement(volumeStatement(hashed, subject), key));
  const check = ['verify-blob-attestation', '--key', 'k.pub', '--insecure-ignore-tlog', '--type'];
  const bundle = ['--bundle', 'index.json'];
  execFileSync(cosign, [...check, VOLUMES_PREDICATE_TYPE, ...bundle, 'X.tar.002'], { cwd: folder, stdio: 'ignore' });
  writeFileSync(paths[1]!, 'damaged');
  assert.throws(() =>
    execFileSync(cosign, [...check, VOLUMES_PREDICATE_TYPE, ...bundle, 'X.tar.002'], { cwd: folder, stdio: 'ignore' }),
  );
});

const SIZES: readonly [text: string, bytes: number][] = [
  ['4GiB', 2 ** 32],
  ['700MB', 700_000_000],
  ['700 MiB', 700 * 2 ** 20],
  ['4.7GB', 4_700_000_000],
  ['1MiB', 2 ** 20],
  ['fat32', 2 ** 32 - 1],
  ['dvd', 4_690_000_000],
  ['bd25', 24_200_000_000],
];
test('volume sizes are media or numbers with a unit', () => {
  for (const [text, bytes] of SIZES) assert.equal(parseVolumeSize(text), bytes, text);
  for (const text of ['', '4', '4096', '0GiB', '-1GiB', '0.5MiB', '1e9GB', 'floppy', 'toString', '__proto__', '4gib']) {
    assert.throws(() => parseVolumeSize(text), withCode('E_USAGE'), text);
  }
  assertVolumeCount(999 * 2 ** 20, 2 ** 20);
  assert.throws(() => assertVolumeCount(999 * 2 ** 20 + 1, 2 ** 20), withCode('E_USAGE'));
});

test('a medium that can not be read is named, with the place', async (t) => {
  // The kernel makes files of 4096 bytes of some settings, and refuses to read those a device does not have.
  const unreadable = '/sys/class/net/lo/speed';
  if (!existsSync(unreadable)) return t.skip('no sysfs');
  const first = temporaryFile(t, Buffer.alloc(100), 'first');
  const volumes = openVolumes([first, unreadable]);
  t.after(() => volumes.close());
  const expected = { code: 'E_TRUNCATED', message: `${unreadable} can not be read: EINVAL` };
  const data = { at: unreadable, offset: 100, volume: 'speed' };
  assert.throws(() => volumes.readSync(Buffer.alloc(200), 0), { ...expected, data });
  await assert.rejects(volumes.read(Buffer.alloc(200), 0), { ...expected, data });
});

test('a number that is no volume’s is a name like any other', async (t) => {
  for (const ending of ['20261122', '20261122123456', '0001']) {
    const path = temporaryFile(t, WHOLE, `trip.${ending}`);
    assert.equal((await verifyBundle({ paths: [path] }, verify())).bytes, WHOLE.length);
  }
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'X.tar.20261122'), 'a copy of somebody');
  await write(join(folder, 'X.tar'), 4_000_000, 'sparse');
});

test('files that were cut behind the back of their journal are begun anew', async (t) => {
  for (const volumeSize of [3_000_000, 2 ** 30]) {
    const path = join(temporaryFolder(t), 'X.tar');
    const stop = new AbortController();
    const writer = openBundleFile(path, PARTS, { sparse: false, volumeSize });
    const written = writeInOrder(writer, PARTS, {
      signal: stop.signal,
      open: (entry) => Promise.resolve(piecesOf(CONTENTS.get(entry.path)!, 70_000)),
      onEntry: (done) => {
        if (done > PARTS.layout.firstFile) throw new Error('enough');
      },
    });
    await assert.rejects(written, /enough/);
    await writer.suspend();
    const [first] = writer.pieces;
    assert.ok(statSync(first!.path).size > 2_000_000);
    truncateSync(first!.path, 1_000_000);
    // Read as it is used: contents were hashed when they came.
    await write(path, volumeSize, 'ordered');
    assert.ok(Buffer.concat(volumesIn(join(path, '..')).map((volume) => readFileSync(volume))).equals(WHOLE));
  }
});
