/**
 * The files of cluster resources in a bundle, byte for byte (oc-mirror behaviour, "Generated cluster resources"). They are
 * written out by hand; only digests and signatures of the upstream are filled in. Where ours differs from the vendor tool's
 * on purpose the test says so.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifyMessage } from '../../src/mirror/openpgp.ts';
import { readArmouredKeys } from '../../src/mirror/openpgp-keys.ts';
import { hexOf } from '../../src/oci/digest.ts';
import { catalog } from '../support/catalogs.ts';
import { image, type BuiltContent } from '../support/images.ts';
import { createTestKey } from '../support/openpgp.ts';
import { packedResources } from '../support/packed-resources.ts';
import { buildRelease } from '../support/releases.ts';
import { plainRegistries } from '../support/shared-registries.ts';
import { openUpstream, type Upstream, type UpstreamFields } from '../support/upstream.ts';

const REGISTRY = 'registry.lab:8443/ocp';
const INDEX = 'registry.redhat.io/redhat/redhat-operator-index';
const ANNOTATIONS = `  annotations:
    airgap_version: ${(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version}
    createdAt: "2026-11-22T16:00:00Z"
    createdBy: airgap
`;

const single = (name: string): BuiltContent => image().layer(`opt/${name}`, name).build();
const [APP, BUNDLE, OPERAND] = [single('app'), single('bundle'), single('operand')];

async function upstreamFor(t: TestContext, fields: UpstreamFields = {}): Promise<Upstream | undefined> {
  const access = await plainRegistries[0]!.open(t);
  return access === undefined ? undefined : openUpstream(t, access, fields);
}

const filesOf = (upstream: Upstream, ...more: readonly string[]): Promise<Record<string, string>> =>
  packedResources(upstream, REGISTRY, '--created-at', '2026-11-22T16:00:00Z', ...more);

/** `kind`, object name and pairs of source and mirrors as a document of a mirror set file. */
function mirrorSet(
  kind: 'Digest' | 'Tag',
  name: string,
  ...entries: readonly (readonly [string, ...string[]])[]
): string {
  const list = entries.map(
    ([source, ...mirrors]) =>
      `  - mirrors:\n${mirrors.map((mirror) => `    - ${REGISTRY}${mirror}\n`).join('')}    source: ${source}\n`,
  );
  return `---
apiVersion: config.openshift.io/v1
kind: Image${kind}MirrorSet
metadata:
${ANNOTATIONS}  name: ${name}
spec:
  image${kind}Mirrors:
${list.join('')}`;
}

const catalogSource = (name: string, image: string, spec = ''): string => `apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata:
${ANNOTATIONS}  name: cs-${name}
  namespace: openshift-marketplace
spec:
${spec}  image: ${REGISTRY}/${image}
  sourceType: grpc
`;

const clusterCatalog = (name: string, image: string): string => `apiVersion: olm.operatorframework.io/v1
kind: ClusterCatalog
metadata:
${ANNOTATIONS}  name: cc-${name}
spec:
  priority: 0
  source:
    image:
      ref: ${REGISTRY}/${image}
    type: Image
`;

const updateService = (graph: string, releases: string): string => `apiVersion: updateservice.operator.openshift.io/v1
kind: UpdateService
metadata:
${ANNOTATIONS}  name: update-service-oc-mirror
  namespace: openshift-update-service
spec:
  graphDataImage: ${REGISTRY}/${graph}
  releases: ${REGISTRY}/${releases}
  replicas: 2
`;

/** A catalog whose one operator names images in every way there is. */
async function pushCatalog(upstream: Upstream): Promise<void> {
  await upstream.push('registry.redhat.io/ops/bundle', BUNDLE);
  await upstream.push('registry.redhat.io/minimal', OPERAND);
  await upstream.push('nvcr.io/k8s/toolkit', OPERAND, 'v1');
  await upstream.push('gcr.io/kubebuilder/proxy', OPERAND, 'v0.5.0');
  const image = `registry.redhat.io/ops/bundle@${BUNDLE.root.digest}`;
  const files = catalog()
    .package('alpha', { defaultChannel: 'stable' })
    .channel('stable', ['alpha.v1'])
    .bundle('alpha.v1', '1.0.0', {
      image,
      relatedImages: [
        { name: 'digest and one component', image: `registry.redhat.io/minimal@${OPERAND.root.digest}` },
        { name: 'tag and digest', image: `nvcr.io/k8s/toolkit:v1@${OPERAND.root.digest}` },
        { name: 'tag', image: 'gcr.io/kubebuilder/proxy:v0.5.0' },
        { name: '', image },
      ],
    })
    .files();
  await upstream.pushCatalog(INDEX, files, { tag: 'v4.17' });
}

