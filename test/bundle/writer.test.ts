import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { journalPath } from '../../src/bundle/journal.ts';
import { planLayout, type LayoutEntry } from '../../src/bundle/layout.ts';
import { openPieces } from '../../src/bundle/pieces.ts';
import { readUnfinished } from '../../src/bundle/unfinished.ts';
import { writeInOrder } from '../../src/bundle/write-in-order.ts';
import { openBodyWriter, openBundleFile, partialPathOf, writeBundleTo } from '../../src/bundle/writer.ts';
import type { BundleParts } from '../../src/bundle/writer.ts';
import { isAirgapError } from '../../src/core/errors.ts';
import {
  archive,
  blob,
  buildBundle,
  file,
  noise,
  piecesOf,
  temporaryFolder,
  withCode,
  type TestBundle,
  type TestFile,
} from '../support/bundles.ts';
import { slowBundle } from '../support/pack-child.ts';

const CHILD = fileURLToPath(new URL('../support/pack-child.ts', import.meta.url));
const KILLS = 18;
/** A fresh start every so often, so that kills fall into all parts of a run. */
const KILLS_PER_FILE = 6;

function partsOf(bundle: TestBundle): BundleParts {
  const { manifestBytes, signatures, manifest } = bundle;
  return { manifestBytes, signatures, layout: planLayout(manifestBytes, signatures, manifest) };
}

function contentsOf(
  files: readonly TestFile[],
): (entry: LayoutEntry, offset: number) => Promise<AsyncIterable<Uint8Array>> {
  const contents = new Map(files.map(({ path, content }) => [path, content]));
  return (entry, offset) => Promise.resolve(piecesOf(contents.get(entry.path)!.subarray(offset), 10_000));
}

const signal = new AbortController().signal;

for (const mode of ['sparse', 'ordered'] as const) {
  test(`killed at random moments and run again, the bundle is the same as in an undisturbed run (${mode})`, async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'X.tar');
    const expected = archive(slowBundle());
    let kept = 0;
    let partly = 0;
    let finished = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, [CHILD, path, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
      child.stdout.once('data', (line: Buffer) => {
        const start = JSON.parse(line.toString()) as { kept: number; partly: number[] };
        kept += start.kept;
        partly += start.partly.length;
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 150);
      });
      await ended;
      if (kill % KILLS_PER_FILE === KILLS_PER_FILE - 1) rmSync(partialPathOf(path), { force: true });
      if (existsSync(path)) {
        assert.ok(readFileSync(path).equals(expected), 'a finished file has exactly the bytes of an undisturbed run');
        finished += 1;
        rmSync(path);
      }
    }
    const last = spawn(process.execPath, [CHILD, path, mode], { stdio: ['ignore', 'ignore', 'inherit'] });
    assert.equal(await new Promise((resolve) => last.on('exit', resolve)), 0);
    assert.ok(readFileSync(path).equals(expected));
    assert.deepEqual(readdirSync(folder), ['X.tar']);
    t.diagnostic(`entries kept ${kept}, bodies continued ${partly}, finished early ${finished}`);
    assert.ok(kept > 0, 'some run must have continued an earlier one');
  });
}

test('bodies written by several threads at once leave their unaligned neighbours alone', async (t) => {
  const sizes = Array.from({ length: 24 }, (_, n) => 1_100_000 + 777 * n);
  const files = sizes.map((size, n) => blob(noise(size, `thread ${n}`)));
  const bundle = buildBundle(files);
  const parts = partsOf(bundle);
  const path = join(temporaryFolder(t), 'X.tar');
  const writer = openBundleFile(path, parts);
  const workerUrl = new URL('../support/write-worker.ts', import.meta.url);
  const bodies = parts.layout.entries.slice(parts.layout.firstFile);
  await Promise.all(
    [0, 1, 2].map((slot) => {
      const work = bodies.flatMap((place, n) => (n % 3 === slot ? [{ place, content: files[n]!.content }] : []));
      const worker = new Worker(workerUrl, { workerData: { path: writer.partialPath, work } });
      return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    }),
  );
  for (const index of bodies.keys()) writer.completed(index + parts.layout.firstFile);
  await writer.finish();
  assert.ok(readFileSync(path).equals(archive(bundle)));
});

