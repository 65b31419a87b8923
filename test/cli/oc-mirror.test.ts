/**
 * Mirroring by the vendor's program: what we tell it, what we make of what it says and leaves, and the way back from the
 * bundle to a registry. The program is played (oc-mirror-stand-in.ts); the last test takes the real one where it is there.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlanFile } from '../../src/mirror/plan-file.ts';
import { hexOf } from '../../src/oci/digest.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { catalog } from '../support/catalogs.ts';
import type { Receipt } from '../../src/workflows/receipt.ts';
import { image, index, type BuiltContent } from '../support/images.ts';
import { needOcMirror, playOcMirror, type PlayedProgram } from '../support/oc-mirror.ts';
import type { StandInImage } from '../support/oc-mirror-stand-in.ts';
import { flagsFor, jsonOf, openRepository, writeKeys } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import type { RegistryAccess } from '../support/registry.ts';
import { buildRelease } from '../support/releases.ts';
import { resultOf } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';
import { openUpstream, type Upstream } from '../support/upstream.ts';

const { signal } = new AbortController();
const single = (name: string): BuiltContent => image().layer(`opt/${name}`, `content of ${name}`).build();
const both = (name: string): BuiltContent =>
  index(
    ['linux/amd64', 'linux/arm64'].map((platform) =>
      image().platform(platform).layer(`opt/${name}`, `${name} ${platform}`).build(),
    ),
  ).build();
const tool = single('tool');
const app = both('app');
const signature = image()
  .rawLayer(Buffer.from('{"critical":{}}'), 'application/vnd.dev.cosign.simplesigning.v1+json', {
    'dev.cosignproject.cosign/signature': 'MEUCIQ==',
  })
  .build();

interface World {
  readonly upstream: Upstream;
  readonly program: PlayedProgram;
  readonly target: RegistryAccess;
  readonly key: string;
  readonly pub: string;
}

/** Two additional images, one of them signed. */
async function openWorld(t: TestContext): Promise<World | undefined> {
  const [access, target] = [await plainRegistries[0]!.open(t), await plainRegistries[1]!.open(t)];
  if (access === undefined || target === undefined) return undefined;
  const upstream = await openUpstream(t, access);
  await upstream.push('quay.io/team/tool', tool, '1.0');
  await upstream.push('quay.io/team/tool', signature, `${digestTag(tool.root.digest)}.sig`);
  await upstream.push('quay.io/team/app', app, '2.0');
  upstream.writeImageSet({
    additionalImages: [{ name: 'quay.io/team/tool:1.0' }, { name: `quay.io/team/app@${app.root.digest}` }],
  });
  const program = playOcMirror(t, upstream);
  if (program === undefined) return undefined;
  program.script({ images: await program.planned() });
  return { upstream, program, target, ...writeKeys(upstream.folder) };
}

const packArgs = ({ key, program }: World, ...more: readonly string[]): string[] => [
  ...['pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--sign-key', key, '--engine', 'oc-mirror', '--json'],
  ...program.flags,
  ...more,
];

const unpackArgs = ({ upstream, pub, program, target }: World, far: string, ...more: readonly string[]): string[] => [
  ...['unpack', 'x.tar', '--key', pub, '--registry', `${target.host}/${far}`, '--json', ...program.flags],
  ...flagsFor(target, upstream.folder),
  ...more,
];

const planIn = ({ upstream }: World): PlanFile =>
  JSON.parse(
    execFileSync('tar', ['xOf', 'x.tar', 'plan.json'], { cwd: upstream.folder, encoding: 'utf8' }),
  ) as PlanFile;

const namesIn = ({ upstream }: World): string[] =>
  execFileSync('tar', ['tf', 'x.tar'], { cwd: upstream.folder, encoding: 'utf8' }).trim().split('\n');

