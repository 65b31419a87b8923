import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findUnmirroredImages, refuseUnmirroredImages } from '../../../src/apply/image-scan.ts';
import { createMirrorTable, followPull, type PullOutcome, type StoredImage } from '../../../src/apply/mirror-table.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { parseReference } from '../../../src/oci/reference.ts';

const [INDEX, INSTANCE, TAGGED, OTHER] = ['index', 'instance', 'tagged', 'other'].map((text) => digestOf(text));

const IMAGES: readonly StoredImage[] = [
  {
    kind: 'relatedImage',
    origin: `registry.redhat.io/cnv/virt-api@${INDEX}`,
    target: `r.lab:8443/ocp/cnv/virt-api:${INDEX?.replace(':', '-')}`,
    digests: [INDEX!, INSTANCE!],
  },
  {
    kind: 'additional',
    origin: 'quay.io/team/app:1',
    target: 'r.lab:8443/ocp/renamed/app:1',
    digests: [TAGGED!],
  },
  { kind: 'additional', origin: 'nginx:1.25', target: 'r.lab:8443/ocp/nginx:1.25', digests: [OTHER!] },
];
const TABLE = createMirrorTable(IMAGES, { repositoryScope: false, hostSources: 'keep' });

describe('followPull', () => {
  it('finds what the mirror sets lead to and what is there', () => {
    const cases: readonly (readonly [string, PullOutcome])[] = [
      [`registry.redhat.io/cnv/virt-api@${INDEX}`, 'found'],
      [`registry.redhat.io/cnv/virt-api@${INSTANCE}`, 'found'],
      [`registry.redhat.io/cnv/virt-api:v4@${INDEX}`, 'found'],
      [`registry.redhat.io/cnv/virt-api@${OTHER}`, 'missing'],
      [`registry.redhat.io/cnv/virt-other@${INDEX}`, 'missing'],
      ['registry.redhat.io/cnv/virt-api:v4', 'unmirrored'],
      [`registry.redhat.io/cnvx/virt-api@${INDEX}`, 'unmirrored'],
      ['quay.io/team/app:1', 'found'],
      ['quay.io/team/app:2', 'missing'],
      [`quay.io/team/app@${TAGGED}`, 'unmirrored'],
      ['nginx:1.25', 'found'],
      ['docker.io/library/nginx:1.25', 'found'],
      ['nginx', 'missing'],
      ['r.lab:8443/ocp/renamed/app:1', 'found'],
      [`r.lab:8443/ocp/renamed/app@${TAGGED}`, 'found'],
      ['r.lab:8443/ocp/renamed/app:2', 'missing'],
    ];
    for (const [text, expected] of cases) {
      assert.equal(followPull(parseReference(text, { allowBare: true }), TABLE), expected, text);
    }
  });

  it('uses the entry with the longest source, and all its mirrors', () => {
    const images: readonly StoredImage[] = [
      { kind: 'additional', origin: 'q.io/a/b/c:1', target: 'r/x/a/b/c:1', digests: [] },
      { kind: 'additional', origin: 'q.io/a/d:1', target: 'r/x/a/d:1', digests: [] },
      { kind: 'additional', origin: 'q.io/a/e:1', target: 'r/y/a/e:1', digests: [] },
    ];
    const table = createMirrorTable(images, { repositoryScope: false, hostSources: 'keep' });
    for (const text of ['q.io/a/b/c:1', 'q.io/a/d:1', 'q.io/a/e:1']) {
      assert.equal(followPull(parseReference(text), table), 'found', text);
    }
    assert.equal(followPull(parseReference('q.io/a/b/d:1'), table), 'missing');
  });
});

