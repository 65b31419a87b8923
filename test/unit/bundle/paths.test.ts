import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathConflict, pathProblem } from '../../../src/bundle/paths.ts';

const HEX = 'a'.repeat(64);

for (const path of [
  'oci-layout',
  `blobs/sha256/${HEX}`,
  'config/imageset.yaml',
  'ca/registry/registry.corp..5000.pem',
  '_a/B+c@d=e-f.g',
  'a'.repeat(100),
]) {
  test(`${path.slice(0, 30)} is a path`, () => {
    assert.equal(pathProblem(path, HEX), undefined);
  });
}

for (const path of [
  '',
  '.',
  '..',
  '-a',
  '.a',
  'a/',
  '/a',
  'a//b',
  'a/.b',
  'a b',
  'a:b',
  'é',
  'a\n',
  'a'.repeat(101),
  `blobs/sha256/${'b'.repeat(64)}`,
]) {
  test(`${JSON.stringify(path.slice(0, 30))} is no path`, () => {
    assert.notEqual(pathProblem(path, HEX), undefined);
  });
}

const CONFLICTS: readonly [paths: string[], conflict: string | undefined][] = [
  [['a', 'b', 'a1/b', 'a1/c', 'a-b'], undefined],
  [['a', 'A'], 'A'],
  [['a', 'a/b'], 'a/b'],
  [['a/b/c', 'A/B'], 'a/b/c'],
  [['a/b/c/d', 'x', 'a'], 'a/b/c/d'],
  [['a/b', 'a/c', 'A/d'], undefined],
];
for (const [paths, conflict] of CONFLICTS) {
  test(`${paths.join(' ')}: ${conflict ?? 'no'} conflict`, () => {
    assert.equal(pathConflict(paths)?.path, conflict);
  });
}
