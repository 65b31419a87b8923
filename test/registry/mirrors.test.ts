import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ProgressEvent, Reporter } from '../../src/core/events.ts';
import { readContent } from '../../src/oci/content.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, pushContent } from '../support/images.ts';
import { optionsFor, type RegistryAccess } from '../support/registry.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const old = image().layer('a', 'old').build();
const current = image().layer('a', 'current').build();

interface Scene {
  readonly origin: RegistryAccess;
  readonly mirror: RegistryAccess;
}

/** The two implementations: the first is the origin, the second its mirror. */
async function bothRegistries(t: TestContext): Promise<Scene | undefined> {
  const [origin, mirror] = await Promise.all(plainRegistries.map((kind) => kind.open(t)));
  return origin === undefined || mirror === undefined ? undefined : { origin, mirror };
}

function clientWith(t: TestContext, access: RegistryAccess, conf: string, report: Reporter = () => undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-conf-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'registries.conf');
  writeFileSync(file, conf);
  const client = createRegistryClient(optionsFor(access, { registriesConf: [file], attempts: 1 }), { signal, report });
  t.after(() => client.close());
  return client;
}

test('content is read from a mirror before its own registry, and from there when the mirror lacks it', async (t) => {
  const scene = await bothRegistries(t);
  if (scene === undefined) return;
  const name = freshRepository('mirrors');
  const { origin, mirror } = scene;
  const conf = `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}/cache"\n`;
  const client = clientWith(t, origin, conf);
  await pushContent(client.openRepository({ registry: origin.host, repository: name }), current, 'v1');
  await pushContent(client.openRepository({ registry: mirror.host, repository: `cache/${name}` }), old, 'v1');

  const source = client.openSource({ registry: origin.host, repository: name });
  assert.equal((await source.resolve('v1', signal)).digest, old.root.digest, 'the mirror is asked first');
  assert.equal((await source.resolve(current.root.digest, signal)).digest, current.root.digest);
  for (const { descriptor, bytes } of [...current.contents, ...old.contents]) {
    assert.deepEqual(await readContent(source, descriptor, { signal, limit: 1 << 20 }), bytes);
  }
  const target = client.openRepository({ registry: origin.host, repository: name });
  assert.equal((await target.resolve('v1', signal)).digest, current.root.digest, 'targets have no mirrors');
});

test('a mirror for digests only is not asked for tags, one that is down is passed over', async (t) => {
  const scene = await bothRegistries(t);
  if (scene === undefined) return;
  const name = freshRepository('mirrors');
  const { origin, mirror } = scene;
  const client = clientWith(
    t,
    origin,
    `[[registry]]
prefix = "images.example/team"
location = "${origin.host}/${name}"
mirror-by-digest-only = true
[[registry.mirror]]
location = "127.0.0.1:1/down"
[[registry.mirror]]
location = "${mirror.host}/${name}"
`,
  );
  await pushContent(client.openRepository({ registry: origin.host, repository: `${name}/app` }), current, 'v1');
  await pushContent(client.openRepository({ registry: mirror.host, repository: `${name}/app` }), old, 'v1');
  const source = client.openSource({ registry: 'images.example', repository: 'team/app' });
  assert.equal((await source.resolve('v1', signal)).digest, current.root.digest);
  assert.equal((await source.resolve(old.root.digest, signal)).digest, old.root.digest);
  await assert.rejects(source.resolve('none', signal), { code: 'E_NOT_FOUND' });
});

test('what is nowhere is reported as missing, with the places that were asked', async (t) => {
  const scene = await bothRegistries(t);
  if (scene === undefined) return;
  const { origin, mirror } = scene;
  const conf = `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`;
  const source = clientWith(t, origin, conf).openSource({
    registry: origin.host,
    repository: freshRepository('mirrors'),
  });
  await assert.rejects(source.fetchManifest('v1', signal), (error: Error & { data?: { mirrors?: string[] } }) => {
    assert.match(error.message, new RegExp(origin.host));
    assert.match(String(error.data?.mirrors), new RegExp(mirror.host));
    return 'code' in error && error.code === 'E_NOT_FOUND';
  });
});

test('a mirror that is down is asked last from then on, for all repositories', async (t) => {
  const scene = await bothRegistries(t);
  if (scene === undefined) return;
  const { origin } = scene;
  const conf = `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "127.0.0.1:1"\n`;
  const events: ProgressEvent[] = [];
  const client = clientWith(t, origin, conf, (event) => events.push(event));
  const names = [freshRepository('mirrors'), freshRepository('mirrors')];
  for (const repository of names) {
    await pushContent(client.openRepository({ registry: origin.host, repository }), current, 'v1');
    const source = client.openSource({ registry: origin.host, repository });
    assert.equal((await source.resolve('v1', signal)).digest, current.root.digest);
    assert.equal((await source.fetchManifest('v1', signal)).descriptor.digest, current.root.digest);
  }
  assert.equal(events.filter(({ type }) => type === 'retry').length, 1);
});

test('a blocked registry is never contacted', (t) => {
  const access: RegistryAccess = { implementation: 'registry', auth: 'none', host: '127.0.0.1:1', url: '' };
  const client = clientWith(t, access, '[[registry]]\nlocation = "blocked.example"\nblocked = true\n');
  assert.throws(() => client.openSource({ registry: 'blocked.example', repository: 'a' }), {
    code: 'E_CONFIG',
    message: /blocked/,
  });
});