for (const direct of [true, false]) {
  test(`bodies in any order give the same bytes as in order (${direct ? 'past' : 'through'} the page cache)`, async (t) => {
    const files = [0, 1, 512, 4096, 65_536, 131_073, 2_500_000].map((size, n) => file(`f${n}`, noise(size, `${n}`)));
    const bundle = buildBundle(files);
    const parts = partsOf(bundle);
    const path = join(temporaryFolder(t), 'X.tar');
    const writer = openBundleFile(path, parts);
    const bodies = openBodyWriter(writer.partialPath, { direct });
    for (const [n, each] of [...files.entries()].toReversed()) {
      const index = parts.layout.firstFile + n;
      await bodies.write(parts.layout.entries[index]!, piecesOf(each.content, 70_001));
      writer.completed(index);
    }
    bodies.close();
    await writer.finish();
    assert.ok(readFileSync(path).equals(archive(bundle)));

    const streamed: Buffer[] = [];
    const sink = new Writable({ write: (chunk: Buffer, _, done) => (streamed.push(chunk), done()) });
    await writeBundleTo(sink, parts, { open: contentsOf(files), signal });
    assert.ok(Buffer.concat(streamed).equals(archive(bundle)));
  });
}

test('a source that breaks continues where it stopped, without starting over', async (t) => {
  const content = noise(5_000_000, 'broken');
  const bundle = buildBundle([file('a', 'a'), blob(content), file('z', 'z')]);
  const parts = partsOf(bundle);
  const writer = openBundleFile(join(temporaryFolder(t), 'X.tar'), parts);
  const place = parts.layout.entries[parts.layout.firstFile + 1]!;
  const bodies = openBodyWriter(writer.partialPath, { direct: true });
  const transfer = bodies.begin(place);
  const offsets: number[] = [];
  for (let attempt = 0; transfer.received < content.length; attempt += 1) {
    offsets.push(transfer.received);
    const rest = content.subarray(transfer.received, transfer.received + 1_234_567);
    const isLast = transfer.received + rest.length === content.length;
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* piecesOf(rest, 50_000);
      if (!isLast) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    };
    const written = bodies.write(place, broken(), { transfer });
    if (isLast) await written;
    else await assert.rejects(written, /reset/);
  }
  assert.deepEqual(offsets, [0, 1_234_567, 2_469_134, 3_703_701, 4_938_268]);
  bodies.close();
  await writer.suspend();
  const written = readFileSync(writer.partialPath).subarray(place.bodyAt, place.bodyAt + place.size);
  assert.ok(written.equals(content));
});

test('after a restart a broken body continues from the bytes on disk', async (t) => {
  const content = noise(20_000_000, 'restart');
  const bundle = buildBundle([file('a', 'a'), blob(content)]);
  const parts = partsOf(bundle);
  const path = join(temporaryFolder(t), 'X.tar');
  const index = parts.layout.firstFile + 1;
  const place = parts.layout.entries[index]!;
  const first = openBundleFile(path, parts);
  const bodies = openBodyWriter(first.partialPath, { direct: true });
  await bodies.write(parts.layout.entries[index - 1]!, piecesOf(Buffer.from('a'), 1));
  first.completed(index - 1);
  const half = bodies.write(place, piecesOf(content.subarray(0, 18_000_000), 60_000), {
    onReceived: (received) => first.progressed(index, received),
  });
  await assert.rejects(half, withCode('E_DIGEST'));
  bodies.close();
  await first.suspend();

  const unfinished = await readUnfinished(partialPathOf(path));
  assert.deepEqual(unfinished?.manifest, bundle.manifest);
  assert.deepEqual(unfinished?.signatures.map(String), bundle.signatures.map(String));
  assert.deepEqual([...(unfinished?.complete ?? [])], [index - 1]);
  const second = openBundleFile(path, parts);
  const received = second.progress.get(index)!;
  assert.ok(received >= 16 * 2 ** 20 && received <= 18_000_000, `${received}`);
  const again = openBodyWriter(second.partialPath, { direct: true });
  const transfer = again.resume(place, received);
  await again.write(place, piecesOf(content.subarray(received), 60_000), { transfer });
  second.completed(index);
  again.close();
  await second.finish();
  assert.ok(readFileSync(path).equals(archive(bundle)));
});