test('a bundle that oc-mirror mirrored reaches the registry as it was planned', async (t) => {
  const world = await openWorld(t);
  if (world === undefined) return;
  const { upstream, program, target, pub } = world;

  const packed = jsonOf(await upstream.succeed(...packArgs(world, '--registry', 'registry.lab:8443/ocp')));
  assert.equal(packed['images'], 3);
  assert.deepEqual((packed['engine'] as NonNullable<PlanFile['engine']>).differences, []);
  const names = namesIn(world);
  for (const name of [
    ...['oc-mirror/mirror_000001.tar', 'oc-mirror/imageset.yaml', 'oc-mirror/isc_pinned.yaml'],
    ...['oc-mirror/disc_pinned.yaml', 'config/imageset.yaml', 'airgap.lock', 'resources/idms-oc-mirror.yaml'],
  ])
    assert.ok(names.includes(name), `${name} in ${names.join(' ')}`);
  assert.ok(!names.includes('index.json'));
  assert.ok(!existsSync(join(upstream.folder, 'x.tar.oc-mirror')), 'its folder is gone');

  const [run = ''] = program.runs();
  assert.match(
    run,
    /--v2 .*--cache-dir x\.tar\.oc-mirror\/cache .*--config imageset\.yaml file:\/\/\S+\/x\.tar\.oc-mirror\/disk$/,
  );
  assert.match(readFileSync(join(upstream.folder, 'vendor/runs'), 'utf8'), /^umask 0022$/m);

  const plan = planIn(world);
  assert.equal(plan.engine?.version, '4.21.3');
  assert.equal(plan.images.find(({ kind }) => kind === 'signature')?.signatureOf, tool.root.digest);

  await upstream.succeed('verify', 'x.tar', '--key', pub, '--deep');
  const far = freshRepository('far');
  const result = jsonOf(await upstream.succeed(...unpackArgs(world, far, '--receipt', 'receipt.json')));
  assert.equal((result['push'] as Record<string, number>)['images'], 3);
  for (const [path, tag, built] of [
    ['team/tool', '1.0', tool],
    ['team/app', digestTag(app.root.digest), app],
    ['team/tool', `${digestTag(tool.root.digest)}.sig`, signature],
  ] as const) {
    const there = openRepository(t, target, `${far}/${path}`);
    assert.equal((await there.resolve(tag, signal)).digest, built.root.digest, `${path}:${tag}`);
  }
  assert.ok(!existsSync(join(upstream.folder, 'x.tar.oc-mirror')), 'its folder is gone');
  const receipt = JSON.parse(readFileSync(join(upstream.folder, 'receipt.json'), 'utf8')) as Receipt;
  assert.equal(receipt.content.tags.length, 3);

  const before = program.runs().length;
  const again = jsonOf(await upstream.succeed(...unpackArgs(world, far)));
  assert.equal((again['push'] as Record<string, number>)['pushedBytes'], 0);
  assert.equal(program.runs().length, before, 'a second run needs nothing of the program');
});

