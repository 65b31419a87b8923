import assert from 'node:assert/strict';
import test from 'node:test';
import { versionChanges } from '../../../src/mirror/version-changes.ts';
import type { PlanFile } from '../../../src/mirror/plan-file.ts';

const sizes = { new: 0, shared: 0, total: 0 };
type Versions = Pick<PlanFile, 'releases' | 'catalogs'>;

function plan(tags: readonly string[], packages: Readonly<Record<string, readonly string[]>>, tag = 'v1'): Versions {
  return {
    releases: tags.map((one) => ({
      version: one,
      digest: `sha256:${'a'.repeat(64)}`,
      tag: one,
      components: 1,
      previous: [],
      because: [],
      sizes,
    })),
    catalogs: [
      {
        reference: `registry.test/index:${tag}`,
        digest: `sha256:${'b'.repeat(64)}`,
        target: { repository: 'index', tag },
        isFull: false,
        sizes,
        packages: Object.entries(packages).map(([name, versions]) => ({
          name,
          defaultChannel: 'stable',
          channels: [],
          sizes,
          bundles: versions.map((version) => ({ name: `${name}.v${version}`, version, images: [] })),
        })),
      },
    ],
  };
}

test('names releases and operators whose versions differ, and no others', () => {
  const before = plan(['4.17.4'], { same: ['1.0.0'], moved: ['1.0.0'], gone: ['2.0.0'] });
  const after = plan(['4.17.4', '4.17.5'], { same: ['1.0.0'], moved: ['1.0.0', '1.1.0'], fresh: ['3.0.0'] }, 'v2');
  const operator = { kind: 'operator', catalog: 'index' };
  assert.deepEqual(versionChanges(before, after), [
    { kind: 'release', name: 'OpenShift', before: ['4.17.4'], after: ['4.17.4', '4.17.5'] },
    { ...operator, name: 'fresh', before: [], after: ['3.0.0'] },
    { ...operator, name: 'gone', before: ['2.0.0'], after: [] },
    { ...operator, name: 'moved', before: ['1.0.0'], after: ['1.0.0', '1.1.0'] },
  ]);
});

test('a bundle without a plan has no versions', () => {
  assert.deepEqual(versionChanges(undefined, undefined), []);
  assert.equal(versionChanges(undefined, plan(['4.17.4'], { a: ['1.0.0'] })).length, 2);
});
