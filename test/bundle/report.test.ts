/** Reports of bundles nobody should have made, read from real files. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isManifestType } from '../../src/oci/types.ts';
import { formatPlanFile, type PlanFile } from '../../src/mirror/plan-file.ts';
import { inspectBundle, type InspectResult } from '../../src/workflows/inspect.ts';
import {
  archive,
  blob,
  buildBundle,
  file,
  temporaryFile,
  temporaryFolder,
  withCode,
  type BuildOptions,
  type TestFile,
} from '../support/bundles.ts';
import { image, type BuiltContent } from '../support/images.ts';
import { reportData } from '../support/reports.ts';

const HOSTILE = '"><script>alert(1)</script>';
const built = image().layer('a', 'x'.repeat(5000)).build();

function planOf({ root }: BuiltContent): PlanFile {
  const { images, ...plan } = reportData(HOSTILE).plan!;
  const first = { ...images[0]!, kind: 'additional' as const, because: [HOSTILE] };
  return { ...plan, releases: [], images: [{ ...first, digest: root.digest, mediaType: root.mediaType }] };
}

async function reportOf(
  t: TestContext,
  files: readonly TestFile[],
  options: BuildOptions = {},
): Promise<{ readonly result: InspectResult; readonly page: string }> {
  const bundle = temporaryFile(t, archive(buildBundle(files, options)));
  const report = join(temporaryFolder(t), 'report.html');
  const result = await inspectBundle({ paths: [bundle], detached: [], report });
  return { result, page: readFileSync(report, 'utf8') };
}

const blobs = built.contents.map(({ bytes }) => blob(bytes));
const plan = file('plan.json', formatPlanFile(planOf(built)));
const layer = blobs[built.contents.findIndex(({ descriptor }) => !isManifestType(descriptor.mediaType))]!;

test('a hostile plan of an unverified bundle brings no markup into its report', async (t) => {
  const { page } = await reportOf(t, [plan, file('config/imageset.yaml', HOSTILE), ...blobs]);
  assert.ok(!page.includes('<script'));
  assert.ok(page.includes('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;'));
  assert.match(page, /No signature was checked/);
});

test('a bundle without a plan gets a report of its files', async (t) => {
  const { page } = await reportOf(t, [file('some.txt', 'x'), ...blobs]);
  assert.match(page, /carries no plan/);
  assert.ok(page.includes('<code>some.txt</code>'));
});

test('content left to the base counts, and the report says that the base is needed', async (t) => {
  const base = { manifestSha256: 'ab'.repeat(32), serial: 6 };
  const files = [plan, ...blobs.map((one) => (one === layer ? { ...one, base: true as const } : one))];
  const { page } = await reportOf(t, files, { base });
  assert.match(page, /holds only what differs from serial 6/);
  assert.match(page, /Left to it: 1 file \(/);
  assert.ok(page.includes(`sha256:${base.manifestSha256}`));
  const whole = await reportOf(t, [plan, ...blobs]);
  const picture = /<div class="scroll picture">[\s\S]*?<\/div>/;
  assert.equal(picture.exec(page)![0], picture.exec(whole.page)![0]);
});

test('a manifest that is none is an error, and no report is left behind', async (t) => {
  const broken = blob('no manifest');
  const lying = planOf({ ...built, root: { ...built.root, digest: `sha256:${broken.path.slice(-64)}` } });
  const bundle = temporaryFile(t, archive(buildBundle([file('plan.json', formatPlanFile(lying)), broken])));
  const report = join(temporaryFolder(t), 'report.html');
  await assert.rejects(inspectBundle({ paths: [bundle], detached: [], report }), withCode('E_OCI'));
  assert.throws(() => readFileSync(report), { code: 'ENOENT' });
});
