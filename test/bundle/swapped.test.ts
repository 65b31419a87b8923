/** What is checked is what was opened: a name given to another file in the middle of a check changes nothing. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { verifyBundle } from '../../src/bundle/checks.ts';
import type { Trust } from '../../src/bundle/trust.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { verifyBundleFile, type VerifyOptions, type VerifyResult } from '../../src/workflows/verify.ts';
import {
  acceptTestSignature,
  archive,
  blob,
  buildBundle,
  collectingContext,
  file,
  noise,
  piecesOf,
  TEST_IDENTITY,
} from '../support/bundles.ts';
import { image, index } from '../support/images.ts';
import { bundleOf, bytesOfBundle, trust, writeBundle } from '../support/served-bundle.ts';

const ctx = { signal: new AbortController().signal, report: () => undefined };
const app = image().layer('etc/x', 'y').build();
const IMAGES = [{ content: app, repository: 'team/app', tag: 'v1' }];

function verifyDeep(options: Partial<VerifyOptions> & Pick<VerifyOptions, 'input'>): Promise<VerifyResult> {
  return verifyBundleFile(
    { trust, detached: [], enforceExpiry: false, manifestOnly: false, deep: true, ...options },
    ctx,
  );
}

function serialBundle(t: TestContext, serial: number): string {
  return writeBundle(t, bytesOfBundle(bundleOf(IMAGES, { ...TEST_IDENTITY, serial })))[0]!;
}

test('verify --deep looks at one file, whoever has its name after the signature was judged', async (t) => {
  const path = serialBundle(t, 1);
  const other = serialBundle(t, 9);
  let isSwapped = false;
  const swapping: Trust = {
    ...trust,
    get threshold() {
      if (!isSwapped) renameSync(other, path);
      isSwapped = true;
      return trust.threshold;
    },
  };
  const result = await verifyDeep({ input: { paths: [path] }, trust: swapping });
  assert.ok(isSwapped);
  assert.equal(result.bundle.serial, 1);
});

test('the threads of a check read the files that were opened', async (t) => {
  const bytes = archive(buildBundle(['a', 'b', 'c'].map((seed) => blob(noise(25 * 2 ** 20, seed)))));
  const [path] = writeBundle(t, bytes) as [string];
  bytes[bytes.length - 1024 - 512]! ^= 1;
  const [damaged] = writeBundle(t, bytes) as [string];
  let isSwapped = false;
  const context = collectingContext();
  const report: typeof context.report = (event) => {
    if (event.type !== 'total') return;
    // The beginning is accepted, contents come next.
    renameSync(damaged, path);
    isSwapped = true;
  };
  await verifyBundle({ paths: [path] }, { ...context, report, accept: acceptTestSignature });
  assert.ok(isSwapped);
});

test('verify --deep names the first thing in the archive that is wrong, not the plan', async (t) => {
  const bytes = bytesOfBundle(bundleOf(IMAGES));
  bytes[bytes.indexOf('{"schemaVersion":1') + 1]! ^= 1;
  const [path] = writeBundle(t, bytes) as [string];
  await assert.rejects(verifyDeep({ input: { paths: [path] }, minSerial: 99 }), { code: 'E_ROLLBACK' });
  await assert.rejects(verifyDeep({ input: { paths: [path] } }), { code: 'E_DIGEST', message: /plan\.json/ });
});

test('verify --deep of a pipe knows which instances the plan left out', async (t) => {
  const arm = image().platform('linux/arm64').layer('etc/x', 'arm').build();
  const both = index([app, arm]).build();
  const content = { ...both, contents: [...app.contents, both.contents.at(-1)!] };
  const platforms = [{ os: 'linux', architecture: 'amd64' }];
  const sparse = bytesOfBundle(bundleOf([{ content, repository: 'team/app', tag: 'v1', platforms }]));
  const whole = bytesOfBundle(bundleOf([{ content, repository: 'team/app', tag: 'v1' }]));
  assert.equal(both.root.mediaType, MEDIA_TYPE.ociIndex);
  for (const input of [inputOf.file, inputOf.pipe]) {
    assert.equal((await verifyDeep({ input: input(t, sparse) })).ok, true);
    await assert.rejects(verifyDeep({ input: input(t, whole) }), { code: 'E_OCI' });
  }
});

test('a plan that is no JSON is refused as such', async (t) => {
  const path = writeBundle(t, archive(buildBundle(LAYOUT_WITH_BAD_PLAN)))[0]!;
  const refused = verifyDeep({ input: { paths: [path] }, trust: 'unsigned' });
  await assert.rejects(refused, { code: 'E_MANIFEST', message: /plan\.json: it is not JSON/ });
});

const LAYOUT_WITH_BAD_PLAN = [
  file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
  file('index.json', JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] })),
  file('plan.json', '{'),
];

const inputOf = {
  file: (t: TestContext, bytes: Buffer) => ({ paths: writeBundle(t, bytes) }),
  pipe: (_: TestContext, bytes: Buffer) => ({ stream: piecesOf(bytes, 10_000) }),
};
