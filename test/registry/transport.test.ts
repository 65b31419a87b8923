import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import type { RegistryOptions } from '../../src/registry/options.ts';
import { createAuthority } from '../support/certificates.ts';
import { image, pushContent } from '../support/images.ts';
import { startProxy } from '../support/proxy.ts';
import { reply, startScripted } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const built = image().layer('a', 'b').build();
const small = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf('small'), size: 5 };
const tlsRegistries = testRegistries.filter(({ tls, auth }) => tls && auth === 'none');

function open(
  t: TestContext,
  registry: string,
  options: Partial<RegistryOptions>,
  repository = freshRepository('transport'),
) {
  const client = createRegistryClient(
    { userAgent: 'airgap-test', authFiles: [], attempts: 1, ...options },
    { signal, report: () => undefined },
  );
  t.after(() => client.close());
  return client.openRepository({ registry, repository });
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-transport-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

for (const kind of tlsRegistries) {
  test(`an unknown CA is refused with the way to add it, even on loopback (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    await assert.rejects(open(t, access.host, {}).resolve('v1', signal), {
      code: 'E_UNREACHABLE',
      message: /certificate is not trusted/,
      hint: new RegExp(`certs\\.d/${access.host}`),
    });
  });

  test(`a CA is taken from the options, from a host's own and from certs.d (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const certsDir = temporaryFolder(t);
    mkdirSync(join(certsDir, access.host));
    writeFileSync(join(certsDir, access.host, 'ca.crt'), access.ca ?? '');
    const ca = [access.ca ?? ''];
    for (const options of [{ extraCa: ca }, { hostCa: { [access.host]: ca } }, { certsDirs: ['/nowhere', certsDir] }]) {
      await pushContent(open(t, access.host, options), built, 'v1');
    }
    const other = open(t, access.host, { hostCa: { 'other.example': ca } });
    await assert.rejects(other.resolve('v1', signal), { code: 'E_UNREACHABLE' });
  });

  test(`a host marked insecure needs no CA (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    await pushContent(open(t, access.host, { insecure: [access.host] }), built, 'v1');
  });

  test(`a registry with TLS is reached through a proxy by its name (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const proxy = await startProxy(t, 'user:secret');
    // A name that only the proxy can resolve; the certificate is for loopback names, so it is not checked here.
    const host = `registry.invalid:${access.host.split(':')[1]}`;
    const repository = open(t, host, { proxy: { httpsProxy: proxy.url }, insecure: [host] });
    await pushContent(repository, built, 'v1');
    assert.deepEqual([...new Set(proxy.requests)], [`CONNECT ${host}`]);

    const refused = open(t, host, { proxy: { httpsProxy: proxy.url.replace('secret', 'wrong') } });
    await assert.rejects(refused.resolve('v1', signal), (error: Error) => {
      return (
        'code' in error && error.code === 'E_UNREACHABLE' && /proxy/.test(error.message) && !/wrong/.test(error.message)
      );
    });
  });
}

