import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { combineKubeconfigs, mergeIntoKubeconfig, readKubeconfigSecret } from '../../../src/apply/kubeconfig.ts';
import type { KubeObject } from '../../../src/apply/kube-object.ts';

const text = (server: string) => `apiVersion: v1
kind: Config
clusters: [{name: cluster, cluster: {server: ${JSON.stringify(server)}, certificate-authority-data: Q0E=}}]
users: [{name: admin, user: {client-key-data: a2V5}}]
contexts: [{name: admin, context: {cluster: cluster, user: admin}}]
current-context: admin
`;
const one = { namespace: 'clusters', name: 'one', text: text('https://one:6443') };
const two = { namespace: 'clusters', name: 'two', text: text('https://two:6443') };

test('several hosted clusters share one file, the first is current', () => {
  assert.deepEqual(parseYaml(combineKubeconfigs([one, two]), 'out'), {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'clusters-one', cluster: { server: 'https://one:6443', 'certificate-authority-data': 'Q0E=' } },
      { name: 'clusters-two', cluster: { server: 'https://two:6443', 'certificate-authority-data': 'Q0E=' } },
    ],
    users: [
      { name: 'clusters-one-admin', user: { 'client-key-data': 'a2V5' } },
      { name: 'clusters-two-admin', user: { 'client-key-data': 'a2V5' } },
    ],
    contexts: [
      { name: 'clusters-one', context: { cluster: 'clusters-one', user: 'clusters-one-admin', namespace: 'default' } },
      { name: 'clusters-two', context: { cluster: 'clusters-two', user: 'clusters-two-admin', namespace: 'default' } },
    ],
    'current-context': 'clusters-one',
  });
});

test('merging keeps what is there and replaces only entries of the same name', () => {
  const existing = `${text('https://mine:6443')}preferences: {colors: true}\n`;
  const once = mergeIntoKubeconfig(existing, 'config', [one]);
  const merged = parseYaml(once, 'out') as Record<string, { name: string }[]>;
  assert.deepEqual(
    merged['clusters']!.map(({ name }) => name),
    ['cluster', 'clusters-one'],
  );
  assert.equal(merged['current-context'], 'admin');
  assert.deepEqual(merged['preferences'], { colors: true });
  assert.equal(mergeIntoKubeconfig(once, 'config', [one]), once);
  const moved = mergeIntoKubeconfig(once, 'config', [{ ...one, text: text('https://moved:6443') }]);
  assert.match(moved, /https:\/\/moved:6443/);
  assert.doesNotMatch(moved, /https:\/\/one:6443/);
});

test('an empty file becomes a kubeconfig', () => {
  const merged = parseYaml(mergeIntoKubeconfig('', 'config', [one]), 'out') as Record<string, unknown>;
  assert.equal(merged['current-context'], 'clusters-one');
});

test('a file that is no kubeconfig is not touched', () => {
  for (const broken of ['clusters: yes', '- a', 'users: [{}]'])
    assert.throws(
      () => mergeIntoKubeconfig(broken, 'config', [one]),
      (error) => isAirgapError(error, 'E_CONFIG') && error.message.startsWith('config'),
    );
});

test('each thing that can be missing has its own error', () => {
  const cluster = (status: object): KubeObject => ({
    apiVersion: 'hypershift.openshift.io/v1beta1',
    kind: 'HostedCluster',
    metadata: { name: 'one', namespace: 'clusters' },
    status,
  });
  const reported = cluster({ kubeconfig: { name: 'one-admin-kubeconfig' } });
  const secret = (data: object): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'one-admin-kubeconfig', namespace: 'clusters' },
    data,
  });
  assert.equal(readKubeconfigSecret(secret({ kubeconfig: 'YWJj' }), reported), 'abc');
  for (const [given, from, code, part] of [
    [undefined, cluster({}), 'E_NOT_FOUND', 'no kubeconfig yet'],
    [undefined, reported, 'E_NOT_FOUND', 'Secret/clusters/one-admin-kubeconfig does not exist'],
    [secret({}), reported, 'E_FAILED', 'no key'],
    [secret({ kubeconfig: '' }), reported, 'E_FAILED', 'no key'],
  ] as const)
    assert.throws(
      () => readKubeconfigSecret(given, from),
      (error) => isAirgapError(error, code) && error.message.includes(part),
    );
});
