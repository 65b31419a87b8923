import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createCredentialStore } from '../../src/registry/credentials.ts';
import { image, pushContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { ACCOUNT, optionsFor, startRegistry, type Implementation, type RegistryAccess } from '../support/registry.ts';
import { freshRepository, testRegistries } from '../support/shared-registries.ts';
import { PUBLIC_PREFIX } from '../support/token-server.ts';

const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const built = image().layer('a', 'b').build();

function writeAuth(t: TestContext, document: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-auth-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'auth.json');
  writeFileSync(path, JSON.stringify(document));
  return path;
}

function openAs(t: TestContext, access: RegistryAccess, authFiles: readonly string[], repository: string) {
  const client = createRegistryClient(optionsFor(access, { authFiles }), ctx);
  t.after(() => client.close());
  return client.openRepository({ registry: access.host, repository });
}

for (const kind of testRegistries.filter(({ auth }) => auth !== 'none')) {
  test(`a registry without credentials names itself and the files that were looked at (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const repository = openAs(t, access, ['/nowhere/auth.json'], freshRepository('auth'));
    await assert.rejects(repository.resolve('v1', signal), {
      code: 'E_UNAUTHORIZED',
      message: new RegExp(`${access.host}.*/nowhere/auth\\.json`),
    });
  });

  test(`a wrong password is told by the entry it came from (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const auth = Buffer.from('airgap:wrong').toString('base64');
    const file = writeAuth(t, { auths: { [access.host]: { auth } } });
    const repository = openAs(t, access, [file], freshRepository('auth'));
    await assert.rejects(repository.resolve('v1', signal), (error: Error) => {
      assert.match(error.message, new RegExp(access.host));
      return 'code' in error && error.code === 'E_UNAUTHORIZED' && !error.message.includes('wrong');
    });
  });

  test(`the most specific entry of a file is used (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const encode = (text: string) => Buffer.from(text).toString('base64');
    const repository = freshRepository('auth');
    const file = writeAuth(t, {
      auths: {
        [access.host]: { auth: encode('airgap:wrong') },
        [`${access.host}/${repository}`]: { auth: encode(`${ACCOUNT.username}:${ACCOUNT.password}`) },
      },
    });
    await pushContent(openAs(t, access, [file], repository), built, 'v1');
    const other = openAs(t, access, [file], freshRepository('auth'));
    await assert.rejects(other.resolve('v1', signal), { code: 'E_UNAUTHORIZED' });
  });

  test(`ping tells good credentials from missing ones (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const known = createRegistryClient(optionsFor(access), ctx);
    t.after(() => known.close());
    await known.ping({ registry: access.host, repository: 'x' }, signal);
    if (kind.auth === 'token') return; // an anonymous token opens /v2/ as well
    const unknown = createRegistryClient(optionsFor(access, { authFiles: [] }), ctx);
    t.after(() => unknown.close());
    await assert.rejects(unknown.ping({ registry: access.host, repository: 'x' }, signal), { code: 'E_UNAUTHORIZED' });
  });
}

