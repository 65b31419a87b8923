import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogResourceName, catalogSource, clusterCatalog } from '../../../src/apply/catalog-sources.ts';

const TARGET = 'registry.lab:8443/ocp/redhat/redhat-operator-index:v4.17';
const ANNOTATIONS = { createdBy: 'test' };
const HEX = '94563f14d54e0ea1d600fa8c002c204b94563f14d54e0ea1d600fa8c002c204b';

describe('catalogResourceName', () => {
  it('is made of the last path component and the begin of tag or digest', () => {
    const cases: readonly (readonly [string, string])[] = [
      [TARGET, 'cs-redhat-operator-index-v4-17'],
      [`r/x/redhat-operator-index:sha256-${HEX}`, 'cs-redhat-operator-index-sha256-94563'],
      [`r/x/index@sha256:${HEX}`, 'cs-index-94563f14d54e'],
      ['r/index:latest', 'cs-index-latest'],
      ['r/my.index:V4.17_Small', 'cs-my-index-v4-17-small'],
      ['r/index:v4.17-smaller', 'cs-index-v4-17-smalle'],
    ];
    for (const [target, expected] of cases) assert.equal(catalogResourceName('cs', target), expected, target);
  });

  it('refuses what can not be an object name', () => {
    for (const target of ['r/my_index:1', `r/${'a'.repeat(60)}:1`, 'r/index:abcdefghijk-x']) {
      assert.throws(() => catalogResourceName('cc', target), { code: 'E_CONFIG' }, target);
    }
  });
});

describe('clusterCatalog', () => {
  it('names the image and writes the default priority', () => {
    assert.deepEqual(clusterCatalog({ target: TARGET }, ANNOTATIONS), {
      apiVersion: 'olm.operatorframework.io/v1',
      kind: 'ClusterCatalog',
      metadata: { name: 'cc-redhat-operator-index-v4-17', annotations: ANNOTATIONS },
      spec: { priority: 0, source: { image: { ref: TARGET }, type: 'Image' } },
    });
  });
});

describe('catalogSource with a template', () => {
  const build = (text: string): ReturnType<typeof catalogSource> =>
    catalogSource({ target: TARGET, template: { origin: 'template.yaml', text } }, ANNOTATIONS);
  const plain = catalogSource({ target: TARGET }, ANNOTATIONS).resource;

  it('keeps what the template sets beside name, namespace, type and image', () => {
    const { resource, warnings } = build(`
apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata:
  name: mine
  namespace: elsewhere
  creationTimestamp: null
  labels: {team: a}
  annotations: {note: kept, createdBy: overwritten}
spec:
  sourceType: grpc
  image: from/template:1
  configMap: ''
  priority: -200
  address: ''
  secrets: [pull]
  displayName: Our catalog
  description: "two\\nlines"
  publisher: ''
  icon: {base64data: '', mediatype: ''}
  grpcPodConfig:
    securityContextConfig: restricted
    nodeSelector: {kubernetes.io/os: linux}
  updateStrategy:
    registryPoll: {interval: 30m}
status: {}
`);
    assert.deepEqual(warnings, []);
    assert.deepEqual(resource, {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'CatalogSource',
      metadata: {
        name: 'cs-redhat-operator-index-v4-17',
        namespace: 'openshift-marketplace',
        labels: { team: 'a' },
        annotations: { note: 'kept', createdBy: 'test' },
      },
      spec: {
        sourceType: 'grpc',
        image: TARGET,
        priority: -200,
        secrets: ['pull'],
        displayName: 'Our catalog',
        description: 'two\nlines',
        icon: {},
        grpcPodConfig: { securityContextConfig: 'restricted', nodeSelector: { 'kubernetes.io/os': 'linux' } },
        updateStrategy: { registryPoll: { interval: '30m' } },
      },
    });
  });

  it('has the fields of the API in a pod configuration, without empty ones; both folders of extracted content', () => {
    const { resource, warnings } = build(`---
apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
spec:
  grpcPodConfig:
    nodeSelector: {}
    tolerations: []
    affinity: null
    priorityClassName: system-cluster-critical
    memoryTarget: 100Mi
    extractContent: {cacheDir: /tmp/cache}
    runAsRoot: true
`);
    assert.deepEqual(resource['spec'], {
      sourceType: 'grpc',
      image: TARGET,
      grpcPodConfig: {
        priorityClassName: 'system-cluster-critical',
        memoryTarget: '100Mi',
        extractContent: { cacheDir: '/tmp/cache', catalogDir: '' },
      },
    });
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['template.yaml: spec.grpcPodConfig.runAsRoot is no field of a CatalogSource, left out'],
    );
  });

  it('keeps the members of an icon, and an empty pod configuration as an empty object', () => {
    const { resource } = build(
      'apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\n' +
        'spec: {icon: {base64data: aGVsbG8=, mediatype: image/png}, grpcPodConfig: {}, updateStrategy: {registryPoll: {interval: 1h}}}\n',
    );
    assert.deepEqual(resource['spec'], {
      sourceType: 'grpc',
      image: TARGET,
      icon: { base64data: 'aGVsbG8=', mediatype: 'image/png' },
      grpcPodConfig: {},
      updateStrategy: { registryPoll: { interval: '1h' } },
    });
  });

  it('is written without the template, with a warning, when that is unusable', () => {
    const head = 'apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\n';
    const cases: readonly (readonly [string, RegExp])[] = [
      ['kind: [', /template\.yaml/],
      ['apiVersion: v1\nkind: CatalogSource\n', /apiVersion/],
      ['apiVersion: operators.coreos.com/v1alpha1\nkind: Catalog\n', /kind/],
      [`${head}spec: {sourceType: internal}`, /sourceType/],
      [`${head}spec: {configMap: x}`, /configMap/],
      [`${head}spec: {priority: high}`, /priority/],
      ['', /template\.yaml/],
    ];
    for (const [text, message] of cases) {
      const { resource, warnings } = build(text);
      assert.deepEqual(resource, plain, text);
      assert.equal(warnings.length, 1, text);
      assert.match(warnings[0]?.message ?? '', message);
      assert.match(warnings[0]?.message ?? '', /without the template/);
    }
  });

  it('leaves out a field the API does not have and names it', () => {
    const { resource, warnings } = build(
      'apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\nspec: {displayname: x, publisher: p}\n',
    );
    assert.deepEqual(resource['spec'], { publisher: 'p', image: TARGET, sourceType: 'grpc' });
    assert.match(warnings[0]?.message ?? '', /spec\.displayname/);
  });
});
