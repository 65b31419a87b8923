import assert from 'node:assert/strict';
import test from 'node:test';
import type { BundleContent } from '../../src/apply/hosted-cluster-plan.ts';
import { valueAt, type KubeObject } from '../../src/apply/kube-object.ts';
import type { ManagementInput } from '../../src/apply/management-input.ts';
import { ManagementClusterSchema } from '../../src/apply/site-schema.ts';
import { runSteps } from '../../src/apply/step.ts';
import { hostedCatalogsStep } from '../../src/apply/steps/hosted-catalogs.ts';
import { hostedClusterStep } from '../../src/apply/steps/hosted-cluster.ts';
import { testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { EMPTY_BUNDLE, FILES, optionsOf, RELEASE_IMAGE } from '../support/hosted-cluster.ts';
import {
  buildManagementCluster,
  hostedContext,
  playOperator,
  put,
  setStatus,
  untilReported,
  untilThere,
} from '../support/hosted-cluster-actors.ts';
import { needApiServer } from '../support/need-apiserver.ts';

const SOURCE = 'quay.io/openshift-release-dev/ocp-release';
const MIRROR = 'registry.example.com:5000/openshift/release-images';
const bundle: BundleContent = {
  ...EMPTY_BUNDLE,
  catalogs: [{ source: 'registry.redhat.io/redhat/redhat-operator-index:v4.20', image: `${RELEASE_IMAGE}` }],
  imageContentSources: [{ source: SOURCE, mirrors: [MIRROR] }],
};
const input: ManagementInput = { cluster: ManagementClusterSchema.parse({}), registries: [], packages: [] };
const catalog: KubeObject = {
  apiVersion: 'operators.coreos.com/v1alpha1',
  kind: 'CatalogSource',
  metadata: { name: 'cs-redhat-operator-index-v4-20', namespace: 'openshift-marketplace' },
  spec: { sourceType: 'grpc', image: 'registry.example.com:5000/redhat/redhat-operator-index:v4.20' },
};
const catalogRef = { apiVersion: catalog.apiVersion, kind: catalog.kind, ...catalog.metadata };

test('operator catalogs of hosted clusters', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  t.beforeEach(async () => {
    await emptyCluster(server);
    await buildManagementCluster(client);
    await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'openshift-marketplace' } });
  });

  const build = async (flags: Readonly<Record<string, string>>) => {
    const request = { options: optionsOf({ 'node-pool-replicas': '1', ...flags }), files: FILES };
    const context = { ...hostedContext(server, [request], { bundle }), resources: [catalog] };
    const operator = playOperator(client, server, 'example');
    const run = runSteps([hostedClusterStep(context.hosted)], context);
    await operator.accept();
    await operator.growPool();
    await operator.comeUp();
    await operator.complete();
    await run;
    return { context, operator };
  };

  await t.test(
    'are those of the bundle, inside, with the default ones off, when the mirrors have arrived',
    async () => {
      const { context, operator } = await build({});
      assert.equal(valueAt(await client.get(operator.ref), 'spec', 'olmCatalogPlacement'), 'guest');
      assert.equal(
        valueAt(await client.get(operator.ref), 'spec', 'configuration', 'operatorhub', 'disableAllDefaultSources'),
        true,
      );
      const run = runSteps([hostedCatalogsStep(context.hosted, input)], context);
      await untilThere(client, catalogRef);
      await setStatus(client, catalogRef, {
        connectionState: { lastObservedState: 'READY', lastConnect: '2099-01-01T00:00:00Z' },
      });
      await untilReported(context.events, new RegExp(`ImageDigestMirrorSet/cluster lacks ${SOURCE}`));
      await put(client, {
        apiVersion: 'config.openshift.io/v1',
        kind: 'ImageDigestMirrorSet',
        metadata: { name: 'cluster' },
        spec: { imageDigestMirrors: [{ source: SOURCE, mirrors: [MIRROR] }] },
      });
      await run;
      const hub = await client.get({ apiVersion: 'config.openshift.io/v1', kind: 'OperatorHub', name: 'cluster' });
      assert.equal(valueAt(hub, 'spec', 'disableAllDefaultSources'), true);
    },
  );

  await t.test('stay where they are in management placement', async () => {
    const { context } = await build({ 'olm-catalog-placement': 'management' });
    await runSteps([hostedCatalogsStep(context.hosted, input)], context);
    assert.equal(await client.get(catalogRef), undefined);
  });

  await t.test('are previewed without being written', async () => {
    const { context } = await build({});
    const dry = { ...context, options: { ...context.options, dryRun: true } };
    await runSteps([hostedCatalogsStep(context.hosted, input)], dry);
    assert.ok(
      context.events.some(
        (event) => event.type === 'change' && event.subject.startsWith('CatalogSource/') && event.action === 'created',
      ),
    );
    assert.equal(await client.get(catalogRef), undefined);
  });
});
