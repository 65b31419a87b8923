import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../src/core/errors.ts';
import { listAt, textAt, valueAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { createAbsentCluster, renderSteps } from '../../src/apply/render.ts';
import { runSteps, selectSteps } from '../../src/apply/step.ts';
import { managementSteps } from '../../src/apply/management-steps.ts';
import { ManagementClusterSchema } from '../../src/apply/site-schema.ts';
import { GUEST_TOKEN, installCrds, startApiServer, testClient, writeKubeconfig } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { writeAs } from '../support/cluster-actors.ts';
import {
  actions,
  bundleResources,
  CATALOG,
  contextFor,
  managementInput,
  mirrorSet,
  REGISTRY,
  SITE,
} from '../support/management-run.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import {
  condition,
  installOpenShift,
  lifecycleManager,
  machineConfig,
  machineConfigOperator,
  marketplace,
  namespaceObject,
  operands,
  packageManifest,
  poolStatus,
  put,
  runControllers,
  setStatus,
  workload,
} from '../support/openshift-cluster.ts';

const POOL = { apiVersion: 'machineconfiguration.openshift.io/v1', kind: 'MachineConfigPool', name: 'master' };
const RELEASE = {
  'quay.io/openshift-release-dev/ocp-release': `${REGISTRY}/openshift/release-images`,
  'quay.io/openshift-release-dev/ocp-v4.0-art-dev': `${REGISTRY}/openshift/release`,
};

function digestSet(entries: Record<string, string> = RELEASE): KubeObject {
  return mirrorSet('ImageDigestMirrorSet', entries);
}