test('releases and filtered catalogs: the digests in the bundle are those of the archive', async (t) => {
  const [access, target] = [await plainRegistries[0]!.open(t), await plainRegistries[1]!.open(t)];
  if (access === undefined || target === undefined) return;
  const upstream = await openUpstream(t, access, {
    releases: [buildRelease({ version: '4.17.5' })],
    channels: { 'stable-4.17': ['4.17.5'] },
  });
  const operator = single('operator');
  const bundle = single('bundle');
  await upstream.push('registry.redhat.io/alpha/operator', operator);
  await upstream.push('registry.redhat.io/alpha/bundle', bundle);
  const bundleName = `registry.redhat.io/alpha/bundle@${bundle.root.digest}`;
  const files = catalog()
    .package('alpha', { defaultChannel: 'stable' })
    .channel('stable', ['alpha.v1.0.0'])
    .bundle('alpha.v1.0.0', '1.0.0', {
      image: bundleName,
      relatedImages: [
        { name: 'operator', image: `registry.redhat.io/alpha/operator@${operator.root.digest}` },
        { name: '', image: bundleName },
      ],
    })
    .files();
  await upstream.pushCatalog('registry.redhat.io/redhat/redhat-operator-index', files, { tag: 'v4.17' });
  upstream.writeImageSet({
    platform: { channels: [{ name: 'stable-4.17' }] },
    operators: [{ catalog: 'registry.redhat.io/redhat/redhat-operator-index:v4.17', packages: [{ name: 'alpha' }] }],
  });
  const program = playOcMirror(t, upstream);
  if (program === undefined) return;
  const keys = writeKeys(upstream.folder);
  const world: World = { upstream, program, target, ...keys };
  const ours = jsonOf(await upstream.succeed('plan', '-c', 'imageset.yaml', '--json')) as unknown as PlanFile;
  const hash = ours.catalogs[0]?.rebuilt?.filterHash ?? '';
  // What the program makes of the catalog is not what we make of it.
  const rebuilt = single('the catalog as another program rebuilds it');
  await upstream.push('vendor.example/rebuilt', rebuilt, hash);
  const name = 'redhat/redhat-operator-index';
  const images = await program.planned();
  program.script({
    images: images.map((item) =>
      item.cached === undefined ? item : { ...item, source: `vendor.example/rebuilt:${hash}` },
    ),
  });
  await upstream.succeed(...packArgs(world));
  const plan = planIn(world);
  assert.deepEqual(plan.engine?.differences, []);
  assert.equal(plan.catalogs[0]?.rebuilt?.digest, rebuilt.root.digest);
  assert.equal(plan.images.find(({ kind }) => kind === 'catalog')?.digest, rebuilt.root.digest);
  assert.deepEqual(
    plan.images.filter(({ kind }) => kind !== 'catalog').map(({ digest }) => digest),
    ours.images.filter(({ kind }) => kind !== 'catalog').map(({ digest }) => digest),
  );
  const far = freshRepository('far');
  await upstream.succeed(...unpackArgs(world, far));
  const there = openRepository(t, target, `${far}/${name}`);
  assert.equal((await there.resolve('v4.17', signal)).digest, rebuilt.root.digest);
  // The cluster gets what it gets with our own engine.
  await upstream.succeed('pack', '-c', 'imageset.yaml', '-o', 'native.tar', '--sign-key', keys.key);
  for (const file of ['x.tar', 'native.tar'])
    await upstream.succeed(
      ...['unpack', file, '--key', keys.pub, '--registry', 'registry.lab', '--render', `${file}.d`],
    );
  const rendered = (file: string): string[] => readdirSync(join(upstream.folder, `${file}.d`)).toSorted();
  assert.deepEqual(rendered('x.tar'), rendered('native.tar'));
});

describe('what the program did is compared with the plan', () => {
  test('a planned image that is not there stops the run, unless gaps are allowed', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    const images = await program.planned();
    program.script({ images: images.filter(({ name }) => !name.startsWith('team/app')) });
    const refused = await upstream.run(...packArgs(world));
    assert.equal(refused.status, 10);
    assert.match(refused.stdout, /oc-mirror left out 1 planned images:.*quay\.io\/team\/app@sha256/);
    assert.ok(!existsSync(join(upstream.folder, 'x.tar')));
    const allowed = await upstream.run(...packArgs(world, '--allow-gaps'));
    assert.equal(allowed.status, 11, allowed.stderr);
    const plan = planIn(world);
    assert.deepEqual(
      plan.gaps.map(({ origin }) => origin),
      [`quay.io/team/app@${app.root.digest}`],
    );
    assert.deepEqual(
      plan.engine?.differences.map(({ kind }) => kind),
      ['missing'],
    );
  });

  test('other digests and images that nobody planned are named', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    const other = single('another tool');
    await upstream.push('quay.io/team/tool', other, 'moved');
    const images = (await program.planned()).map((item): StandInImage =>
      item.name === 'team/tool:1.0' ? { ...item, source: 'quay.io/team/tool:moved' } : item,
    );
    const extra: StandInImage = {
      origin: 'quay.io/team/extra:1',
      type: 'generic',
      source: 'quay.io/team/app:2.0',
      name: 'team/extra:1',
    };
    program.script({ images: [...images, extra] });
    const packed = await upstream.succeed(...packArgs(world));
    assert.match(packed.stderr, /W_ENGINE.*changed between planning and mirroring.*team\/tool:1\.0/);
    assert.match(packed.stderr, /W_ENGINE.*though not planned: team\/extra:1/);
    const differences = planIn(world).engine?.differences ?? [];
    assert.deepEqual(differences.map(({ kind, name }) => `${kind} ${name}`).toSorted(), [
      'extra team/extra:1',
      // Of the image that is not there any more.
      `missing team/tool:${digestTag(tool.root.digest)}.sig`,
      'moved team/tool:1.0',
    ]);
    assert.equal(planIn(world).images.find(({ target }) => target.tag === '1.0')?.digest, other.root.digest);
  });
});

