import assert from 'node:assert/strict';
import test from 'node:test';
import { refOf, textAt, textMapAt, valueAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { managementSteps } from '../../src/apply/management-steps.ts';
import { ManagementClusterSchema } from '../../src/apply/site-schema.ts';
import { runSteps, selectSteps } from '../../src/apply/step.ts';
import { testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { createAuthority } from '../support/certificates.ts';
import { writeAs } from '../support/cluster-actors.ts';
import {
  actions,
  bundleResources,
  CATALOG,
  contextFor,
  managementInput,
  mirrorSet,
} from '../support/management-run.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import {
  installOpenShift,
  lifecycleManager,
  machineConfigOperator,
  marketplace,
  namespaceObject,
  operands,
  packageManifest,
  put,
  runControllers,
  syncControllerConfig,
} from '../support/openshift-cluster.ts';

const IMAGE = { apiVersion: 'config.openshift.io/v1', kind: 'Image', name: 'cluster' };
const PROXY = { apiVersion: 'config.openshift.io/v1', kind: 'Proxy', name: 'cluster' };
const KEY = 'registry.example.com..5000';

function configMap(namespace: string, name: string, data: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

function configObject(kind: string, spec: object): KubeObject {
  return { apiVersion: 'config.openshift.io/v1', kind, metadata: { name: 'cluster' }, spec };
}

function certificatesIn(text: string): number {
  return text.split('-----BEGIN CERTIFICATE-----').length - 1;
}

test('a cluster that somebody has worked on before', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  const input = managementInput();
  const only = (...names: string[]) => selectSteps(managementSteps(input), { steps: names });
  t.beforeEach(async () => {
    await emptyCluster(server);
    await installOpenShift(server);
  });

  await t.test('keeps its image CAs: ours join them under the name that is referenced', async () => {
    const theirs = createAuthority().ca;
    const existing = configMap('openshift-config', 'our-registries', { 'other.example.com': theirs, [KEY]: theirs });
    await writeAs(server, 'admin', existing);
    const spec = { additionalTrustedCA: { name: 'our-registries' }, registrySources: { allowedRegistries: ['*.example.com'] } };
    await writeAs(server, 'admin', configObject('Image', spec));
    const stop = runControllers(server, syncControllerConfig());
    t.after(stop);
    const first = await runSteps(only('registry-ca'), contextFor(server));
    const second = await runSteps(only('registry-ca'), contextFor(server));
    await stop();
    const data = textMapAt(await client.get(refOf(existing)), 'data');
    assert.equal(data['other.example.com'], theirs);
    assert.equal(certificatesIn(data[KEY] ?? ''), 2);
    assert.deepEqual(valueAt(await client.get(IMAGE), 'spec'), spec);
    assert.deepEqual(actions(first), [
      'configured ConfigMap/openshift-config/our-registries',
      'unchanged Image/cluster',
      'created ConfigMap/openshift-config/user-ca-bundle',
      'configured Proxy/cluster',
    ]);
    assert.ok(actions(second).every((line) => line.startsWith('unchanged')));
  });

  await t.test('keeps its proxy trust, and gets a referenced ConfigMap that is missing', async () => {
    const bundle = configMap('openshift-config', 'corporate', { 'ca-bundle.crt': createAuthority().ca });
    await writeAs(server, 'admin', bundle);
    await writeAs(server, 'admin', configObject('Proxy', { noProxy: 'x', trustedCA: { name: 'corporate' } }));
    await writeAs(server, 'admin', configObject('Image', { additionalTrustedCA: { name: 'gone' } }));
    const stop = runControllers(server, syncControllerConfig());
    t.after(stop);
    await runSteps(only('registry-ca'), contextFor(server));
    await stop();
    assert.equal(certificatesIn(textMapAt(await client.get(refOf(bundle)), 'data')['ca-bundle.crt'] ?? ''), 2);
    assert.equal(textAt(await client.get(PROXY), 'spec', 'noProxy'), 'x');
    const made = await client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'openshift-config', name: 'gone' });
    assert.deepEqual(Object.keys(textMapAt(made, 'data')), [KEY]);
  });

  await t.test('is not ready before every node has the CA', async () => {
    const stale = contextFor(server, { timeouts: { registryCaMs: 600 } });
    // The ConfigMap of delivered CAs exists, and lacks ours.
    await writeAs(server, 'mco', configMap('openshift-config-managed', 'merged-trusted-image-registry-ca', {}));
    await assert.rejects(runSteps(only('registry-ca'), stale), /not taken over yet: registry\.example\.com\.\.5000/);
    await client.mergePatch(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace: 'openshift-config-managed',
        name: 'merged-trusted-image-registry-ca',
      },
      {
        data: textMapAt(
          await client.get({
            apiVersion: 'v1',
            kind: 'ConfigMap',
            namespace: 'openshift-config',
            name: 'registry-config',
          }),
          'data',
        ),
      },
    );
    const annotations = { 'machineconfiguration.openshift.io/lastSyncedControllerConfigResourceVersion': '1' };
    await client.mergePatch({ apiVersion: 'v1', kind: 'Node', name: 'node-1' }, { metadata: { annotations } });
    await assert.rejects(runSteps(only('registry-ca'), stale), /1 of 3 nodes to go: node-1/);
  });

  await t.test('without a pull secret gets one', async () => {
    const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'openshift-config', name: 'pull-secret' };
    await client.remove(ref);
    const results = await runSteps(only('pull-secret'), contextFor(server));
    assert.deepEqual(actions(results), ['created Secret/openshift-config/pull-secret']);
    assert.equal(textAt(await client.get(ref), 'type'), 'kubernetes.io/dockerconfigjson');
  });

  await t.test('has the mirror entries of an earlier bundle beside those of this one', async () => {
    const earlier = mirrorSet('ImageDigestMirrorSet', { 'registry.redhat.io/old': 'registry.example.com:5000/old' });
    await writeAs(server, 'kubectl-client-side-apply', earlier);
    const stop = runControllers(server, machineConfigOperator());
    t.after(stop);
    await runSteps(only('mirror-sets'), contextFor(server));
    await stop();
    const live = await client.get(refOf(earlier));
    const sources = (valueAt(live, 'spec', 'imageDigestMirrors') as { source: string }[]).map(({ source }) => source);
    assert.deepEqual(sources, [
      'registry.redhat.io/old',
      'quay.io/openshift-release-dev/ocp-release',
      'quay.io/openshift-release-dev/ocp-v4.0-art-dev',
    ]);
  });

  await t.test(
    'has its default cluster catalogs turned off, which the OperatorHub setting does not reach',
    async () => {
      const source = { type: 'Image', image: { ref: 'registry.redhat.io/redhat/redhat-operator-index:v4.20' } };
      const name = 'openshift-redhat-operators';
      const api = 'olm.operatorframework.io/v1';
      await writeAs(server, 'olm', { apiVersion: api, kind: 'ClusterCatalog', metadata: { name }, spec: { source } });
      const packages = input.packages.map((entry) =>
        packageManifest(entry.name, CATALOG, entry.channels[0] ?? 'stable'),
      );
      const stop = runControllers(server, marketplace({ [CATALOG]: packages }));
      t.after(stop);
      await runSteps(only('catalogs'), contextFor(server));
      await stop();
      const mode = async (catalog: string) =>
        textAt(
          await client.get({ apiVersion: api, kind: 'ClusterCatalog', name: catalog }),
          'spec',
          'availabilityMode',
        );
      assert.deepEqual([await mode(name), await mode('cc-redhat-operator-index-v4-20')], ['Unavailable', 'Available']);
      const left = await client.list({ apiVersion: 'operators.coreos.com/v1alpha1', kind: 'CatalogSource' });
      assert.deepEqual(
        left.map(({ metadata }) => metadata.name),
        [CATALOG],
      );
    },
  );

  await t.test('keeps an operator that is subscribed to under another name and in another place', async () => {
    await put(client, packageManifest('kubevirt-hyperconverged', CATALOG, 'stable', { namespace: 'openshift-cnv' }));
    await client.apply(namespaceObject('virt'));
    const group = {
      apiVersion: 'operators.coreos.com/v1',
      kind: 'OperatorGroup',
      metadata: { name: 'theirs', namespace: 'virt' },
    };
    await writeAs(server, 'admin', { ...group, spec: { targetNamespaces: ['virt'] } });
    const spec = {
      name: 'kubevirt-hyperconverged',
      channel: 'candidate',
      source: 'redhat-operators',
      sourceNamespace: 'openshift-marketplace',
    };
    const subscription = {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'Subscription',
      metadata: { name: 'cnv', namespace: 'virt' },
      spec,
    };
    await writeAs(server, 'admin', subscription);
    const stop = runControllers(server, lifecycleManager(), operands());
    t.after(stop);
    const warnings: string[] = [];
    const report = (event: { type: string; message?: string }) => {
      if (event.type === 'warning') warnings.push(event.message ?? '');
    };
    const results = await runSteps(only('virtualization'), contextFor(server, { report }));
    await stop();
    assert.deepEqual(actions(results), ['created HyperConverged/virt/kubevirt-hyperconverged']);
    assert.deepEqual(warnings, [
      `Subscription/virt/cnv is used as it is: channel is candidate, wanted stable, source is redhat-operators, wanted ${CATALOG}`,
    ]);
  });

  await t.test('where the run was stopped after a Subscription continues there', async () => {
    await put(client, packageManifest('metallb-operator', CATALOG, 'stable', { modes: ['AllNamespaces'] }));
    const short = contextFor(server, { timeouts: { operatorMs: 300 } });
    await assert.rejects(
      runSteps(only('load-balancer'), short),
      /Subscription\/metallb-system\/metallb-operator: state not reported yet/,
    );
    const stop = runControllers(server, lifecycleManager(), operands());
    t.after(stop);
    const results = await runSteps(only('load-balancer'), contextFor(server));
    await stop();
    assert.deepEqual(actions(results), [
      'unchanged Namespace/metallb-system',
      'unchanged OperatorGroup/metallb-system/metallb-system',
      'unchanged Subscription/metallb-system/metallb-operator',
      'created MetalLB/metallb-system/metallb',
      'created IPAddressPool/metallb-system/hosted',
      'created L2Advertisement/metallb-system/airgap',
    ]);
  });

  await t.test('has an update service only where its operator is', async () => {
    const service = {
      apiVersion: 'updateservice.operator.openshift.io/v1',
      kind: 'UpdateService',
      metadata: { name: 'update-service-oc-mirror' },
      spec: {
        replicas: 2,
        releases: 'registry.example.com:5000/r',
        graphDataImage: 'registry.example.com:5000/g:latest',
      },
    };
    const resources = [...bundleResources(), service];
    const cluster = ManagementClusterSchema.parse({ updateService: { install: true } });
    const packages = [{ name: 'cincinnati-operator', channels: ['v1'], catalogSource: CATALOG }];
    await put(client, packageManifest('cincinnati-operator', CATALOG, 'v1'));
    const steps = managementSteps({ ...input, cluster, packages }).filter(({ id }) => id === 'update-service');
    const stop = runControllers(server, lifecycleManager());
    t.after(stop);
    const results = await runSteps(steps, contextFor(server, { resources }));
    await stop();
    assert.ok(actions(results).includes('created UpdateService/openshift-update-service/update-service-oc-mirror'));
    assert.deepEqual(await runSteps(steps, contextFor(server)), [{ step: 'update-service', changes: [] }]);
  });
});
