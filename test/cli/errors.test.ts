/** Whatever goes wrong says what, where and what to do, with its own code and exit status, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { image, pushContent } from '../support/images.ts';
import { flagsFor, jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import type { RegistryAccess } from '../support/registry.ts';
import { resultOf, runCli, startCli, temporaryFolder } from '../support/run-cli.ts';
import { reply, startScripted } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';
import { startFront } from '../support/front.ts';

const CLOSED_PORT = '127.0.0.1:1';
const app = image().layer('etc/x', randomBytes(100_000)).build();
const layer = app.contents.find(({ descriptor }) => descriptor.mediaType.includes('layer'))!;

/** Things all tests of this file read and none changes. */
const world = { folder: '', reference: '', access: undefined as RegistryAccess | undefined };
const cleanUps: (() => void)[] = [];
const hooks = { after: (work: () => void) => void cleanUps.push(work) };

before(async () => {
  world.folder = temporaryFolder(hooks);
  writeKeys(world.folder);
  writeKeys(world.folder, 'stranger');
});
after(() => {
  for (const work of cleanUps) work();
});

/** Runs a command that must fail; checks everything every failure has in common and returns the error. */
async function failure(
  args: readonly string[],
  expected: { readonly code: string; readonly status: number; readonly message?: RegExp; readonly hint?: RegExp },
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Record<string, unknown>> {
  const before = readdirSync(options.cwd);
  // A home of its own: what was applied before is recorded there, one run per stream at a time.
  const home = mkdtempSync(join(world.folder, '..', 'airgap-home-'));
  const json = await runCli([...args, '--json'], { cwd: options.cwd, env: { HOME: home, ...options.env } });
  rmSync(home, { recursive: true });
  const error = jsonOf(json);
  assert.equal(error['code'], expected.code, json.stdout + json.stderr);
  assert.equal(json.status, expected.status);
  assert.equal(error['ok'], false);
  assert.match(String(error['message']), expected.message ?? /./);
  assert.match(typeof error['hint'] === 'string' ? error['hint'] : '', expected.hint ?? /./, 'what to do is said');
  assert.ok(!json.stdout.includes('    at '), 'no stack');
  assert.deepEqual(readdirSync(options.cwd), before, 'nothing is left behind');
  return error;
}

/** The same error for people. */
async function said(args: readonly string[], cwd: string): Promise<string> {
  const { stdout, stderr } = await runCli(args, { cwd });
  assert.equal(stdout, '');
  return stderr;
}

function packing(config: string): string[] {
  return ['pack', '-c', config, '-o', 'x.tar', '--unsigned'];
}

describe('configuration', () => {
  const HEAD = 'apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n';
  const CASES: readonly {
    readonly what: string;
    readonly text: string;
    readonly message: RegExp;
    readonly hint?: RegExp;
    readonly all?: RegExp;
  }[] = [
    {
      what: 'an unknown key is named with its path and the key that was meant',
      text: `${HEAD}mirror:\n  additionalImages:\n  - name: a.example/b:1\n    targetRepoo: c\n`,
      message: /mirror\.additionalImages\[0\]\.targetRepoo/,
      all: /targetRepo\b/,
    },
    {
      what: 'an unknown key in the middle too',
      text: `${HEAD}mirror:\n  aditionalImages: []\n`,
      message: /mirror\.aditionalImages/,
      all: /additionalImages/,
    },
    {
      what: 'a reference needs a tag or a digest',
      text: `${HEAD}mirror:\n  additionalImages:\n  - name: a.example/b\n`,
      message: /mirror\.additionalImages\[0\].*a\.example\/b/,
      all: /no tag is implied|add ":tag"/,
    },
    {
      what: 'a key given twice',
      text: `${HEAD}mirror:\n  additionalImages:\n  - name: a.example/b:1\n  additionalImages: []\n`,
      message: /additionalImages|duplicate/i,
    },
    { what: 'another kind of document', text: 'kind: Pod\nmirror: {}\n', message: /kind/ },
    { what: 'text that is no YAML', text: `${HEAD}mirror: [`, message: /imageset\.yaml|YAML/ },
    { what: 'an empty file', text: '', message: /./ },
    { what: 'nothing to mirror', text: `${HEAD}mirror: {}\n`, message: /no images/ },
    {
      what: 'a number where text belongs',
      text: `${HEAD}mirror:\n  platform:\n    channels:\n    - name: stable-4.17\n      minVersion: 4.17\n`,
      message: /minVersion/,
    },
    {
      what: 'a repository path no registry takes',
      text: `${HEAD}mirror:\n  additionalImages:\n  - name: a.example/b:1\n    targetRepo: Not/Valid\n`,
      message: /Not\/Valid|targetRepo/,
    },
  ];
  for (const { what, text, message, hint, all } of CASES) {
    test(what, async (t) => {
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, 'imageset.yaml'), text);
      for (const args of [['plan', '-c', 'imageset.yaml'], packing('imageset.yaml')]) {
        const expected = { code: 'E_CONFIG', status: 2, message, ...(hint === undefined ? {} : { hint }) };
        const error = await failure(args, expected, { cwd: folder });
        assert.match(JSON.stringify(error), all ?? /./);
      }
    });
  }

  test('the text for people has code, message and fix', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'imageset.yaml'), `${HEAD}mirror:\n  aditionalImages: []\n`);
    assert.match(
      await said(['plan', '-c', 'imageset.yaml'], folder),
      /^error E_CONFIG: [^]*aditionalImages[^]*\n {2}fix: /,
    );
  });
});