test('a step that can not succeed', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  const input = managementInput();
  const steps = managementSteps(input);
  const only = (...names: string[]) => selectSteps(steps, { steps: names });
  t.beforeEach(async () => {
    await emptyCluster(server);
    await installOpenShift(server);
  });

  await t.test('names the user’s missing permissions before the first write', async () => {
    const kubeconfig = writeKubeconfig(server, `${server.kubeconfig}.guest`, { user: { token: GUEST_TOKEN } });
    const reader = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'guests-read' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'guests-read' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'guests' }],
    };
    await client.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'guests-read' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    });
    await client.apply(reader);
    await assert.rejects(runSteps(steps, contextFor({ kubeconfig })), (error) => {
      assert.ok(isAirgapError(error, 'E_PREFLIGHT'));
      assert.match(
        error.message,
        /may not: .*create, patch imagedigestmirrorsets\.config\.openshift\.io;.*patch secrets in openshift-config/,
      );
      return true;
    });
    await client.remove({ ...reader, name: 'guests-read' });
  });

  await t.test('lists every finding of preflight at once', async () => {
    await client.mergePatch(POOL, { spec: { paused: true } });
    await client.mergePatch({ apiVersion: 'v1', kind: 'Node', name: 'node-0' }, { spec: { unschedulable: true } });
    await client.apply(
      mirrorSet(
        'ImageTagMirrorSet',
        { 'quay.io/openshift-release-dev/ocp-release': 'elsewhere.example.com/x' },
        'NeverContactSource',
      ),
      { force: true },
    );
    await writeAs(server, 'cluster', {
      apiVersion: 'config.openshift.io/v1',
      kind: 'Image',
      metadata: { name: 'cluster' },
      spec: { registrySources: { allowedRegistries: ['quay.io'] } },
    });
    await assert.rejects(runSteps(only('preflight'), contextFor(server, { resources: [digestSet()] })), (error) => {
      assert.ok(isAirgapError(error, 'E_PREFLIGHT'));
      for (const part of [
        /MachineConfigPool\/master is paused/,
        /3 ready, schedulable nodes; the cluster has 2/,
        /ocp-release has the policies/,
        /allows only quay.io, not registry.example.com:5000/,
      ])
        assert.match(error.message, part);
      return true;
    });
  });

  await t.test('says before everything else that a package to install is in no catalog', async () => {
    await assert.rejects(
      runSteps(managementSteps({ ...input, packages: input.packages.slice(1) }), contextFor(server)),
      (error) =>
        isAirgapError(error, 'E_PREFLIGHT') &&
        /neither in the bundle nor in a catalog of the cluster: kubevirt-hyperconverged/.test(error.message),
    );
  });

  await t.test('counts the addresses that hosted clusters will need', async () => {
    const hosted = { isHighlyAvailable: false, needsDefaultStorageClass: false, addresses: 12 };
    await assert.rejects(
      runSteps(managementSteps({ ...input, hosted }), contextFor(server)),
      (error) =>
        isAirgapError(error, 'E_PREFLIGHT') &&
        /pools hold 11 addresses, the hosted clusters need 12/.test(error.message),
    );
    // A pool that is on the cluster already counts, too.
    await client.apply(namespaceObject('metallb-system'));
    const metadata = { name: 'theirs', namespace: 'metallb-system' };
    await client.apply({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata,
      spec: { addresses: ['198.51.100.0/30'] },
    });
    const preflight = managementSteps({ ...input, hosted }).filter(({ id }) => id === 'preflight');
    assert.deepEqual(actions(await runSteps(preflight, contextFor(server))), []);
  });

  await t.test('stops before the mirror sets when the drain is not confirmed', async () => {
    const run = runSteps(only('mirror-sets'), contextFor(server, { confirm: async () => false }));
    await assert.rejects(run, (error) => isAirgapError(error, 'E_PREFLIGHT') && /not confirmed/.test(error.message));
    assert.deepEqual(await client.list({ apiVersion: 'config.openshift.io/v1', kind: 'ImageTagMirrorSet' }), []);
  });

  await t.test('names the node’s trouble when a pool degrades and stays so', async () => {
    const name = 'rendered-master-1';
    await client.apply(machineConfig(name, Object.entries(RELEASE).flat()));
    await client.mergePatch(POOL, { spec: { configuration: { name } } });
    const status = poolStatus('master', 'rendered-master-0', { isUpdated: false, generation: 2 }) as {
      conditions: object[];
    };
    await setStatus(client, POOL, {
      ...status,
      conditions: [
        ...status.conditions.slice(0, 2),
        condition('Degraded', 'True', 'DrainFailed', 'a PodDisruptionBudget holds node-1'),
      ],
    });
    await assert.rejects(runSteps(only('mirror-sets'), contextFor(server, { resources: [digestSet()] })), (error) => {
      assert.ok(isAirgapError(error, 'E_FAILED'));
      assert.match(
        error.message,
        /MachineConfigPool\/master: Degraded=True \(DrainFailed\): a PodDisruptionBudget holds node-1/,
      );
      return true;
    });
  });

  await t.test('does not take pools that have not noticed the new mirror sets for finished', async () => {
    const run = runSteps(
      only('mirror-sets'),
      contextFor(server, { resources: [digestSet()], timeouts: { poolsMs: 700 } }),
    );
    await assert.rejects(
      run,
      (error) =>
        isAirgapError(error, 'E_TIMEOUT') &&
        /rendered-\w+-0 does not name yet quay.io\/openshift-release-dev\/ocp-release and 3 more/.test(error.message),
    );
    // The run was stopped in the middle of the roll-out: the next one waits for it and writes nothing.
    const stop = runControllers(server, machineConfigOperator());
    const results = await runSteps(only('mirror-sets'), contextFor(server, { resources: [digestSet()] }));
    await stop();
    assert.deepEqual(actions(results), ['unchanged ImageDigestMirrorSet/idms-release-0']);
  });

  await t.test('refuses mirror sets that nodes would not render', async () => {
    await writeAs(server, 'admin', {
      ...mirrorSet(
        'ImageTagMirrorSet',
        { 'quay.io/openshift-release-dev/ocp-release': 'mirror.example.com/x' },
        'NeverContactSource',
      ),
    });
    await assert.rejects(
      runSteps(only('mirror-sets'), contextFor(server, { resources: [digestSet()] })),
      (error) => isAirgapError(error, 'E_PREFLIGHT') && /nodes would refuse/.test(error.message),
    );
  });

  await t.test('stops at another manager’s catalog and says whose it is', async () => {
    const [catalog] = bundleResources().filter(({ kind }) => kind === 'CatalogSource');
    await writeAs(server, 'argocd', { ...catalog!, spec: { sourceType: 'grpc', image: 'other.example.com/index:v1' } });
    const stop = runControllers(server, marketplace());
    t.after(stop);
    await assert.rejects(
      runSteps(only('catalogs'), contextFor(server)),
      (error) => isAirgapError(error, 'E_CONFLICT') && /\.spec\.image is managed by "argocd"/.test(error.message),
    );
    await stop();
  });

  await t.test('shows why a catalog pod does not start', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'index-abc', namespace: 'openshift-marketplace', labels: { 'olm.catalogSource': CATALOG } },
      spec: { containers: [{ name: 'registry-server', image: 'x' }] },
    };
    await put(client, {
      ...pod,
      status: {
        containerStatuses: [
          {
            name: 'registry-server',
            image: 'x',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: {
              waiting: { reason: 'ImagePullBackOff', message: 'x509: certificate signed by unknown authority' },
            },
          },
        ],
      },
    });
    const run = runSteps(
      managementSteps({
        ...input,
        cluster: ManagementClusterSchema.parse({ catalogs: { disableDefaultSources: false } }),
      }).filter(({ id }) => id === 'catalogs'),
      contextFor(server),
    );
    await assert.rejects(
      run,
      (error) =>
        isAirgapError(error, 'E_FAILED') &&
        /ImagePullBackOff: x509: certificate signed by unknown authority/.test(error.message),
    );
  });

  await t.test('does not take the READY of the catalog before for that of the new image', async () => {
    const [catalog] = bundleResources().filter(({ kind }) => kind === 'CatalogSource');
    await put(client, {
      ...catalog!,
      spec: { sourceType: 'grpc', image: 'old.example.com/index:v1' },
      status: { connectionState: { lastObservedState: 'READY', lastConnect: '2026-01-01T00:00:00Z', address: 'x' } },
    });
    const quiet = managementSteps({
      ...input,
      packages: [],
      cluster: ManagementClusterSchema.parse({ catalogs: { disableDefaultSources: false } }),
    }).filter(({ id }) => id === 'catalogs');
    const run = runSteps(quiet, contextFor(server, { resources: [catalog!], timeouts: { catalogMs: 500 } }));
    await assert.rejects(
      run,
      (error) => isAirgapError(error, 'E_TIMEOUT') && /still connected to the catalog before/.test(error.message),
    );
  });

  await t.test('names packages and channels that no catalog offers', async () => {
    const stop = runControllers(
      server,
      marketplace({ [CATALOG]: [packageManifest('multicluster-engine', CATALOG, 'stable-2.9')] }),
    );
    t.after(stop);
    const run = runSteps(only('catalogs'), contextFor(server, { timeouts: { catalogMs: 1500 } }));
    await assert.rejects(
      run,
      (error) =>
        isAirgapError(error, 'E_TIMEOUT') &&
        error.message.includes(`kubevirt-hyperconverged (${CATALOG}), `) &&
        error.message.includes(', multicluster-engine/stable-2.10'),
    );
    await stop();
  });

  await t.test('approves what was asked for, and never an update that came later', async () => {
    const api = 'operators.coreos.com/v1alpha1';
    const place = { namespace: 'multicluster-engine', name: 'multicluster-engine' };
    await put(client, packageManifest('multicluster-engine', CATALOG, 'stable-2.10'));
    const stop = runControllers(server, lifecycleManager(), operands());
    t.after(stop);
    await runSteps(only('multicluster-engine'), contextFor(server));
    await stop();
    const plan = { apiVersion: api, kind: 'InstallPlan', ...place, name: 'install-later' };
    await put(client, {
      apiVersion: api,
      kind: 'InstallPlan',
      metadata: { name: plan.name, namespace: place.namespace },
      spec: { approval: 'Manual', approved: false, clusterServiceVersionNames: ['multicluster-engine.v2.0.0'] },
      status: { phase: 'RequiresApproval', plan: [], catalogSources: [] },
    });
    const installPlanRef = { apiVersion: api, kind: 'InstallPlan', namespace: place.namespace, name: plan.name };
    const status = { state: 'UpgradePending', currentCSV: 'multicluster-engine.v2.0.0', installPlanRef };
    await setStatus(client, { apiVersion: api, kind: 'Subscription', ...place }, status);
    const warnings: string[] = [];
    await runSteps(
      only('multicluster-engine'),
      contextFor(server, { report: (event) => event.type === 'warning' && warnings.push(event.message) }),
    );
    assert.match(warnings.join(), /would update multicluster-engine.v1.0.0 to multicluster-engine.v2.0.0 and waits/);
    assert.equal(valueAt(await client.get(plan), 'spec', 'approved'), false);
  });

  for (const { title, condition: told, code } of [
    {
      title: 'an operator bundle that can not be unpacked',
      condition: condition('BundleUnpackFailed', 'True', 'JobFailed', 'ImagePullBackOff'),
      code: /BundleUnpackFailed=True \(JobFailed\): ImagePullBackOff/,
    },
    {
      title: 'a dependency that no catalog has',
      condition: condition(
        'ResolutionFailed',
        'True',
        'ConstraintsNotSatisfiable',
        'no operators found in package lvms-operator',
      ),
      code: /ResolutionFailed=True .*no operators found/,
    },
  ]) {
    await t.test(`fails for ${title}`, async () => {
      await put(client, packageManifest('kubevirt-hyperconverged', CATALOG, 'stable', { namespace: 'openshift-cnv' }));
      const fail = async () => {
        const ref = {
          apiVersion: 'operators.coreos.com/v1alpha1',
          kind: 'Subscription',
          namespace: 'openshift-cnv',
          name: 'kubevirt-hyperconverged',
        };
        if ((await client.get(ref)) !== undefined)
          await setStatus(client, ref, { lastUpdated: '2026-01-01T00:00:00Z', conditions: [told] });
      };
      const stop = runControllers(server, fail);
      t.after(stop);
      await assert.rejects(
        runSteps(only('virtualization'), contextFor(server)),
        (error) => isAirgapError(error, 'E_FAILED') && code.test(error.message),
      );
      await stop();
    });
  }

  await t.test('refuses a namespace with two OperatorGroups', async () => {
    await put(client, packageManifest('multicluster-engine', CATALOG, 'stable-2.10'));
    await client.apply(namespaceObject('multicluster-engine'));
    for (const name of ['a', 'b'])
      await client.apply({
        apiVersion: 'operators.coreos.com/v1',
        kind: 'OperatorGroup',
        metadata: { name, namespace: 'multicluster-engine' },
        spec: {},
      });
    await assert.rejects(
      runSteps(only('multicluster-engine'), contextFor(server)),
      (error) => isAirgapError(error, 'E_PREFLIGHT') && /has 2 OperatorGroups/.test(error.message),
    );
  });

  await t.test('says so when nothing gives addresses, and removes its probe', async () => {
    const cluster = ManagementClusterSchema.parse({ loadBalancer: { install: false } });
    const run = runSteps(
      managementSteps({ ...input, cluster }).filter(({ id }) => id === 'load-balancer'),
      contextFor(server),
    );
    await assert.rejects(
      run,
      (error) => isAirgapError(error, 'E_PREFLIGHT') && /nothing on the cluster gives addresses/.test(error.message),
    );
    const services = await client.list({ apiVersion: 'v1', kind: 'Service', namespace: 'default' });
    assert.deepEqual(
      services.map(({ metadata }) => metadata.name),
      ['kubernetes'],
    );
  });

  await t.test('finds a load balancer by the address its probe gets', async () => {
    const cluster = ManagementClusterSchema.parse({ loadBalancer: { install: false } });
    const give = async () => {
      const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'airgap-load-balancer-probe' };
      if ((await client.get(ref)) !== undefined)
        await setStatus(client, ref, { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } }).catch(() => {});
    };
    const stop = runControllers(server, give);
    t.after(stop);
    await runSteps(
      managementSteps({ ...input, cluster }).filter(({ id }) => id === 'load-balancer'),
      contextFor(server, { timeouts: { probeMs: 10_000 } }),
    );
    await stop();
  });
});

