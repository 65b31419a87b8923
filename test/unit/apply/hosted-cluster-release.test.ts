import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import { minorOf, parseSupportedVersions, releaseProblems } from '../../../src/apply/hosted-cluster-release.ts';

const release = (version: string) => ({ version, image: 'r/i', architectures: ['amd64'] });
const supported = { versions: ['4.23', '4.21', '4.20'], operatorCommit: undefined };
const configMap = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'supported-versions' },
  data,
});

test('the numbering of 5.x continues that of 4.x', () => {
  assert.equal(minorOf('5.0.0'), minorOf('4.23.0'));
  assert.equal(minorOf('5.1'), minorOf('4.24'));
  assert.equal(minorOf('4.9.12'), 9);
});

test('a release runs only when the operator supports it and the payload fits all nodes', () => {
  for (const [version, architectures, problems] of [
    ['4.20.5', ['amd64'], 0],
    ['5.0.1', ['amd64'], 0],
    ['4.19.9', ['amd64'], 1],
    ['4.22.0', ['amd64'], 1],
    ['4.20.5', ['amd64', 's390x'], 1],
    ['4.19.9', ['s390x'], 2],
  ] as const)
    assert.equal(releaseProblems(release(version), { supported, architectures }).length, problems, version);
  assert.match(releaseProblems(release('4.19.9'), { supported, architectures: [] })[0]!.problem, /4\.23, 4\.21, 4\.20/);
  assert.deepEqual(releaseProblems(release('4.19.9'), { architectures: ['amd64'] }), []);
});

test('the support matrix is read from the ConfigMap of the operator', () => {
  const data = { 'supported-versions': '{"versions":["4.21","4.20"]}', 'server-version': 'abc' };
  assert.deepEqual(parseSupportedVersions(configMap(data)), { versions: ['4.21', '4.20'], operatorCommit: 'abc' });
  for (const text of ['', 'no', '{}', '{"versions":[4]}'])
    assert.throws(
      () => parseSupportedVersions(configMap({ 'supported-versions': text })),
      (error) => isAirgapError(error, 'E_PREFLIGHT'),
    );
});
