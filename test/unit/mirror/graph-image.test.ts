import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { AirgapError } from '../../../src/core/errors.ts';
import { graphDataUrl, requestGraphImage } from '../../../src/mirror/graph-image.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { parseIndex, parseManifest } from '../../../src/oci/graph.ts';
import { layerFiles, readEntry } from '../../../src/oci/layer.ts';
import { MEDIA_TYPE, type ImageConfig } from '../../../src/oci/types.ts';
import { image, index, tarOf } from '../../support/images.ts';
import { createTestKey } from '../../support/openpgp.ts';
import { BASE_REPOSITORY, buildBaseImage, releaseWorld, type PlacedImage } from '../../support/releases.ts';

const key = createTestKey();

function world(base: PlacedImage = buildBaseImage()) {
  return releaseWorld({ key, releases: [], channels: {}, images: [base] });
}

/** The instances of the image that was made: manifest, config, and the content of the new layer. */
async function instancesOf(request: Awaited<ReturnType<typeof requestGraphImage>>) {
  const { root, manifests, blobs } = request.generated!;
  const top = parseIndex(manifests.get(root.digest)!, root.mediaType, 'index');
  const instances = top.manifests.map(async (child) => {
    const manifest = parseManifest(manifests.get(child.digest)!, child.mediaType, 'instance');
    const config = JSON.parse(
      (await readAll(await blobs.get(manifest.config.digest)!.open())).toString(),
    ) as ImageConfig;
    return { child, manifest, config, layer: blobs.get(manifest.layers.at(-1)!.digest)! };
  });
  return Promise.all(instances);
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('the graph-data image', () => {
  test('has one more layer with the data on every instance of the base', async () => {
    const base = buildBaseImage();
    const request = await requestGraphImage(world(base).context(), undefined);
    assert.deepEqual(request.target, { repository: 'openshift/graph-image', tag: 'latest' });
    assert.equal(request.source.digest, base.content.root.digest);
    const instances = await instancesOf(request);
    assert.deepEqual(
      instances.map(({ child }) => `${child.platform?.os}/${child.platform?.architecture}`),
      ['linux/amd64', 'linux/arm64'],
    );
    for (const { manifest, layer } of instances) {
      assert.equal(manifest.layers.length, 2);
      const seen: string[] = [];
      for await (const entry of layerFiles(await layer.open(), layer.descriptor.mediaType, 'layer')) {
        seen.push(`${entry.path} ${entry.mode.toString(8)}`);
        if (entry.path.endsWith('/version')) assert.equal((await readEntry(entry, 100, 'layer')).toString(), '1.2.0\n');
      }
      assert.deepEqual(seen, [
        'var 755',
        'var/lib 755',
        'var/lib/cincinnati-graph-data 755',
        'var/lib/cincinnati-graph-data/blocked-edges 755',
        'var/lib/cincinnati-graph-data/blocked-edges/4.17.4.yaml 644',
        'var/lib/cincinnati-graph-data/channels 755',
        'var/lib/cincinnati-graph-data/channels/stable-4.17.yaml 644',
        'var/lib/cincinnati-graph-data/version 644',
      ]);
    }
  });

  test('runs the copy command, and else keeps the configuration of the base', async () => {
    const [instance] = await instancesOf(await requestGraphImage(world().context(), undefined));
    const config = instance!.config;
    assert.deepEqual(config.config?.Cmd, [
      '/bin/bash',
      '-c',
      'exec cp -rp /var/lib/cincinnati-graph-data/* /var/lib/cincinnati/graph-data',
    ]);
    assert.equal(config.architecture, 'amd64');
    assert.equal(config.rootfs?.diff_ids.length, 2);
    assert.equal(config.created, undefined);
    assert.deepEqual(config.history, [{ created: '0001-01-01T00:00:00Z' }]);
  });

  test('is consistent: every descriptor is of the content it names', async () => {
    const { generated } = await requestGraphImage(world().context(), undefined);
    for (const [digest, content] of generated!.manifests) assert.equal(digestOf(content), digest);
    for (const [digest, blob] of generated!.blobs) {
      const content = await readAll(await blob.open());
      assert.deepEqual([digestOf(content), content.length], [digest, blob.descriptor.size]);
      assert.deepEqual(await readAll(await blob.open()), content);
    }
    assert.ok(generated!.manifests.has(generated!.root.digest));
  });

  test('is the same for the same data and base', async () => {
    const [one, two] = [
      await requestGraphImage(world().context(), undefined),
      await requestGraphImage(world().context(), undefined),
    ];
    assert.equal(one.generated?.root.digest, two.generated?.root.digest);
  });

  test('keeps OCI media types of an OCI base, and leaves its attestations out', async () => {
    const instance = image().layer('etc/x', 'y').build();
    const attestation = image().platform('unknown/unknown').layer('x', 'y').build();
    const content = index([instance, attestation]).build();
    const request = await requestGraphImage(
      world({ repository: BASE_REPOSITORY, tag: 'latest', content }).context(),
      undefined,
    );
    const instances = await instancesOf(request);
    assert.equal(request.generated?.root.mediaType, MEDIA_TYPE.ociIndex);
    assert.deepEqual(
      instances.map(({ layer }) => layer.descriptor.mediaType),
      [MEDIA_TYPE.ociLayerGzip],
    );
  });

  test('needs an index as base', async () => {
    const content = image().layer('etc/x', 'y').build();
    await assert.rejects(
      requestGraphImage(world({ repository: BASE_REPOSITORY, tag: 'latest', content }).context(), undefined),
      {
        code: 'E_OCI',
        message: /an image index is expected/,
      },
    );
  });

  const bad: [string, Buffer][] = [
    ['an error page', Buffer.from('<html>not found</html>'.repeat(50))],
    ['an empty archive', gzipSync(tarOf({}))],
    ['a path that climbs out', gzipSync(tarOf({ '../../etc/passwd': 'x' }))],
  ];
  for (const [what, body] of bad) {
    test(`refuses ${what} as data`, async () => {
      const context = { ...world().context(), fetchDocument: async () => body };
      await assert.rejects(requestGraphImage(context, undefined), { code: 'E_OCI' });
    });
  }

  test('tells a service without graph data', async () => {
    const context = {
      ...world().context(),
      fetchDocument: () => Promise.reject(new AirgapError('E_NOT_FOUND', '404')),
    };
    await assert.rejects(requestGraphImage(context, 'http://osus.lab/graph'), {
      code: 'E_NOT_FOUND',
      message: /no graph data at http:\/\/osus\.lab\/graph-data/,
      hint: /graph: false/,
    });
  });

  const places: [string | undefined, string][] = [
    [undefined, 'https://api.openshift.com/api/upgrades_info/graph-data'],
    ['https://osus.lab/api/upgrades_info/v1/graph', 'https://osus.lab/api/upgrades_info/graph-data'],
    ['https://osus.lab/api/upgrades_info/graph?tenant=a', 'https://osus.lab/api/upgrades_info/graph-data?tenant=a'],
    ['https://osus.lab/', 'https://osus.lab/graph-data'],
  ];
  for (const [endpoint, expected] of places) {
    test(`takes the data of ${endpoint ?? 'the public service'} from ${expected}`, () => {
      assert.equal(graphDataUrl(endpoint), expected);
    });
  }
});
