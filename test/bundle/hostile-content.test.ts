// Hostile inputs of signing, section 15 E, rows 56 to 60: the container is genuine, the OCI image layout in it is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { checkOciLayout, type LayoutFiles, type OciCheckOptions } from '../../src/bundle/oci-checks.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import {
  acceptTestSignature,
  archive,
  assertRefused,
  blob,
  buildBundle,
  collectingContext,
  file,
  piecesOf,
  sha256,
  temporaryFile,
  withCode,
  type TestFile,
} from '../support/bundles.ts';
import {
  CONFIG,
  descriptorOf,
  imageIndex,
  imageManifest,
  json,
  LAYER,
  layoutFiles,
  oneImageLayout,
  type TestDescriptor,
} from '../support/oci-layouts.ts';

const { ociIndex, ociManifest, ociLayer, ociConfig } = MEDIA_TYPE;

/** A layout whose one image has these changes in its image manifest. */
function changedImage(changes: Record<string, unknown>): TestFile[] {
  return oneImageLayout('x', imageManifest(changes));
}

function layer(more: Record<string, unknown>): Record<string, unknown> {
  return { layers: [descriptorOf(LAYER, ociLayer, more)] };
}

function root(image: TestFile, mediaType: string = ociManifest): TestDescriptor {
  return descriptorOf(image, mediaType);
}

/** Image indexes nested so deep, `index.json` included, around one image. */
function nested(levels: number): TestFile[] {
  const image = imageManifest();
  const blobs = [image, CONFIG, LAYER];
  let child = root(image);
  for (let level = 1; level < levels; level += 1) {
    const index = imageIndex([child]);
    blobs.push(index);
    child = root(index, ociIndex);
  }
  return layoutFiles([child], blobs);
}

async function isAccepted(files: readonly TestFile[], oci: OciCheckOptions = {}): Promise<void> {
  const bytes = archive(buildBundle(files));
  const options = { ...collectingContext(), accept: acceptTestSignature, oci };
  await verifyBundle({ stream: piecesOf(bytes, 1000) }, options);
}

test('an honest layout is accepted from a file and from a pipe', async (t) => {
  const files = oneImageLayout('registry.corp/a:1');
  await isAccepted(files);
  const path = temporaryFile(t, archive(buildBundle(files)));
  await verifyBundle({ paths: [path] }, { ...collectingContext(), accept: acceptTestSignature, oci: {} });
});

test('a bundle without an OCI layout is accepted', async () => {
  await isAccepted([file('archive/mirror_000001.tar', 'x')]);
});

const CONFUSED = json({
  schemaVersion: 2,
  manifests: [],
  config: descriptorOf(CONFIG, ociConfig),
  layers: [descriptorOf(LAYER, ociLayer)],
});
const ABSENT = { mediaType: ociLayer, digest: `sha256:${sha256('absent')}`, size: 6 };
const OTHER_SIZE = { ...descriptorOf(LAYER, ociLayer), size: LAYER.content.length + 1 };
const STRONG = { ...descriptorOf(LAYER, ociLayer), digest: `sha512:${'0'.repeat(128)}` };

const CASES: readonly (readonly [row: string, name: string, files: () => TestFile[]])[] = [
  ['56', 'a layer that is not in the bundle', () => changedImage({ layers: [ABSENT] })],
  ['56', 'a config that is not in the bundle', () => changedImage({ config: { ...ABSENT, mediaType: ociConfig } })],
  ['56', 'an image that is not in the bundle', () => layoutFiles([{ ...ABSENT, mediaType: ociManifest }], [])],
  ['56', 'a child image that is not in the bundle', () => childless()],
  ['56', 'a layer of another size', () => changedImage({ layers: [OTHER_SIZE] })],
  ['56', 'an image of another size', () => layoutFiles([{ ...root(imageManifest()), size: 1 }], everything())],
  ['56', 'a digest of another algorithm', () => changedImage({ layers: [STRONG] })],
  ['56', 'a document of another media type than announced', () => changedImage({ mediaType: ociIndex })],
  ['56', 'a media type with an escape sequence', () => changedImage({ mediaType: '\u001b[2J\u009b' })],
  ['56', 'an index announced as an image', () => layoutFiles([root(honestIndex())], [...everything(), honestIndex()])],
  ['56', 'an image announced as an index', () => layoutFiles([root(imageManifest(), ociIndex)], everything())],
  [
    '56',
    'an image announced as something else',
    () => layoutFiles([root(imageManifest(), 'text/plain')], everything()),
  ],
  ['56', 'an image manifest that is no JSON', () => oneImageLayout('x', blob('not JSON'))],
  ['56', 'an image manifest above 4 MiB', () => changedImage({ annotations: { x: 'x'.repeat(4 * 2 ** 20) } })],
  ['56', 'a subject of another size', () => changedImage({ subject: OTHER_SIZE })],
  ['57', 'a document that is both index and image, announced as image', () => confused(ociManifest)],
  ['57', 'a document that is both index and image, announced as index', () => confused(ociIndex)],
  ['58', 'image indexes nested deeper than four levels', () => nested(5)],
  ['58', 'more than 100,000 referred images', () => flood()],
  ['59', 'urls in a layer', () => changedImage(layer({ urls: ['https://evil.example/layer'] }))],
  ['59', 'urls in the config', () => changedImage({ config: descriptorOf(CONFIG, ociConfig, { urls: ['http://x'] }) })],
  [
    '59',
    'embedded data of another digest',
    () => changedImage(layer({ data: Buffer.from('A layer').toString('base64') })),
  ],
  ['59', 'embedded data of another size', () => changedImage(layer({ data: '' }))],
  [
    '11.1',
    'another layout version',
    () => [file('oci-layout', '{"imageLayoutVersion":"2.0.0"}'), ...oneImageLayout('x').slice(1)],
  ],
  ['11.1', 'a layout marker that is no JSON', () => [file('oci-layout', 'x'), ...oneImageLayout('x').slice(1)]],
  ['11.1', 'a layout without its marker', () => oneImageLayout('x').slice(1)],
  ['11.1', 'a layout without index.json', () => oneImageLayout('x').toSpliced(1, 1)],
  ['11.1', 'an index.json that is no index', () => oneImageLayout('x').toSpliced(1, 1, file('index.json', '[]'))],
];
for (const [row, name, files] of CASES) {
  test(`row ${row}: refuses ${name}`, async (t) => {
    const error = await assertRefused(t, archive(buildBundle(files())), 'E_OCI', { verify: { oci: {} } });
    assert.match(error.message, /^[ -~]*$/, 'nothing but printable ASCII reaches the terminal');
    assert.equal(error.cause, undefined);
  });
}

