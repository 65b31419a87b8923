import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { collectAdditionalImages } from '../../../src/mirror/additional.ts';
import { loadImageSet } from '../../../src/mirror/image-set.ts';
import { formatReference } from '../../../src/oci/reference.ts';

function collect(entries: readonly object[]) {
  const document = { kind: 'ImageSetConfiguration', mirror: { additionalImages: entries } };
  return collectAdditionalImages(loadImageSet(JSON.stringify(document), 'imageset.yaml'));
}

describe('collectAdditionalImages', () => {
  test('gives the sources and names the vendor tool records for the same list', () => {
    const digest = '0a78595ed7c3fb14680c28c1124114aec0c93a8868a0b745e8d25b8e40e2427e';
    const other = '84f34d17e7b63763e5d20837bfcb0c84bfbb497bda7dc8fd18bd0d87d9b663e1';
    const { images } = collect(
      [
        'quay.io/example/app:1.0',
        'quay.io/example/multi:2.0',
        `quay.io/example/app@sha256:${digest}`,
        `quay.io/example/multi:2.0@sha256:${other}`,
        'docker.io/library/busybox:1.36',
        'quay.io/a/b/c/d:1',
        'registry.redhat.io/single:1',
      ].map((name) => ({ name })),
    );
    assert.deepEqual(
      images.map(({ source, target }) => `${formatReference(source)}=${target.repository}:${target.tag}`),
      [
        'quay.io/example/app:1.0=example/app:1.0',
        'quay.io/example/multi:2.0=example/multi:2.0',
        `quay.io/example/app@sha256:${digest}=example/app:sha256-${digest}`,
        `quay.io/example/multi@sha256:${other}=example/multi:2.0`,
        'docker.io/library/busybox:1.36=library/busybox:1.36',
        'quay.io/a/b/c/d:1=a/b/c/d:1',
        'registry.redhat.io/single:1=single:1',
      ],
    );
    assert.equal(images[3]?.origin, `quay.io/example/multi:2.0@sha256:${other}`);
  });

  test('takes an OCI layout directory', () => {
    const { images } = collect([{ name: 'oci:///data/img', targetTag: 'v2' }]);
    assert.deepEqual(images[0]?.target, { repository: 'data/img', tag: 'v2' });
    assert.equal(images[0]?.source.transport, 'oci');
  });

  test('an image listed twice is one image, for the platforms of both entries', () => {
    const amd64 = { os: 'linux', architecture: 'amd64' };
    const arm64 = { os: 'linux', architecture: 'arm64' };
    const twice = collect([
      { name: 'r.io/a:1', platforms: [amd64] },
      { name: 'docker://r.io/a:1', platforms: [arm64, amd64] },
    ]);
    assert.deepEqual(
      twice.images.map(({ platforms }) => platforms),
      [[amd64, arm64]],
    );
    const all = collect([{ name: 'r.io/a:1', platforms: [amd64] }, { name: 'r.io/a:1' }]);
    assert.deepEqual(
      all.images.map(({ platforms }) => platforms),
      [undefined],
    );
  });

  test('one source under two names is two images', () => {
    const { images } = collect([{ name: 'r.io/a:1' }, { name: 'r.io/a:1', targetTag: '2' }]);
    assert.deepEqual(
      images.map(({ target }) => target.tag),
      ['1', '2'],
    );
  });

  test('names every entry that can not be pushed', () => {
    assert.throws(
      () => collect([{ name: 'oci://Bad/Path' }, { name: 'oci://./x' }]),
      (error: Error) => {
        assert.match(error.message, /additionalImages\[0\].*\n.*additionalImages\[1\]/);
        return true;
      },
    );
  });
});