test('the multicluster engine', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  const steps = managementSteps(managementInput()).filter(({ id }) => id === 'multicluster-engine');
  t.beforeEach(async () => {
    await emptyCluster(server);
    await installOpenShift(server);
    await put(client, packageManifest('multicluster-engine', CATALOG, 'stable-2.10'));
  });

  await t.test('under Advanced Cluster Management is left to it, with the catalog told by annotation', async () => {
    await client.apply(namespaceObject('open-cluster-management'));
    await writeAs(server, 'acm', {
      apiVersion: 'operator.open-cluster-management.io/v1',
      kind: 'MultiClusterHub',
      metadata: { name: 'multiclusterhub', namespace: 'open-cluster-management' },
      spec: {},
    });
    await writeAs(server, 'acm', {
      apiVersion: 'multicluster.openshift.io/v1',
      kind: 'MultiClusterEngine',
      metadata: { name: 'multiclusterengine' },
      spec: {
        overrides: {
          components: [
            { name: 'hypershift', enabled: false },
            { name: 'discovery', enabled: false },
          ],
        },
      },
    });
    const stop = runControllers(server, operands());
    t.after(stop);
    await runSteps(steps, contextFor(server));
    await stop();
    const hub = await client.get({
      apiVersion: 'operator.open-cluster-management.io/v1',
      kind: 'MultiClusterHub',
      namespace: 'open-cluster-management',
      name: 'multiclusterhub',
    });
    assert.deepEqual(
      JSON.parse(hub?.metadata.annotations?.['installer.open-cluster-management.io/mce-subscription-spec'] ?? ''),
      { source: CATALOG, channel: 'stable-2.10' },
    );
    assert.deepEqual(await client.list({ apiVersion: 'operators.coreos.com/v1alpha1', kind: 'Subscription' }), []);
    const engine = await client.get({
      apiVersion: 'multicluster.openshift.io/v1',
      kind: 'MultiClusterEngine',
      name: 'multiclusterengine',
    });
    assert.deepEqual(
      listAt(engine, 'spec', 'overrides', 'components').map((entry) => [
        textAt(entry, 'name'),
        valueAt(entry, 'enabled'),
      ]),
      [
        ['hypershift', true],
        ['discovery', false],
      ],
    );
  });

  await t.test('that is paused ends the wait at once', async () => {
    await put(client, {
      apiVersion: 'multicluster.openshift.io/v1',
      kind: 'MultiClusterEngine',
      metadata: { name: 'multiclusterengine' },
      spec: {},
      status: { phase: 'Paused' },
    });
    const stop = runControllers(server, lifecycleManager());
    t.after(stop);
    await assert.rejects(
      runSteps(steps, contextFor(server)),
      (error) => isAirgapError(error, 'E_FAILED') && /phase Paused/.test(error.message),
    );
    await stop();
  });

  await t.test('has its HyperShift operator restarted when the mirrors are younger, once', async () => {
    await client.apply(namespaceObject('hypershift'));
    await put(client, workload('Deployment', 'hypershift', 'operator'));
    await client.apply(digestSet());
    const restart = managementSteps({ ...managementInput(), cluster: ManagementClusterSchema.parse({}) }).filter(
      ({ id }) => id === 'multicluster-engine',
    );
    const stop = runControllers(server, operands());
    t.after(stop);
    const first = await runSteps(restart, contextFor(server));
    assert.deepEqual(actions(first), ['configured Deployment/hypershift/operator']);
    // The API counts in whole seconds, and an operator as old as the change counts as older.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await runSteps(restart, contextFor(server));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.deepEqual(actions(await runSteps(restart, contextFor(server))), []);
    await stop();
  });
});

