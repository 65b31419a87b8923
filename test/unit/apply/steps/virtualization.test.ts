import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../../../../src/apply/kube-object.ts';
import { canRunMachines, kubeVirtVerdict } from '../../../../src/apply/steps/virtualization.ts';

function object(kind: string, fields: object): KubeObject {
  return { apiVersion: 'x/v1', kind, metadata: { name: 'x' }, ...fields };
}

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