describe('usage', () => {
  const pack = ['pack', '-c', 'x', '-o', 'x'];
  const unpack = ['unpack', 'x', '--insecure-unsigned', '--registry', 'r.example'];
  const CASES: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an unknown flag', ['plan', '--nope'], /nope/],
    ['a missing flag', ['plan'], /config/],
    ['a value that is no number', ['plan', '-c', 'x', '--concurrency', 'many'], /many|integer/],
    ['too many connections', ['plan', '-c', 'x', '--concurrency', '99'], /16/],
    ['no signature chosen', ['pack', '-c', 'x', '-o', 'x.tar'], /sign/],
    ['two signatures chosen', ['pack', '-c', 'x', '-o', 'x.tar', '--unsigned', '--sign-key', 'k'], /exclude/],
    ['a result inside the bundle', ['pack', '-c', 'x', '-o', '-', '--unsigned'], /--json/],
    ['nobody to trust', ['verify', 'x.tar'], /signature/],
    ['two ways to trust', ['verify', 'x.tar', '--key', 'k', '--insecure-unsigned'], /exclude/],
    ['a time that is none', ['pack', '-c', 'x', '-o', 'x', '--unsigned', '--expires', 'soon'], /soon/],
    ['a bundle that is late before it is made', [...pack, '--unsigned', '--expires', '2020-01-01'], /--expires 2020/],
    ['no bundle', ['verify', '--insecure-unsigned'], /^missing argument BUNDLE: [^\n]*standard input$/],
    ['half a check and a whole one', ['verify', 'x', '--manifest-only', '--deep'], /--manifest-only/],
    ['a dry run that writes', [...unpack, '--dry-run', '--render', 'x'], /--dry-run/],
    ['a misspelt step', [...unpack, '--skip', 'storage,catalog'], /--skip: there is no step "catalog"/],
    ['no step', [...unpack, '--steps', 'push', '--skip', 'push'], /leave no step/],
    ['an argument of a command that takes none', ['init', 'trip'], /airgap init takes no argument "trip"/],
    ['a plan that is signed', ['pack', '-c', 'x', '--plan', 'x', '--sign-key', 'k'], /--sign-key/],
    ['one file twice', ['verify', 'release.pub', 'release.pub', '--insecure-unsigned'], /given twice/],
    ['a misspelt command', ['verfy', 'x.tar'], /no command "verfy"/],
    ['a misspelt command of a topic', ['trust', 'shw', 'x'], /no command "trust shw"/],
    ['a registry with a scheme', ['unpack', 'x', '--insecure-unsigned', '--registry', 'http://r.example'], /host/],
    ['a prefix no registry takes', ['unpack', 'x', '--insecure-unsigned', '--registry', 'r.example/A B'], /path/],
    ['a key file that is not there', ['verify', 'x.tar', '--key', 'gone.pub'], /gone\.pub/],
    ['a private key that is not there', ['pack', '-c', 'x', '-o', 'x', '--sign-key', 'gone.key'], /gone\.key/],
    ['a CA file that is not there', ['plan', '-c', 'x', '--ca-file', 'gone.pem'], /gone\.pem/],
    ['a password file that is not there', ['keygen', '--password-file', 'gone'], /gone/],
  ];
  for (const [what, args, message] of CASES) {
    test(what, async () => {
      await failure(args, { code: 'E_USAGE', status: 2, message }, { cwd: world.folder });
    });
  }
  test('an unknown command', async () => {
    const { status, stdout, stderr } = await runCli(['pakc'], { cwd: world.folder });
    assert.deepEqual([status, stdout], [2, '']);
    assert.equal(stderr, 'error E_USAGE: there is no command "pakc"\n  fix: did you mean "airgap pack"?\n');
  });

  test('nothing of the environment is printed', async () => {
    const env = { AIRGAP_KEY_PASSWORD: 'very-secret' };
    for (const args of [
      ['plan', '--nope', '--json'],
      ['plan', '--nope'],
      ['plan', '-c', 'x', '--concurrency', 'y'],
    ]) {
      const { stdout, stderr } = await runCli(args, { cwd: world.folder, env });
      assert.ok(!(stdout + stderr).includes('very-secret'));
    }
  });

  test('SOURCE_DATE_EPOCH that is no number', async () => {
    const options = { cwd: world.folder, env: { SOURCE_DATE_EPOCH: 'yesterday' } };
    const args = ['pack', '-c', 'x', '-o', 'x.tar', '--unsigned'];
    await failure(args, { code: 'E_USAGE', status: 2, message: /SOURCE_DATE_EPOCH/ }, options);
  });
});