for (const [name, body] of [
  ['other bytes', (content: Buffer) => Buffer.concat([content.subarray(1), Buffer.from('x')])],
  ['too few bytes', (content: Buffer) => content.subarray(1)],
  ['too many bytes', (content: Buffer) => Buffer.concat([content, Buffer.from('x')])],
] as const) {
  test(`a body of ${name} fails, beside and in order, and touches no neighbour`, async (t) => {
    const files = [file('a', noise(700, 'a')), file('b', noise(700, 'b')), file('c', noise(700, 'c'))];
    const parts = partsOf(buildBundle(files));
    const writer = openBundleFile(join(temporaryFolder(t), 'X.tar'), parts);
    const before = readFileSync(writer.partialPath);
    const place = parts.layout.entries[parts.layout.firstFile + 1]!;
    const wrong = body(files[1]!.content);
    const bodies = openBodyWriter(writer.partialPath, { direct: true });
    await assert.rejects(bodies.write(place, piecesOf(wrong, 100)), withCode('E_DIGEST'));
    bodies.close();
    await writer.suspend();
    const after = readFileSync(writer.partialPath);
    after.copy(before, place.bodyAt, place.bodyAt, place.bodyAt + place.size);
    assert.ok(after.equals(before));

    const open = contentsOf([files[0]!, { ...files[1]!, content: wrong }, files[2]!]);
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    await assert.rejects(writeBundleTo(sink, parts, { open, signal }), withCode('E_DIGEST'));
  });
}

test('a torn journal counts as far as it is intact', async (t) => {
  const files = Array.from({ length: 5 }, (_, n) => file(`f${n}`, noise(1000, `${n}`)));
  const parts = partsOf(buildBundle(files));
  const path = join(temporaryFolder(t), 'X.tar');
  const writer = openBundleFile(path, parts);
  const first = parts.layout.firstFile;
  for (const n of [0, 1, 2]) writer.completed(first + n);
  await writer.suspend();
  const journal = journalPath(partialPathOf(path));
  const whole = readFileSync(journal, 'latin1');
  const completeAfter = async (text: string): Promise<number[] | undefined> => {
    writeFileSync(journal, text);
    const found = await readUnfinished(partialPathOf(path));
    return found === undefined ? undefined : [...found.complete].map((index) => index - first);
  };
  assert.deepEqual(await completeAfter(whole), [0, 1, 2]);
  assert.deepEqual(await completeAfter(whole.slice(0, -1)), [0, 1]);
  assert.deepEqual(await completeAfter(`${whole}d ${first + 3}`), [0, 1, 2]);
  assert.deepEqual(await completeAfter(`${whole}\0\0\0\0\n d ${first + 3}\n`), [0, 1, 2]);
  assert.deepEqual(await completeAfter(`${whole}d ${first + 3}x\nd ${first + 4}\n`), [0, 1, 2]);
  assert.deepEqual(await completeAfter(whole.slice(0, 40)), undefined);
  assert.deepEqual(await completeAfter(''), undefined);

  writeFileSync(journal, `${whole}d ${first + 3}`);
  const next = openBundleFile(path, parts);
  assert.deepEqual([...next.complete], [first, first + 1, first + 2]);
  next.completed(first + 4);
  await next.suspend();
  assert.equal(readFileSync(journal, 'latin1'), `${whole}d ${first + 4}\n`, 'the torn line is gone');
});

test('a body of which every byte is claimed but not the whole is continued at its last byte', async (t) => {
  const content = noise(17 * 2 ** 20, 'all');
  const bundle = buildBundle([blob(content)]);
  const parts = partsOf(bundle);
  const path = join(temporaryFolder(t), 'X.tar');
  const index = parts.layout.firstFile;
  const place = parts.layout.entries[index]!;
  const first = openBundleFile(path, parts);
  const bodies = openBodyWriter(first.partialPath, { direct: true });
  await bodies.write(place, piecesOf(content, 100_000));
  first.progressed(index, content.length);
  await first.suspend();
  const second = openBundleFile(path, parts);
  assert.deepEqual([...second.progress], [[index, content.length - 1]]);
  const transfer = bodies.resume(place, content.length - 1);
  await bodies.write(place, piecesOf(content.subarray(-1), 1), { transfer });
  bodies.close();
  second.completed(index);
  await second.finish();
  assert.ok(readFileSync(path).equals(archive(bundle)));
});

test('claims of a body that begins anew are void', async (t) => {
  const parts = partsOf(buildBundle([blob(noise(40_000_000, 'x'))]));
  const path = join(temporaryFolder(t), 'X.tar');
  const index = parts.layout.firstFile;
  const first = openBundleFile(path, parts);
  first.progressed(index, 20_000_000);
  await first.flush();
  assert.equal((await readUnfinished(first.partialPath))?.progress.get(index), 20_000_000);
  const flushing = first.flush();
  first.progressed(index, 38_000_000);
  first.restarted(index);
  await flushing;
  await first.suspend();
  assert.deepEqual(await readUnfinished(partialPathOf(path)).then((found) => found?.progress.size), 0);
});

