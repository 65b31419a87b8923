import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSelfContained } from '../../../src/apply/carried-kubeconfig.ts';
import { openKubeConnection } from '../../../src/apply/kube.ts';
import { readKubeconfigSecret } from '../../../src/apply/kubeconfig.ts';
import { formatYaml } from '../../../src/core/yaml.ts';

function kubeconfig(user: object, cluster: object = {}): string {
  return formatYaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server: 'https://192.0.2.1:6443', ...cluster } }],
    users: [
      { name: 'first', user: { token: 't' } },
      { name: 'u', user },
    ],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  });
}

const DATA = { 'client-certificate-data': 'AAAA', 'client-key-data': 'AAAA' };

test('a kubeconfig that holds everything itself is taken', () => {
  assertSelfContained(kubeconfig(DATA, { 'certificate-authority-data': 'AAAA', 'tls-server-name': 'api' }), 'x');
  assertSelfContained(kubeconfig({ token: 't', exec: null }), 'x');
  for (const text of ['', 'text', '[1, 2]', 'users: text', 'users: [{name: a, user: text}, {}]']) {
    assertSelfContained(text, 'x');
  }
});

const HOSTILE: readonly (readonly [field: string, text: string])[] = [
  [
    'exec',
    kubeconfig({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/sh', args: ['-c', 'id'] } }),
  ],
  ['auth-provider', kubeconfig({ 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh' } } })],
  ['tokenFile', kubeconfig({ tokenFile: '/root/.config/containers/auth.json' })],
  ['client-certificate', kubeconfig({ 'client-certificate': '/etc/passwd' })],
  ['client-key', kubeconfig({ 'client-key': '/etc/passwd' })],
  ['certificate-authority', kubeconfig({ token: 't' }, { 'certificate-authority': '/etc/passwd' })],
];
for (const [field, text] of HOSTILE) {
  test(`a kubeconfig from a Secret with ${field} is refused before anything is read or started`, () => {
    const refusal = { code: 'E_CONFIG', message: new RegExp(`kubeconfig of hosted cluster a .* has ${field}, `) };
    assert.throws(() => openKubeConnection({ text, origin: 'hosted cluster a' }), refusal);
    const cluster = {
      apiVersion: 'hypershift.openshift.io/v1beta1',
      kind: 'HostedCluster',
      metadata: { name: 'a', namespace: 'clusters' },
      status: { kubeconfig: { name: 's' } },
    };
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'clusters' },
      data: { kubeconfig: Buffer.from(text).toString('base64') },
    };
    assert.throws(() => readKubeconfigSecret(secret, cluster), refusal);
  });
}

test('other programs read it too: nothing is hidden from the check by merge keys or damaged entries', () => {
  const hidden = [
    'users: [{name: u, user: {<<: {exec: {command: sh}}}}]',
    'users: [{name: u, <<: {user: {exec: {command: sh}}}}]',
    '<<: {users: [{name: u, user: {exec: {command: sh}}}]}',
    'users: [null, {name: u, user: {exec: {command: sh}}}]',
    'clusters: text\nusers: [{name: u, user: {exec: {command: sh}}}]',
  ];
  for (const text of hidden) {
    assert.throws(() => assertSelfContained(text, 'x'), { code: 'E_CONFIG', message: /has exec, / }, text);
  }
});