describe('files', () => {
  test('a configuration that is not there', async () => {
    const expected = { code: 'E_CONFIG', status: 2, message: /gone\.yaml/ };
    await failure(['plan', '-c', 'gone.yaml'], expected, { cwd: world.folder });
  });
  test('a signature file that is there, or has no folder', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const { key } = writeKeys(folder);
    const repository = freshRepository('errors');
    await pushContent(openRepository(t, access, repository), app, 'v1');
    const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
    await succeed(['pack', '-c', config, '-o', 'x.tar', '--unsigned'], { cwd: folder });
    for (const out of ['x.tar', 'gone/s.json']) {
      const args = ['sign', 'x.tar', '--sign-key', key, '--out', out];
      await failure(args, { code: 'E_USAGE', status: 2, message: new RegExp(`--out ${out}`) }, { cwd: folder });
    }
    for (const flag of ['--write-lock', '--mapping']) {
      const args = ['plan', '-c', config, flag, 'gone/file'];
      await failure(args, { code: 'E_USAGE', status: 2, message: /gone/ }, { cwd: folder });
    }
  });

  test('a bundle that is not there, or is a folder', async () => {
    for (const [path, message] of [
      ['gone.tar', /gone\.tar/],
      ['.', /\./],
    ] as const) {
      for (const args of [
        ['verify', path, '--insecure-unsigned'],
        ['unpack', path, '--insecure-unsigned', '--registry', CLOSED_PORT],
      ]) {
        await failure(args, { code: 'E_USAGE', status: 2, message }, { cwd: world.folder });
      }
    }
  });
  test('a place for the bundle that is not there, or is taken by a folder', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const repository = freshRepository('errors');
    await pushContent(openRepository(t, access, repository), app, 'v1');
    const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
    mkdirSync(join(folder, 'taken'));
    for (const [output, message] of [
      ['gone/x.tar', /gone/],
      ['taken', /taken/],
    ] as const) {
      const args = ['pack', '-c', config, '-o', output, '--unsigned'];
      await failure(args, { code: 'E_USAGE', status: 2, message }, { cwd: folder });
    }
    await failure(
      ['plan', '-c', config, '-o', 'gone/x.tar'],
      { code: 'E_USAGE', status: 2, message: /gone/ },
      { cwd: folder },
    );
    const detached = [...packing(config), '--detached-signature', 'gone/s.json'];
    await failure(detached, { code: 'E_USAGE', status: 2, message: /gone/ }, { cwd: folder });
  });

  test('a folder for results that can not be made is told before any registry is asked', async (t) => {
    const folder = temporaryFolder(t);
    const config = writeImageSet(folder, [{ name: `${CLOSED_PORT}/a/b:1` }]);
    writeFileSync(join(folder, 'file'), '');
    const mirror = ['mirror', '-c', config, '--registry', CLOSED_PORT];
    const unpack = ['unpack', 'gone.tar', '--insecure-unsigned', '--registry', CLOSED_PORT];
    for (const [flag, args] of [
      ['--plan', ['pack', '-c', config]],
      ['--resources', mirror],
      ['--receipt', mirror],
      ['--render', unpack],
      ['--receipt', unpack],
    ] as const) {
      const expected = { code: 'E_USAGE', status: 2, message: new RegExp(`${flag} file/out`) };
      await failure([...args, flag, 'file/out'], expected, { cwd: folder });
    }
  });
});

