import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOciLayout, type LayoutFiles } from '../../../src/bundle/oci-checks.ts';
import { planFileOf } from '../../../src/mirror/plan-file.ts';
import { resolvePlan } from '../../../src/mirror/plan.ts';
import { imageTarget } from '../../../src/mirror/target-name.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import type { Platform } from '../../../src/oci/types.ts';
import { bundleEntries } from '../../../src/workflows/bundle-content.ts';
import { ociExpectations } from '../../../src/workflows/bundle-policy.ts';
import { memoryRegistry } from '../../support/memory-repository.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

/** An index of an index with two instances, planned for some platforms and laid out as in a bundle. */
async function nestedLayout(platforms: readonly Platform[]) {
  const registry = memoryRegistry();
  const repository = registry.repository('r.example/x/nested');
  const images = [AMD64, ARM64].map((platform) => ({ ...repository.image([platform.architecture]), platform }));
  repository.index([{ ...repository.index(images), platform: AMD64 }], { tag: '1' });
  const source = parseReference('r.example/x/nested:1');
  const request = {
    kind: 'additional',
    origin: 'x',
    source,
    target: imageTarget(source),
    because: [],
    platforms,
  } as const;
  const plan = await resolvePlan(
    [{ images: [request], files: [], warnings: [] }],
    {
      signal: new AbortController().signal,
      report: () => {},
      openSource: (ref) => registry.open(ref),
      fetchDocument: async () => Buffer.alloc(0),
    },
    { allowGaps: false, withSignatures: false, allowMissingSignatures: false },
  );
  const facts = { releases: [], catalogs: [] };
  const entries = new Map(
    bundleEntries(plan, facts, { extra: [], tools: [], archive: [] }).map((entry) => [entry.path, entry]),
  );
  const files: LayoutFiles = {
    find: (path) => entries.get(path),
    read: async (path) => {
      const entry = entries.get(path);
      return entry !== undefined && 'content' in entry ? Buffer.from(entry.content) : undefined;
    },
  };
  return { files, planFile: planFileOf(plan, facts) };
}

test('of an image taken for some platforms, instances may lack below inner indexes too', async () => {
  const { files, planFile } = await nestedLayout([AMD64]);
  await checkOciLayout(files, ociExpectations(planFile));
});

test('what lacks below an inner index is refused when all platforms were taken', async () => {
  const { files, planFile } = await nestedLayout([AMD64]);
  const images = planFile.images.map((image) => ({ ...image, platforms: undefined }));
  await assert.rejects(checkOciLayout(files, ociExpectations({ ...planFile, images })), { code: 'E_OCI' });
});
