import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { isAirgapError } from '../../src/core/errors.ts';
import { openKubeConnection, type KubeconfigSource } from '../../src/apply/kube.ts';
import { createKubeClient, type KubeClient } from '../../src/apply/kube-client.ts';
import { conflictsOf } from '../../src/apply/kube-error.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import { ADMIN_TOKEN, GUEST_TOKEN, startApiServer, testClient, writeKubeconfig } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { needApiServer } from '../support/need-apiserver.ts';

const REVIEW = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  metadata: {},
} as unknown as KubeObject;

function clientOf(source: KubeconfigSource, report: (event: ProgressEvent) => void = () => {}): KubeClient {
  return createKubeClient(openKubeConnection(source), { signal: new AbortController().signal, report });
}

async function whoAmI(client: KubeClient): Promise<string> {
  const answer = (await client.create(REVIEW)) as KubeObject & { status: { userInfo: { username: string } } };
  return answer.status.userInfo.username;
}

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

test('a kubeconfig', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const folder = join(server.kubeconfig, '..');
  const file = join(folder, 'form.kubeconfig');
  const caData = execFileSync('base64', ['-w0', server.caFile], { encoding: 'utf8' });

  await t.test('gives a bearer token and a CA file', async () => {
    assert.equal(await whoAmI(clientOf({ files: [writeKubeconfig(server, file)] })), 'administrator');
  });
  await t.test('gives a CA inline, read from a text', async () => {
    const cluster = { 'certificate-authority': undefined, 'certificate-authority-data': caData };
    const { readFileSync } = await import('node:fs');
    const text = readFileSync(writeKubeconfig(server, file, { cluster }), 'utf8');
    assert.equal(await whoAmI(clientOf({ text, origin: 'the test' })), 'administrator');
  });
  await t.test('names a credential plugin relative to itself, which is told how to answer', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: GUEST_TOKEN },
    };
    const plugin = join(folder, 'plugin.sh');
    writeFileSync(
      plugin,
      `#!/bin/sh\ncase "$KUBERNETES_EXEC_INFO" in *client.authentication.k8s.io/v1*) echo '${JSON.stringify(credential)}';; *) exit 3;; esac\n`,
      { mode: 0o755 },
    );
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin.sh',
      args: [],
      interactiveMode: 'Never',
    };
    const client = clientOf({ files: [writeKubeconfig(server, file, { user: { exec } })] });
    assert.equal(await whoAmI(client), 'guest');
  });
  await t.test('whose credential plugin fails says which one', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'false', interactiveMode: 'Never' };
    const client = clientOf({ files: [writeKubeconfig(server, file, { user: { exec } })] });
    await assert.rejects(
      whoAmI(client),
      (error) => isAirgapError(error, 'E_UNAUTHORIZED') && /false failed/.test(error.message),
    );
  });
  await t.test('names a proxy, and the requests go through it', async () => {
    const targets: string[] = [];
    const sockets: Duplex[] = [];
    const proxy = createHttpServer().on('connect', (request, client) => {
      targets.push(request.url ?? '');
      sockets.push(client);
      const [host, port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    assert.equal(
      await whoAmI(clientOf({ files: [writeKubeconfig(server, file, { cluster: { 'proxy-url': url } })] })),
      'administrator',
    );
    assert.equal(
      await whoAmI(clientOf({ files: [writeKubeconfig(server, file)], proxyFor: () => url })),
      'administrator',
    );
    assert.ok(targets.length >= 2 && targets.every((target) => target === new URL(server.url).host));
    proxy.closeAllConnections();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  await t.test('in two files is merged, and a context picks the user', async () => {
    const second = join(folder, 'second.kubeconfig');
    writeFileSync(
      second,
      JSON.stringify({
        users: [{ name: 'other', user: { token: GUEST_TOKEN } }],
        contexts: [{ name: 'as-guest', context: { cluster: 'test', user: 'other' } }],
      }),
    );
    const files = [writeKubeconfig(server, file), second];
    assert.equal(await whoAmI(clientOf({ files })), 'administrator');
    assert.equal(await whoAmI(clientOf({ files, context: 'as-guest' })), 'guest');
    assert.throws(
      () => clientOf({ files, context: 'nobody' }),
      (error) => isAirgapError(error, 'E_CONFIG') && error.hint === 'it has: test, as-guest',
    );
  });
  await t.test('with the wrong CA is refused with a hint about it', async () => {
    const wrong = { 'certificate-authority': undefined };
    const client = clientOf({ files: [writeKubeconfig(server, file, { cluster: wrong })] });
    await assert.rejects(
      whoAmI(client),
      (error) => isAirgapError(error, 'E_UNREACHABLE') && /CA in the kubeconfig/.test(error.hint ?? ''),
    );
  });
  await t.test('with an unknown token is E_UNAUTHORIZED', async () => {
    const client = clientOf({ files: [writeKubeconfig(server, file, { user: { token: 'nothing' } })] });
    await assert.rejects(whoAmI(client), (error) => isAirgapError(error, 'E_UNAUTHORIZED'));
  });
});

test('a client certificate identifies the user', async (t) => {
  if ((await needApiServer(t)) === undefined) return;
  const { mkdtempSync } = await import('node:fs');
  const folder = mkdtempSync(join((await import('node:os')).tmpdir(), 'airgap-pki-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=test client CA',
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'client.key',
    '-out',
    'client.csr',
    '-subj',
    '/O=system:masters/CN=holder',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'client.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'client.crt',
    '-days',
    '2',
  );
  const own = await startApiServer({ clientCa: join(folder, 'ca.crt') });
  t.after(() => own.stop());
  const user = { 'client-certificate': join(folder, 'client.crt'), 'client-key': join(folder, 'client.key') };
  assert.equal(
    await whoAmI(clientOf({ files: [writeKubeconfig(own, join(own.folder, 'cert.kubeconfig'), { user })] })),
    'holder',
  );
});

test('the client', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  await emptyCluster(server);
  const client = testClient(server);

  await t.test('finds nothing where a kind is not served', async () => {
    assert.equal(await client.get({ apiVersion: 'no.such/v1', kind: 'Thing', name: 'x' }), undefined);
    assert.deepEqual(await client.list({ apiVersion: 'no.such/v1', kind: 'Thing' }), []);
    assert.equal(
      await client.servedVersion('hco.kubevirt.io', 'HyperConverged', ['v1', 'v1beta1']),
      'hco.kubevirt.io/v1beta1',
    );
    assert.equal(await client.servedVersion('no.such', 'Thing', ['v1']), undefined);
  });
  await t.test('refuses an unknown field instead of dropping it', async () => {
    const object = {
      apiVersion: 'config.openshift.io/v1',
      kind: 'OperatorHub',
      metadata: { name: 'cluster' },
      spec: { disableAllDefaultSource: true },
    };
    await assert.rejects(
      client.apply(object),
      (error) =>
        isAirgapError(error, 'E_REJECTED') &&
        /disableAllDefaultSource/.test(error.message) &&
        error.hint?.includes('OperatorHub') === true,
    );
    assert.equal(await client.get({ ...object, name: 'cluster' }), undefined);
  });
  await t.test('names the other manager and the field in a conflict', async () => {
    await client.create(configMap('shared', { key: 'theirs' }));
    const mine = configMap('shared', { key: 'mine' });
    // A create through this client has the manager airgap as an Update; another writer is played by a merge patch of its own.
    await assert.doesNotReject(client.apply(mine, { dryRun: true, force: true }));
    await assert.rejects(client.apply(mine), (error) => {
      assert.ok(isAirgapError(error, 'E_CONFLICT'));
      assert.deepEqual(conflictsOf(error), [{ manager: 'airgap', field: '.data.key' }]);
      return true;
    });
  });
  await t.test('a merge patch under an old resourceVersion is refused', async () => {
    const first = await client.apply(configMap('locked', { a: '1' }));
    await client.apply(configMap('locked', { a: '2' }));
    const { resourceVersion } = first.metadata;
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'locked' };
    await assert.rejects(client.mergePatch(ref, { metadata: { resourceVersion }, data: { a: '3' } }), (error) =>
      isAirgapError(error, 'E_CONFLICT'),
    );
  });
  await t.test('lists page by page', async () => {
    await Promise.all(Array.from({ length: 520 }, (_, index) => client.apply(configMap(`page-${index}`, {}))));
    const all = await client.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' });
    assert.equal(all.filter(({ metadata }) => metadata.name.startsWith('page-')).length, 520);
  });
  await t.test('says E_UNAUTHORIZED when the user may not', async () => {
    const guest = clientOf({
      files: [
        writeKubeconfig(server, join(server.kubeconfig, '..', 'guest.kubeconfig'), { user: { token: GUEST_TOKEN } }),
      ],
    });
    await assert.rejects(guest.list({ apiVersion: 'v1', kind: 'Secret' }), (error) =>
      isAirgapError(error, 'E_UNAUTHORIZED'),
    );
  });
  await t.test('never shows a token or Secret value in events and errors', async () => {
    const events: ProgressEvent[] = [];
    const reporting = clientOf({ files: [server.kubeconfig] }, (event) => events.push(event));
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { k: 'not base64: hunter2' },
    };
    await assert.rejects(
      reporting.apply(secret),
      (error) => error instanceof Error && !error.message.includes('hunter2'),
    );
    const text = JSON.stringify(events);
    assert.ok(!text.includes(ADMIN_TOKEN) && !text.includes('hunter2'));
  });
  await t.test('says E_UNREACHABLE when nobody answers', async (unreachable: TestContext) => {
    const socket = createServer().listen(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address() as AddressInfo;
    socket.close();
    const file = writeKubeconfig(
      { ...server, url: `https://127.0.0.1:${port}` },
      join(server.kubeconfig, '..', 'gone.kubeconfig'),
    );
    const stop = new AbortController();
    unreachable.after(() => stop.abort());
    const retries: string[] = [];
    const gone = createKubeClient(openKubeConnection({ files: [file] }), {
      signal: stop.signal,
      report: (event) => {
        if (event.type !== 'retry') return;
        retries.push(event.reason);
        // Seen enough; the whole patience of a request would take a while.
        if (retries.length === 2) stop.abort();
      },
    });
    await assert.rejects(gone.list({ apiVersion: 'v1', kind: 'Node' }));
    assert.match(retries[1] ?? '', /ECONNREFUSED/);
  });
});
