import assert from 'node:assert/strict';
import test from 'node:test';
import { mergedDockerConfig } from '../../../../src/apply/steps/pull-secret.ts';
import { isAirgapError } from '../../../../src/core/errors.ts';

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