test('releases of two versions and architectures with their graph: signatures, update service, both mirror sets', async (t) => {
  const releases = (['amd64', 'arm64'] as const).flatMap((architecture) =>
    ['4.17.5', '4.17.6'].map((version) =>
      buildRelease({ version, architecture, components: ['etcd'], disks: ['x86_64'], layerSize: 64 }),
    ),
  );
  const key = createTestKey();
  const upstream = await upstreamFor(t, { key, releases, channels: { 'stable-4.17': ['4.17.5 -> 4.17.6'] } });
  if (upstream === undefined) return;
  upstream.writeImageSet({
    platform: {
      graph: true,
      kubeVirtContainer: true,
      architectures: ['amd64', 'arm64'],
      channels: [{ name: 'stable-4.17', minVersion: '4.17.5', maxVersion: '4.17.6' }],
    },
  });
  const files = await filesOf(upstream);
  const signatures = releases.map(({ root }) => hexOf(root.digest)).toSorted();
  const { binaryData } = JSON.parse(files['signature-configmap.json']!) as { binaryData: Record<string, string> };
  assert.deepEqual(
    Object.keys(binaryData),
    signatures.map((hex, at) => `sha256-${hex}-${at + 1}`),
  );
  for (const [name, value] of Object.entries(binaryData)) {
    const { content } = verifyMessage(Buffer.from(value, 'base64'), readArmouredKeys(key.armoured, 'key'), name);
    assert.ok(content.includes(`"sha256:${name.slice('sha256-'.length, -2)}"`), name);
  }
  const RELEASE = ['quay.io/openshift-release-dev/ocp-release', '/openshift/release-images'] as const;
  const { 'signature-configmap.json': json, 'signature-configmap.yaml': yaml, ...others } = files;
  assert.ok(
    json!.startsWith(
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"mirrored-release-signatures","namespace":' +
        '"openshift-config-managed","labels":{"release.openshift.io/verification-signatures":""},"annotations":{"airgap_version":',
    ),
  );
  // Keys of YAML are in the order of the numbers in them, as the vendor tool's encoder has it.
  const lines = Object.entries(binaryData).map(([name, value]) => `  ${name}: ${value}`);
  const isEntry = (text: string) => text.startsWith('  sha256-');
  assert.deepEqual(
    yaml!
      .split('\n')
      .filter((text) => isEntry(text))
      .toSorted(),
    lines.toSorted(),
  );
  assert.equal(
    yaml!
      .split('\n')
      .filter((text) => !isEntry(text))
      .join('\n'),
    `apiVersion: v1
binaryData:
kind: ConfigMap
metadata:
${ANNOTATIONS}  labels:
    release.openshift.io/verification-signatures: ""
  name: mirrored-release-signatures
  namespace: openshift-config-managed
`,
  );
  assert.deepEqual(others, {
    'idms-oc-mirror.yaml': mirrorSet('Digest', 'idms-release-0', RELEASE, [
      'quay.io/openshift-release-dev/ocp-v4.0-art-dev',
      '/openshift/release',
    ]),
    'itms-oc-mirror.yaml': mirrorSet('Tag', 'itms-release-0', RELEASE),
    'updateService.yaml': updateService('openshift/graph-image:latest', 'openshift/release-images'),
  });
});

