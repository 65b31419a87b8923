import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { readHostedCluster } from '../../../src/apply/hosted-cluster-reader.ts';
import { AirgapError } from '../../../src/core/errors.ts';
import { formatYaml, parseYaml } from '../../../src/core/yaml.ts';
import { loadSite, parseSite, SiteSchema } from '../../../src/workflows/site.ts';

const EXAMPLE = new URL('../../../docs/site.example.yaml', import.meta.url).pathname;

const site = (fields: object): string => formatYaml({ apiVersion: 'airgap/v1alpha1', kind: 'Site', ...fields });
const cluster = (managementCluster: object): string => site({ managementCluster });

/** `path: message (hint)` of every problem of a site file. */
function problemsOf(text: string): string[] {
  try {
    parseSite(text, 'site.yaml');
  } catch (error) {
    if (!(error instanceof AirgapError)) throw error;
    assert.equal(error.code, 'E_CONFIG');
    assert.ok(error.message.startsWith('site.yaml: '));
    const { problems } = error.data as { problems: { path: string; message: string; hint: string }[] };
    const lines = problems.map(({ path, message, hint }) => `${path}: ${message} (${hint})`);
    for (const { message } of problems) assert.ok(error.message.includes(message));
    return lines;
  }
  return [];
}

const wrong: readonly (readonly [string, string, readonly string[]])[] = [
  ['no mapping at all', '[]', [': can not be a list (expected object)']],
  [
    'no version and kind',
    '{}',
    ['apiVersion: is missing (expected "airgap/v1alpha1")', 'kind: is missing (expected "Site")'],
  ],
  [
    'another version and kind',
    formatYaml({ apiVersion: 'airgap/v1', kind: 'site' }),
    ['apiVersion: can not be "airgap/v1" (expected "airgap/v1alpha1")', 'kind: can not be "site" (expected "Site")'],
  ],
  ['a misspelt section', site({ registyr: {} }), ['registyr: unknown key (did you mean "registry"?)']],
  ['a registry without a target', site({ registry: {} }), ['registry.target: is missing (expected string)']],
  [
    'several wrong values at once',
    site({ registry: { target: 1, maxNestedPaths: -1, concurrency: 99 } }),
    [
      'registry.target: can not be 1 (expected string)',
      'registry.maxNestedPaths: can not be -1 (expected number to be >=0)',
      'registry.concurrency: can not be 99 (expected number to be <=16)',
    ],
  ],
  [
    'an installed version that is none',
    cluster({ installedVersion: 'stable-4.19' }),
    ['managementCluster.installedVersion: can not be "stable-4.19" (not a version, e.g. "4.19.9")'],
  ],
  [
    'an unknown kind of storage',
    cluster({ storage: { kind: 'ceph' } }),
    [`managementCluster.storage.kind: can not be "ceph" (expected 'existing' | 'lvms' | 'odf')`],
  ],
  [
    'a misspelt key in one kind of storage',
    cluster({ storage: { kind: 'lvms', install: true, deviceClasses: [{ useAllUnusedDisks: true }], chanel: 'x' } }),
    ['managementCluster.storage.chanel: unknown key (did you mean "channel"?)'],
  ],
  [
    'disks that are named and all of them',
    cluster({
      storage: { kind: 'lvms', install: true, deviceClasses: [{ paths: ['/dev/sda'], useAllUnusedDisks: true }] },
    }),
    [
      'managementCluster.storage.deviceClasses: give paths, or useAllUnusedDisks: true without paths (the fields below it do not fit together)',
    ],
  ],
  [
    'a misspelt key in a section with defaults',
    cluster({ catalogs: { disableDefaultSource: true } }),
    ['managementCluster.catalogs.disableDefaultSource: unknown key (did you mean "disableDefaultSources"?)'],
  ],
  [
    'an operator without install',
    cluster({ virtualization: { channel: 'stable' } }),
    ['managementCluster.virtualization.install: is missing (expected boolean)'],
  ],
  [
    'words for a boolean and a choice',
    cluster({ virtualization: { install: 'yes', approval: 'automatic' } }),
    [
      'managementCluster.virtualization.install: can not be "yes" (expected boolean)',
      'managementCluster.virtualization.approval: can not be "automatic" (expected one of "Automatic"|"Manual")',
    ],
  ],
  [
    'addresses and names that are none',
    cluster({ loadBalancer: { install: true, addressPools: [{ name: 'Hosted', addresses: ['192.0.2.1'] }] } }),
    [
      'managementCluster.loadBalancer.addressPools[0].name: can not be "Hosted" (not an object name)',
      'managementCluster.loadBalancer.addressPools[0].addresses[0]: can not be "192.0.2.1" (neither CIDR nor first-last, the lower address first)',
    ],
  ],
  [
    'a hosted cluster without its name',
    site({ hostedClusters: [{ nam: 'x', nodePoolReplicas: 'two' }] }),
    [
      'hostedClusters[0].name: is missing (expected string)',
      'hostedClusters[0].nodePoolReplicas: can not be "two" (expected number)',
      'hostedClusters[0].nam: unknown key (did you mean "name"?)',
    ],
  ],
];

for (const [name, text, problems] of wrong) {
  test(`a site file is refused with path and fix: ${name}`, () => assert.deepEqual(problemsOf(text), problems));
}

test('a long value that is wrong is not repeated: it may be a secret', () => {
  const [problem] = problemsOf(site({ registry: 'x'.repeat(100) }));
  assert.equal(problem, 'registry: can not be this text (expected object)');
});

test('the example is a site file, and shows every section and field of the management cluster', async () => {
  const loaded = await loadSite(EXAMPLE);
  for (const [index, input] of loaded.hostedClusters.entries()) {
    assert.equal(readHostedCluster(input, `hostedClusters[${index}]`).name, 'example');
  }
  const written = parseYaml(readFileSync(EXAMPLE, 'utf8'), EXAMPLE) as Record<string, Record<string, object>>;
  const { shape } = SiteSchema;
  assert.deepEqual(Object.keys(written), Object.keys(shape));
  assert.deepEqual(Object.keys(written['registry']!), Object.keys(shape.registry.unwrap().shape));
  const fields = shape.managementCluster.unwrap().shape;
  assert.deepEqual(Object.keys(written['managementCluster']!), Object.keys(fields));
});

test('a site file that can not be read is told by its name', async () => {
  await assert.rejects(loadSite('/nowhere/site.yaml'), (error: AirgapError) => {
    assert.equal(error.code, 'E_CONFIG');
    assert.match(error.message, /\/nowhere\/site\.yaml can not be read: no such file/);
    return true;
  });
});
