import assert from 'node:assert/strict';
import test from 'node:test';
import {
  digestTag,
  formatReference,
  isRepositoryPath,
  networkReference,
  parseReference,
} from '../../../src/oci/reference.ts';

const HEX = 'ab'.repeat(32);

const GOOD: readonly [string, object][] = [
  ['quay.io/ns/app:1.2', { registry: 'quay.io', repository: 'ns/app', tag: '1.2' }],
  [`quay.io/ns/app@sha256:${HEX}`, { registry: 'quay.io', repository: 'ns/app', digest: `sha256:${HEX}` }],
  [
    `quay.io/ns/app:1.2@sha256:${HEX}`,
    { registry: 'quay.io', repository: 'ns/app', tag: '1.2', digest: `sha256:${HEX}` },
  ],
  ['reg:5000/app:x', { registry: 'reg:5000', repository: 'app', tag: 'x' }],
  [`reg:5000/a/b@sha256:${HEX}`, { registry: 'reg:5000', repository: 'a/b', digest: `sha256:${HEX}` }],
  ['docker://quay.io/ns/app:1', { registry: 'quay.io', repository: 'ns/app', tag: '1' }],
  ['nginx:1.25', { registry: '', repository: 'nginx', tag: '1.25' }],
  ['library/nginx:1', { registry: 'library', repository: 'nginx', tag: '1' }],
];

for (const [text, expected] of GOOD) {
  test(`${text.slice(0, 40)} is read as the vendor tool reads it`, () => {
    const ref = parseReference(text);
    assert.deepEqual(ref, { transport: 'docker', ...expected });
    assert.equal(formatReference(ref), text.replace('docker://', ''));
  });
}

test('an oci:// reference is a path', () => {
  assert.deepEqual(parseReference('oci:///data/cat'), { transport: 'oci', registry: '', repository: '/data/cat' });
});

const BAD: readonly [string, RegExp][] = [
  ['quay.io/ns/app', /neither tag nor digest/],
  ['quay.io/ns/app@sha256:12', /not a digest/],
  ['', /name is empty/],
  [':x', /name is empty/],
  ['quay.io/ns/app:a b', /not a tag/],
  ['quay.io/Ns/app:1', /not a repository path/],
  ['a://b://c:1', /more than one/],
  ['ftp://b/c:1', /unknown transport/],
];

for (const [text, message] of BAD) {
  test(`${JSON.stringify(text)} is refused with the reason`, () => {
    assert.throws(() => parseReference(text), { code: 'E_CONFIG', message });
  });
}

test('a first component that is no host belongs to Docker Hub on the network', () => {
  const network = (text: string) => formatReference(networkReference(parseReference(text)));
  assert.equal(network('nginx:1'), 'docker.io/library/nginx:1');
  assert.equal(network('library/nginx:1'), 'docker.io/library/nginx:1');
  assert.equal(network('localhost/a:1'), 'localhost/a:1');
  assert.equal(network('reg:5000/a:1'), 'reg:5000/a:1');
  assert.equal(network('Reg/a:1'), 'Reg/a:1');
  assert.equal(network('docker.io/nginx:1'), 'docker.io/library/nginx:1');
  assert.equal(network('index.docker.io/team/a:1'), 'docker.io/team/a:1');
});

test('the tag form of a digest', () => {
  assert.equal(digestTag(`sha256:${HEX}`), `sha256-${HEX}`);
});

test('repository paths follow the grammar of the distribution specification', () => {
  for (const good of ['a', 'a/b', 'a-b/c_d', 'a__b', 'a---b', 'a.b/c0']) assert.ok(isRepositoryPath(good), good);
  for (const bad of ['', '/a', 'a/', 'a//b', 'A', 'a..b', '-a', 'a___b', '.a', 'a'.repeat(256)])
    assert.ok(!isRepositoryPath(bad), bad);
});
