import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { isAirgapError } from '../../src/core/errors.ts';
import { collectStatus } from '../../src/apply/collect-status.ts';
import type { FlagValue } from '../../src/apply/hosted-cluster-flags.ts';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import type { HostedContext } from '../../src/apply/hosted-environment.ts';
import type { BundleContent } from '../../src/apply/hosted-cluster-plan.ts';
import { textAt, textMapAt, valueAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { readHostedKubeconfig, readHostedKubeconfigs } from '../../src/apply/read-kubeconfig.ts';
import { runSteps, type StepResult } from '../../src/apply/step.ts';
import { hostedClusterStep } from '../../src/apply/steps/hosted-cluster.ts';
import { carriedKubeconfig, GUEST_TOKEN, testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { EMPTY_BUNDLE, FILES, optionsOf, renderFlags } from '../support/hosted-cluster.ts';
import { RENDERED_FLAGS } from '../support/hosted-cluster-cases.ts';
import {
  buildManagementCluster,
  condition,
  hostedContext,
  playOperator,
  put,
  setStatus,
  untilReported,
  untilThere,
} from '../support/hosted-cluster-actors.ts';
import { needApiServer } from '../support/need-apiserver.ts';

const release = (version: string, letter: string) => ({
  version,
  image: `registry.example.com:5000/openshift/release-images@sha256:${letter.repeat(64)}`,
  architectures: ['amd64'],
  diskImage: `registry.example.com:5000/openshift/release@sha256:${letter.repeat(64)}`,
});
const old = release('4.20.3', 'a');
const next = release('4.21.1', 'b');
const bundle: BundleContent = {
  ...EMPTY_BUNDLE,
  releases: [old],
  imageContentSources: [
    {
      source: 'quay.io/openshift-release-dev/ocp-release',
      mirrors: ['registry.example.com:5000/openshift/release-images'],
    },
  ],
};

const request = (flags: Readonly<Record<string, FlagValue | undefined>> = {}) => ({
  options: optionsOf({ 'release-image': undefined, ...flags }),
  files: FILES,
});
const runHosted = (context: HostedContext) => runSteps([hostedClusterStep(context.hosted)], context);
const actions = (results: readonly StepResult[]) =>
  results.flatMap(({ changes }) => changes.map(({ subject, action }) => `${action} ${subject}`));
const ROUTER: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'router-nodeport-default', namespace: 'openshift-ingress' },
  spec: {
    type: 'NodePort',
    ports: [
      { name: 'http', port: 80, nodePort: 30080, protocol: 'TCP' },
      { name: 'https', port: 443, nodePort: 30443, protocol: 'TCP' },
    ],
  },
};
const secretRef = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', namespace: 'clusters', name });
const poolRef = (name: string) => ({ apiVersion: HYPERSHIFT_API, kind: 'NodePool', namespace: 'clusters', name });

