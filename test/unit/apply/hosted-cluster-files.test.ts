import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { readHostedClusterFiles, requiredRepositories } from '../../../src/apply/hosted-cluster-files.ts';
import { renderNewHostedCluster } from '../../../src/apply/render-hosted-clusters.ts';
import { EMPTY_BUNDLE, FILES, optionsOf } from '../../support/hosted-cluster.ts';

const certificate = readFileSync(new URL('../../fixtures/certificates/ca-one.pem', import.meta.url), 'utf8');
const PULL_SECRET = '{"auths":{"r.example.com:5000":{"auth":"eDp5"}}}\n';

test('the files of a hosted cluster', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const read = (flags: Readonly<Record<string, string>>, registries: readonly string[] = []) =>
    readHostedClusterFiles(optionsOf({ 'pull-secret': file('pull-secret.json', PULL_SECRET), ...flags }), registries);

  await t.test('are read byte for byte, the trust bundle cleaned', async () => {
    const found = await read(
      {
        'ssh-key': file('id.pub', 'ssh-ed25519 AAAAC3Nza me\n'),
        'additional-trust-bundle': file('ca.pem', `// ours\n${certificate}`),
        'image-content-sources': file(
          'ics.yaml',
          '- source: quay.io/a\n  mirrors: [r.example.com:5000/a]\n- source: quay.io/b\n',
        ),
        'infra-kubeconfig-file': file('kubeconfig', 'apiVersion: v1\n'),
        'infra-namespace': 'vms',
      },
      ['r.example.com:5000/a'],
    );
    assert.equal(Buffer.from(found.pullSecret).toString(), PULL_SECRET);
    assert.equal(Buffer.from(found.sshPublicKey!).toString(), 'ssh-ed25519 AAAAC3Nza me\n');
    assert.equal(found.trustBundle, certificate);
    assert.equal(Buffer.from(found.infraKubeconfig!).toString(), 'apiVersion: v1\n');
    assert.deepEqual(found.imageContentSources, [
      { source: 'quay.io/a', mirrors: ['r.example.com:5000/a'] },
      { source: 'quay.io/b' },
    ]);
  });

  await t.test('that are wrong are refused by field and name', async () => {
    for (const [flags, field] of [
      [{ 'pull-secret': join(folder, 'missing.json') }, 'pullSecretFile'],
      [{ 'pull-secret': file('empty.json', '') }, 'pullSecretFile'],
      [{ 'pull-secret': file('fake.json', 'fake') }, 'pullSecretFile'],
      [{ 'ssh-key': file('id', '-----BEGIN OPENSSH PRIVATE KEY-----\n') }, 'sshKeyFile'],
      [{ 'additional-trust-bundle': file('no.pem', 'nothing') }, 'additionalTrustBundleFile'],
      [{ 'image-content-sources': file('map.yaml', 'source: a\n') }, 'imageContentSourcesFile'],
      [{ 'image-content-sources': file('key.yaml', '- sauce: a\n') }, 'imageContentSourcesFile'],
      [
        { 'image-content-sources': file('idms.yaml', '- source: a\n  mirrorSourcePolicy: x\n') },
        'imageContentSourcesFile',
      ],
    ] as const)
      await assert.rejects(
        read(flags),
        (error) => isAirgapError(error, 'E_CONFIG') && error.message.includes(field) && error.message.includes(folder),
        JSON.stringify(flags),
      );
  });

  await t.test('must have credentials for what the nodes pull', async () => {
    await assert.rejects(
      read({}, ['r.example.com:5000/a', 'other.example.com/b', 'other.example.com/c']),
      (error) => isAirgapError(error, 'E_CONFIG') && error.message.endsWith('no credentials for other.example.com'),
    );
  });
});

test('nodes pull from mirrors, from a release that has none, and from named catalogs', () => {
  const mirrors = [{ source: 'quay.io/openshift-release-dev/ocp-release', mirrors: ['r:5000/release'] }];
  const release = (name: string) => optionsOf({ 'release-image': `${name}@sha256:${'a'.repeat(64)}` });
  assert.deepEqual(requiredRepositories(release('quay.io/openshift-release-dev/ocp-release'), mirrors), [
    'r:5000/release',
  ]);
  assert.deepEqual(requiredRepositories(release('other:5000/release'), mirrors), [
    'r:5000/release',
    'other:5000/release',
  ]);
  const named = optionsOf({
    'release-image': `r:5000/x@sha256:${'a'.repeat(64)}`,
    annotations: [`hypershift.openshift.io/redhat-operators-catalog-image=c:5000/index@sha256:${'b'.repeat(64)}`],
  });
  assert.deepEqual(requiredRepositories(named, []), ['r:5000/x', 'c:5000/index']);
});

test('a rendering for people has no Secret unless it is asked for, and a key of its own', async () => {
  const request = { options: optionsOf({ 'generate-ssh': true }), files: FILES };
  const shown = await renderNewHostedCluster(request, EMPTY_BUNDLE, false);
  assert.deepEqual(
    shown.map(({ kind }) => kind),
    ['Namespace', 'HostedCluster', 'NodePool'],
  );
  const full = await renderNewHostedCluster(request, EMPTY_BUNDLE, true);
  assert.equal(full.filter(({ kind }) => kind === 'Secret').length, 3);
});
