/** A run that is stopped, killed, cut off or out of room goes on where it was, and never leaves something half-written. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readUnfinished } from '../../src/bundle/unfinished.ts';
import { isManifestType } from '../../src/oci/types.ts';
import { image, pushContent, type BuiltContent } from '../support/images.ts';
import {
  contentHash,
  FIXED_IDENTITY,
  jsonOf,
  openRepository,
  succeed,
  writeImageSet,
  writeKeys,
} from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { resultOf, runCli, startCli, temporaryFolder, type CliResult } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';
import { startSlowFront, type SlowFront } from '../support/slow-front.ts';

/** Bytes that do not compress and do not repeat, the same in every run. */
function noise(size: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  for (let length = 0, n = 0; length < size; length += 32, n += 1) {
    parts.push(createHash('sha256').update(`${seed} ${n}`).digest());
  }
  return Buffer.concat(parts).subarray(0, size);
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** One large body and many small ones, 6.5 MiB. */
const content = Array.from({ length: 60 }, (_, n) => noise(n === 0 ? 2_500_001 : 70_000 + 13 * n, `layer ${n}`))
  .reduce((builder, bytes) => builder.rawLayer(bytes, LAYER), image())
  .build();
const blobs = new Map(
  content.contents
    .filter(({ descriptor }) => !isManifestType(descriptor.mediaType))
    .map(({ descriptor }) => [`blobs/sha256/${descriptor.digest.slice(7)}`, descriptor.size]),
);
const totalBlobBytes = [...blobs.values()].reduce((sum, size) => sum + size, 0);

interface Station {
  readonly folder: string;
  readonly front: SlowFront;
  readonly pub: string;
  readonly config: string;
  /** Arguments that pack the same bundle each time. */
  readonly pack: readonly string[];
}

/** A filled registry behind a slow line, a key and a configuration; undefined when the registry is missing. */
async function openStation(t: TestContext, built: BuiltContent = content): Promise<Station | undefined> {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const folder = temporaryFolder(t);
  const repository = freshRepository('resume');
  await pushContent(openRepository(t, access, repository), built, 'v1');
  const front = await startSlowFront(t, access.host);
  const { key, pub } = writeKeys(folder);
  const config = writeImageSet(folder, [{ name: `${front.host}/${repository}:v1` }]);
  const pack = ['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, '--json', ...FIXED_IDENTITY];
  return { folder, front, pub, config, pack };
}

/** The hash of the bundle an undisturbed run makes, outside its signature. */
async function undisturbed({ folder, pack, front }: Station): Promise<string> {
  const other = pack.map((word) => (word === 'x.tar' ? 'undisturbed.tar' : word));
  await succeed(other, { cwd: folder });
  front.reset();
  return contentHash(join(folder, 'undisturbed.tar'));
}

/** Bytes of blobs the unfinished file does not have, by its own journal. */
async function missingBytes(folder: string): Promise<number> {
  const unfinished = await readUnfinished(join(folder, 'x.tar.partial'));
  if (unfinished === undefined) return totalBlobBytes;
  return unfinished.layout.entries.reduce((sum, { path, size }, at) => {
    if (!blobs.has(path) || unfinished.complete.has(at)) return sum;
    return sum + size - (unfinished.progress.get(at) ?? 0);
  }, 0);
}

/** Starts pack and ends it with `signal` as soon as `when` of it says so; resolves when it is over. */
async function interrupted(
  { folder, pack, front }: Station,
  signal: NodeJS.Signals,
  when: { readonly blobBytes?: number; readonly event?: RegExp },
): Promise<CliResult> {
  front.reset();
  const child = startCli([...pack, '--log-format', 'json'], { cwd: folder });
  const stop = once(() => child.kill(signal));
  if (when.blobBytes !== undefined) {
    const wanted = when.blobBytes;
    front.onSent = (sent) => (sent >= wanted ? stop() : undefined);
  }
  if (when.event !== undefined) onEvent(child, when.event, stop);
  const result = await resultOf(child);
  front.onSent = () => undefined;
  return result;
}

function onEvent(child: ChildProcess, event: RegExp, then: () => void): void {
  let seen = '';
  child.stderr?.on('data', (text: string | Buffer) => {
    seen += text.toString();
    if (event.test(seen)) then();
  });
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** Every stage of a run, and amounts of content all over it. */
const KILL_POINTS = [
  { event: /"name":"plan","state":"started"/ },
  { event: /"name":"plan","state":"finished"/ },
  { event: /"name":"pack","state":"started"/ },
  { event: /"type":"blob"/ },
  ...Array.from({ length: 16 }, (_, n) => ({ blobBytes: 1 + n * 210_000 })),
  { event: /"name":"pack","state":"finished"/ },
  { event: /"name":"check","state":"started"/ },
  { event: /"name":"check","state":"finished"/ },
] as const;

test('a pack killed again and again ends with the bundle of an undisturbed run, fetching only what is missing', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const { folder, front, pack, pub } = station;
  const expected = await undisturbed(station);
  const finalPath = join(folder, 'x.tar');
  front.limit(6_000_000);
  let kills = 0;
  for (const point of KILL_POINTS) {
    if (existsSync(finalPath)) rmSync(finalPath);
    const { status } = await interrupted(station, 'SIGKILL', point);
    if (status === null) kills += 1;
    // The name of the file appears only when it is complete, whatever happened.
    if (existsSync(finalPath)) assert.equal(contentHash(finalPath), expected);
  }
  assert.ok(kills >= 18, `only ${kills} of ${KILL_POINTS.length} runs were killed before they ended`);

  if (existsSync(finalPath)) rmSync(finalPath);
  await interrupted(station, 'SIGKILL', { blobBytes: 5_000_000 });
  const missing = await missingBytes(folder);
  front.reset();
  front.limit(Infinity);
  const result = jsonOf(await succeed(pack, { cwd: folder }));
  assert.equal(front.blobBytes(), missing);
  assert.equal(contentHash(finalPath), expected);
  assert.equal(result['ok'], true);
  await succeed(['verify', 'x.tar', '--key', pub, '--deep'], { cwd: folder });
  assert.deepEqual(leftovers(folder), []);
});

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops pack with ${status}, says how to go on, and nothing that arrived is fetched again`, async (t) => {
    const station = await openStation(t);
    if (station === undefined) return;
    const { folder, front, pack } = station;
    const expected = await undisturbed(station);
    front.limit(4_000_000);
    const stopped = await interrupted(station, signal, { blobBytes: 3_000_000 });
    assert.equal(stopped.status, status);
    assert.match(stopped.stderr, /Run the same command again to continue; what was fetched is kept in FILE\.partial/);
    assert.deepEqual([jsonOf(stopped)['ok'], jsonOf(stopped)['code']], [false, signal]);
    assert.equal(existsSync(join(folder, 'x.tar')), false);
    const missing = await missingBytes(folder);
    assert.ok(missing <= totalBlobBytes - 2_000_000, `${missing} of ${totalBlobBytes} bytes are missing`);
    front.reset();
    front.limit(Infinity);
    const result = jsonOf(await succeed(pack, { cwd: folder }));
    assert.equal(front.blobBytes(), missing);
    assert.ok(Number(result['keptBytes']) >= totalBlobBytes - missing);
    assert.equal(contentHash(join(folder, 'x.tar')), expected);
    assert.deepEqual(leftovers(folder), []);
  });
}

test('a second Ctrl-C ends pack at once', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  station.front.limit(200_000);
  const child = startCli(station.pack, { cwd: station.folder });
  station.front.onSent = once(() => child.kill('SIGINT'));
  onEvent(
    child,
    /once more to exit at once/,
    once(() => child.kill('SIGINT')),
  );
  assert.equal((await resultOf(child)).status, 130);
  assert.equal(existsSync(join(station.folder, 'x.tar')), false);
});

test('a blob that breaks off continues with a range request', async (t) => {
  const one = image().rawLayer(noise(3_000_000, 'one'), LAYER).build();
  const station = await openStation(t, one);
  if (station === undefined) return;
  const { front, folder, pub } = station;
  front.breakAt(1_500_000);
  const { stderr } = await succeed(station.pack, { cwd: folder });
  assert.match(stderr, /again in/);
  assert.equal(front.ranges().length, 1);
  const from = Number(/^bytes=(\d+)-/.exec(front.ranges()[0]!)?.[1]);
  assert.ok(from > 0 && from <= 1_600_000, `continued at ${from}`);
  await succeed(['verify', 'x.tar', '--key', pub], { cwd: folder });
});

test('pack writes to a pipe what it writes to a file, and verify reads it from there', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const { folder, pub, pack } = station;
  const expected = await undisturbed(station);
  const packing = startCli(
    pack.filter((word) => word !== '--json').map((word) => (word === 'x.tar' ? '-' : word)),
    { cwd: folder },
  );
  const verifying = startCli(['verify', '-', '--key', pub, '--json'], { cwd: folder, stdin: '' });
  packing.stdout!.pipe(verifying.stdin!);
  const chunks: Buffer[] = [];
  packing.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
  const said: string[] = [];
  packing.stderr!.on('data', (text: Buffer) => said.push(text.toString()));
  const packed = new Promise((resolve) => packing.once('close', resolve));
  const verified = await resultOf(verifying);
  assert.equal(await packed, 0, said.join(''));
  assert.equal(verified.status, 0, verified.stderr);
  assert.equal(jsonOf(verified)['ok'], true);
  writeFileSync(join(folder, 'piped.tar'), Buffer.concat(chunks));
  assert.equal(contentHash(join(folder, 'piped.tar')), expected);
});

test('a disk too small for the bundle is refused before anything is fetched', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const disk = mountTmpfs(t, station.folder, 3_000_000);
  if (disk === undefined) return;
  for (const command of ['pack', 'plan']) {
    station.front.reset();
    const args =
      command === 'pack'
        ? station.pack.map((word) => (word === 'x.tar' ? 'disk/x.tar' : word))
        : ['plan', '-c', station.config, '-o', 'disk/x.tar', '--json'];
    const { status, stdout } = await runCli(args, { cwd: station.folder });
    assert.equal(status, 5);
    const error = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(error['code'], 'E_SPACE');
    assert.ok(Number(error['needed']) > Number(error['free']));
    assert.equal(station.front.blobBytes(), 0);
    assert.deepEqual(readdirSync(disk), []);
  }
});

test('a disk that fills up on the way is E_SPACE; after making room the same command continues', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const { folder, front } = station;
  const expected = await undisturbed(station);
  const disk = mountTmpfs(t, folder, 9_000_000);
  if (disk === undefined) return;
  const pack = station.pack.map((word) => (word === 'x.tar' ? 'disk/x.tar' : word));
  // The unfinished file has holes: room that is there at the start can be taken by someone else.
  front.limit(4_000_000);
  front.onSent = once(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(5_000_000, 1)));
  const failed = await runCli(pack, { cwd: folder });
  front.onSent = () => undefined;
  assert.equal(failed.status, 5, failed.stderr);
  assert.equal(jsonOf(failed)['code'], 'E_SPACE');
  assert.match(String(jsonOf(failed)['hint']), /make room/);
  assert.deepEqual(readdirSync(disk).toSorted(), ['ballast', 'x.tar.partial', 'x.tar.partial.journal']);

  rmSync(join(disk, 'ballast'));
  front.reset();
  front.limit(Infinity);
  await succeed(pack, { cwd: folder });
  assert.ok(front.blobBytes() < totalBlobBytes, 'what was written before the disk was full is kept');
  assert.deepEqual(readdirSync(disk), ['x.tar']);
  assert.equal(contentHash(join(disk, 'x.tar')), expected);
});

test('on a FAT file system the same bundle is written front to back, and continued', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const disk = mountFat(t, station.folder);
  if (disk === undefined) return;
  const { front, folder } = station;
  const expected = await undisturbed(station);
  const onDisk: Station = { ...station, pack: station.pack.map((word) => (word === 'x.tar' ? 'disk/x.tar' : word)) };
  front.limit(4_000_000);
  const stopped = await interrupted(onDisk, 'SIGINT', { blobBytes: 3_000_000 });
  assert.equal(stopped.status, 130);
  front.reset();
  front.limit(Infinity);
  await succeed(onDisk.pack, { cwd: folder });
  assert.ok(front.blobBytes() < totalBlobBytes - 1_500_000, `${front.blobBytes()} bytes were fetched again`);
  assert.deepEqual(readdirSync(disk), ['x.tar']);
  assert.equal(contentHash(join(disk, 'x.tar')), expected);
});

function leftovers(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.includes('.partial'));
}

function mountTmpfs(t: TestContext, folder: string, bytes: number): string | undefined {
  return mount(t, folder, ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs']);
}

function mountFat(t: TestContext, folder: string): string | undefined {
  const mkfs = needProgram(t, 'mkfs.fat');
  if (mkfs === undefined) return undefined;
  const imagePath = join(folder, 'fat.img');
  execFileSync('truncate', ['-s', '40M', imagePath]);
  execFileSync(mkfs, [imagePath], { stdio: 'ignore' });
  return mount(t, folder, ['-t', 'vfat', '-o', 'loop', imagePath]);
}

/** Mounts for the time of the test, as `<folder>/disk`; skips it where mounting is not allowed. */
function mount(t: TestContext, folder: string, args: readonly string[]): string | undefined {
  // Beside the folder, which is removed before this is unmounted.
  const path = mkdtempSync(join(tmpdir(), 'airgap-disk-'));
  symlinkSync(path, join(folder, 'disk'));
  t.after(() => {
    spawnSync('umount', [path]);
    rmSync(path, { recursive: true, force: true });
  });
  const { status, stderr } = spawnSync('mount', [...args, path], { encoding: 'utf8' });
  if (status !== 0) {
    t.skip(`needs the right to mount ${args[1]}: ${stderr?.trim() ?? 'no mount program'}`);
    return undefined;
  }
  return path;
}

test('an interrupted run whose configuration then changes gives what it has to the new bundle', async (t) => {
  const station = await openStation(t);
  if (station === undefined) return;
  const { folder, front, config, pack, pub } = station;
  front.limit(6_000_000);
  await interrupted(station, 'SIGTERM', { blobBytes: 4_000_000 });
  const unfinished = await readUnfinished(join(folder, 'x.tar.partial'));
  assert.ok(unfinished !== undefined);
  const kept = unfinished.layout.entries.reduce(
    (sum, { path, size }, at) => (blobs.has(path) && unfinished.complete.has(at) ? sum + size : sum),
    0,
  );
  assert.ok(kept > 0 && kept < totalBlobBytes, `${kept} bytes`);

  // A second name for the same image: another plan, another layout, the same blobs.
  const { name } = JSON.parse(readFileSync(config, 'utf8')).mirror.additionalImages[0] as { name: string };
  writeImageSet(folder, [{ name }, { name, targetRepo: 'second/name' }]);
  front.limit(Infinity);
  front.reset();
  const result = jsonOf(await succeed(pack, { cwd: folder }));
  assert.equal(result['keptBytes'], kept);
  assert.equal(front.blobBytes(), totalBlobBytes - kept);
  await succeed(['verify', 'x.tar', '--key', pub, '--deep'], { cwd: folder });
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.includes('partial')),
    [],
  );
});
