import assert from 'node:assert/strict';
import test from 'node:test';
import { divideRectangle, type Rectangle } from '../../../../src/workflows/report/treemap.ts';

const area = { x: 10, y: 20, width: 600, height: 400 };

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

for (const weights of [
  [1],
  [6, 6, 4, 3, 2, 2, 1],
  [1, 1000],
  [3, 1, 2],
  Array.from({ length: 400 }, (_, at) => at + 1),
]) {
  test(`${weights.length} weights fill the area in proportion without overlap`, () => {
    const places = divideRectangle(weights, area);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    assert.equal(places.length, weights.length);
    for (const [at, place] of places.entries()) {
      const share = (place.width * place.height) / (area.width * area.height);
      assert.ok(Math.abs(share - weights[at]! / sum) < 1e-9);
      assert.ok(place.x >= area.x - 1e-6 && place.x + place.width <= area.x + area.width + 1e-6);
      assert.ok(place.y >= area.y - 1e-6 && place.y + place.height <= area.y + area.height + 1e-6);
      for (const other of places.slice(at + 1)) assert.ok(overlap(place, other) < 1e-6);
    }
  });
}

test('gives the published example of the algorithm', () => {
  const places = divideRectangle([6, 6, 4, 3, 2, 2, 1], { x: 0, y: 0, width: 6, height: 4 });
  const rounded = places.map(({ width, height }) => [width, height].map((side) => Math.round(side * 100) / 100));
  assert.deepEqual(rounded, [
    [3, 2],
    [3, 2],
    [1.71, 2.33],
    [1.29, 2.33],
    [1.2, 1.67],
    [1.2, 1.67],
    [0.6, 1.67],
  ]);
});

test('nothing to divide is no rectangle', () => assert.deepEqual(divideRectangle([], area), []));
