import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearMatches } from '../../../src/core/near-match.ts';

const cases: [string, string[], string[]][] = [
  ['aditionalImages', ['additionalImages', 'operators'], ['additionalImages']],
  ['chanels', ['channels', 'name'], ['channels']],
  ['nmae', ['name', 'path'], ['name']],
  ['stable-4.71', ['stable-4.16', 'stable-4.17', 'fast-4.17'], ['stable-4.17', 'stable-4.16']],
  ['metalb-operator', ['metallb-operator', 'kubevirt'], ['metallb-operator']],
  ['KubeVirtcontainer', ['kubeVirtContainer'], ['kubeVirtContainer']],
  ['xyz', ['operators', 'platform'], []],
  ['ab', ['cd'], []],
];
for (const [word, candidates, expected] of cases) {
  test(`${word} is near ${expected.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(nearMatches(word, candidates, 3), expected);
  });
}
