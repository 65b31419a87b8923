import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createCredentialStore } from '../../../src/registry/credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'airgap-credentials-'));
after(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const encode = (text: string) => Buffer.from(text).toString('base64');

let count = 0;
function file(content: unknown): string {
  const path = join(folder, `auth-${(count += 1)}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const auths = {
  'quay.io': { auth: encode('host:p') },
  'quay.io/org': { auth: encode('org:p') },
  'quay.io/org/app': { auth: encode('app:p') },
  'reg:5000': { auth: encode('port:p:with:colons') },
  'https://index.docker.io/v1/': { auth: encode('hub:p') },
  'https://old.example/v2/': { auth: encode('old:p') },
  'token.example': { identitytoken: 'idt', auth: encode('<token>:') },
  'empty.example': {},
};

const cases: readonly (readonly [registry: string, repository: string, user: string | undefined])[] = [
  ['quay.io', 'org/app', 'app'],
  ['quay.io', 'org/app/sub', 'app'],
  ['quay.io', 'org/application', 'org'],
  ['quay.io', 'organisation/app', 'host'],
  ['quay.io', '', 'host'],
  ['quay.io.evil.example', 'org/app', undefined],
  ['evilquay.io', 'org/app', undefined],
  ['io', 'x', undefined],
  ['reg:5000', 'x', 'port'],
  ['reg', 'x', undefined],
  ['docker.io', 'library/nginx', 'hub'],
  ['registry-1.docker.io', 'library/nginx', 'hub'],
  ['old.example', 'x', 'old'],
  ['empty.example', 'x', undefined],
];

for (const [registry, repository, user] of cases) {
  test(`the credentials of ${registry}/${repository} are those of ${user ?? 'nobody'}`, async () => {
    const found = await createCredentialStore([file({ auths })]).find(registry, repository, signal);
    assert.equal(found?.kind === 'basic' ? found.username : undefined, user);
  });
}

test('a password may hold colons, and an identity token comes before a password', async () => {
  const store = createCredentialStore([file({ auths })]);
  const port = await store.find('reg:5000', 'x', signal);
  assert.equal(port?.kind === 'basic' && port.password, 'p:with:colons');
  assert.deepEqual(await store.find('token.example', 'x', signal), {
    kind: 'identity',
    key: 'token.example',
    token: 'idt',
  });
});

test('the first file that knows a registry wins and missing files are passed over', async () => {
  const first = file({ auths: { 'a.example': { auth: encode('first:p') } } });
  const second = file({ auths: { 'a.example': { auth: encode('second:p') }, 'b.example': { auth: encode('b:p') } } });
  const store = createCredentialStore([join(folder, 'none.json'), first, second]);
  const users = await Promise.all(['a.example', 'b.example'].map((host) => store.find(host, 'x', signal)));
  assert.deepEqual(
    users.map((user) => user?.kind === 'basic' && user.username),
    ['first', 'b'],
  );
});

test('a broken file is named, and its text is not shown', async () => {
  const broken = file('{"auths": {"a": {"auth": "secretsecret"}');
  await assert.rejects(createCredentialStore([broken]).find('a', 'x', signal), (error: Error) => {
    const text = `${error.message} ${String(error.cause)}`;
    return 'code' in error && error.code === 'E_CONFIG' && text.includes(broken) && !text.includes('secretsecret');
  });
  const wrong = file({ auths: { a: { auth: 7 } } });
  await assert.rejects(createCredentialStore([wrong]).find('a', 'x', signal), {
    code: 'E_CONFIG',
    message: /auths\.a\.auth/,
  });
  const noColon = file({ auths: { 'a.example': { auth: encode('nocolon') } } });
  await assert.rejects(createCredentialStore([noColon]).find('b', 'x', signal), {
    code: 'E_CONFIG',
    message: /a\.example/,
  });
});