describe('a program that fails', () => {
  test('half-way: nothing is half-written, what it did is kept and used', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    const images = await program.planned();
    program.script({ images: images.map((item, at) => (at === 1 ? { ...item, fails: true } : item)) });
    const failed = await upstream.run(...packArgs(world));
    assert.equal(failed.status, 10);
    const error = jsonOf(failed) as { message: string; hint: string; failed: string[] };
    assert.match(
      error.message,
      /oc-mirror ended with status 8: additional images failed\n {2}error mirroring image .*connection reset/,
    );
    assert.match(error.hint, /run the same command again/);
    assert.deepEqual(error.failed, [images[1]!.origin]);
    assert.deepEqual(
      readdirSync(upstream.folder).filter((name) => name.startsWith('x.tar')),
      ['x.tar.oc-mirror'],
    );
    const blob = globSync('x.tar.oc-mirror/cache/.oc-mirror/.cache/**/data', { cwd: upstream.folder });
    assert.ok(blob.length > 0, 'the cache is kept');

    program.script({ images });
    await upstream.succeed(...packArgs(world));
    assert.equal(program.runs().length, 2);
  });

  test('a port that somebody else took meanwhile is not the end', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    world.program.script({ portsTaken: 2 });
    await world.upstream.succeed(...packArgs(world));
    assert.equal(world.program.runs().length, 3);
    world.program.script({ portsTaken: 100 });
    rmSync(join(world.upstream.folder, 'x.tar'));
    const refused = await world.upstream.run(...packArgs(world));
    assert.equal(refused.status, 10);
    assert.match(refused.stdout, /status 1\\n.*is already bound/);
  });

  test('Ctrl-C reaches it, and the next run goes on', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    program.script({ delayMs: 60_000 });
    const child = upstream.start(...packArgs(world).filter((flag) => flag !== '--json'));
    const ended = resultOf(child);
    for (let tries = 0; program.runs().length === 0 && tries < 300; tries += 1) await sleep(100);
    await sleep(1500);
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    assert.equal(status, 130, stderr);
    assert.match(stderr, /stopped\. Run the same command again/);
    const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    assert.ok(!left.includes(join(upstream.folder, 'x.tar.oc-mirror')), 'the program has ended');
    program.script({ delayMs: 0 });
    await upstream.succeed(...packArgs(world));
  });

  test('a finished archive is not mirrored again when the bundle was not', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    symlinkSync('nowhere', join(upstream.folder, 'x.tar.partial'));
    const refused = await upstream.run(...packArgs(world));
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /symbolic link/);
    rmSync(join(upstream.folder, 'x.tar.partial'));
    assert.equal(program.runs().length, 1);
    assert.ok(!existsSync(join(upstream.folder, 'x.tar.oc-mirror/cache')), 'the archive has everything');
    await upstream.succeed(...packArgs(world));
    assert.equal(program.runs().length, 1);
  });

  test('an archive that was taken with gaps is mirrored anew when none are allowed', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    const images = await program.planned();
    program.script({ images: images.slice(1) });
    const blocked = join(upstream.folder, 'x.tar.partial');
    symlinkSync('nowhere', blocked);
    assert.equal((await upstream.run(...packArgs(world, '--allow-gaps'))).status, 2);
    rmSync(blocked);
    const refused = await upstream.run(...packArgs(world));
    assert.equal(refused.status, 10);
    assert.match(refused.stdout, /left out 1 planned images/);
    assert.equal(program.runs().length, 1);
    program.script({ images });
    await upstream.succeed(...packArgs(world));
    assert.equal(program.runs().length, 2);
    symlinkSync('nowhere', blocked);
    assert.equal((await upstream.run(...packArgs(world))).status, 2);
    rmSync(blocked);
    await upstream.succeed(...packArgs(world, '--oc-mirror-arg=--image-timeout=60m'));
    assert.equal(program.runs().length, 4, 'told something else it may bring something else');
  });

  test('on the far side: its files stay for the next run', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program, target } = world;
    const images = await program.planned();
    await upstream.succeed(...packArgs(world));
    program.script({ images: images.map((item) => ({ ...item, fails: true })) });
    const far = freshRepository('far');
    const failed = await upstream.run(...unpackArgs(world, far, '--work-dir', 'work'));
    assert.equal(failed.status, 10);
    assert.match(failed.stdout, /ended with status 8/);
    const chunk = join(upstream.folder, 'work/airgap.oc-mirror/disk/mirror_000001.tar');
    const engine = planIn(world).engine;
    const inBundle = execFileSync('tar', ['xOf', 'x.tar', engine!.archive[0]!], {
      cwd: upstream.folder,
      maxBuffer: 1e9,
    });
    assert.equal(
      createHash('sha256').update(readFileSync(chunk)).digest('hex'),
      createHash('sha256').update(inBundle).digest('hex'),
    );
    const work = join(upstream.folder, 'work/airgap.oc-mirror');
    const planted = join(work, 'cache/.oc-mirror/.cache/docker/registry/v2/repositories/team/planted');
    mkdirSync(planted, { recursive: true });
    assert.equal((await upstream.run(...unpackArgs(world, far, '--work-dir', 'work'))).status, 10);
    assert.ok(existsSync(join(work, 'cache/.oc-mirror')) && !existsSync(planted), 'nothing foreign is in the cache');
    program.script({ images });
    // Of another bundle, or put there by somebody: nobody has verified it.
    copyFileSync(chunk, join(work, 'disk/mirror_000009.tar'));
    mkdirSync(join(work, 'disk/working-dir/operator-catalogs'), { recursive: true });
    // Of the user, who named this folder for its room.
    for (const name of ['disk', 'cache']) mkdirSync(join(upstream.folder, 'work', name));
    const letter = join(upstream.folder, 'letter.txt');
    writeFileSync(letter, 'mine');
    for (const name of ['imageset.yaml', 'ca.pem']) {
      rmSync(join(work, name), { force: true });
      symlinkSync(letter, join(work, name));
    }
    await upstream.succeed(...unpackArgs(world, far, '--work-dir', 'work'));
    assert.ok(!readFileSync(join(upstream.folder, 'vendor/extracted'), 'utf8').includes('mirror_000009.tar'));
    assert.deepEqual(readdirSync(join(upstream.folder, 'work')), ['cache', 'disk'], 'what is ours goes, nothing else');
    assert.equal(readFileSync(letter, 'utf8'), 'mine');
    const there = openRepository(t, target, `${far}/team/tool`);
    assert.equal((await there.resolve('1.0', signal)).digest, tool.root.digest);

    // Everything is there now, but somebody else works in the folder.
    mkdirSync(join(work, 'cache'), { recursive: true });
    writeFileSync(join(work, 'lock'), `${process.pid} \n`);
    await upstream.succeed(...unpackArgs(world, far, '--work-dir', 'work'));
    assert.deepEqual(readdirSync(work), ['cache', 'lock']);
    rmSync(join(work, 'lock'));
    await upstream.succeed(...unpackArgs(world, far, '--work-dir', 'work'));
    assert.ok(!existsSync(work));
  });

  test('folders it would empty are never somebody else’s by way of a link', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, program } = world;
    await upstream.succeed(...packArgs(world));
    const home = join(upstream.folder, 'home');
    mkdirSync(join(home, 'disk'), { recursive: true });
    writeFileSync(join(home, 'disk/letter.txt'), 'mine');
    const beside = join(upstream.folder, 'x.tar.oc-mirror');
    const far = freshRepository('far');
    symlinkSync(home, beside);
    const refused = [await upstream.run(...unpackArgs(world, far))];
    rmSync(join(upstream.folder, 'x.tar.partial'), { force: true });
    refused.push(await upstream.run(...packArgs(world)));
    rmSync(beside);
    mkdirSync(beside);
    symlinkSync(join(home, 'disk'), join(beside, 'disk'));
    refused.push(await upstream.run(...unpackArgs(world, far)));
    for (const { status, stdout } of refused) {
      assert.equal(status, 2, stdout);
      assert.match(stdout, /oc-mirror(\/disk)? is a symbolic link, which is not followed/);
    }
    assert.equal(readFileSync(join(home, 'disk/letter.txt'), 'utf8'), 'mine');
    assert.equal(program.runs().length, 1);
  });
});

