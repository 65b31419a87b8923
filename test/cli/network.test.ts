/** How the command line reaches registries: proxies, certificates, mirrors, credentials, from flags and environment. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { digestTag } from '../../src/oci/reference.ts';
import { image, pushContent } from '../support/images.ts';
import { needOffline, offlinePrefix } from '../support/offline.ts';
import { flagsFor, jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { startProxy } from '../support/proxy.ts';
import { ACCOUNT, type RegistryAccess } from '../support/registry.ts';
import { cleanEnvironment, runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';

const ENTRY = new URL('../../bin/run.js', import.meta.url).pathname;
const app = image().layer('etc/x', 'y').build();
const withTls = testRegistries.filter(({ tls, auth }) => tls && auth === 'none');
const withLogin = testRegistries.filter(({ auth }) => auth !== 'none');

async function fill(t: TestContext, access: RegistryAccess): Promise<string> {
  const repository = freshRepository('network');
  await pushContent(openRepository(t, access, repository), app, 'v1');
  return repository;
}

function portOf(access: RegistryAccess): string {
  return access.host.split(':')[1]!;
}

for (const kind of [plainRegistries[0]!, withTls[1]!]) {
  const variable = kind.tls ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  for (const name of [variable, variable.toLowerCase()]) {
    test(`a registry that only the proxy of ${name} can reach is packed from and pushed to (${kind.name})`, async (t) => {
      const access = await kind.open(t);
      if (access === undefined) return;
      const folder = temporaryFolder(t);
      const repository = await fill(t, access);
      const proxy = await startProxy(t, 'user:secret');
      // No such name exists: only the proxy resolves it. The certificate is for other names.
      const host = `registry.invalid:${portOf(access)}`;
      const config = writeImageSet(folder, [{ name: `${host}/${repository}:v1` }]);
      const env = { [name]: proxy.url };
      // TLS is tried first, also where plain HTTP is allowed.
      if (!kind.tls) env[name === variable ? 'HTTPS_PROXY' : 'https_proxy'] = proxy.url;
      const pack = ['pack', '-c', config, '-o', 'x.tar', '--unsigned', '--insecure', host];
      const packed = await succeed(pack, { cwd: folder, env });
      assert.ok(proxy.requests.length > 0);
      assert.ok(!packed.stderr.includes('secret'));
      const before = proxy.requests.length;
      const target = `${host}/${freshRepository('far')}`;
      await succeed(['unpack', 'x.tar', '--insecure-unsigned', '--registry', target, '--insecure', host], {
        cwd: folder,
        env,
      });
      assert.ok(proxy.requests.length > before);
      assert.deepEqual(
        proxy.requests.filter((line) => !line.includes(host)),
        [],
      );
    });
  }
}

test('a proxy that refuses is named as the one that refused, without its password', async (t) => {
  const access = await withTls[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const proxy = await startProxy(t, 'user:secret');
  const host = `registry.invalid:${portOf(access)}`;
  const config = writeImageSet(folder, [{ name: `${host}/a:v1` }]);
  const env = { HTTPS_PROXY: proxy.url.replace('secret', 'mistaken') };
  const result = await runCli(['plan', '-c', config, '--json'], { cwd: folder, env });
  assert.equal(result.status, 6);
  assert.equal(jsonOf(result)['code'], 'E_UNREACHABLE');
  assert.match(String(jsonOf(result)['message']), /proxy/);
  assert.ok(!(result.stdout + result.stderr).includes('mistaken'));
});

/** Where the first connection went, by the reason of the first retry in a place without network. */
async function firstAttempt(folder: string, config: string, env: Readonly<Record<string, string>>): Promise<string> {
  const [program, ...args] = [...offlinePrefix(), process.execPath, ENTRY, 'plan', '-c', config];
  const child = spawn(program, [...args, '--log-format', 'json'], {
    cwd: folder,
    env: { ...cleanEnvironment(folder), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    for await (const line of createInterface({ input: child.stderr })) {
      const event = line.startsWith('{') ? (JSON.parse(line) as { type: string; reason?: string }) : { type: '' };
      if (event.type === 'retry') return String(event.reason);
    }
    return 'none';
  } finally {
    child.kill('SIGKILL');
  }
}

test('NO_PROXY takes address ranges, suffixes and names; everything else goes to the proxy', async (t) => {
  if (!needOffline(t)) return;
  const folder = temporaryFolder(t);
  const proxy = 'http://198.51.100.9:3128';
  const CASES = [
    ['192.0.2.5', '192.0.2.0/24', 'direct'],
    ['192.0.2.5', '10.0.0.0/8, 192.0.2.5', 'direct'],
    ['192.0.2.5', '192.0.3.0/24,.example', 'proxy'],
    ['192.0.2.5', '', 'proxy'],
    ['registry.example', '192.0.2.0/24', 'proxy'],
  ] as const;
  await Promise.all(
    CASES.map(async ([host, noProxy, expected], at) => {
      const config = writeImageSet(folder, [{ name: `${host}:8443/a:v1` }], `c${at}.yaml`);
      const reason = await firstAttempt(folder, config, { HTTPS_PROXY: proxy, NO_PROXY: noProxy });
      assert.match(
        reason,
        expected === 'proxy' ? /198\.51\.100\.9:3128/ : /\(.*192\.0\.2\.5:8443/,
        `${host} ${noProxy}`,
      );
    }),
  );
});

for (const kind of withTls) {
  test(`the CA of the far side travels in the bundle (${kind.name})`, async (t) => {
    const [source, target] = [await plainRegistries[0]!.open(t), await kind.open(t)];
    if (source === undefined || target === undefined) return;
    const folder = temporaryFolder(t);
    const repository = await fill(t, source);
    const config = writeImageSet(folder, [{ name: `${source.host}/${repository}:v1` }]);
    writeFileSync(join(folder, 'lab.pem'), `# a comment\n${target.ca}${target.ca}`);
    const { key, pub } = writeKeys(folder);
    const far = `${target.host}/${freshRepository('far')}`;
    const unpack = (bundle: string): string[] => ['unpack', bundle, '--key', pub, '--registry', far, '--json'];
    for (const [name, ...caBundle] of [
      ['without'],
      ['for-one', '--ca-bundle', `${target.host}=lab.pem`],
      ['for-all', '--ca-bundle', 'lab.pem'],
      ['for-another', '--ca-bundle', 'registry.invalid:8443=lab.pem'],
    ] as const) {
      const bundle = `${name}.tar`;
      await succeed(['pack', '-c', config, '-o', bundle, '--sign-key', key, '--bundle-name', name, ...caBundle], {
        cwd: folder,
      });
      const result = await runCli(unpack(bundle), { cwd: folder });
      const isTrusted = name === 'for-one' || name === 'for-all';
      assert.equal(result.status, isTrusted ? 0 : 6, `${name}: ${result.stderr}${result.stdout}`);
      if (isTrusted) continue;
      assert.equal(jsonOf(result)['code'], 'E_UNREACHABLE');
      assert.match(String(jsonOf(result)['hint']), /--ca-file/);
    }
    await succeed([...unpack('without.tar'), '--ca-file', 'lab.pem'], { cwd: folder });
  });
}

test('a private key among the CA certificates is refused, and nothing of it is shown', async (t) => {
  const folder = temporaryFolder(t);
  const config = writeImageSet(folder, [{ name: 'registry.invalid/a:v1' }]);
  const { key } = writeKeys(folder);
  const args = ['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, '--ca-bundle', key, '--json'];
  const result = await runCli(args, { cwd: folder });
  assert.equal(result.status, 2, result.stdout);
  assert.match(String(jsonOf(result)['message']), /private key/);
  assert.ok(!result.stdout.includes('BEGIN'));
});

test('mirrors of registries.conf are read, and the image keeps its own name', async (t) => {
  const access = await plainRegistries[1]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const repository = await fill(t, access);
  const conf = join(folder, 'mirrors.conf');
  const mirror = `[[registry.mirror]]\nlocation = "${access.host}/${dirname(repository)}"\ninsecure = true\n`;
  writeFileSync(conf, `[[registry]]\nprefix = "upstream.invalid/team"\nlocation = "upstream.invalid/team"\n${mirror}`);
  const name = repository.split('/').at(-1)!;
  const config = writeImageSet(folder, [{ name: `upstream.invalid/team/${name}:v1` }]);
  const env = { CONTAINERS_REGISTRIES_CONF: conf };
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--unsigned'], { cwd: folder, env });
  const far = freshRepository('far');
  // The target is where it is said to be: mirrors are for reading.
  await succeed(['unpack', 'x.tar', '--insecure-unsigned', '--registry', `${access.host}/${far}`], {
    cwd: folder,
    env,
  });
  const there = openRepository(t, access, `${far}/team/${name}`);
  assert.equal((await there.resolve('v1', new AbortController().signal)).digest, app.root.digest);
});

test('signatures are taken from the mirror the image came from, also from one for digests only', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const repository = await fill(t, access);
  const signature = image().rawLayer(Buffer.from('{}'), 'application/vnd.dev.cosign.simplesigning.v1+json').build();
  await pushContent(openRepository(t, access, repository), signature, `${digestTag(app.root.digest)}.sig`);
  const conf = join(folder, 'mirrors.conf');
  const mirror = `[[registry.mirror]]\nlocation = "${access.host}/${repository}"\ninsecure = true\n`;
  const head = '[[registry]]\nlocation = "upstream.invalid/team/app"\nmirror-by-digest-only = true\n';
  writeFileSync(conf, head + mirror);
  const config = writeImageSet(folder, [{ name: `upstream.invalid/team/app@${app.root.digest}` }]);
  const env = { CONTAINERS_REGISTRIES_CONF: conf };
  const planned = jsonOf(await succeed(['plan', '-c', config, '--json'], { cwd: folder, env }));
  const digests = (planned['images'] as { readonly digest: string }[]).map(({ digest }) => digest);
  assert.deepEqual(digests.toSorted(), [app.root.digest, signature.root.digest].toSorted());
});

for (const kind of withLogin) {
  test(`credentials are found in every usual place (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const folder = temporaryFolder(t);
    const repository = await fill(t, access);
    const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
    const [caFlag, caFile] = flagsFor(access, folder);
    const plan = ['plan', '-c', config, caFlag!, caFile!];
    const denied = await runCli(plan, { cwd: folder });
    assert.equal(denied.status, 6);

    const place = (path: string): string => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      copyFileSync(access.authFile!, join(folder, path));
      return join(folder, path);
    };
    const PLACES: readonly (readonly [readonly string[], Readonly<Record<string, string>>])[] = [
      [['--authfile', place('by-flag.json')], {}],
      [[], { REGISTRY_AUTH_FILE: place('by-variable.json') }],
      [[], { DOCKER_CONFIG: dirname(place('docker/config.json')) }],
      [[], { HOME: dirname(dirname(place('home/.docker/config.json'))) }],
      [[], { XDG_RUNTIME_DIR: dirname(dirname(place('run/containers/auth.json'))) }],
      [[], { XDG_CONFIG_HOME: dirname(dirname(place('config/containers/auth.json'))) }],
    ];
    await Promise.all(PLACES.map(([flags, env]) => succeed([...plan, ...flags], { cwd: folder, env })));
  });
}

test('a credential helper is asked', async (t) => {
  const access = await withLogin[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const repository = await fill(t, access);
  const answer = JSON.stringify({ ServerURL: access.host, Username: ACCOUNT.username, Secret: ACCOUNT.password });
  const helper = join(folder, 'docker-credential-test');
  writeFileSync(helper, `#!/bin/sh\nread host\n[ "$1 $host" = "get ${access.host}" ] && echo '${answer}'\n`, {
    mode: 0o755,
  });
  writeFileSync(join(folder, 'auth.json'), JSON.stringify({ credHelpers: { [access.host]: 'test' } }));
  const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
  const [caFlag, caFile] = flagsFor(access, folder);
  const args = ['plan', '-c', config, caFlag!, caFile!, '--authfile', 'auth.json'];
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  await succeed(args, { cwd: folder, env });
  // The wrong program answers: the login is refused, and the secret stays where it is.
  writeFileSync(helper, `#!/bin/sh\necho '${answer.replace(ACCOUNT.password, 'mistaken')}'\n`, { mode: 0o755 });
  const refused = await runCli([...args, '--json', '--verbose'], { cwd: folder, env });
  assert.equal(refused.status, 6);
  assert.equal(jsonOf(refused)['code'], 'E_UNAUTHORIZED');
  assert.ok(!(refused.stdout + refused.stderr).includes('mistaken'));
});