test('four levels of image indexes are accepted', async () => {
  await isAccepted(nested(4));
});

test('row 58: refuses an index that contains itself', async () => {
  // No real digests make a cycle, so the files say they have the digest that the cycle needs.
  const hex = 'c'.repeat(64);
  const self = { mediaType: ociIndex, digest: `sha256:${hex}`, size: 0 };
  const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [self] }));
  const documents = new Map([
    ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ['index.json', content],
    [`blobs/sha256/${hex}`, content],
  ]);
  const files: LayoutFiles = {
    find: (path) => (documents.has(path) ? { path, size: 0, sha256: hex } : undefined),
    read: (path) => Promise.resolve(documents.get(path)),
  };
  await assert.rejects(checkOciLayout(files, {}), withCode('E_OCI'));
});

test('an image that many indexes share is looked at once', async () => {
  const image = imageManifest();
  const indexes = Array.from({ length: 50 }, (_, n) => imageIndex([root(image)], { annotations: { n: String(n) } }));
  const content = new Map(
    layoutFiles(
      indexes.map((index) => root(index, ociIndex)),
      [...indexes, image, CONFIG, LAYER],
    ).map((each) => [each.path, each.content]),
  );
  const reads: string[] = [];
  const files: LayoutFiles = {
    find: (path) => {
      const found = content.get(path);
      return found === undefined ? undefined : { path, size: found.length, sha256: '' };
    },
    read: (path) => {
      reads.push(path);
      return Promise.resolve(content.get(path));
    },
  };
  await checkOciLayout(files, {});
  assert.equal(reads.filter((path) => path === image.path).length, 1);
});

test('row 59: foreign layers are accepted where the policy allows them, wrong data never', async (t) => {
  const oci = { allowForeignLayers: true };
  await isAccepted(changedImage({ layers: [{ ...ABSENT, urls: ['https://vendor.example/layer'] }] }), oci);
  const wrong = changedImage(layer({ urls: ['https://x'], data: 'AAAA' }));
  await assertRefused(t, archive(buildBundle(wrong)), 'E_OCI', { verify: { oci } });
});

test('embedded data of the right digest is accepted', async () => {
  await isAccepted(changedImage(layer({ data: LAYER.content.toString('base64') })));
});

test('row 60: refuses a reference name outside the allowed destinations', async (t) => {
  const oci = { isAllowedReference: (name: string) => name.startsWith('registry.corp/') };
  await isAccepted(oneImageLayout('registry.corp/a:1'), oci);
  const error = await assertRefused(t, archive(buildBundle(oneImageLayout('quay.io/\u001b[2Ja:1'))), 'E_OCI', {
    verify: { oci },
  });
  assert.ok(!error.message.includes('\u001b'));
});

test('children of an index may be absent only where that is part of the plan', async (t) => {
  const index = imageIndex([root(imageManifest()), { ...ABSENT, mediaType: ociManifest }]);
  const files = layoutFiles([root(index, ociIndex)], [...everything(), index]);
  await isAccepted(files, { isSparse: (digest) => digest === `sha256:${sha256(index.content)}` });
  await assertRefused(t, archive(buildBundle(files)), 'E_OCI', { verify: { oci: { isSparse: () => false } } });
});

test('a subject may be absent, as for a signature that came without its image', async () => {
  await isAccepted(changedImage({ subject: { ...ABSENT, mediaType: ociManifest } }));
});

function everything(): TestFile[] {
  return [imageManifest(), CONFIG, LAYER];
}

function honestIndex(): TestFile {
  return imageIndex([root(imageManifest())]);
}

function childless(): TestFile[] {
  const index = imageIndex([{ ...ABSENT, mediaType: ociManifest }]);
  return layoutFiles([root(index, ociIndex)], [index]);
}

function confused(mediaType: string): TestFile[] {
  return layoutFiles([root(CONFUSED, mediaType)], [CONFUSED, CONFIG, LAYER]);
}

function flood(): TestFile[] {
  const image = imageManifest();
  return layoutFiles(
    Array.from({ length: 100_001 }, () => root(image)),
    everything(),
  );
}
