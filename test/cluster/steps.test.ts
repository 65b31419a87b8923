import assert from 'node:assert/strict';
import test from 'node:test';
import { textAt, valueAt } from '../../src/apply/kube-object.ts';
import { managementSteps } from '../../src/apply/management-steps.ts';
import { runSteps, selectSteps } from '../../src/apply/step.ts';
import { testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import {
  actions,
  CATALOG,
  contextFor,
  managementInput,
  mirrorSet,
  NEXT_CATALOG_IMAGE,
  REGISTRY,
} from '../support/management-run.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import {
  installOpenShift,
  lifecycleManager,
  machineConfigOperator,
  marketplace,
  operands,
  packageManifest,
  runControllers,
  syncControllerConfig,
} from '../support/openshift-cluster.ts';

const offers = {
  [CATALOG]: [
    packageManifest('kubevirt-hyperconverged', CATALOG, 'stable', { namespace: 'openshift-cnv' }),
    packageManifest('lvms-operator', CATALOG, 'stable-4.20', { namespace: 'openshift-lvm-storage' }),
    packageManifest('metallb-operator', CATALOG, 'stable', { modes: ['AllNamespaces'] }),
    packageManifest('multicluster-engine', CATALOG, 'stable-2.10'),
  ],
};

test('all steps, on an OpenShift whose controllers answer', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  await emptyCluster(server);
  await installOpenShift(server);
  const client = testClient(server);
  const steps = managementSteps(managementInput());
  const rolledOut: string[] = [];

  await t.test('dry run previews everything and writes nothing', async () => {
    const results = await runSteps(
      steps,
      contextFor(server, { options: { dryRun: true, forceConflicts: false, replaceMirrors: false } }),
    );
    assert.ok(actions(results).includes('created ImageDigestMirrorSet/idms-release-0'));
    assert.ok(actions(results).includes('created Subscription/openshift-cnv/kubevirt-hyperconverged'));
    assert.ok(actions(results).includes('configured Secret/openshift-config/pull-secret'));
    assert.deepEqual(await client.list({ apiVersion: 'config.openshift.io/v1', kind: 'ImageDigestMirrorSet' }), []);
    assert.ok(!JSON.stringify(results).includes('bmV3Om5ldw=='));
    const foreseen = results.flatMap(({ step, rollouts = [] }) =>
      rollouts.map(({ effect, pools, because }) => [step, effect, pools, because]),
    );
    const pools = [
      { name: 'master', nodes: 3 },
      { name: 'worker', nodes: 0 },
    ];
    assert.deepEqual(foreseen, [
      ['pull-secret', 'reload', pools, ["the cluster's pull secret"]],
      ['registry-ca', 'none', pools, ['CA certificates of registries']],
      ['registry-ca', 'restart', pools, ['CA certificates of the cluster-wide trust']],
      ['mirror-sets', 'drain', pools, ['tag mirrors for registry.redhat.io/openshift4']],
      [
        'mirror-sets',
        'reload',
        pools,
        ['ocp-release', 'ocp-v4.0-art-dev'].map((name) => `digest mirrors for quay.io/openshift-release-dev/${name}`),
      ],
    ]);
  });

  await t.test('from an empty cluster to a ready one', async (running) => {
    const stop = runControllers(
      server,
      machineConfigOperator(rolledOut),
      syncControllerConfig(),
      marketplace(offers),
      lifecycleManager(),
      operands(),
    );
    running.after(stop);
    const questions: string[] = [];
    const confirm = async (question: string) => questions.push(question) > 0;
    const results = await runSteps(steps, contextFor(server, { confirm }));
    assert.equal(rolledOut.length, 1, 'digest and tag mirrors came in one roll-out');
    assert.match(
      questions.join(),
      /3 nodes will be drained .* because of tag mirrors for registry.redhat.io\/openshift4/,
    );
    assert.deepEqual(
      actions(results).filter((line) => line.startsWith('unchanged')),
      [],
    );
    const engine = await client.list({ apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' });
    assert.equal(engine.length, 1);
    const pullSecret = await client.get({
      apiVersion: 'v1',
      kind: 'Secret',
      namespace: 'openshift-config',
      name: 'pull-secret',
    });
    const text = Buffer.from(textAt(pullSecret, 'data', '.dockerconfigjson') ?? '', 'base64').toString();
    assert.deepEqual(Object.keys((JSON.parse(text) as { auths: object }).auths), ['registry.redhat.io', REGISTRY]);
    const router = await client.get({
      apiVersion: 'operator.openshift.io/v1',
      kind: 'IngressController',
      namespace: 'openshift-ingress-operator',
      name: 'default',
    });
    assert.deepEqual(valueAt(router, 'spec', 'routeAdmission'), {
      namespaceOwnership: 'InterNamespaceAllowed',
      wildcardPolicy: 'WildcardsAllowed',
    });
    const group = await client.get({
      apiVersion: 'operators.coreos.com/v1',
      kind: 'OperatorGroup',
      namespace: 'metallb-system',
      name: 'metallb-system',
    });
    assert.deepEqual(group?.['spec'] ?? {}, { upgradeStrategy: 'Default' });
    const flags = await client.get({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      namespace: 'local-cluster',
      name: 'hypershift-operator-install-flags',
    });
    assert.deepEqual(flags?.['data'], { installFlagsToRemove: '--enable-uwm-telemetry-remote-write' });
  });

  await t.test('a second run changes nothing and leaves every resourceVersion', async () => {
    const versions = async () => {
      const kinds = ['ImageDigestMirrorSet', 'ImageTagMirrorSet', 'Image', 'Proxy', 'OperatorHub'].map((kind) => ({
        apiVersion: 'config.openshift.io/v1',
        kind,
      }));
      const more = [
        { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'Subscription' },
        { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'CatalogSource' },
        { apiVersion: 'operators.coreos.com/v1alpha1', kind: 'InstallPlan' },
        { apiVersion: 'operators.coreos.com/v1', kind: 'OperatorGroup' },
        { apiVersion: 'hco.kubevirt.io/v1beta1', kind: 'HyperConverged' },
        { apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' },
        { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' },
        { apiVersion: 'operator.openshift.io/v1', kind: 'IngressController' },
        { apiVersion: 'v1', kind: 'ConfigMap' },
        { apiVersion: 'v1', kind: 'Secret' },
        { apiVersion: 'v1', kind: 'Namespace' },
        { apiVersion: 'apps/v1', kind: 'Deployment' },
      ];
      const all = (await Promise.all([...kinds, ...more].map((kind) => client.list(kind)))).flat();
      return all
        .map(
          (object) =>
            `${object.kind} ${object.metadata.namespace}/${object.metadata.name} ${object.metadata.resourceVersion}`,
        )
        .sort();
    };
    const before = await versions();
    const confirm = async () => assert.fail('nothing to confirm');
    const results = await runSteps(steps, contextFor(server, { confirm }));
    assert.deepEqual(
      actions(results).filter((line) => !line.startsWith('unchanged')),
      [],
    );
    assert.deepEqual(await versions(), before);
  });

  await t.test(
    'a later bundle brings its catalog under the same tag, and the catalogs take it over',
    async (running) => {
      running.after(runControllers(server, marketplace(offers)));
      const later = selectSteps(managementSteps(managementInput(NEXT_CATALOG_IMAGE)), { steps: ['catalogs'] });
      const changed = actions(await runSteps(later, contextFor(server))).filter(
        (line) => !line.startsWith('unchanged'),
      );
      assert.deepEqual(changed, [
        `configured CatalogSource/openshift-marketplace/${CATALOG}`,
        'configured ClusterCatalog/cc-redhat-operator-index-v4-20',
      ]);
      const [source] = await client.list({ apiVersion: 'operators.coreos.com/v1alpha1', kind: 'CatalogSource' });
      assert.equal(textAt(source, 'spec', 'image'), NEXT_CATALOG_IMAGE);
    },
  );

  await t.test('a later bundle with fewer mirrors takes nothing away, unless told to', async () => {
    const dry = { dryRun: true, forceConflicts: false, replaceMirrors: false };
    const repeated = await runSteps(steps, contextFor(server, { options: dry }));
    assert.ok(
      repeated.every(({ rollouts }) => rollouts === undefined),
      'nothing would change, nothing rolls out',
    );
    const smaller = [
      mirrorSet('ImageDigestMirrorSet', {
        'quay.io/openshift-release-dev/ocp-release': `${REGISTRY}/openshift/release-images`,
      }),
    ];
    const only = selectSteps(steps, { steps: ['mirror-sets'] });
    assert.deepEqual(actions(await runSteps(only, contextFor(server, { resources: smaller }))), [
      'unchanged ImageDigestMirrorSet/idms-release-0',
    ]);
    const preview = await runSteps(
      only,
      contextFor(server, {
        resources: smaller,
        options: { dryRun: true, forceConflicts: false, replaceMirrors: true },
      }),
    );
    assert.deepEqual(actions(preview), ['configured ImageDigestMirrorSet/idms-release-0']);
  });
});
