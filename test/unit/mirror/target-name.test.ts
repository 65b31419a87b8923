import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Digest } from '../../../src/oci/digest.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import * as names from '../../../src/mirror/target-name.ts';
import type { TargetName } from '../../../src/mirror/mirror-plan.ts';

const HEX = 'b'.repeat(64);
const REBUILT: Digest = `sha256:${'c'.repeat(64)}`;
const text = ({ repository, tag }: TargetName) => `${repository}:${tag}`;

describe('names on the target', () => {
  test('releases, components, KubeVirt disks and the graph have the names of the vendor tool', () => {
    const identity = parseReference('quay.io/openshift-release-dev/ocp-release:4.17.3-x86_64');
    const tag = names.releaseTagOf(identity);
    assert.equal(text(names.releaseTarget(tag)), 'openshift/release-images:4.17.3-x86_64');
    assert.equal(text(names.componentTarget(tag, 'etcd')), 'openshift/release:4.17.3-x86_64-etcd');
    const plain = names.kubevirtComponentName('x86_64', 1);
    assert.equal(text(names.componentTarget(tag, plain)), 'openshift/release:4.17.3-x86_64-kube-virt-container');
    assert.equal(names.kubevirtComponentName('s390x', 2), 'kube-virt-container-s390x');
    assert.equal(text(names.GRAPH_TARGET), 'openshift/graph-image:latest');
  });

  test('a release known by digest alone is named by the bare hex', () => {
    assert.equal(names.releaseTagOf(parseReference(`quay.io/o/r@sha256:${HEX}`)), HEX);
  });

  const images: [string, string][] = [
    [
      `registry.redhat.io/container-native-virtualization/virt-api-rhel9@sha256:${HEX}`,
      `container-native-virtualization/virt-api-rhel9:sha256-${HEX}`,
    ],
    ['registry.redhat.io/ubi9/ubi:latest', 'ubi9/ubi:latest'],
    [`registry.k8s.io/sig-storage/csi:v1@sha256:${HEX}`, 'sig-storage/csi:v1'],
    [`host:5000/a/b@sha256:${HEX}`, `a/b:sha256-${HEX}`],
    ['host:5000/app:x', 'app:x'],
    ['nginx:1.25', 'nginx:1.25'],
  ];
  for (const [reference, expected] of images) {
    test(`${reference} goes to ${expected}`, () => {
      assert.equal(text(names.imageTarget(parseReference(reference))), expected);
    });
  }

  const renamed: [string, { targetRepo?: string; targetTag?: string }, string][] = [
    ['r.io/a/b:1', { targetRepo: 'x/y' }, 'x/y:1'],
    ['r.io/a/b:1', { targetTag: 'stable' }, 'a/b:stable'],
    [`r.io/a/b@sha256:${HEX}`, { targetTag: 'stable' }, 'a/b:stable'],
    [`r.io/a/b@sha256:${HEX}`, { targetRepo: 'x' }, `x:sha256-${HEX}`],
    ['r.io/a/b:1', { targetRepo: '', targetTag: '' }, 'a/b:1'],
    ['oci:///data/img', {}, 'data/img:latest'],
    ['oci:///data/img/', { targetTag: '2' }, 'data/img:2'],
    ['oci:///Data/img', { targetRepo: 'x' }, 'x:latest'],
  ];
  for (const [reference, options, expected] of renamed) {
    test(`additional image ${reference} with ${JSON.stringify(options)} goes to ${expected}`, () => {
      assert.equal(text(names.renamedTarget(parseReference(reference), options)), expected);
    });
  }

  test('a layout directory that is no repository path needs a targetRepo', () => {
    assert.throws(() => names.renamedTarget(parseReference('oci://./Img'), {}), {
      code: 'E_CONFIG',
      hint: /targetRepo/,
    });
  });

  const index = 'registry.redhat.io/redhat/redhat-operator-index';
  const catalogs: [string, Parameters<typeof names.catalogTarget>[1], string][] = [
    [`${index}:v4.17`, { rebuilt: REBUILT }, 'redhat/redhat-operator-index:v4.17'],
    [`${index}@sha256:${HEX}`, { rebuilt: REBUILT, targetTag: 'v4.17' }, 'redhat/redhat-operator-index:v4.17'],
    [`${index}@sha256:${HEX}`, { rebuilt: REBUILT }, `redhat/redhat-operator-index:sha256-${'c'.repeat(64)}`],
    [`${index}@sha256:${HEX}`, {}, `redhat/redhat-operator-index:sha256-${HEX}`],
    [`${index}:v4.17`, { targetCatalog: 'mirror/index', targetTag: 'small' }, 'mirror/index:small'],
    ['oci:///data/my-catalog', { rebuilt: REBUILT }, 'my-catalog:latest'],
    ['oci:///data/my-catalog/', { targetCatalog: 'a/b' }, 'a/b:latest'],
  ];
  for (const [reference, options, expected] of catalogs) {
    test(`catalog ${reference} with ${JSON.stringify(options)} goes to ${expected}`, () => {
      assert.equal(text(names.catalogTarget(parseReference(reference), options)), expected);
    });
  }

  const nesting: [string, number, string][] = [
    ['a/b/c', 2, 'a/b-c'],
    ['a/b/c', 3, 'a/b/c'],
    ['m/openshift/release', 2, 'm/openshift-release'],
    ['a/b/c/d', 2, 'a/b-c-d'],
    ['a/b/c', 0, 'a/b/c'],
    ['a/b/c', 1, 'a-b-c'],
  ];
  for (const [path, limit, expected] of nesting) {
    test(`${path} with at most ${limit} components is ${expected}`, () => {
      assert.equal(names.limitNesting(path, limit), expected);
    });
  }
});