test('an older cluster without mirror sets and cluster catalogs gets policies instead', async (t) => {
  if ((await needApiServer(t)) === undefined) return;
  const own = await startApiServer();
  t.after(() => own.stop());
  const client = testClient(own);
  await installCrds(client, ['imagecontentsourcepolicies', 'catalogsources', 'machineconfigpools', 'machineconfigs']);
  await client.apply(namespaceObject('openshift-marketplace'));
  await client.apply(namespaceObject('openshift-config-managed'));
  const events: string[] = [];
  const steps = managementSteps({ ...managementInput(), packages: [] }).filter(({ id }) =>
    ['mirror-sets', 'catalogs'].includes(id),
  );
  const stop = runControllers(own, marketplace());
  t.after(stop);
  const report = (event: { type: string; message?: string }) => {
    if (event.type === 'warning') events.push(event.message ?? '');
  };
  const results = await runSteps(steps, contextFor(own, { report }));
  await stop();
  assert.deepEqual(actions(results), [
    'created ConfigMap/openshift-config-managed/mirrored-release-signatures',
    'created ImageContentSourcePolicy/idms-release-0',
    `created CatalogSource/openshift-marketplace/${CATALOG}`,
  ]);
  assert.ok(
    events.some((message) => /ImageTagMirrorSet\/itms-generic-0 is left out/.test(message)),
    events.join(),
  );
});

