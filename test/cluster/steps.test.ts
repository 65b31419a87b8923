import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_TIMEOUTS, type Timeouts } from '../../src/apply/timeouts.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { managementSteps } from '../../src/apply/management-steps.ts';
import type { ManagementInput } from '../../src/apply/management-input.ts';
import { ManagementClusterSchema } from '../../src/apply/site-schema.ts';
import { runSteps, selectSteps, type StepContext, type StepResult } from '../../src/apply/step.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import { testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { createAuthority } from '../support/certificates.ts';
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

const REGISTRY = 'registry.example.com:5000';
const quick: Timeouts = {
  ...Object.fromEntries(Object.keys(DEFAULT_TIMEOUTS).map((key) => [key, 20_000])),
  graceMs: 300,
  noticeMs: 300,
  settleMs: 100,
  webhookMs: 300,
  probeMs: 300,
  pollMs: 100,
  poolsPerNodeMs: 0,
} as unknown as Timeouts;

function mirrorSet(kind: string, field: string, entries: Record<string, string>): KubeObject {
  const name = kind === 'ImageDigestMirrorSet' ? 'idms-release-0' : 'itms-generic-0';
  return {
    apiVersion: 'config.openshift.io/v1',
    kind,
    metadata: { name, annotations: { createdAt: new Date().toISOString(), createdBy: 'airgap' } },
    spec: { [field]: Object.entries(entries).map(([source, mirror]) => ({ source, mirrors: [mirror] })) },
  };
}

function resources(): KubeObject[] {
  return [
    mirrorSet('ImageDigestMirrorSet', 'imageDigestMirrors', {
      'quay.io/openshift-release-dev/ocp-release': `${REGISTRY}/openshift/release-images`,
      'quay.io/openshift-release-dev/ocp-v4.0-art-dev': `${REGISTRY}/openshift/release`,
    }),
    mirrorSet('ImageTagMirrorSet', 'imageTagMirrors', { 'registry.redhat.io/openshift4': `${REGISTRY}/openshift4` }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'mirrored-release-signatures',
        namespace: 'openshift-config-managed',
        labels: { 'release.openshift.io/verification-signatures': '' },
        annotations: { createdAt: new Date().toISOString() },
      },
      binaryData: { 'sha256-00-1': 'AAAA' },
    },
    {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'CatalogSource',
      metadata: {
        name: 'cs-redhat-operator-index-v4-20',
        namespace: 'openshift-marketplace',
        annotations: { createdAt: new Date().toISOString() },
      },
      spec: { sourceType: 'grpc', image: `${REGISTRY}/redhat/redhat-operator-index:v4.20` },
    },
    {
      apiVersion: 'olm.operatorframework.io/v1',
      kind: 'ClusterCatalog',
      metadata: { name: 'cc-redhat-operator-index-v4-20' },
      spec: {
        source: { type: 'Image', image: { ref: `${REGISTRY}/redhat/redhat-operator-index:v4.20` } },
        priority: 0,
      },
    },
  ];
}

const CATALOG = 'cs-redhat-operator-index-v4-20';
const offers = {
  [CATALOG]: [
    packageManifest('kubevirt-hyperconverged', CATALOG, 'stable', { namespace: 'openshift-cnv' }),
    packageManifest('lvms-operator', CATALOG, 'stable-4.20', { namespace: 'openshift-lvm-storage' }),
    packageManifest('metallb-operator', CATALOG, 'stable', { modes: ['AllNamespaces'] }),
    packageManifest('multicluster-engine', CATALOG, 'stable-2.10'),
  ],
};

const site = {
  storage: { kind: 'lvms', install: true, deviceClasses: [{ paths: ['/dev/disk/by-path/x'] }] },
  virtualization: { install: true },
  loadBalancer: { install: true, addressPools: [{ name: 'hosted', addresses: ['192.0.2.10-192.0.2.20'] }] },
  multiclusterEngine: { install: true, approval: 'Manual', channel: 'stable-2.10' },
  ingress: { wildcardRoutes: true },
};

async function input(): Promise<ManagementInput> {
  const authority = createAuthority().ca;
  return {
    cluster: ManagementClusterSchema.parse(site),
    registries: [{ host: REGISTRY, certificates: authority, credentials: { [REGISTRY]: { auth: 'bmV3Om5ldw==' } } }],
    trustBundle: authority,
    packages: [
      { name: 'kubevirt-hyperconverged', channels: ['stable'], catalogSource: CATALOG },
      { name: 'multicluster-engine', channels: ['stable-2.10'], catalogSource: CATALOG },
    ],
    hosted: { isHighlyAvailable: true, needsDefaultStorageClass: false },
  };
}

function contextFor(
  server: { kubeconfig: string },
  extra: Partial<StepContext> = {},
  events: ProgressEvent[] = [],
): StepContext {
  return {
    client: testClient(server),
    signal: new AbortController().signal,
    report: (event) => events.push(event),
    resources: resources(),
    options: { dryRun: false, forceConflicts: false, replaceMirrors: false },
    timeouts: quick,
    confirm: async () => true,
    ...extra,
  };
}

function actions(results: readonly StepResult[]): string[] {
  return results.flatMap(({ changes }) => changes.map(({ subject, action }) => `${action} ${subject}`));
}

test('all steps, on an OpenShift whose controllers answer', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  await emptyCluster(server);
  await installOpenShift(server);
  const client = testClient(server);
  const given = await input();
  const steps = managementSteps(given);
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
    const text = Buffer.from(
      (pullSecret?.['data'] as Record<string, string>)['.dockerconfigjson']!,
      'base64',
    ).toString();
    assert.deepEqual(Object.keys((JSON.parse(text) as { auths: object }).auths), ['registry.redhat.io', REGISTRY]);
    const router = await client.get({
      apiVersion: 'operator.openshift.io/v1',
      kind: 'IngressController',
      namespace: 'openshift-ingress-operator',
      name: 'default',
    });
    assert.deepEqual((router?.['spec'] as { routeAdmission: object }).routeAdmission, {
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

  await t.test('a later bundle with fewer mirrors takes nothing away, unless told to', async () => {
    const smaller = [
      mirrorSet('ImageDigestMirrorSet', 'imageDigestMirrors', {
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
