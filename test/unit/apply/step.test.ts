import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../../src/core/errors.ts';
import { createAbsentCluster } from '../../../src/apply/render.ts';
import { runSteps, selectSteps, type Step, type StepContext } from '../../../src/apply/step.ts';
import { DEFAULT_TIMEOUTS } from '../../../src/apply/timeouts.ts';

function step(id: string, ...needs: string[]): Step {
  return { id, title: id, needs, phases: () => [] };
}

const all = [step('catalogs', 'mirrors'), step('mirrors', 'trust'), step('trust'), step('router')];
const ids = (steps: readonly Step[]) => steps.map(({ id }) => id);

test('steps run after what they need, in the given order otherwise', () => {
  assert.deepEqual(ids(selectSteps(all, {})), ['trust', 'mirrors', 'catalogs', 'router']);
});

test('steps can be picked, skipped and begun in the middle', () => {
  assert.deepEqual(ids(selectSteps(all, { steps: ['router', 'trust'] })), ['trust', 'router']);
  assert.deepEqual(ids(selectSteps(all, { skip: ['mirrors'] })), ['trust', 'catalogs', 'router']);
  assert.deepEqual(ids(selectSteps(all, { from: 'mirrors' })), ['mirrors', 'catalogs', 'router']);
  assert.deepEqual(ids(selectSteps(all, { from: 'mirrors', skip: ['catalogs'] })), ['mirrors', 'router']);
});

test('a name that is no step is refused with the names there are', () => {
  for (const selection of [{ steps: ['mirror'] }, { skip: ['mirror'] }, { from: 'mirror' }]) {
    assert.throws(
      () => selectSteps(all, selection),
      (error) => isAirgapError(error, 'E_USAGE') && error.hint === 'the steps are: trust, mirrors, catalogs, router',
    );
  }
});

test('steps that need each other are a defect', () => {
  assert.throws(() => selectSteps([step('a', 'b'), step('b', 'a')], {}), /need each other: a, b/);
});

test('phases are reviewed before they are written, and the run reports its stages', async () => {
  const events: string[] = [];
  const context: StepContext = {
    client: createAbsentCluster(),
    resources: [],
    signal: new AbortController().signal,
    report: (event) => events.push(event.type === 'stage' ? `${event.name} ${event.state}` : event.type),
    options: { dryRun: false, forceConflicts: false, replaceMirrors: false },
    timeouts: DEFAULT_TIMEOUTS,
    confirm: async () => true,
  };
  const order: string[] = [];
  const phases: Step['phases'] = () => [
    {
      title: 'only',
      writes: async () => (order.push('writes'), []),
      review: async () => void order.push('review'),
      ready: () => (order.push('ready'), []),
    },
  ];
  assert.deepEqual(await runSteps([{ ...step('one'), phases }], context), [{ step: 'one', changes: [] }]);
  assert.deepEqual(order, ['writes', 'review', 'ready']);
  assert.deepEqual(events, ['one started', 'one finished']);
  order.length = 0;
  await runSteps([{ ...step('one'), phases }], { ...context, options: { ...context.options, dryRun: true } });
  assert.deepEqual(order, ['writes']);
});