test('a partial file of another bundle, without its journal or cut short is begun anew', async (t) => {
  const path = join(temporaryFolder(t), 'X.tar');
  const partial = partialPathOf(path);
  const one = partsOf(buildBundle([file('a', 'one')]));
  const other = partsOf(buildBundle([file('a', 'two')]));
  const start = async (parts: BundleParts): Promise<number> => {
    const writer = openBundleFile(path, parts);
    const kept = writer.complete.size;
    if (kept === 0) writer.completed(parts.layout.firstFile);
    await writer.suspend();
    return kept;
  };
  assert.equal(await start(one), 0);
  assert.equal(await start(one), 1);
  assert.equal(await start(other), 0);
  assert.equal(await start(other), 1);
  writeFileSync(journalPath(partial), '');
  assert.equal(await readUnfinished(partial), undefined);
  assert.equal(await start(other), 0);
  truncateSync(partial, 700);
  assert.equal(await readUnfinished(partial), undefined);
  assert.equal(await start(other), 0);
  appendFileSync(partial, 'x');
  assert.equal(await readUnfinished(partial), undefined);
  assert.equal(await readUnfinished(join(temporaryFolder(t), 'nothing')), undefined);
});

test('a bundle that can not fit is refused with the exact numbers and leaves no file', (t) => {
  const folder = temporaryFolder(t);
  const bundle = buildBundle([file('a', 'a')]);
  const manifest = {
    ...bundle.manifest,
    files: [{ path: 'huge', size: 2 ** 52, sha256: '0'.repeat(64) }],
  };
  const layout = planLayout(bundle.manifestBytes, bundle.signatures, manifest);
  const parts = { manifestBytes: bundle.manifestBytes, signatures: bundle.signatures, layout };
  assert.throws(
    () => openBundleFile(join(folder, 'X.tar'), parts),
    (error) => withCode('E_SPACE')(error) && (error as { data: { needed: number } }).data.needed === layout.size,
  );
  assert.deepEqual(readdirSync(folder), []);
});

test('an unfinished bundle takes disk space only for what was written', async (t) => {
  const parts = partsOf(buildBundle([blob(noise(30_000_000, 'sparse'))]));
  const writer = openBundleFile(join(temporaryFolder(t), 'X.tar'), parts);
  const { size, blocks } = statSync(writer.partialPath);
  await writer.suspend();
  assert.equal(size, parts.layout.size);
  assert.ok(blocks * 512 < 1_000_000);
});

test('finishing an incomplete bundle is a defect and keeps the partial file', async (t) => {
  const parts = partsOf(buildBundle([file('a', 'a'), file('b', 'b')]));
  const path = join(temporaryFolder(t), 'X.tar');
  const writer = openBundleFile(path, parts);
  writer.completed(parts.layout.firstFile);
  await assert.rejects(writer.finish(), /1 entries are not written/);
  await writer.suspend();
  assert.ok(!existsSync(path) && existsSync(writer.partialPath));
});

test('writing in order continues a file after an interruption', async (t) => {
  const files = [file('a', noise(1000, 'a')), blob(noise(20_000_000, 'b')), file('c', noise(1000, 'c')), file('d', '')];
  const bundle = buildBundle(files);
  const parts = partsOf(bundle);
  const path = join(temporaryFolder(t), 'X.tar');
  const first = openBundleFile(path, parts, { sparse: false });
  const open = contentsOf(files);
  const opened: [string, number][] = [];
  const brokenOpen = async (entry: LayoutEntry, offset: number): Promise<AsyncIterable<Uint8Array>> => {
    opened.push([entry.path, offset]);
    if (entry.path !== files[1]!.path || offset > 0) return open(entry, offset);
    return (async function* () {
      yield* piecesOf(files[1]!.content.subarray(0, 19_000_000), 100_000);
      throw new Error('cable pulled');
    })();
  };
  await assert.rejects(writeInOrder(first, parts, { open: brokenOpen, signal }), /cable pulled/);
  await first.suspend();
  const second = openBundleFile(path, parts, { sparse: false });
  await writeInOrder(second, parts, { open: brokenOpen, signal });
  await second.finish();
  assert.ok(readFileSync(path).equals(archive(bundle)));
  const [, , [continued, offset] = ['', 0]] = opened;
  assert.equal(continued, files[1]!.path);
  assert.ok(offset >= 16 * 2 ** 20 && offset <= 19_000_000, `${offset}`);
});