test('archives in several files and bundles in volumes', async (t) => {
  const world = await openWorld(t);
  if (world === undefined) return;
  const { upstream, program, target, pub } = world;
  const large = image().layer('large', randomBytes(2_500_000)).build();
  await upstream.push('quay.io/team/large', large, '3');
  upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/large:3' }, { name: 'quay.io/team/app:2.0' }] });
  program.script({ images: await program.planned(), chunkBytes: 4000 });
  const packed = jsonOf(await upstream.succeed(...packArgs(world, '--volume-size', '1MiB')));
  const engine = packed['engine'] as NonNullable<PlanFile['engine']>;
  assert.ok(engine.archive.length > 1, `${engine.archive.length} files`);
  const volumes = readdirSync(upstream.folder).filter((name) => /^x\.tar\.\d{3}$/.test(name));
  assert.ok(volumes.length > 1);
  const far = freshRepository('far');
  await upstream.succeed(
    ...['unpack', ...volumes.toReversed(), '--key', pub, '--registry', `${target.host}/${far}`, ...program.flags],
    ...flagsFor(target, upstream.folder),
  );
  const there = openRepository(t, target, `${far}/team/large`);
  assert.equal((await there.resolve('3', signal)).digest, large.root.digest);
});

describe('a program that can not be used', () => {
  const versions = [
    ['4.17.9', /at least 4\.18 is needed/],
    ['garbage', /its version is \\"garbage/],
  ] as const;
  for (const [version, message] of versions)
    test(`version ${version}`, async (t) => {
      const world = await openWorld(t);
      if (world === undefined) return;
      world.program.script({ version });
      const refused = await world.upstream.run(...packArgs(world));
      assert.equal(refused.status, 2);
      assert.match(refused.stdout, message);
      assert.deepEqual(world.program.runs(), []);
    });

  test('a build without a version is taken with a warning', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    world.program.script({ version: 'v0.0.0-unknown' });
    const packed = await world.upstream.succeed(...packArgs(world));
    assert.match(packed.stderr, /W_ENGINE.*built without a version/);
  });

  test('not installed, another program, one for another platform', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const upstream = await openUpstream(t, access);
    upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/tool:1.0' }] });
    const pack = (...more: readonly string[]) =>
      upstream.run('pack', '-c', 'imageset.yaml', '-o', 'x.tar', '--unsigned', '--engine', 'oc-mirror', ...more);
    const missing = await pack('--oc-mirror', './nowhere/oc-mirror');
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /is not installed[^]*--oc-mirror FILE/);
    writeFileSync(join(upstream.folder, 'foreign'), '\x7fELF\x02\x01\x01\x00not for this machine');
    chmodSync(join(upstream.folder, 'foreign'), 0o755);
    const foreign = await pack('--oc-mirror', './foreign');
    assert.equal(foreign.status, 2);
    assert.match(foreign.stderr, /does not work as oc-mirror[^]*for this machine/);
    const other = await pack('--oc-mirror', '/bin/true');
    assert.equal(other.status, 2);
    assert.match(other.stderr, /does not tell its version/);
  });
});