describe('source registry', { concurrency: 4 }, () => {
  test('cannot be reached: named, with its side', async (t) => {
    const folder = temporaryFolder(t);
    const config = writeImageSet(folder, [{ name: `${CLOSED_PORT}/a/b:1` }]);
    const expected = { code: 'E_UNREACHABLE', status: 6, message: /127\.0\.0\.1:1.*refused/, hint: /registry runs/ };
    const error = await failure(packing(config), expected, { cwd: folder });
    assert.equal(error['side'], 'source');
  });

  test('does not exist', async (t) => {
    const folder = temporaryFolder(t);
    const config = writeImageSet(folder, [{ name: 'registry.invalid/a/b:1' }]);
    const expected = { code: 'E_UNREACHABLE', status: 6, message: /registry\.invalid/ };
    await failure(packing(config), expected, { cwd: folder });
  });

  test('does not know the image', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const config = writeImageSet(folder, [{ name: `${access.host}/nobody/knows:1` }]);
    const expected = { code: 'E_NOT_FOUND', status: 6, message: /nobody\/knows/ };
    await failure(packing(config), expected, { cwd: folder });
  });

  for (const kind of testRegistries.filter(({ auth }) => auth !== 'none')) {
    test(`wants a login (${kind.name})`, async (t) => {
      const access = await kind.open(t);
      if (access === undefined) return;
      const folder = temporaryFolder(t);
      const config = writeImageSet(folder, [{ name: `${access.host}/a/b:1` }]);
      const [caFlag, caFile] = flagsFor(access, folder);
      const args = [...packing(config), caFlag!, caFile!];
      const expected = { code: 'E_UNAUTHORIZED', status: 6, message: new RegExp(access.host) };
      const error = await failure(args, expected, { cwd: folder });
      assert.equal(error['side'], 'source');
    });
  }

  test('has a certificate nobody trusts: the hint names a flag that helps', async (t) => {
    const access = await testRegistries.find(({ tls, auth }) => tls && auth === 'none')!.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const config = writeImageSet(folder, [{ name: `${access.host}/a/b:1` }]);
    const expected = { code: 'E_UNREACHABLE', status: 6, message: /certificate/, hint: /--ca-file/ };
    await failure(packing(config), expected, { cwd: folder });
  });

  test('is blocked by registries.conf', async (t) => {
    const folder = temporaryFolder(t);
    const conf = join(folder, 'registries.conf');
    writeFileSync(conf, '[[registry]]\nlocation = "blocked.example"\nblocked = true\n');
    const config = writeImageSet(folder, [{ name: 'blocked.example/a/b:1' }]);
    const expected = { code: 'E_CONFIG', status: 2, message: /blocked.*registries\.conf/ };
    const env = { CONTAINERS_REGISTRIES_CONF: conf };
    await failure(packing(config), expected, { cwd: folder, env });
  });

  test('delivers another manifest than was asked for', async (t) => {
    const folder = temporaryFolder(t);
    const liar = await startScripted(t, ({ response }) => {
      const { bytes, descriptor } = app.contents.at(-1)!;
      reply(response, 200, bytes, { 'content-type': descriptor.mediaType });
    });
    const config = writeImageSet(folder, [{ name: `${liar.host}/a/b@sha256:${'0'.repeat(64)}` }]);
    const expected = { code: 'E_DIGEST', status: 4, message: /sha256:0000/ };
    await failure(packing(config), expected, { cwd: folder });
  });

  test('delivers another blob than the manifest says: no bundle, but everything else is kept', async (t) => {
    const access = await plainRegistries[0]!.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const repository = freshRepository('errors');
    await pushContent(openRepository(t, access, repository), app, 'v1');
    const liar = await startFront(t, access.host, ({ call, response }) => {
      if (!call.includes(layer.descriptor.digest)) return false;
      reply(response, 200, Buffer.alloc(layer.descriptor.size, 'lie'));
      return true;
    });
    const config = writeImageSet(folder, [{ name: `${liar.host}/${repository}:v1` }]);
    const { status, stdout } = await runCli([...packing(config), '--json'], { cwd: folder });
    const error = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([error['code'], status], ['E_DIGEST', 4]);
    assert.match(String(error['message']), /^source: /);
    assert.ok(error['hint'] !== undefined);
    assert.ok(!readdirSync(folder).includes('x.tar'));
  });
});