test('in order, a body whose source delivered other content begins anew in the next run', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'X.tar');
  // Large enough for the journal to claim a part of it, and without padding after it.
  const files = [blob('small'), blob(noise(20 * 1024 * 1024, 'large')), blob('after it')];
  const bundle = buildBundle(files);
  const parts = partsOf(bundle);
  const large = files[1]!;
  const right = contentsOf(files);
  const damaged = contentsOf(
    files.map((one) => (one === large ? { ...one, content: noise(one.content.length, 'x') } : one)),
  );

  const first = openBundleFile(path, parts, { sparse: false });
  await assert.rejects(writeInOrder(first, parts, { open: damaged, signal }), withCode('E_DIGEST'));
  await first.suspend();

  const second = openBundleFile(path, parts, { sparse: false });
  assert.equal(second.complete.size > 0, true, 'what was right is kept');
  await writeInOrder(second, parts, { open: right, signal });
  await second.finish();
  assert.deepEqual(readFileSync(path), archive(bundle));
});

test('an unfinished file or journal that is a symbolic link is not followed', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'X.tar');
  const parts = partsOf(buildBundle([blob('content')]));
  const elsewhere = join(folder, 'elsewhere');
  writeFileSync(elsewhere, 'of somebody');
  symlinkSync(elsewhere, partialPathOf(path));
  assert.throws(() => openBundleFile(path, parts), withCode('E_USAGE'));
  assert.equal(readFileSync(elsewhere, 'utf8'), 'of somebody');

  rmSync(partialPathOf(path));
  await openBundleFile(path, parts).suspend();
  const journal = journalPath(partialPathOf(path));
  renameSync(journal, elsewhere);
  symlinkSync(elsewhere, journal);
  assert.throws(() => openBundleFile(path, parts), withCode('E_USAGE'));
  await assert.rejects(readUnfinished(partialPathOf(path)), withCode('E_USAGE'));
});

test('a name that can not be given is an error with the file and a fix, and the run can be continued', async (t) => {
  const path = join(temporaryFolder(t), 'X.tar');
  const content = noise(100_000, 'renamed');
  const bundle = buildBundle([blob(content)]);
  const parts = partsOf(bundle);
  const open = contentsOf([blob(content)]);
  const first = openBundleFile(path, parts, { sparse: false });
  await writeInOrder(first, parts, { open, signal });
  // Somebody makes a folder of that name while the bundle is written.
  mkdirSync(path);
  await assert.rejects(first.finish(), (error: unknown) => {
    assert.ok(isAirgapError(error, 'E_USAGE'), String(error));
    assert.ok(error.message.includes(`${partialPathOf(path)} (to become X.tar) can not be renamed: it is a folder`));
    assert.match(error.hint ?? '', /write to another place/);
    return true;
  });
  await first.suspend();

  rmdirSync(path);
  const second = openBundleFile(path, parts, { sparse: false });
  assert.equal(second.complete.size, 1, 'nothing is written again');
  await second.finish();
  assert.deepEqual(readFileSync(path), archive(bundle));
});

test('what the system refuses of an unfinished file is said with its name, a full disk as such', () => {
  const full = openPieces([{ path: '/dev/full', finalPath: '/dev/full', size: 10 }], 'r+');
  try {
    assert.throws(() => full.writeSync(Buffer.from('x'), 0), {
      code: 'E_SPACE',
      message: /^\/dev\/full: the disk is full/,
    });
    assert.throws(() => full.truncate(1), { code: 'E_USAGE', message: /^\/dev\/full can not be written: EINVAL/ });
    assert.throws(() => full.sync(), { code: 'E_USAGE', message: /^\/dev\/full can not be written: EINVAL/ });
  } finally {
    full.close();
  }
});

test('an unfinished file that is a folder is refused with its name', (t) => {
  const path = join(temporaryFolder(t), 'X.tar');
  mkdirSync(`${partialPathOf(path)}.journal`);
  assert.throws(() => openBundleFile(path, partsOf(buildBundle([blob('content')]))), withCode('E_USAGE'));
  rmdirSync(`${partialPathOf(path)}.journal`);
  mkdirSync(partialPathOf(path));
  assert.throws(() => openBundleFile(path, partsOf(buildBundle([blob('content')]))), withCode('E_USAGE'));
});