test('what is rendered without a cluster is valid on one', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  await emptyCluster(server);
  const client = testClient(server);
  const odf = { kind: 'odf', install: true, storageCluster: { resources: {}, storageDeviceSets: [] } };
  const cluster = ManagementClusterSchema.parse({ ...SITE, storage: odf, updateService: { install: true } });
  const updateService = {
    apiVersion: 'updateservice.operator.openshift.io/v1',
    kind: 'UpdateService',
    metadata: { name: 'update-service' },
    spec: {
      replicas: 2,
      releases: `${REGISTRY}/openshift/release-images`,
      graphDataImage: `${REGISTRY}/openshift/graph-image:latest`,
    },
  };
  const packages = ['odf-operator', 'cincinnati-operator'].map((name) => ({
    name,
    channels: [],
    catalogSource: CATALOG,
  }));
  const usual = managementInput();
  for (const input of [usual, { ...usual, cluster, packages: [...usual.packages, ...packages] }]) {
    const context = contextFor(server, {
      client: createAbsentCluster(),
      resources: [...bundleResources(), updateService],
      options: { dryRun: true, forceConflicts: false, replaceMirrors: false },
    });
    const rendered = await renderSteps(selectSteps(managementSteps(input), { skip: ['preflight'] }), context);
    const objects = rendered.flatMap((step) => step.objects);
    assert.ok(!objects.some(({ kind }) => kind === 'Secret'));
    assert.ok(objects.length > 20);
    for (const object of objects.filter(({ kind }) => kind === 'Namespace')) await client.apply(object);
    for (const object of objects) {
      const { namespace } = object.metadata;
      if (namespace !== undefined) await client.apply(namespaceObject(namespace));
      // The newer HyperConverged v1 is served by releases whose CRD is not published as a module.
      if (object.apiVersion !== 'hco.kubevirt.io/v1') await client.apply(object, { dryRun: true });
    }
  }
});