for (const kind of plainRegistries) {
  test(`a plain registry is reached through a proxy, and directly when NO_PROXY says so (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const proxy = await startProxy(t);
    const host = `registry.invalid:${access.host.split(':')[1]}`;
    const settings = { httpProxy: proxy.url, httpsProxy: proxy.url };
    await pushContent(open(t, host, { proxy: settings, insecure: [host] }), built, 'v1');
    assert.ok(proxy.requests.some((line) => line.startsWith(`PUT http://${host}/v2/`)));

    const before = proxy.requests.length;
    const direct = open(t, host, { proxy: { ...settings, noProxy: '.invalid' }, insecure: [host] });
    await assert.rejects(direct.resolve('v1', signal), { code: 'E_UNREACHABLE', message: /no host registry\.invalid/ });
    await pushContent(open(t, access.host, { proxy: settings }), built, 'v1');
    assert.equal(proxy.requests.length, before, 'loopback and exempt hosts are not sent to the proxy');
  });

  test(`plain HTTP is spoken to loopback unasked, to others only when marked insecure (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const name = freshRepository('transport');
    const root = await pushContent(open(t, access.host, {}, name), built, 'v1');
    const proxy = await startProxy(t);
    const host = `registry.invalid:${access.host.split(':')[1]}`;
    const options = { proxy: { httpProxy: proxy.url, httpsProxy: proxy.url } };
    await assert.rejects(open(t, host, options, name).resolve('v1', signal), { code: 'E_UNREACHABLE' });
    assert.deepEqual([...new Set(proxy.requests)], [`CONNECT ${host}`]);
    const insecure = open(t, host, { ...options, insecure: [host] }, name);
    assert.equal((await insecure.resolve('v1', signal)).digest, root.digest);
  });
}

test('Docker Hub is reached under the name its registry has on the network', async (t) => {
  const proxy = await startProxy(t);
  const repository = open(t, 'docker.io', { proxy: { httpsProxy: proxy.url } }, 'library/nginx');
  await assert.rejects(repository.resolve('v1', signal), { code: 'E_UNREACHABLE' });
  assert.deepEqual([...new Set(proxy.requests)], ['CONNECT registry-1.docker.io:443']);
});

test('a CA that is no certificate is a configuration error, not a silent nothing', async (t) => {
  const server = await startScripted(t, ({ response }) => reply(response, 200), createAuthority().issue());
  await assert.rejects(open(t, server.host, { extraCa: ['garbage'] }).fetchBytes(small, signal), { code: 'E_CONFIG' });
});

test('an unchecked registry is warned about, once', async (t) => {
  const authority = createAuthority();
  const server = await startScripted(t, ({ response }) => reply(response, 200, 'small'), authority.issue());
  const warnings: string[] = [];
  const client = createRegistryClient(
    { userAgent: 'airgap-test', authFiles: [], insecure: [server.host] },
    { signal, report: (event) => event.type === 'warning' && warnings.push(`${event.code} ${event.message}`) },
  );
  t.after(() => client.close());
  for (const repository of ['a', 'b']) {
    await client.openRepository({ registry: server.host, repository }).fetchBytes(small, signal);
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, new RegExp(`^W_INSECURE ${server.host}`));
});

test('a client certificate of certs.d is shown to its host', async (t) => {
  const authority = createAuthority();
  const server = await startScripted(t, ({ response }) => reply(response, 200, 'small'), {
    ...authority.issue(),
    clientCa: authority.ca,
  });
  const certsDir = temporaryFolder(t);
  const folder = join(certsDir, server.host);
  mkdirSync(folder);
  const client = authority.issue({ use: 'client', names: ['someone'] });
  writeFileSync(join(folder, 'ca.crt'), authority.ca);
  writeFileSync(join(folder, 'client.cert'), client.cert);
  await assert.rejects(open(t, server.host, { certsDirs: [certsDir] }).fetchBytes(small, signal), {
    code: 'E_CONFIG',
    message: /client\.key is missing/,
  });
  writeFileSync(join(folder, 'client.key'), client.key);
  assert.equal(String(await open(t, server.host, { certsDirs: [certsDir] }).fetchBytes(small, signal)), 'small');
  await assert.rejects(open(t, server.host, { extraCa: [authority.ca] }).fetchBytes(small, signal), {
    code: 'E_UNREACHABLE',
  });
});

test('a certificate for another name is refused with the reason', async (t) => {
  const authority = createAuthority();
  const server = await startScripted(
    t,
    ({ response }) => reply(response, 200),
    authority.issue({ names: ['other.example'] }),
  );
  const host = server.host.replace('127.0.0.1', 'localhost');
  await assert.rejects(open(t, host, { extraCa: [authority.ca] }).fetchBytes(small, signal), {
    code: 'E_UNREACHABLE',
    message: /altnames/,
  });
});

test('unknown hosts and closed ports are told apart', async (t) => {
  await assert.rejects(open(t, 'registry.invalid', {}).resolve('v1', signal), {
    message: /there is no host registry\.invalid/,
  });
  await assert.rejects(open(t, '127.0.0.1:1', {}).resolve('v1', signal), { message: /connection was refused/ });
});

test('a connection the server closed while it was idle is replaced without a retry', async (t) => {
  const server = await startScripted(t, ({ request, response }) => {
    reply(response, 200, 'small');
    // Closed without notice, just after the answer.
    response.on('finish', () => setImmediate(() => request.socket.destroy()));
  });
  const repository = open(t, server.host, { maxConnections: 1 });
  for (let round = 0; round < 20; round += 1) {
    assert.equal(String(await repository.fetchBytes(small, signal)), 'small');
  }
});

test('connections are kept, and no more are opened than allowed', async (t) => {
  const sockets = new Set<unknown>();
  const server = await startScripted(t, ({ request, response }) => {
    sockets.add(request.socket);
    reply(response, 200, 'small');
  });
  const repository = open(t, server.host, { maxConnections: 3 });
  await Promise.all(Array.from({ length: 60 }, () => repository.fetchBytes(small, signal)));
  assert.equal(sockets.size, 3);
});

test('a host that answers 429 above a number of requests at once is soon asked no more than that', async (t) => {
  const MOST = 2;
  const REQUESTS = 120;
  let running = 0;
  let refused = 0;
  const server = await startScripted(t, ({ response }) => {
    running += 1;
    const isTooMany = running > MOST;
    if (isTooMany) refused += 1;
    setTimeout(() => {
      running -= 1;
      if (isTooMany) reply(response, 429, '', { 'retry-after': '0' });
      else reply(response, 200, 'small');
    }, 5);
  });
  const repository = open(t, server.host, { maxConnections: 16, attempts: 50 });
  const bodies = await Promise.all(Array.from({ length: REQUESTS }, () => repository.fetchBytes(small, signal)));
  assert.ok(bodies.every((body) => String(body) === 'small'));
  t.diagnostic(`${refused} of ${server.requests.length} requests were refused`);
  // 14, 6 and 2 on the way down from 16, then one at most each time another request at once is tried.
  assert.ok(refused <= 40, `${refused} requests were refused`);
});
