import assert from 'node:assert/strict';
import test from 'node:test';
import type { PlannedImage } from '../../../../src/mirror/mirror-plan.ts';
import { isManifestType } from '../../../../src/oci/types.ts';
import { bundleEntries } from '../../../../src/workflows/bundle-content.ts';
import { packedReport } from '../../../../src/workflows/report/packed.ts';
import { image, index, type BuiltContent } from '../../../support/images.ts';

const identity = { name: 'trip', serial: 7, createdAt: '2026-11-22T16:00:00Z' };
const base = { 'etc/base': Buffer.alloc(20_000, 'base') };
const small = image().layer(base).layer('a', 'a').build();
const multi = index([
  image().layer(base).layer('b', 'b').build(),
  image().platform('linux/arm64').layer('c', 'c').build(),
]).build();

function plannedOf(...built: readonly BuiltContent[]) {
  const contents = new Map(built.flatMap((one) => one.contents).map((one) => [one.descriptor.digest, one]));
  const manifests = [...contents.values()].filter(({ descriptor }) => isManifestType(descriptor.mediaType));
  const blobs = [...contents.values()].filter(({ descriptor }) => !isManifestType(descriptor.mediaType));
  const images = built.map(({ root }, at): PlannedImage => ({
    kind: 'additional',
    origin: `registry.test/${at}:v1`,
    source: { transport: 'docker', registry: 'registry.test', repository: String(at), tag: 'v1' },
    root,
    target: { repository: String(at), tag: 'v1' },
    because: [`additional image registry.test/${at}:v1`],
    bytes: root.size,
  }));
  return {
    plan: {
      images,
      manifests: new Map(
        manifests.map(({ descriptor, bytes }) => [descriptor.digest, { descriptor, content: bytes }] as const),
      ),
      blobs: blobs.map(({ descriptor }) => ({ descriptor, sources: [] })),
      files: [],
      gaps: [],
      warnings: [],
      totalBytes: [...contents.values()].reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    },
    facts: { releases: [], catalogs: [] },
    configText: 'kind: ImageSetConfiguration\n',
  };
}

test('the report in a bundle is a function of content and identity, whenever it is made', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-22T16:00:00Z') });
  const planned = plannedOf(small, multi);
  const content = {
    planned,
    caBundles: [],
    entries: bundleEntries(planned.plan, planned.facts, { extra: [], tools: [], archive: [] }),
  };
  const first = packedReport(identity, content);
  t.mock.timers.setTime(Date.parse('2030-01-01T00:00:00Z'));
  assert.ok(Buffer.from(packedReport(identity, content).content).equals(first.content));
  const other = packedReport({ ...identity, serial: 8 }, content);
  assert.ok(!Buffer.from(other.content).equals(first.content));
});

test('the report in a bundle lists the other files, itself without size, and no blob', () => {
  const planned = plannedOf(small);
  const entries = bundleEntries(planned.plan, planned.facts, {
    extra: [{ path: 'config/imageset.yaml', content: Buffer.from(planned.configText) }],
    tools: [],
    archive: [],
  });
  const page = Buffer.from(packedReport(identity, { planned, caBundles: [], entries }).content).toString();
  for (const { path, sha256 } of entries.filter((entry) => !entry.path.startsWith('blobs/'))) {
    assert.ok(page.includes(`<code>${path}</code>`));
    assert.ok(page.includes(sha256));
  }
  assert.ok(page.includes('<code>REPORT.html</code>'));
  assert.ok(!page.includes('blobs/'));
  assert.ok(page.includes(planned.configText.trim()));
});
