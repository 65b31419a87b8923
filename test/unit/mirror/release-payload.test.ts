import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readDisks, readReleasePayload } from '../../../src/mirror/release-payload.ts';
import { image, index, sourceOf } from '../../support/images.ts';

const { signal } = new AbortController();

function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/release/${name}`, import.meta.url), 'utf8');
}

describe('files of a real release', () => {
  const built = image()
    .docker()
    .layer({ 'release-manifests/image-references': 'stale', 'usr/bin/x': 'y' })
    .layer({
      'release-manifests/image-references': fixture('image-references'),
      'release-manifests/release-metadata': fixture('release-metadata'),
      'release-manifests/0000_50_installer_coreos-bootimages.yaml': fixture('0000_50_installer_coreos-bootimages.yaml'),
    })
    .build();

  test('give version, components, origin and disks', async () => {
    const payload = await readReleasePayload(sourceOf(built), built.root, { what: 'release', withDisks: true, signal });
    assert.equal(payload.version, '4.12.0');
    assert.ok(payload.components.length > 30);
    const cli = payload.components.find(({ name }) => name === 'cli');
    assert.match(cli?.origin ?? '', /^quay\.io\/openshift-release-dev\/ocp-v4\.0-art-dev@sha256:[0-9a-f]{64}$/);
    assert.ok(payload.previous.includes('4.11.11'));
    assert.equal(payload.url, 'https://access.redhat.com/errata/RHSA-2022:7399');
    assert.deepEqual(
      payload.disks.map(({ architectureKey }) => architectureKey),
      ['x86_64', 's390x'],
    );
  });

  test('are read from the amd64 instance of a payload for several architectures', async () => {
    const arm = image().platform('linux/arm64').layer('release-manifests/image-references', 'broken').build();
    const both = index([arm, built]).build();
    const payload = await readReleasePayload(sourceOf(both), both.root, { what: 'release', withDisks: false, signal });
    assert.equal(payload.version, '4.12.0');
    assert.deepEqual(payload.disks, []);
  });

  test('layers that do not matter are not read', async () => {
    const source = sourceOf(built);
    const fetched: number[] = [];
    const counting: typeof source = {
      ...source,
      fetch: (descriptor, options) => {
        fetched.push(descriptor.size);
        return source.fetch(descriptor, options);
      },
    };
    await readReleasePayload(counting, built.root, { what: 'release', withDisks: true, signal });
    assert.equal(fetched.length, 2);
  });

  test('name the disk by digest, with its build', () => {
    const [disk] = readDisks(fixture('0000_50_installer_coreos-bootimages.yaml'), 'boot images');
    assert.deepEqual(disk, {
      architectureKey: 'x86_64',
      origin:
        'quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:729265d5ef6ed6a45bcd55c46877e3acb9eae3f49c78cd795d5b53aa85e3775b',
      build: '415.92.202402201450-0',
    });
  });

  const bad: [string, string, string][] = [
    ['no ConfigMap', 'kind: ConfigMap', 'E_OCI'],
    ['a stream that is no JSON', 'data: {stream: "{"}', 'E_OCI'],
    ['no YAML', 'data: [', 'E_CONFIG'],
  ];
  for (const [what, text, code] of bad) {
    test(`boot images are refused: ${what}`, () => {
      assert.throws(() => readDisks(text, 'boot images'), { code, message: /boot images/ });
    });
  }
});
