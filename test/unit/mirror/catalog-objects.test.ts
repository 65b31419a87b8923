import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createMirrorTable } from '../../../src/apply/mirror-table.ts';
import { findUnmirroredImages } from '../../../src/apply/image-scan.ts';
import { bundleObjects } from '../../../src/mirror/catalog-objects.ts';
import { readCatalog, restoreBundle } from '../../../src/mirror/catalog-read.ts';
import { imagesOf } from '../../../src/mirror/catalog-images.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { treeFiles } from '../../support/catalogs.ts';

const encoded = (text: string) => ({
  type: 'olm.bundle.object',
  value: { data: Buffer.from(text).toString('base64') },
});

test('objects are read as JSON and as YAML; what is neither, and the newer form without deployments, give none', () => {
  const bundle = {
    package: 'p',
    name: 'p.v1',
    image: '',
    relatedImages: [],
    properties: [
      encoded('{"kind":"A"}'),
      encoded('kind: B\n'),
      encoded('{"kind":'),
      encoded('just text'),
      { type: 'olm.bundle.object', value: {} },
      { type: 'olm.csv.metadata', value: { annotations: { containerImage: 'quay.io/x/y:1' } } },
    ],
  };
  assert.deepEqual(bundleObjects(bundle), [{ kind: 'A' }, { kind: 'B' }]);
});

test('real operator bundles name no image beside their related images', async () => {
  for (const name of ['node-observability-operator', 'jaeger-product']) {
    const file = new URL(`../../fixtures/catalogs/${name}/catalog.json`, import.meta.url);
    const files = treeFiles(new Map([[`${name}/catalog.json`, readFileSync(file, 'utf8')]]), 65_536);
    const wanted = { catalogName: name, isWanted: () => true, isKept: () => true };
    const { documents } = await readCatalog(files, wanted);
    const bundles = [...documents.values()].map((document) => restoreBundle(document));
    const images = bundles.flatMap((bundle) =>
      imagesOf(bundle).map((origin) => {
        const { repository, digest } = parseReference(origin);
        return {
          kind: 'relatedImage' as const,
          origin,
          target: `target.invalid/${repository}:any`,
          digests: digest === undefined ? [] : [digest],
        };
      }),
    );
    const table = createMirrorTable(images, { repositoryScope: false, hostSources: 'narrow' });
    const objects = bundles.flatMap((bundle) => bundleObjects(bundle));
    assert.ok(objects.length > 0, name);
    assert.deepEqual(findUnmirroredImages(objects, table), [], name);
  }
});
