import assert from 'node:assert/strict';
import test from 'node:test';
import type { Change } from '../../../src/apply/apply.ts';
import { rollingChanges } from '../../../src/apply/hosted-rollout.ts';

const change = (subject: string, path: string, action: Change['action'] = 'configured'): Change => ({
  subject,
  action,
  differences: [{ path, before: 1, after: 2 }],
});

test('changes that replace nodes are told from those that do not', () => {
  for (const [subject, path, isRolling] of [
    ['HostedCluster/clusters/a', 'spec.imageContentSources[0].mirrors[1]', true],
    ['HostedCluster/clusters/a', 'spec.sshKey.name', true],
    ['HostedCluster/clusters/a', 'spec.release.image', false],
    ['HostedCluster/clusters/a', 'spec.pausedUntil', false],
    ['HostedCluster/clusters/a', 'metadata.annotations["a.b/c"]', false],
    ['NodePool/clusters/a', 'spec.platform.kubevirt.compute.memory', true],
    ['NodePool/clusters/a', 'spec.release.image', true],
    ['NodePool/clusters/a', 'spec.replicas', false],
    ['NodePool/clusters/a', 'spec.nodeDrainTimeout', false],
    ['ConfigMap/clusters/user-ca-bundle', 'data["ca-bundle.crt"]', true],
    ['ConfigMap/clusters/other', 'data.x', false],
    ['Secret/clusters/a-pull-secret', 'data[".dockerconfigjson"]', true],
    ['Secret/clusters/a-pull-secret', 'metadata.labels.x', false],
  ] as const)
    assert.deepEqual(
      rollingChanges([change(subject, path)]),
      isRolling ? [`${subject} ${path}`] : [],
      `${subject} ${path}`,
    );
  assert.deepEqual(rollingChanges([change('NodePool/clusters/a', 'spec.config', 'created')]), []);
});
