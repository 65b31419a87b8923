/** Everything `pack --registry` generates is accepted by a real API server that checks every field, in a dry run. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { parseYamlStream } from '../../src/core/yaml.ts';
import { testClient } from '../support/apiserver.ts';
import { catalog } from '../support/catalogs.ts';
import { image } from '../support/images.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { buildRelease } from '../support/releases.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';
import { openUpstream } from '../support/upstream.ts';

const TEMPLATE = `apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata: {labels: {team: ours}}
spec:
  displayName: Ours
  publisher: Us
  priority: -100
  secrets: [pull]
  icon: {base64data: aGVsbG8=, mediatype: image/svg+xml}
  grpcPodConfig: {securityContextConfig: restricted, memoryTarget: 100Mi}
  updateStrategy: {registryPoll: {interval: 30m}}
`;

test('mirror sets, policies, catalog sources, catalogs, signatures and update service pass strict server-side validation', async (t) => {
  const server = await needApiServer(t);
  const access = await plainRegistries[0]!.open(t);
  if (server === undefined || access === undefined) return;
  const client = testClient(server);
  for (const name of ['openshift-marketplace', 'openshift-config-managed', 'openshift-update-service']) {
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const upstream = await openUpstream(t, access, {
    releases: [buildRelease({ version: '4.17.6', components: ['etcd', 'hypershift'], layerSize: 256 })],
    channels: { 'stable-4.17': ['4.17.6'] },
  });
  const operator = image().layer('operator', 'o').build();
  await upstream.push('registry.redhat.io/ops/alpha', operator);
  await upstream.push('quay.io/team/app', operator, 'v1');
  const reference = `registry.redhat.io/ops/alpha@${operator.root.digest}`;
  const files = catalog()
    .package('alpha-operator', { defaultChannel: 'stable' })
    .channel('stable', ['alpha.v1.0.0'])
    .bundle('alpha.v1.0.0', '1.0.0', { image: reference, relatedImages: [{ name: '', image: reference }] })
    .files();
  const index = 'registry.redhat.io/redhat/redhat-operator-index';
  const { digest } = await upstream.pushCatalog(index, files, { tag: 'v4.17' });
  writeFileSync(join(upstream.folder, 'template.yaml'), TEMPLATE);
  upstream.writeImageSet({
    platform: { graph: true, kubeVirtContainer: true, channels: [{ name: 'stable-4.17' }] },
    operators: [
      { catalog: `${index}:v4.17`, targetCatalogSourceTemplate: 'template.yaml' },
      { catalog: `${index}@${digest}` },
    ],
    additionalImages: [{ name: 'quay.io/team/app:v1' }, { name: `quay.io/team/app@${operator.root.digest}` }],
  });
  const base = `${access.host}/${freshRepository('far')}`;
  const mirror = ['mirror', '-c', 'imageset.yaml', '--registry', base, '--resources'];
  await upstream.succeed(...mirror, 'sets');
  await upstream.succeed(...mirror, 'policies', '--icsp');
  const objects = ['sets', 'policies'].flatMap((folder) =>
    readdirSync(join(upstream.folder, folder)).flatMap((name) =>
      parseYamlStream(readFileSync(join(upstream.folder, folder, name), 'utf8'), name),
    ),
  ) as KubeObject[];
  for (const object of objects) {
    const accepted = await client.apply(object, { dryRun: true });
    assert.equal(accepted.metadata.name, object.metadata.name);
  }
  assert.deepEqual([...new Set(objects.map(({ kind }) => kind))].toSorted(), [
    'CatalogSource',
    'ClusterCatalog',
    'ConfigMap',
    'ImageContentSourcePolicy',
    'ImageDigestMirrorSet',
    'ImageTagMirrorSet',
    'UpdateService',
  ]);
  const [first] = objects;
  await assert.rejects(client.apply({ ...first!, spec: { surplus: true } }, { dryRun: true }), 'the check can fail');
});