test('hosted clusters', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  t.beforeEach(async () => {
    await emptyCluster(server);
    await buildManagementCluster(client);
  });

  await t.test('come up in the right order and a second run changes nothing', async () => {
    const context = hostedContext(server, [request({ 'node-pool-replicas': '2' })], { bundle });
    const operator = playOperator(client, server, 'example');
    const run = runHosted(context);
    await operator.accept();
    await operator.growPool();
    await untilReported(context.events, /HostedCluster\/clusters\/example/);
    await operator.comeUp();
    await untilReported(context.events, /finish its release/);
    await operator.complete();
    assert.deepEqual(actions(await run), [
      'created Namespace/clusters',
      'created Secret/clusters/example-pull-secret',
      'created Secret/clusters/example-etcd-encryption-key',
      'created HostedCluster/clusters/example',
      'created NodePool/clusters/example',
    ]);
    const live = await client.get(operator.ref);
    assert.equal(valueAt(live, 'spec', 'release', 'image'), old.image);
    const infraId = textAt(live, 'spec', 'infraID')!;
    for (const ref of [
      operator.ref,
      poolRef('example'),
      secretRef('example-pull-secret'),
      { apiVersion: 'v1', kind: 'Namespace', name: 'clusters' },
    ])
      assert.equal(
        (await client.get(ref))!.metadata.labels!['hypershift.openshift.io/auto-created-for-infra'],
        infraId,
      );
    const key = textMapAt(await client.get(secretRef('example-etcd-encryption-key')), 'data')['key'];

    const second = actions(
      await runHosted(hostedContext(server, [request({ 'node-pool-replicas': '2' })], { bundle })),
    );
    assert.deepEqual(
      second.filter((line) => !line.startsWith('unchanged')),
      [],
    );
    assert.equal(textMapAt(await client.get(secretRef('example-etcd-encryption-key')), 'data')['key'], key);
    assert.equal(textAt(await client.get(operator.ref), 'spec', 'infraID'), infraId);
  });

  await t.test('keep their identity when a run dies before the HostedCluster is written', async () => {
    const refusing = hostedContext(server, [request()], { bundle });
    const step = hostedClusterStep(refusing.hosted);
    await runSteps([{ ...step, phases: (inner) => step.phases(inner).slice(0, 1) }], refusing);
    const secret = await client.get(secretRef('example-etcd-encryption-key'));
    const context = hostedContext(server, [request({ wait: undefined })], { bundle });
    const run = runHosted(context);
    const operator = playOperator(client, server, 'example');
    await operator.accept();
    await operator.comeUp();
    await run;
    assert.equal(
      textAt(await client.get(operator.ref), 'spec', 'infraID'),
      secret!.metadata.labels!['hypershift.openshift.io/auto-created-for-infra'],
    );
    assert.deepEqual((await client.get(secretRef('example-etcd-encryption-key')))!['data'], secret!['data']);
  });

  for (const [type, reason] of [
    ['ValidReleaseImage', 'InvalidImage'],
    ['SupportedHostedCluster', 'UnsupportedHostedCluster'],
    ['ValidConfiguration', 'InvalidConfiguration'],
  ] as const)
    await t.test(`fail at once when ${type} is False, and the next run makes the operator look again`, async () => {
      const operator = playOperator(client, server, 'example');
      const failing = runHosted(hostedContext(server, [request()], { bundle }));
      await operator.report(condition(type, 'False', reason, 'the cause in words'));
      await assert.rejects(failing, (error) => {
        assert.ok(isAirgapError(error, 'E_FAILED'));
        assert.match(error.message, /HostedCluster\/clusters\/example: .*the cause in words/);
        return true;
      });
      const before = (await client.get(operator.ref))!.metadata.resourceVersion;
      const retry = runHosted(hostedContext(server, [request()], { bundle }));
      if (type !== 'ValidConfiguration') {
        for (;;) {
          const live = await client.get(operator.ref);
          if (live?.metadata.annotations?.['airgap.dev/retried-at'] !== undefined) break;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assert.notEqual((await client.get(operator.ref))!.metadata.resourceVersion, before);
      }
      await operator.comeUp();
      await retry;
    });

  await t.test('with a base domain get a load balancer, wait for DNS and are completed', async () => {
    const addresses = new Map<string, string[]>();
    const context = hostedContext(server, [request({ 'base-domain': 'example.com', 'node-pool-replicas': '1' })], {
      bundle,
      resolveAddresses: async (host) =>
        host.endsWith('.apps.example.example.com') ? (addresses.get('apps') ?? []) : [],
    });
    const operator = playOperator(client, server, 'example');
    const run = runHosted(context);
    await operator.accept();
    await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'clusters-example' } });
    await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'openshift-ingress' } });
    await operator.growPool();
    await operator.comeUp();
    await untilReported(context.events, /no node ports/);
    await put(client, ROUTER);
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'clusters-example', name: 'example-apps' };
    const service = await untilThere(client, ref);
    assert.deepEqual(
      (valueAt(service, 'spec', 'ports') as { port: number; targetPort: number }[]).map(({ port, targetPort }) => [
        port,
        targetPort,
      ]),
      [
        [443, 30443],
        [80, 30080],
      ],
    );
    await untilReported(context.events, /no external address/);
    await setStatus(client, ref, { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } });
    const said = await untilReported(context.events, /does not resolve/);
    assert.match(said, /\*\.apps\.example\.example\.com\. IN A 192\.0\.2\.7/);
    addresses.set('apps', ['192.0.2.8']);
    await untilReported(context.events, /192\.0\.2\.8 instead of 192\.0\.2\.7/);
    addresses.set('apps', ['192.0.2.7']);
    await put(client, {
      apiVersion: 'config.openshift.io/v1',
      kind: 'ClusterOperator',
      metadata: { name: 'console' },
      spec: {},
      status: { conditions: [condition('Available', 'False', 'RouteHealth_FailedGet', 'no such host')] },
    });
    await untilReported(context.events, /DNS of the applications: ClusterOperator console/);
    await operator.complete();
    await setStatus(
      client,
      { apiVersion: 'config.openshift.io/v1', kind: 'ClusterOperator', name: 'console' },
      {
        conditions: [condition('Available', 'True')],
      },
    );
    assert.ok(actions(await run).includes('created Service/clusters-example/example-apps'));
    const again = hostedContext(server, [request({ 'base-domain': 'example.com', 'node-pool-replicas': '1' })], {
      bundle,
      resolveAddresses: async (host) => (host.endsWith('.apps.example.example.com') ? ['192.0.2.7'] : []),
    });
    assert.deepEqual(
      actions(await runHosted(again)).filter((line) => !line.startsWith('unchanged')),
      [],
    );
  });

  await t.test(
    'with machines on another cluster get their load balancer there, bound to their own machines',
    async () => {
      const infraKubeconfig = Buffer.from(carriedKubeconfig(server));
      const flags = {
        'base-domain': 'example.com',
        'node-pool-replicas': '1',
        'infra-kubeconfig-file': 'k',
        'infra-namespace': 'machines',
      };
      const requests = [{ ...request(flags), files: { ...FILES, infraKubeconfig } }];
      await assert.rejects(
        runHosted(hostedContext(server, requests, { bundle })),
        (error) => isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('no namespace machines'),
      );
      await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'machines' } });
      await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'openshift-ingress' } });
      await put(client, ROUTER);
      const context = hostedContext(server, requests, { bundle, resolveAddresses: async () => ['192.0.2.7'] });
      const operator = playOperator(client, server, 'example');
      const run = runHosted(context);
      await operator.accept();
      await operator.growPool();
      await operator.comeUp();
      const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'machines', name: 'example-apps' };
      const service = await untilThere(client, ref);
      assert.equal(
        textMapAt(service, 'spec', 'selector')['hypershift.openshift.io/infra-id'],
        textAt(await client.get(operator.ref), 'spec', 'infraID'),
      );
      await setStatus(client, ref, { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } });
      await operator.complete();
      await run;
      assert.deepEqual((await client.get(secretRef('example-infra-credentials')))!['data'], {
        kubeconfig: infraKubeconfig.toString('base64'),
      });
      const labels = { 'hypershift.openshift.io/infra-id': textAt(await client.get(operator.ref), 'spec', 'infraID')! };
      const machine = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine' };
      await put(client, { ...machine, metadata: { name: 'vm-1', namespace: 'machines', labels } });
      await put(client, { ...machine, metadata: { name: 'stranger', namespace: 'machines' } });
      const { hostedClusters } = await collectStatus(client, context.hosted.openCluster);
      const table = hostedClusters[0]!.controlPlane.find(({ title }) => title === 'Virtual machines');
      assert.deepEqual(
        table?.rows.map(([name]) => name),
        ['vm-1'],
      );
    },
  );

  await t.test('are refused when the credentials of the infra cluster are not enough', async () => {
    const infraKubeconfig = Buffer.from(carriedKubeconfig(server, { user: { token: GUEST_TOKEN } }));
    const requests = [
      {
        ...request({ 'infra-kubeconfig-file': 'k', 'infra-namespace': 'machines' }),
        files: { ...FILES, infraKubeconfig },
      },
    ];
    await assert.rejects(runHosted(hostedContext(server, requests, { bundle })), (error) =>
      isAirgapError(error, 'E_UNAUTHORIZED', 'E_PREFLIGHT'),
    );
    // What only this machine could read is of no use to the operator, and not followed here.
    requests[0]!.files.infraKubeconfig = readFileSync(server.kubeconfig);
    await assert.rejects(runHosted(hostedContext(server, requests, { bundle })), {
      code: 'E_CONFIG',
      message: /kubeconfig of infra cluster .*certificate-authority/,
    });
  });

  await t.test('upgrade the control plane first and their nodes when it is complete', async () => {
    const operator = playOperator(client, server, 'example');
    const first = runHosted(hostedContext(server, [request({ 'node-pool-replicas': '1' })], { bundle }));
    await operator.accept();
    await operator.growPool();
    await operator.comeUp();
    await operator.complete();
    await first;
    const flags = { 'node-pool-replicas': '1', 'release-image': next.image };
    const context = hostedContext(server, [request(flags)], { bundle: { ...bundle, releases: [old, next] } });
    const upgrade = runHosted(context);
    await untilReported(context.events, /runs .*, not .*/);
    const imageOf = async (object: KubeObject | undefined) => textAt(object, 'spec', 'release', 'image');
    assert.equal(await imageOf(await client.get(operator.ref)), next.image);
    assert.equal(await imageOf(await client.get(poolRef('example'))), old.image);
    await operator.complete('4.21.1');
    await upgrade;
    assert.equal(await imageOf(await client.get(poolRef('example'))), next.image);
  });

  await t.test('of one site share a namespace and are told apart', async () => {
    const requests = [request({ name: 'one' }), request({ name: 'two', 'generate-ssh': true })];
    const context = hostedContext(server, requests, { bundle });
    const operators = [playOperator(client, server, 'one'), playOperator(client, server, 'two')];
    const run = runHosted(context);
    for (const operator of operators) await operator.comeUp();
    const changes = actions(await run);
    assert.equal(changes.filter((line) => line === 'created Namespace/clusters').length, 1);
    assert.ok(changes.includes('created Secret/clusters/two-ssh-key'));
    const key = (await client.get(secretRef('two-ssh-key')))!['data'];
    const again = actions(await runHosted(hostedContext(server, requests, { bundle })));
    assert.deepEqual(
      again.filter((line) => !line.startsWith('unchanged')),
      [],
    );
    assert.deepEqual((await client.get(secretRef('two-ssh-key')))!['data'], key);
    const ids = await Promise.all(operators.map(async ({ ref }) => textAt(await client.get(ref), 'spec', 'infraID')));
    assert.notEqual(ids[0], ids[1]);
  });

  await t.test('are accepted by the API with every option of the vendor tool', async () => {
    await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'clusters' } });
    await put(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tenants' } });
    for (const [flags] of RENDERED_FLAGS)
      for (const object of renderFlags(flags)) await client.apply(object, { dryRun: true });
  });

  await t.test('are refused before anything is written when something is not in order', async () => {
    await client.remove({
      apiVersion: 'hco.kubevirt.io/v1beta1',
      kind: 'HyperConverged',
      namespace: 'openshift-cnv',
      name: 'kubevirt-hyperconverged',
    });
    const given = { bundle: { ...bundle, releases: [{ ...old, version: '4.19.1' }] }, imageExists: async () => false };
    const context = hostedContext(
      server,
      [request({ 'etcd-storage-class': 'none', 'cluster-cidr': ['10.130.0.0/16'] })],
      given,
    );
    await assert.rejects(runHosted(context), (error) => {
      assert.ok(isAirgapError(error, 'E_PREFLIGHT'));
      for (const part of [
        'storage class none',
        'overlaps 10.128.0.0/14',
        'Virtualization',
        '4.19.1 is not supported',
        'disk image',
      ])
        assert.ok(error.message.includes(part), part);
      assert.match(error.hint!, /kubeVirtContainer: true/);
      return true;
    });
    assert.equal(await client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'clusters' }), undefined);
  });

  await t.test('are refused when the registry has an address that machines do not reach', async () => {
    const context = hostedContext(server, [request()], { bundle, resolveAddresses: async () => ['172.30.4.5'] });
    await assert.rejects(
      runHosted(context),
      (error) =>
        isAirgapError(error, 'E_PREFLIGHT') &&
        error.message.includes('registry.example.com has the address 172.30.4.5'),
    );
  });

  await t.test('are previewed by a dry run that writes nothing and tells problems as warnings', async () => {
    const context = hostedContext(server, [request({ 'etcd-storage-class': 'none' })], { bundle, dryRun: true });
    assert.deepEqual(actions(await runHosted(context)).length, 5);
    assert.ok(context.events.some((event) => event.type === 'warning' && event.message.includes('storage class none')));
    assert.equal(await client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'clusters' }), undefined);
  });

  await t.test('keep their nodes when replacing them is not confirmed', async () => {
    const operator = playOperator(client, server, 'example');
    const first = runHosted(hostedContext(server, [request({ 'node-pool-replicas': '1' })], { bundle }));
    await operator.accept();
    await operator.growPool();
    await operator.comeUp();
    await operator.complete();
    await first;
    const questions: string[] = [];
    const larger = hostedContext(server, [request({ 'node-pool-replicas': '1', memory: '8Gi' })], { bundle });
    const preview = hostedContext(server, [request({ 'node-pool-replicas': '1', memory: '8Gi' })], {
      bundle,
      dryRun: true,
    });
    assert.deepEqual(
      (await runHosted(preview)).flatMap(({ rollouts = [] }) => rollouts),
      [
        {
          effect: 'replace',
          pools: [{ name: 'example', nodes: 1 }],
          because: ['NodePool/clusters/example spec.platform.kubevirt.compute.memory'],
        },
      ],
    );
    const unwilling = { ...larger, confirm: async (question: string) => questions.push(question) === 0 };
    await assert.rejects(runHosted(unwilling), (error) => isAirgapError(error, 'E_PREFLIGHT'));
    assert.match(questions.join(), /NodePool\/clusters\/example spec\.platform\.kubevirt\.compute\.memory/);
    const memory = async () =>
      valueAt(await client.get(poolRef('example')), 'spec', 'platform', 'kubevirt', 'compute', 'memory');
    assert.equal(await memory(), '4Gi');
    await runHosted(larger);
    assert.equal(await memory(), '8Gi');
  });

  await t.test('get mirrors for pulls by tag when they ask for them, and keep them with a smaller bundle', async () => {
    const tagged = (...names: string[]) => ({
      references: names.map((name) => `quay.example/${name}/app:1`),
      mirrors: names.map((name) => ({
        source: `quay.example/${name}`,
        mirrors: [`registry.example.com:5000/${name}`],
      })),
    });
    const wanted = () => ({ ...request(), options: { ...request().options, tagMirrors: true } });
    const operator = playOperator(client, server, 'example');
    const first = runHosted(hostedContext(server, [wanted()], { bundle: { ...bundle, tagged: tagged('one', 'two') } }));
    await operator.comeUp();
    assert.ok(actions(await first).includes('created ConfigMap/clusters/example-tag-mirrors'));
    assert.deepEqual(valueAt(await client.get(poolRef('example')), 'spec', 'config'), [
      { name: 'example-tag-mirrors' },
    ]);
    const smaller = hostedContext(server, [wanted()], { bundle: { ...bundle, tagged: tagged('two') } });
    assert.deepEqual(
      actions(await runHosted(smaller)).filter((line) => !line.startsWith('unchanged')),
      [],
    );
    const larger = hostedContext(server, [wanted()], { bundle: { ...bundle, tagged: tagged('two', 'three') } });
    const changed = actions(await runHosted(larger)).filter((line) => !line.startsWith('unchanged'));
    assert.deepEqual(changed, ['configured ConfigMap/clusters/example-tag-mirrors']);
  });

  await t.test('never lose what is fixed at creation', async () => {
    const operator = playOperator(client, server, 'example');
    const first = runHosted(hostedContext(server, [request()], { bundle }));
    await operator.comeUp();
    await first;
    const changed = hostedContext(server, [request({ 'machine-cidr': ['192.168.7.0/24'] })], { bundle });
    await assert.rejects(
      runHosted(changed),
      (error) =>
        isAirgapError(error, 'E_PREFLIGHT') && error.message.includes('spec.networking.machineNetwork is not set'),
    );
  });

  await t.test('named by a tag are written by digest', async () => {
    const flags = {
      'release-image': 'registry.example.com:5000/openshift/release-images:4.20.3-x86_64',
      wait: 'false',
    };
    const resolveDigest = async () => `sha256:${'a'.repeat(64)}`;
    await runHosted(hostedContext(server, [request(flags)], { bundle, resolveDigest }));
    assert.equal(
      valueAt(await client.get(playOperator(client, server, 'example').ref), 'spec', 'release', 'image'),
      old.image,
    );
  });

  await t.test('hand out their kubeconfig, each missing part with its own error', async () => {
    await runHosted(hostedContext(server, [request({ wait: 'false' })], { bundle }));
    const refused = (name: string, part: string) =>
      assert.rejects(
        readHostedKubeconfig(client, name),
        (error) => isAirgapError(error, 'E_NOT_FOUND') && error.message.includes(part),
      );
    await refused('none', 'no hosted cluster none');
    await refused('example', 'no kubeconfig yet');
    assert.deepEqual((await readHostedKubeconfigs(client)).skipped, ['example']);
    await playOperator(client, server, 'example').comeUp();
    const { text } = await readHostedKubeconfig(client, 'example');
    assert.equal(text, carriedKubeconfig(server));
    assert.equal((await readHostedKubeconfigs(client, 'clusters')).configs.length, 1);
    await client.remove(secretRef('example-admin-kubeconfig'));
    await refused('example', 'Secret/clusters/example-admin-kubeconfig does not exist');
  });

  await t.test('show what they wait for', async () => {
    const operator = playOperator(client, server, 'example');
    const run = runHosted(hostedContext(server, [request({ wait: 'false' })], { bundle }));
    await run;
    const { hosted } = hostedContext(server, []);
    const status = () => collectStatus(client, hosted.openCluster, { name: 'example' });
    assert.equal((await status()).hostedClusters[0]!.blockers[0]!.rank, 'infrastructure');
    await operator.report(condition('InfrastructureReady', 'False', 'WaitingOnInfrastructureReady', 'no address'));
    const waiting = (await status()).hostedClusters[0]!;
    assert.equal(waiting.verdict, 'partial');
    assert.match(waiting.blockers[0]!.waitingFor, /no address/);
    assert.deepEqual(waiting.dataPlane, []);
    await operator.comeUp();
    await operator.complete();
    const done = await status();
    assert.equal(done.hostedClusters[0]!.verdict, 'completed');
    assert.deepEqual(
      done.hostedClusters[0]!.dataPlane.map(({ title }) => title),
      ['Nodes'],
    );
    assert.deepEqual(done.tables[0]!.rows[0]!.slice(0, 5), [
      'clusters',
      'example',
      '4.20.3',
      'example-admin-kubeconfig',
      'Completed',
    ]);
    await assert.rejects(collectStatus(client, hosted.openCluster, { name: 'none' }), (error) =>
      isAirgapError(error, 'E_NOT_FOUND'),
    );
  });
});