describe('bundle and target', { concurrency: 4 }, () => {
  let folder = '';
  let bundle: Buffer;
  let packed = '';
  let access: RegistryAccess | undefined;
  before(async () => {
    folder = world.folder;
    access = await plainRegistries[0]!.open({ skip: () => undefined } as never);
    if (access === undefined) return;
    packed = freshRepository('errors');
    await pushContent(openRepository(hooks, access, packed), app, 'v1');
    const config = writeImageSet(folder, [{ name: `${access.host}/${packed}:v1` }]);
    await succeed(['pack', '-c', config, '-o', 'good.tar', '--sign-key', 'release.key'], { cwd: folder });
    await succeed(['pack', '-c', config, '-o', 'unsigned.tar', '--unsigned'], { cwd: folder });
    bundle = readFileSync(join(folder, 'good.tar'));
    const damaged = Buffer.from(bundle);
    const at = bundle.indexOf(layer.bytes);
    damaged[at + 5000]! ^= 1;
    writeFileSync(join(folder, 'damaged.tar'), damaged);
    writeFileSync(join(folder, 'short.tar'), bundle.subarray(0, bundle.length - 5000));
    const moved = Buffer.from(bundle);
    moved.write('other', bundle.lastIndexOf('README.txt\0'));
    writeFileSync(join(folder, 'renamed.tar'), moved);
  });

  test('a password that is wrong', async (t) => {
    const own = temporaryFolder(t);
    await succeed(['keygen', '--out-prefix', 'k'], { cwd: own, env: { AIRGAP_KEY_PASSWORD: 'right' } });
    writeFileSync(join(own, 'c.yaml'), '');
    const args = ['pack', '-c', 'c.yaml', '-o', 'x.tar', '--sign-key', 'k.key'];
    const expected = { code: 'E_USAGE', status: 2, message: /password/ };
    await failure(args, expected, { cwd: own, env: { AIRGAP_KEY_PASSWORD: 'wrong' } });
    await failure(args, { ...expected, hint: /AIRGAP_KEY_PASSWORD/ }, { cwd: own });
  });

  /** A bundle, the trust given, and what verify and unpack alike say of it before anything is sent. */
  const REFUSED: readonly (readonly [string, string, readonly string[], string, number])[] = [
    ['a key that is not pinned', 'good.tar', ['--key', 'stranger.pub'], 'E_SIGNATURE', 3],
    ['an unsigned bundle', 'unsigned.tar', ['--key', 'release.pub'], 'E_SIGNATURE', 3],
    ['a bundle that is cut short', 'short.tar', ['--key', 'release.pub'], 'E_TRUNCATED', 4],
    ['a file under another name', 'renamed.tar', ['--key', 'release.pub'], 'E_LAYOUT', 4],
    ['another stream', 'good.tar', ['--key', 'release.pub', '--bundle-name', 'other'], 'E_NAME', 5],
    ['too old a serial', 'good.tar', ['--key', 'release.pub', '--min-serial', '9999999999'], 'E_ROLLBACK', 5],
  ];
  for (const [what, file, trust, code, status] of REFUSED) {
    test(`refused before anything is sent: ${what}`, async (t) => {
      if (access === undefined) return t.skip('needs a registry');
      const target = await startScripted(t, ({ response }) => reply(response, 500));
      await failure(['verify', file, ...trust], { code, status }, { cwd: folder });
      await failure(['unpack', file, ...trust, '--registry', target.host], { code, status }, { cwd: folder });
      assert.deepEqual(target.requests, []);
    });
  }

  test('a changed byte: refused by verify, and never pushed nor tagged by unpack', async (t) => {
    if (access === undefined) return t.skip('needs a registry');
    const far = freshRepository('far');
    const trust = ['--key', 'release.pub'];
    const error = await failure(['verify', 'damaged.tar', ...trust], { code: 'E_DIGEST', status: 4 }, { cwd: folder });
    assert.equal(error['at'], `blobs/sha256/${layer.descriptor.digest.slice(7)}`);
    const unpack = ['unpack', 'damaged.tar', ...trust, '--registry', `${access.host}/${far}`];
    await failure(unpack, { code: 'E_DIGEST', status: 4 }, { cwd: folder });
    const there = openRepository(t, access, `${far}/${packed}`);
    const { signal } = new AbortController();
    await assert.rejects(there.resolve('v1', signal), { code: 'E_NOT_FOUND' });
    assert.equal(await there.has(layer.descriptor, signal), false);
  });

  test('an unsigned bundle is taken when the user insists, and the result says so', async (t) => {
    if (access === undefined) return t.skip('needs a registry');
    const verified = await succeed(['verify', 'unsigned.tar', '--insecure-unsigned', '--json'], { cwd: folder });
    assert.deepEqual([jsonOf(verified)['signature'], jsonOf(verified)['signers']], ['none', []]);
    const far = `${access.host}/${freshRepository('far')}`;
    const env = { HOME: temporaryFolder(t) };
    await succeed(['unpack', 'unsigned.tar', '--insecure-unsigned', '--registry', far], { cwd: folder, env });
  });

  test('a target that cannot be reached: named, with its side', async (t) => {
    if (access === undefined) return t.skip('needs a registry');
    const args = ['unpack', 'good.tar', '--key', 'release.pub', '--registry', CLOSED_PORT];
    const expected = { code: 'E_UNREACHABLE', status: 6, message: /127\.0\.0\.1:1/ };
    const error = await failure(args, expected, { cwd: folder });
    assert.equal(error['side'], 'target');
  });

  for (const kind of testRegistries.filter(({ auth }) => auth !== 'none')) {
    test(`a target that wants a login (${kind.name})`, async (t) => {
      const target = await kind.open(t);
      if (access === undefined || target === undefined) return;
      const own = temporaryFolder(t);
      const [caFlag, caFile] = flagsFor(target, own);
      const trust = ['--key', 'release.pub'];
      const args = ['unpack', 'good.tar', ...trust, '--registry', target.host, caFlag!, caFile!];
      const expected = { code: 'E_UNAUTHORIZED', status: 6, message: new RegExp(target.host) };
      const error = await failure(args, expected, { cwd: folder });
      assert.equal(error['side'], 'target');
    });
  }

  test('a path too long for a registry', async (t) => {
    if (access === undefined) return t.skip('needs a registry');
    const deep = Array.from({ length: 130 }, () => 'x').join('/');
    const args = ['unpack', 'good.tar', '--key', 'release.pub', '--registry', `${access.host}/${deep}`];
    await failure(args, { code: 'E_USAGE', status: 2, message: /path|long/ }, { cwd: folder });
  });

  test('a reader that goes away ends a bundle on standard output with an error', async (t) => {
    if (access === undefined) return t.skip('needs a registry');
    const child = startCli(['pack', '-c', 'imageset.yaml', '-o', '-', '--unsigned'], { cwd: folder });
    child.stdout!.destroy();
    const { status, stderr } = await resultOf(child);
    assert.equal(status, 4, stderr);
    assert.match(stderr, /error E_TRUNCATED: standard output was closed/);
  });
});
