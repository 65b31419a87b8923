import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace, type Pace, type Turn } from '../../../src/registry/pace.ts';

const { signal } = new AbortController();

/** Enters as often as the pace lets through at once. */
async function fill(pace: Pace): Promise<Turn[]> {
  const stop = new AbortController();
  const entered: Turn[] = [];
  const tries = Array.from({ length: 20 }, () => pace.enter(stop.signal).then((turn) => entered.push(turn)));
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await Promise.allSettled(tries);
  return entered;
}

function end(turns: readonly Turn[], status: number): void {
  for (const turn of turns) turn.answered(status);
  for (const turn of turns) turn.leave();
}

test('complaints of one round halve the pace once, down to one request', async () => {
  const pace = createPace(8);
  const sizes: number[] = [];
  for (const status of [429, 503, 429, 429, 200]) {
    const turns = await fill(pace);
    sizes.push(turns.length);
    end(turns, status);
  }
  assert.deepEqual(sizes, [8, 4, 2, 1, 1]);
});

test('answers in a row raise it by one, up to what was asked for', async () => {
  const pace = createPace(3);
  end(await fill(pace), 429);
  const sizes: number[] = [];
  for (let answers = 0; answers < 100;) {
    const turns = await fill(pace);
    answers += turns.length;
    if (sizes.at(-1) !== turns.length) sizes.push(turns.length);
    end(turns, 404);
  }
  assert.deepEqual(sizes, [1, 2, 3]);
});

test('other errors of a server change nothing', async () => {
  const pace = createPace(4);
  for (const status of [500, 502, 404, 200]) end(await fill(pace), status);
  assert.equal((await fill(pace)).length, 4);
});

test('who stops waiting takes no place, and a place is given back once', async () => {
  const pace = createPace(1);
  const first = await pace.enter(signal);
  const stop = new AbortController();
  const waiting = pace.enter(stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
  await assert.rejects(pace.enter(stop.signal), /stopped/);
  first.leave();
  first.leave();
  assert.equal((await fill(pace)).length, 1);
});