describe('what the program can not do is refused before it runs', () => {
  const refuse = async (t: TestContext, mirror: object, message: RegExp, ...more: readonly string[]): Promise<void> => {
    const world = await openWorld(t);
    if (world === undefined) return;
    world.upstream.writeImageSet(mirror);
    const refused = await world.upstream.run(...packArgs(world, ...more));
    assert.equal(refused.status, 2, refused.stdout);
    assert.match(refused.stdout, message);
    assert.deepEqual(world.program.runs(), []);
  };
  const images = { additionalImages: [{ name: 'quay.io/team/tool:1.0' }] };
  test('a full catalog', (t) =>
    refuse(
      t,
      { operators: [{ catalog: 'registry.redhat.io/redhat/redhat-operator-index:v4.17', full: true }] },
      /mirror\.operators\[0\]: oc-mirror fetches a full catalog again/,
    ));
  test('a release by tag', (t) =>
    refuse(
      t,
      { platform: { release: 'quay.io/openshift-release-dev/ocp-release:4.17.5-x86_64' } },
      /mirror\.platform\.release: oc-mirror asks the internet again/,
    ));
  test('another update service for OKD', (t) =>
    refuse(t, images, /--okd-graph-url/, '--okd-graph-url', 'http://127.0.0.1:1/graph'));
  test('two phases', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const args = packArgs(world).filter((flag) => !['-o', 'x.tar', '--sign-key', world.key].includes(flag));
    const refused = await world.upstream.run(...args, '--plan', 'planned');
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /two phases/);
  });

  test('a folder whose path has a word of its own', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    mkdirSync(join(world.upstream.folder, 'logs'));
    const args = packArgs(world).map((flag) => (flag === 'x.tar' ? 'logs/x.tar' : flag));
    const refused = await world.upstream.run(...args);
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /contains \\"logs\\"/);
  });

  test('a folder that can not be made, a cache in use', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream } = world;
    writeFileSync(join(upstream.folder, 'x.tar.oc-mirror'), 'a file');
    const blocked = await upstream.run(...packArgs(world));
    assert.equal(blocked.status, 2, blocked.stdout);
    assert.match(blocked.stdout, /x\.tar\.oc-mirror is no folder/);
    rmSync(join(upstream.folder, 'x.tar.oc-mirror'));
    mkdirSync(join(upstream.folder, 'kept'));
    writeFileSync(join(upstream.folder, 'kept/airgap.lock'), `${process.pid}\n`);
    const used = await upstream.run(...packArgs(world, '--oc-mirror-cache', 'kept'));
    assert.equal(used.status, 2, used.stdout);
    assert.match(used.stdout, /kept is in use by process/);
    assert.deepEqual(world.program.runs(), []);
  });

  test('flags without the engine, a pipe', async (t) => {
    const world = await openWorld(t);
    if (world === undefined) return;
    const { upstream, key } = world;
    const useless = await upstream.run(
      'pack',
      '-c',
      'imageset.yaml',
      '-o',
      'y.tar',
      '--sign-key',
      key,
      '--oc-mirror-cache',
      'c',
    );
    assert.equal(useless.status, 2);
    assert.match(useless.stderr, /need --engine oc-mirror/);
    const piped = await upstream.run(
      'pack',
      '-c',
      'imageset.yaml',
      '-o',
      '-',
      '--sign-key',
      key,
      '--engine',
      'oc-mirror',
    );
    assert.equal(piped.status, 2);
    assert.match(piped.stderr, /a pipe has none/);
  });
});