test('operators and additional images by tag, digest and both: categories, scopes, merged mirrors, a template', async (t) => {
  const upstream = await upstreamFor(t);
  if (upstream === undefined) return;
  await pushCatalog(upstream);
  await upstream.push('quay.io/team/app', APP, '1.0');
  await upstream.push('quay.io/team/deep/app', APP, '1.0');
  await upstream.push('registry.corp:5000/team/app', APP, '1.0');
  writeFileSync(
    join(upstream.folder, 'template.yaml'),
    'apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\nmetadata: {name: x}\nspec:\n  displayName: Ours\n' +
      '  updateStrategy: {registryPoll: {interval: 30m}}\n  grpcPodConfig: {securityContextConfig: restricted, nodeSelector: {}}\n',
  );
  upstream.writeImageSet({
    operators: [
      {
        catalog: `${INDEX}:v4.17`,
        targetCatalog: 'mirror/rh/my.index',
        targetCatalogSourceTemplate: 'template.yaml',
        packages: [{ name: 'alpha' }],
      },
    ],
    additionalImages: [
      { name: 'quay.io/team/app:1.0' },
      // The same repository again under two names: one ends like its source, the other does not.
      { name: 'quay.io/team/app:1.0', targetRepo: 'copies/team/app' },
      { name: 'quay.io/team/app:1.0', targetRepo: 'renamed' },
      { name: `quay.io/team/deep/app@${APP.root.digest}` },
      { name: `registry.corp:5000/team/app:1.0@${APP.root.digest}` },
      { name: `registry.redhat.io/minimal@${OPERAND.root.digest}` },
    ],
  });
  const NAME = 'my-index-v4-17';
  assert.deepEqual(await filesOf(upstream), {
    [`cc-${NAME}.yaml`]: clusterCatalog(NAME, 'mirror/rh/my.index:v4.17'),
    [`cs-${NAME}.yaml`]: catalogSource(
      NAME,
      'mirror/rh/my.index:v4.17',
      '  displayName: Ours\n  grpcPodConfig:\n    securityContextConfig: restricted\n',
    ).concat('  updateStrategy:\n    registryPoll:\n      interval: 30m\n'),
    // The vendor tool would name the whole of registry.redhat.io for "minimal", which HyperShift does not use.
    'idms-oc-mirror.yaml':
      mirrorSet(
        'Digest',
        'idms-operator-0',
        ['nvcr.io/k8s', '/k8s'],
        ['registry.redhat.io/minimal', '/minimal'],
        ['registry.redhat.io/ops', '/ops'],
      ) +
      mirrorSet(
        'Digest',
        'idms-generic-0',
        ['quay.io/team/deep', '/team/deep'],
        ['registry.corp:5000/team', '/team'],
        ['registry.redhat.io/minimal', '/minimal'],
      ),
    'itms-oc-mirror.yaml':
      mirrorSet('Tag', 'itms-operator-0', ['gcr.io/kubebuilder', '/kubebuilder'], ['nvcr.io/k8s', '/k8s']) +
      mirrorSet(
        'Tag',
        'itms-generic-0',
        ['quay.io/team', '/copies/team', '/team'],
        ['quay.io/team/app', '/renamed'],
        ['registry.corp:5000/team', '/team'],
      ),
  });
});

test('a registry with few path components: whole repositories in the mirror sets, shortened names everywhere', async (t) => {
  const release = buildRelease({ version: '4.17.5', components: ['etcd'], layerSize: 64 });
  const upstream = await upstreamFor(t, { releases: [release], channels: { 'stable-4.17': ['4.17.5'] } });
  if (upstream === undefined) return;
  await pushCatalog(upstream);
  await upstream.push('quay.io/a/b/c/d', APP, '1');
  upstream.writeImageSet({
    platform: { graph: true, channels: [{ name: 'stable-4.17' }] },
    operators: [{ catalog: `${INDEX}:v4.17`, packages: [{ name: 'alpha' }] }],
    additionalImages: [{ name: 'quay.io/a/b/c/d:1' }],
  });
  const files = await filesOf(upstream, '--max-nested-paths', '2');
  const NAME = 'redhat-redhat-operator-index-v4-17';
  const RELEASE = ['quay.io/openshift-release-dev/ocp-release', '/openshift-release-images'] as const;
  const { 'signature-configmap.json': json, 'signature-configmap.yaml': yaml, ...others } = files;
  assert.ok(json!.includes(`sha256-${hexOf(release.root.digest)}-1`) && yaml!.includes('kind: ConfigMap'));
  assert.deepEqual(others, {
    [`cc-${NAME}.yaml`]: clusterCatalog(NAME, 'redhat-redhat-operator-index:v4.17'),
    [`cs-${NAME}.yaml`]: catalogSource(NAME, 'redhat-redhat-operator-index:v4.17'),
    'idms-oc-mirror.yaml':
      mirrorSet('Digest', 'idms-release-0', RELEASE, [
        'quay.io/openshift-release-dev/ocp-v4.0-art-dev',
        '/openshift-release',
      ]) +
      mirrorSet(
        'Digest',
        'idms-operator-0',
        ['nvcr.io/k8s/toolkit', '/k8s-toolkit'],
        ['registry.redhat.io/minimal', '/minimal'],
        ['registry.redhat.io/ops/bundle', '/ops-bundle'],
      ),
    'itms-oc-mirror.yaml':
      mirrorSet('Tag', 'itms-release-0', RELEASE) +
      mirrorSet(
        'Tag',
        'itms-operator-0',
        ['gcr.io/kubebuilder/proxy', '/kubebuilder-proxy'],
        ['nvcr.io/k8s/toolkit', '/k8s-toolkit'],
      ) +
      mirrorSet('Tag', 'itms-generic-0', ['quay.io/a/b/c/d', '/a-b-c-d']),
    // The vendor tool keeps the long names here, which are not on the registry.
    'updateService.yaml': updateService('openshift-graph-image:latest', 'openshift-release-images'),
  });
});
