import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../../../src/core/errors.ts';
import { chooseChannel, type OfferedPackage } from '../../../../src/apply/package-manifest.ts';
import { describePermissions } from '../../../../src/apply/permissions.ts';
import { engineVerdict, mergedFlags } from '../../../../src/apply/steps/multicluster-engine.ts';
import { mergedDockerConfig } from '../../../../src/apply/steps/pull-secret.ts';
import { registryCaKey, unionOfPem } from '../../../../src/apply/steps/registry-ca.ts';
import { lvmVerdict } from '../../../../src/apply/steps/storage.ts';
import { canRunMachines, kubeVirtVerdict } from '../../../../src/apply/steps/virtualization.ts';
import type { KubeObject } from '../../../../src/apply/kube-object.ts';
import { createAuthority } from '../../../support/certificates.ts';

function object(kind: string, fields: object): KubeObject {
  return { apiVersion: 'x/v1', kind, metadata: { name: 'x' }, ...fields };
}

test('the key of a registry CA', () => {
  const keys = {
    'registry.example.com': 'registry.example.com',
    'registry.example.com:443': 'registry.example.com',
    'registry.example.com:5000': 'registry.example.com..5000',
  };
  for (const [host, key] of Object.entries(keys)) assert.equal(registryCaKey(host), key);
});

test('CA bundles grow by what they lack, and stay byte for byte when they lack nothing', () => {
  const [one, two] = [createAuthority().ca, createAuthority().ca];
  const existing = `# our own\n${one}`;
  assert.equal(unionOfPem(existing, one, 'x'), existing);
  const union = unionOfPem(existing, two, 'x');
  assert.equal(union, `${one.trimEnd()}\n${two.trimEnd()}\n`);
  assert.equal(unionOfPem(undefined, `// note\n${one}`, 'x'), `${one.trimEnd()}\n`);
});

test('the pull secret keeps what it has', () => {
  const text = JSON.stringify({ auths: { 'quay.io': { auth: 'a' }, 'r:5000': { auth: 'old' } }, credHelpers: {} });
  const merged = mergedDockerConfig(text, { 'r:5000': { auth: 'new' } }, 'x');
  assert.deepEqual(JSON.parse(merged!), {
    credHelpers: {},
    auths: { 'quay.io': { auth: 'a' }, 'r:5000': { auth: 'new' } },
  });
  assert.equal(mergedDockerConfig(merged!, { 'r:5000': { auth: 'new' } }, 'x'), undefined);
  assert.throws(
    () => mergedDockerConfig('no json', {}, 'x'),
    (error) => isAirgapError(error, 'E_PREFLIGHT'),
  );
});

test('installation flags are added to those that are there', () => {
  const choice = { installFlagsToAdd: ['--a=1'], installFlagsToRemove: [] };
  assert.deepEqual(mergedFlags({}, choice), {
    installFlagsToAdd: '--a=1',
    installFlagsToRemove: '--enable-uwm-telemetry-remote-write',
  });
  const full = { installFlagsToAdd: '--b  --a=1', installFlagsToRemove: '--enable-uwm-telemetry-remote-write' };
  assert.deepEqual(mergedFlags(full, choice), full);
  assert.equal(mergedFlags({ installFlagsToAdd: '--b' }, choice)['installFlagsToAdd'], '--b --a=1');
});

test('the channel to install from', () => {
  const offered = (defaultChannel: string, ...names: string[]): OfferedPackage => ({
    name: 'p',
    catalogSource: 'c',
    catalogSourceNamespace: 'n',
    defaultChannel,
    channels: names.map((name) => ({ name, currentCSV: 'v', installModes: [] })),
  });
  assert.equal(chooseChannel(offered('stable', 'stable', 'fast'), 'fast')?.name, 'fast');
  assert.equal(chooseChannel(offered('stable', 'stable', 'fast'), undefined)?.name, 'stable');
  assert.equal(
    chooseChannel(offered('stable', 'fast'), undefined)?.name,
    'fast',
    'the default was filtered out, one is left',
  );
  assert.equal(chooseChannel(offered('stable', 'fast', 'slow'), undefined), undefined);
  assert.equal(chooseChannel(offered('stable', 'stable'), 'fast'), undefined);
});

test('the engine', async (t) => {
  const cases: [string, object | undefined, string][] = [
    ['is ready in its version', { phase: 'Available', currentVersion: '2', desiredVersion: '2' }, 'ready'],
    ['is not ready in another version', { phase: 'Available', currentVersion: '1', desiredVersion: '2' }, 'waiting'],
    ['is not ready while it updates', { phase: 'Updating' }, 'waiting'],
    ['has failed', { phase: 'Error' }, 'failed'],
    ['does not go on when paused', { phase: 'Paused' }, 'failed'],
    ['is not reported yet', {}, 'waiting'],
  ];
  for (const [title, status, state] of cases) {
    await t.test(title, () => assert.equal(engineVerdict(object('MultiClusterEngine', { status }), 1000).state, state));
  }
  const lagging = {
    phase: 'Progressing',
    components: [{ name: 'hypershift-addon-manager', type: 'Available', status: 'False', message: 'no pods' }],
  };
  const verdict = engineVerdict(object('MultiClusterEngine', { status: lagging }), 1000);
  assert.equal(verdict.state === 'waiting' && verdict.reason, 'phase Progressing: hypershift-addon-manager: no pods');
});

test('LVM storage', async (t) => {
  const conditions = ['ResourcesAvailable', 'VolumeGroupsReady'].map((type) => ({ type, status: 'True' }));
  const cases: [string, object, string][] = [
    ['is ready', { state: 'Ready', ready: true, conditions }, 'ready'],
    ['is not ready without its conditions', { state: 'Ready', ready: true, conditions: [] }, 'waiting'],
    ['is not ready while it works', { state: 'Progressing', conditions }, 'waiting'],
    ['has failed', { state: 'Failed', conditions: [] }, 'failed'],
  ];
  for (const [title, status, state] of cases) {
    await t.test(title, () => assert.equal(lvmVerdict(object('LVMCluster', { status }), 1000).state, state));
  }
});

test('nodes and versions that can run hosted clusters', () => {
  const node = (label: string, kvm: string | undefined) => ({
    ...object('Node', { status: { allocatable: { 'devices.kubevirt.io/kvm': kvm } } }),
    metadata: { name: 'n', labels: { 'kubevirt.io/schedulable': label } },
  });
  assert.equal(canRunMachines(node('true', '1k')), true);
  assert.equal(canRunMachines(node('true', '0')), false);
  assert.equal(canRunMachines(node('true', undefined)), false);
  assert.equal(canRunMachines(node('false', '1k')), false);
  const version = (text: string) =>
    kubeVirtVerdict(object('KubeVirt', { status: { observedKubeVirtVersion: text } })).state;
  assert.deepEqual(
    [version('v1.6.0'), version('v0.59.2'), kubeVirtVerdict(undefined).state],
    ['ready', 'failed', 'waiting'],
  );
});

test('missing permissions are told per resource', () => {
  const missing = ['get', 'patch', 'get'].map((verb) => ({
    group: 'apps',
    resource: 'deployments',
    verb,
    namespace: 'hypershift',
  }));
  assert.deepEqual(describePermissions([...missing, { group: '', resource: 'nodes', verb: 'list' }]), [
    'get, patch deployments.apps in hypershift',
    'list nodes',
  ]);
});