describe('our own engine reads its archives in place', () => {
  const openPacked = async (t: TestContext): Promise<World | undefined> => {
    const world = await openWorld(t);
    if (world === undefined) return undefined;
    world.program.script({ chunkBytes: 4000 });
    const packed = jsonOf(await world.upstream.succeed(...packArgs(world)));
    assert.ok((packed['engine'] as NonNullable<PlanFile['engine']>).archive.length > 1);
    return world;
  };

  test('unpack --engine native needs no oc-mirror, and nothing is written', async (t) => {
    const world = await openPacked(t);
    if (world === undefined) return;
    const { upstream, target, pub, program } = world;
    const runs = program.runs().length;
    const far = freshRepository('far');
    const to = ['--registry', `${target.host}/${far}`, ...flagsFor(target, upstream.folder)];
    const before = readdirSync(upstream.folder);
    const result = await upstream.succeed('unpack', 'x.tar', '--key', pub, ...to, '--engine', 'native', '--json');
    assert.equal((jsonOf(result)['push'] as Record<string, number>)['images'], 3);
    for (const { descriptor, bytes } of [...tool.contents, ...app.contents]) {
      const path = tool.contents.some((content) => content.descriptor.digest === descriptor.digest) ? 'tool' : 'app';
      const there = openRepository(t, target, `${far}/team/${path}`);
      const chunks: Buffer[] = [];
      for await (const chunk of await there.fetch(descriptor, { signal })) chunks.push(chunk as Buffer);
      assert.ok(Buffer.concat(chunks).equals(bytes), descriptor.digest);
    }
    // The state of the stream and its receipt aside.
    assert.deepEqual(
      readdirSync(upstream.folder).filter((name) => name !== '.local'),
      before,
    );
    assert.equal(program.runs().length, runs);
  });

  test('serve shows it as a registry', async (t) => {
    const world = await openPacked(t);
    const skopeo = needProgram(t, 'skopeo');
    if (world === undefined || skopeo === undefined) return;
    const { upstream, pub } = world;
    const child = upstream.start('serve', 'x.tar', '--key', pub, '--listen', '127.0.0.1:0');
    const ended = resultOf(child);
    const host = await new Promise<string>((done) => {
      child.stdout?.on('data', (text: string) => {
        const found = /http:\/\/(\S+)/.exec(text);
        if (found !== null) done(found[1]!);
      });
    });
    const copy = (name: string, to: string) =>
      execFileSync(skopeo, [
        'copy',
        '--all',
        '--src-tls-verify=false',
        `docker://${host}/${name}`,
        `oci:${upstream.folder}/${to}`,
      ]);
    copy('team/tool:1.0', 'tool');
    copy(`team/app@${app.root.digest}`, 'app');
    child.kill('SIGINT');
    assert.equal((await ended).status, 0);
    for (const { descriptor, bytes } of app.contents)
      assert.ok(readFileSync(join(upstream.folder, 'app/blobs/sha256', hexOf(descriptor.digest))).equals(bytes));
  });

  test('a damaged archive is found while it is sent', async (t) => {
    const world = await openPacked(t);
    if (world === undefined) return;
    const { upstream, target, pub } = world;
    const file = join(upstream.folder, 'x.tar');
    const content = readFileSync(file);
    const layer = app.contents.find(({ descriptor }) => descriptor.mediaType.includes('layer'))!;
    const at = content.indexOf(layer.bytes);
    assert.ok(at > 0);
    content[at + 20]! ^= 1;
    writeFileSync(file, content);
    const to = ['--registry', `${target.host}/${freshRepository('far')}`, ...flagsFor(target, upstream.folder)];
    const own = await upstream.run('unpack', 'x.tar', '--key', pub, ...to, '--engine', 'native');
    assert.equal(own.status, 4, own.stderr);
    assert.match(own.stderr, /E_DIGEST/);
    const theirs = await upstream.run(...['unpack', 'x.tar', '--key', pub, ...to, ...world.program.flags]);
    assert.equal(theirs.status, 4, theirs.stderr);
    assert.match(theirs.stderr, /E_DIGEST/);
  });
});

