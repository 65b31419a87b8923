import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AirgapError } from '../../../src/core/errors.ts';
import { gatherAll } from '../../../src/core/gather.ts';

const problem = (message: string, hint?: string) =>
  new AirgapError('E_CONFIG', message, hint === undefined ? {} : { hint });

test('results come in the order of the items', async () => {
  const found = await gatherAll(
    [3, 1, 2],
    async (item) => {
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      return item * 10;
    },
    2,
  );
  assert.deepEqual(found, [30, 10, 20]);
});

test('never more than the allowed number runs at once', async () => {
  let running = 0;
  let most = 0;
  await gatherAll(
    [1, 2, 3, 4, 5],
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
    2,
  );
  assert.equal(most, 2);
});

test('all problems are told together, in the order of the items', async () => {
  const work = async (item: string) => {
    if (item !== 'ok') throw problem(`${item} is bad`, `change ${item}`);
  };
  await assert.rejects(gatherAll(['b', 'ok', 'a'], work, 1), {
    code: 'E_CONFIG',
    message: '2 problems:\n  b is bad (change b)\n  a is bad (change a)',
  });
});

test('a hint that all problems share is given once', async () => {
  const work = async (item: string) => Promise.reject(problem(`${item} is bad`, 'check it'));
  await assert.rejects(gatherAll(['a', 'b'], work, 1), {
    message: '2 problems:\n  a is bad\n  b is bad',
    hint: 'check it',
  });
});

test('a single problem is thrown as it is', async () => {
  const only = problem('one');
  await assert.rejects(
    gatherAll(['a'], async () => Promise.reject(only), 1),
    (error) => error === only,
  );
});

test('any other error ends the run at once', async () => {
  const seen: number[] = [];
  const work = async (item: number) => {
    seen.push(item);
    if (item === 1) throw new TypeError('defect');
  };
  await assert.rejects(gatherAll([1, 2, 3], work, 1), { name: 'TypeError' });
  assert.deepEqual(seen, [1]);
});