for (const implementation of ['docker-registry', 'registry'] as const) {
  test(`public repositories are read with an anonymous token (${implementation})`, async (t) => {
    const registry = await startTokenRegistry(t, implementation);
    if (registry === undefined) return;
    const repository = freshRepository(`${PUBLIC_PREFIX}auth`);
    await pushContent(openAs(t, registry, [registry.authFile!], repository), built, 'v1');
    const anonymous = openAs(t, registry, [], repository);
    assert.equal((await anonymous.resolve('v1', signal)).digest, built.root.digest);
    await assert.rejects(pushContent(anonymous, built, 'v2'), { code: 'E_UNAUTHORIZED' });
  });

  test(`an identity token is exchanged for access tokens (${implementation})`, async (t) => {
    const registry = await startTokenRegistry(t, implementation);
    if (registry === undefined) return;
    const file = writeAuth(t, { auths: { [registry.host]: { identitytoken: ACCOUNT.identityToken } } });
    await pushContent(openAs(t, registry, [file], freshRepository('auth')), built, 'v1');
    assert.ok(registry.tokenServer!.requests.every(({ method }) => method === 'POST'));
    const wrong = writeAuth(t, { auths: { [registry.host]: { identitytoken: 'other' } } });
    const refused = openAs(t, registry, [wrong], freshRepository('auth'));
    await assert.rejects(refused.resolve('v1', signal), { code: 'E_UNAUTHORIZED' });
  });

  test(`one token serves all requests of a scope, however many wait for it (${implementation})`, async (t) => {
    const registry = await startTokenRegistry(t, implementation);
    if (registry === undefined) return;
    const repository = openAs(t, registry, [registry.authFile!], freshRepository('auth'));
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        repository.pushBlob(blobOf(number), Buffer.from(String(number)), { signal }),
      ),
    );
    await Promise.all(Array.from({ length: 20 }, (_, number) => repository.hasBlob(blobOf(number), signal)));
    const scopes = registry.tokenServer!.requests.map((request) => request.scopes.join(' ').replace(/:[^:]*:/, ':'));
    assert.deepEqual(scopes.toSorted(), ['repository:pull', 'repository:pull,push']);
  });

  test(`tokens that expire during a run are replaced (${implementation})`, async (t) => {
    const registry = await startTokenRegistry(t, implementation, 1);
    if (registry === undefined) return;
    const repository = openAs(t, registry, [registry.authFile!], freshRepository('auth'));
    await pushContent(repository, built, 'v1');
    const before = registry.tokenServer!.requests.length;
    // Longer than the token lives; nothing is asserted about how long anything takes.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await pushContent(repository, built, 'v2');
    assert.ok(registry.tokenServer!.requests.length > before);
  });
}

test('a credential helper is asked for its hosts, and only for them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-helper-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const helper = join(folder, 'docker-credential-airgap-test');
  writeFileSync(
    helper,
    `#!/bin/sh
read -r host
echo "$1 $host" >> "${folder}/asked"
case "$host" in
  helped.example) echo '{"ServerURL":"helped.example","Username":"from-helper","Secret":"s"}' ;;
  token.example) echo '{"ServerURL":"token.example","Username":"<token>","Secret":"identity"}' ;;
  https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"s"}' ;;
  broken.example) echo 'no json' ;;
  failing.example) echo 'the keyring is locked' >&2; exit 1 ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`,
  );
  chmodSync(helper, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${folder}${delimiter}${path}`;
  t.after(() => (process.env['PATH'] = path));

  const own = writeAuth(t, { credHelpers: { 'helped.example': 'airgap-test' } });
  const all = writeAuth(t, {
    credsStore: 'airgap-test',
    auths: { 'in-file.example': { auth: 'ZmlsZTpw' }, 'x.example': {} },
  });
  const perHost = createCredentialStore([own]);
  const forAll = createCredentialStore([all]);
  const userOf = async (store: typeof perHost, host: string) => {
    const found = await store.find(host, 'a/b', signal);
    return found?.kind === 'basic' ? found.username : found?.token;
  };
  assert.equal(await userOf(perHost, 'helped.example'), 'from-helper');
  assert.equal(await userOf(perHost, 'token.example'), undefined);
  assert.equal(await userOf(forAll, 'helped.example'), 'from-helper');
  assert.equal(await userOf(forAll, 'token.example'), 'identity');
  assert.equal(await userOf(forAll, 'docker.io'), 'hub');
  assert.equal(await userOf(forAll, 'in-file.example'), 'file');
  assert.equal(await userOf(forAll, 'x.example'), undefined);
  await assert.rejects(userOf(forAll, 'broken.example'), {
    code: 'E_FAILED',
    message: /docker-credential-airgap-test/,
  });
  await assert.rejects(userOf(forAll, 'failing.example'), { code: 'E_FAILED', message: /keyring is locked/ });
  const missing = createCredentialStore([writeAuth(t, { credsStore: 'is-not-there' })]);
  await assert.rejects(userOf(missing, 'a.example'), { code: 'E_USAGE', message: /docker-credential-is-not-there/ });
});

function blobOf(number: number): Descriptor {
  const text = String(number);
  return { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(text), size: text.length };
}

async function startTokenRegistry(t: TestContext, implementation: Implementation, tokenLifetimeS?: number) {
  if (needProgram(t, implementation) === undefined) return undefined;
  const lifetime = tokenLifetimeS === undefined ? {} : { tokenLifetimeS };
  const registry = await startRegistry({ implementation, auth: 'token', ...lifetime });
  t.after(() => registry.stop());
  return registry;
}