test('a cache that is given is kept for later bundles', async (t) => {
  const world = await openWorld(t);
  if (world === undefined) return;
  await world.upstream.succeed(...packArgs(world, '--oc-mirror-cache', 'kept'));
  assert.ok(globSync('kept/.oc-mirror/.cache/**/data', { cwd: world.upstream.folder }).length > 0);
  rmSync(join(world.upstream.folder, 'x.tar'));
  await world.upstream.succeed(...packArgs(world, '--oc-mirror-cache', 'kept'));
  assert.deepEqual(planIn(world).engine?.differences, []);
});

test('the real program', async (t) => {
  const program = needOcMirror(t);
  if (program === undefined) return;
  const world = await openWorld(t);
  if (world === undefined) return;
  const real: World = { ...world, program: { ...world.program, flags: ['--oc-mirror', program] } };
  // The upstream of tests is plain HTTP.
  await world.upstream.succeed(...packArgs(real, '--oc-mirror-arg=--src-tls-verify=false'));
  assert.deepEqual(planIn(real).engine?.differences, []);
  const far = freshRepository('far');
  await world.upstream.succeed(...unpackArgs(real, far, '--insecure', world.target.host));
  const there = openRepository(t, world.target, `${far}/team/tool`);
  assert.equal((await there.resolve('1.0', signal)).digest, tool.root.digest);
  assert.equal(hexOf(tool.root.digest).length, 64);
});
