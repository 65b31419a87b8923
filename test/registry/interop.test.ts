import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, index, pushContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { ACCOUNT, optionsFor } from '../support/registry.ts';
import { freshRepository, plainRegistries, testRegistries } from '../support/shared-registries.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const built = index([
  image().layer('etc/x', 'y').build(),
  image().platform('linux/arm64').layer('etc/x', 'z').label('a', 'b').build(),
]).build();

for (const kind of testRegistries.filter(({ auth }) => auth !== 'none')) {
  test(`skopeo reads what we push and we read what it pushes (${kind.name})`, async (t) => {
    const [access, skopeo] = [await kind.open(t), needProgram(t, 'skopeo')];
    if (access === undefined || skopeo === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), 'airgap-skopeo-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const name = freshRepository('interop');
    const repository = client.openRepository({ registry: access.host, repository: name });
    await pushContent(repository, built, 'v1');

    const login = `${ACCOUNT.username}:${ACCOUNT.password}`;
    const copy = ['copy', '--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
    await run(skopeo, [...copy, '--src-creds', login, `docker://${access.host}/${name}:v1`, `oci:${folder}/layout:v1`]);
    const theirs = `${name}/theirs`;
    await run(skopeo, [
      ...copy,
      '--dest-creds',
      login,
      `oci:${folder}/layout:v1`,
      `docker://${access.host}/${theirs}:v2`,
    ]);

    const copied = client.openRepository({ registry: access.host, repository: theirs });
    assert.equal((await copied.resolve('v2', signal)).digest, built.root.digest);
    for (const { descriptor } of built.contents) assert.equal(await copied.has(descriptor, signal), true);
  });
}

for (const kind of plainRegistries) {
  test(`crane reads what we push and we read what it pushes (${kind.name})`, async (t) => {
    const [access, crane] = [await kind.open(t), needProgram(t, 'crane')];
    if (access === undefined || crane === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), 'airgap-crane-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const name = freshRepository('interop');
    const repository = client.openRepository({ registry: access.host, repository: name });
    await pushContent(repository, built, 'v1');

    const digest = await run(crane, ['digest', `${access.host}/${name}:v1`]);
    assert.equal(digest.stdout.trim(), built.root.digest);
    await run(crane, ['validate', '--remote', `${access.host}/${name}:v1`]);
    await run(crane, ['pull', '--format=oci', `${access.host}/${name}:v1`, join(folder, 'layout')]);
    await run(crane, ['push', '--index', join(folder, 'layout'), `${access.host}/${name}/theirs:v2`]);

    const theirs = client.openRepository({ registry: access.host, repository: `${name}/theirs` });
    const wrapper = await theirs.fetchManifest('v2', signal);
    assert.ok(wrapper.content.includes(built.root.digest), 'crane pushes the index of the layout, which lists ours');
    for (const { descriptor } of built.contents) assert.equal(await theirs.has(descriptor, signal), true);
  });
}
