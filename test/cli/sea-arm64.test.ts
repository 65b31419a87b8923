/** The executable of another kind of machine: started by an emulator, and carried in a bundle beside those who can not start it. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { sha256 } from '../support/bundles.ts';
import { image, pushContent } from '../support/images.ts';
import { jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { cleanEnvironment, runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const EXECUTABLE = new URL('../../dist-sea/airgap-linux-arm64', import.meta.url).pathname;
/** Where Debian keeps the libraries of such machines. */
const LIBRARIES = '/usr/aarch64-linux-gnu';
const MANIFEST = JSON.parse(readFileSync(new URL('../../oclif.manifest.json', import.meta.url), 'utf8')) as {
  commands: Record<string, unknown>;
};
const start = promisify(execFile);

/** True when the file is there; else the test is skipped, and fails with AIRGAP_REQUIRE_REAL=1 (CI). */
function needFile(t: TestContext, path: string, message: string): boolean {
  if (existsSync(path)) return true;
  if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(message);
  t.skip(message);
  return false;
}

function needExecutable(t: TestContext): boolean {
  return needFile(t, EXECUTABLE, 'needs the executable for arm64: run "npm run sea -- --platform linux-arm64"');
}

/** The emulator with the libraries of such a machine; undefined: skipped. */
function needEmulator(t: TestContext): string | undefined {
  const libraries = 'needs libc6-arm64-cross and libstdc++6-arm64-cross: run "apt-get install" for them';
  const qemu = needProgram(t, 'qemu-aarch64-static');
  return needFile(t, `${LIBRARIES}/lib/libstdc++.so.6`, libraries) ? qemu : undefined;
}

/** A small signed bundle that carries the executable for arm64, and its public key. */
async function packForArm64(t: TestContext): Promise<{ cwd: string; pub: string } | undefined> {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const name = freshRepository('arm64');
  await pushContent(openRepository(t, access, name), image().layer('etc/x', 'y').build(), 'v1');
  const cwd = temporaryFolder(t);
  const { key, pub } = writeKeys(cwd);
  const config = writeImageSet(cwd, [{ name: `${access.host}/${name}:v1` }]);
  const pack = ['pack', '-c', config, '-o', 'trip.tar', '--sign-key', key, '--include-tool'];
  await succeed([...pack, '--tool-platform', 'linux-arm64'], { cwd });
  return { cwd, pub };
}

test('the executable for arm64 shows its help and verifies a bundle', async (t) => {
  if (!needExecutable(t)) return;
  const qemu = needEmulator(t);
  const packed = qemu === undefined ? undefined : await packForArm64(t);
  if (qemu === undefined || packed === undefined) return;
  const { cwd, pub } = packed;
  const run = (...args: string[]) =>
    start(qemu, ['-L', LIBRARIES, EXECUTABLE, ...args], { cwd, env: cleanEnvironment(cwd), timeout: 120_000 });
  assert.match((await run('--version')).stdout, /^airgap\/\S+ linux-arm64 node-v24\./);
  const help = (await run('--help')).stdout;
  for (const id of Object.keys(MANIFEST.commands)) assert.ok(help.includes(id.split(':')[0]!), id);
  const { stdout } = await run('verify', 'trip.tar', '--key', pub, '--deep', '--json');
  assert.equal((JSON.parse(stdout) as { ok: boolean }).ok, true);
  const inspected = (await run('inspect', 'trip.tar', '--key', pub)).stdout;
  assert.match(inspected, /tool\/airgap-linux-arm64 .* runs on this machine$/m);
  await assert.rejects(run('verify', 'release.pub', '--key', pub, '--json'), { code: 4 });
});

test('where it can not start, everything else of the bundle works, and the bundle says why', async (t) => {
  if (!needExecutable(t)) return;
  const packed = await packForArm64(t);
  if (packed === undefined) return;
  const { cwd, pub } = packed;
  assert.equal(jsonOf(await succeed(['verify', 'trip.tar', '--key', pub, '--json'], { cwd }))['ok'], true);
  const { stdout } = await succeed(['inspect', 'trip.tar', '--key', pub], { cwd });
  assert.match(stdout, /tool\/airgap-linux-arm64 .* for Linux aarch64 /);
  if (process.arch === 'x64') assert.match(stdout, /not for this machine\n.*good for every machine/);
  execFileSync('tar', ['xf', 'trip.tar', 'tool', 'README.txt'], { cwd });
  const tool = readFileSync(join(cwd, 'tool/airgap-linux-arm64'));
  assert.equal(sha256(tool), sha256(readFileSync(EXECUTABLE)));

  // A kind of machine that no emulator on this one may start: the message is the same for all that are not its own.
  tool.writeUInt16LE(0xfffe, 18);
  const foreign = join(cwd, 'tool/foreign');
  writeFileSync(foreign, tool.subarray(0, 64 * 1024));
  chmodSync(foreign, 0o755);
  const shell = spawnSync('bash', ['-c', './tool/foreign'], { cwd, encoding: 'utf8' });
  const said = /cannot execute binary file: Exec format error/.exec(shell.stderr)?.[0];
  assert.ok(said !== undefined && readFileSync(join(cwd, 'README.txt'), 'utf8').includes(`"${said}"`), shell.stderr);
});

test('a platform nobody built is refused before anything is read, with those there are and how to build it', async (t) => {
  if (!needExecutable(t)) return;
  const cwd = temporaryFolder(t);
  const { key } = writeKeys(cwd);
  const config = writeImageSet(cwd, [{ name: 'registry.invalid/none:v1' }]);
  const pack = ['pack', '-c', config, '-o', 'trip.tar', '--sign-key', key, '--json'];
  const missing = await runCli([...pack, '--include-tool', '--tool-platform', 'linux-s390x'], { cwd });
  assert.equal(missing.status, 2);
  const { code, message, hint } = jsonOf(missing);
  assert.equal(code, 'E_USAGE');
  assert.match(String(message), /--tool-platform linux-s390x: there is no such executable, only .*linux-arm64/);
  assert.match(String(hint), /npm run sea -- --platform linux-s390x/);
  const alone = await runCli([...pack, '--tool-platform', 'linux-arm64'], { cwd });
  assert.equal(alone.status, 2);
  assert.match(String(jsonOf(alone)['message']), /include-tool/);
});
