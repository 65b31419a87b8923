import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { candidatesFor, loadRewrites, parseRegistriesConf } from '../../../src/registry/rewrites.ts';

const conf = `
[[registry]]
location = "quay.io"
[[registry.mirror]]
location = "mirror.example:5000/quay"
insecure = true
[[registry.mirror]]
location = "second.example"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "quay.io/org"
location = "inner.example/copy/of"
mirror-by-digest-only = true
[[registry.mirror]]
location = "digests.example"

[[registry]]
prefix = "*.wild.example"

[[registry.mirror]]
location = "wild-mirror.example/w"

[[registry]]
location = "blocked.example/bad"
blocked = true
`;
const rewrites = { entries: parseRegistriesConf(conf, '/etc/x.conf') };

const cases: readonly (readonly [name: string, candidates: readonly string[]])[] = [
  ['docker.io/library/nginx', ['docker.io/library/nginx all']],
  ['quay.io/a/b', ['mirror.example:5000/quay/a/b all insecure', 'second.example/a/b tag-only', 'quay.io/a/b all']],
  ['quay.io/org/app', ['digests.example/app digest-only', 'inner.example/copy/of/app all']],
  [
    'quay.io/organisation/app',
    [
      'mirror.example:5000/quay/organisation/app all insecure',
      'second.example/organisation/app tag-only',
      'quay.io/organisation/app all',
    ],
  ],
  ['a.b.wild.example/x', ['wild-mirror.example/w/x all', 'a.b.wild.example/x all']],
  ['wild.example/x', ['wild.example/x all']],
  ['awild.example/x', ['awild.example/x all']],
  ['quay.io.evil.example/x', ['quay.io.evil.example/x all']],
  ['blocked.example/badness', ['blocked.example/badness all']],
];

for (const [name, expected] of cases) {
  test(`${name} is read from ${expected.join(', then ')}`, () => {
    const slash = name.indexOf('/');
    const found = candidatesFor(rewrites, name.slice(0, slash), name.slice(slash + 1)).map(
      ({ registry, repository, serves, isInsecure }) =>
        `${registry}/${repository} ${serves}${isInsecure ? ' insecure' : ''}`,
    );
    assert.deepEqual(found, expected);
  });
}

test('a blocked registry is refused with the file that blocks it', () => {
  assert.throws(() => candidatesFor(rewrites, 'blocked.example', 'bad/x'), {
    code: 'E_CONFIG',
    message: /blocked by \/etc\/x\.conf/,
  });
});

test('broken and outdated files are named', () => {
  assert.throws(() => parseRegistriesConf('[[registry]\n', 'f'), {
    code: 'E_CONFIG',
    message: /^f:1:/,
    hint: /registries\.conf/,
  });
  assert.throws(() => parseRegistriesConf('[[registry]]\nlocation = 7\n', 'f'), { message: /registry\.0\.location/ });
  assert.throws(() => parseRegistriesConf('[[registry]]\nprefix = "a"\n', 'f'), { message: /no location/ });
  assert.throws(() => parseRegistriesConf('[registries.block]\nregistries = ["a"]\n', 'f'), { message: /version 1/ });
});

test('drop-in files replace tables of the same prefix in the order of their names', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-conf-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'd'));
  const table = (location: string) => `[[registry]]\nprefix = "a.example"\nlocation = "${location}"\n`;
  writeFileSync(join(folder, 'main.conf'), table('one.example'));
  writeFileSync(join(folder, 'd', '20.conf'), table('three.example'));
  writeFileSync(join(folder, 'd', '10.conf'), table('two.example'));
  writeFileSync(join(folder, 'd', '30.conf.off'), table('four.example'));
  const loaded = loadRewrites(
    [join(folder, 'none.conf'), join(folder, 'main.conf')],
    [join(folder, 'd'), join(folder, 'e')],
  );
  assert.deepEqual(
    loaded.entries.map(({ location }) => location),
    ['three.example'],
  );
});