describe('findUnmirroredImages', () => {
  const found = (...objects: object[]): string[] =>
    findUnmirroredImages(objects, TABLE).map(({ reference, problem }) => `${problem} ${reference}`);

  it('looks at image fields, environment, command lines and texts that are references', () => {
    const deployment = {
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'n', annotations: { 'example.com/helper-image': `q.io/note/a@${OTHER}` } },
      spec: {
        releaseImage: 'q.io/release/r:1',
        containers: [
          {
            image: 'busybox',
            env: [
              { name: 'RELATED_IMAGE', value: `q.io/env/a@${OTHER}` },
              { name: 'LIST', value: 'one=q.io/env/b:1,two=q.io/env/c:1' },
            ],
            args: ['--image=docker://q.io/arg/a:1', '--port=8080'],
            command: ['/bin/run', 'q.io/arg/b:1'],
          },
        ],
      },
    };
    assert.deepEqual(found(deployment), [
      'unmirrored busybox',
      'unmirrored q.io/arg/a:1',
      'unmirrored q.io/arg/b:1',
      `unmirrored q.io/env/a@${OTHER}`,
      'unmirrored q.io/env/b:1',
      'unmirrored q.io/env/c:1',
      `unmirrored q.io/note/a@${OTHER}`,
      'unmirrored q.io/release/r:1',
    ]);
  });

  it('passes over prose, status, examples, addresses and what is no reference', () => {
    const object = {
      kind: 'ClusterServiceVersion',
      apiVersion: 'operators.coreos.com/v1alpha1',
      metadata: {
        name: 'c',
        annotations: { containerImage: 'q.io/shown/a:1', 'alm-examples': '[{"spec":{"image":"q.io/example/a:1"}}]' },
      },
      spec: {
        description: 'q.io/prose/a:1',
        links: [{ url: 'https://q.io/page/a:1' }],
        role: 'system:image-builder',
        endpoint: 'api.q.io:6443',
        resource: 'apps/v1:deployments',
        osImage: 'Some Linux 9 (Plow)',
        image: '',
        text: 'use q.io/prose/b:1 please',
      },
      status: { image: 'q.io/status/a:1' },
    };
    assert.deepEqual(found(object), []);
  });

  it('is silent about everything that can be pulled, and tells a missing image from an unmirrored one', () => {
    const catalog = {
      schema: 'olm.bundle',
      name: 'virt.v1',
      image: `registry.redhat.io/cnv/virt-api@${INDEX}`,
      relatedImages: [{ name: 'x', image: `registry.redhat.io/cnv/gone@${OTHER}` }],
    };
    assert.deepEqual(findUnmirroredImages([catalog, { kind: 'Pod', spec: { image: 'quay.io/team/app:1' } }], TABLE), [
      {
        reference: `registry.redhat.io/cnv/gone@${OTHER}`,
        problem: 'missing',
        places: ['olm.bundle/virt.v1: relatedImages.0.image'],
        isOnlyArgument: false,
      },
    ]);
  });

  it('names every place of an image once', () => {
    const pod = (name: string) => ({ kind: 'Pod', metadata: { name, namespace: 'n' }, spec: { image: 'q.io/a/b:1' } });
    assert.deepEqual(findUnmirroredImages([pod('one'), pod('two'), pod('two')], TABLE)[0]?.places, [
      'Pod/n/one: spec.image',
      'Pod/n/two: spec.image',
    ]);
  });

  it('tells images that only command lines name: they may be defaults nobody uses', () => {
    const pod = (container: object) => ({ kind: 'Pod', spec: { containers: [container] } });
    const argument = pod({ args: ['--proxy-image=q.io/a/proxy:latest'] });
    const only = (...objects: object[]) => findUnmirroredImages(objects, TABLE).map((one) => one.isOnlyArgument);
    assert.deepEqual(only(argument), [true]);
    assert.deepEqual(only(argument, pod({ env: [{ name: 'X', value: 'q.io/a/proxy:latest' }] })), [false]);
    assert.deepEqual(only(argument, pod({ image: 'q.io/a/proxy:latest' })), [false]);
  });
});

describe('refuseUnmirroredImages', () => {
  it('names images and places, and accepts an empty list', () => {
    refuseUnmirroredImages([]);
    const places = ['Pod/n/p: spec.image'];
    assert.throws(
      () => refuseUnmirroredImages([{ reference: 'q.io/a/b:1', problem: 'unmirrored', places, isOnlyArgument: false }]),
      {
        code: 'E_CONFIG',
        message: /q\.io\/a\/b:1 has no mirror \(Pod\/n\/p: spec\.image\)/,
      },
    );
  });
});
