import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosenSteps, STEP_NAMES } from '../../../src/cli/steps.ts';

const chosen = (flags: { steps?: string; skip?: string; 'from-step'?: string }): readonly string[] =>
  chosenSteps({ steps: undefined, skip: undefined, 'from-step': undefined, ...flags });

test('flags choose steps, which stay in their order', () => {
  assert.deepEqual(chosen({}), STEP_NAMES);
  assert.deepEqual(chosen({ steps: 'catalogs, push' }), ['push', 'catalogs']);
  assert.deepEqual(chosen({ steps: 'catalogs,push', skip: 'push' }), ['catalogs']);
  assert.deepEqual(chosen({ 'from-step': 'hosted-cluster' }), ['hosted-cluster', 'hosted-catalogs']);
  assert.ok(chosen({ 'from-step': 'preflight' }).includes('push'));
});

test('a step there is none of is named with the nearest one, and no step is no choice', () => {
  assert.throws(() => chosen({ steps: 'psh' }), {
    code: 'E_USAGE',
    message: /--steps.*"psh"/,
    hint: /did you mean push\?/,
  });
  assert.throws(() => chosen({ 'from-step': 'x' }), { code: 'E_USAGE', message: /--from-step.*"x"/ });
  assert.throws(() => chosen({ steps: 'push', 'from-step': 'catalogs' }), { code: 'E_USAGE', message: /no step/ });
  assert.throws(() => chosen({ steps: '' }), { code: 'E_USAGE' });
});
