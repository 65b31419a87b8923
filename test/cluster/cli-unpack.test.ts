/** The built command line on the far side: from a signed bundle to a completed hosted cluster, against a real API server and registry. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import { textAt, valueAt } from '../../src/apply/kube-object.ts';
import { parseYaml, parseYamlStream } from '../../src/core/yaml.ts';
import { ReceiptSchema } from '../../src/workflows/receipt.ts';
import { GUEST_TOKEN, testClient, writeKubeconfig } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { writeAs } from '../support/cluster-actors.ts';
import { snapshot } from '../support/cluster-snapshot.ts';
import { prepareFarSide, SAMPLE_CATALOG, SAMPLE_VERSION, writeSite } from '../support/far-side.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { flagsFor, jsonOf, openRepository } from '../support/packing.ts';
import { installManagementCluster, playCluster } from '../support/played-cluster.ts';
import { ACCOUNT, type RegistryAccess } from '../support/registry.ts';
import { ENTRY, resultOf, runCli, startCli, type CliResult } from '../support/run-cli.ts';
import { testRegistries } from '../support/shared-registries.ts';
import { openTerminal } from '../support/terminal.ts';

const registry = testRegistries.find(({ tls, auth }) => tls && auth === 'basic')!;

const SIGNATURES = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  namespace: 'openshift-config-managed',
  name: 'mirrored-release-signatures',
};

interface StepChange {
  readonly subject: string;
  readonly action: string;
  readonly differences: readonly { readonly path: string; readonly after: unknown }[];
}

/** `action subject` of every change, by step. */
function changesOf(result: CliResult): Record<string, string[]> {
  const { steps } = jsonOf(result) as { steps: { step: string; changes: StepChange[] }[] };
  return Object.fromEntries(
    steps.map(({ step, changes }) => [step, changes.map(({ subject, action }) => `${action} ${subject}`)]),
  );
}

function assertDone(result: CliResult): void {
  assert.equal(result.status, 0, said(result));
}

function said({ stdout, stderr }: CliResult): string {
  return `${stdout.slice(0, 2000)}\n${stderr.slice(-2000)}`;
}

function assertFailed(result: CliResult, status: number, code: string, message: RegExp): void {
  assert.equal(result.status, status, said(result));
  const error = jsonOf(result);
  assert.equal(error['code'], code);
  assert.match(`${String(error['message'])} ${String(error['hint'])}`, message);
}

test('from a bundle to a completed hosted cluster', async (t) => {
  const [server, access] = [await needApiServer(t), await registry.open(t)];
  if (server === undefined || access === undefined) return;
  await emptyCluster(server);
  await installManagementCluster(server);
  const far = await prepareFarSide(access, server.kubeconfig);
  t.after(() => far.remove());
  const client = testClient(server);
  const airgap = (...args: string[]) => runCli(args, { cwd: far.folder });
  const unpack = (...args: string[]) => airgap(...far.bundle, '--site', 'site.yaml', ...args);
  const secretsOf = (output: CliResult) => `${output.stdout}${output.stderr}`;
  const pullSecret = readFileSync(join(far.folder, 'pull-secret.json'), 'utf8');
  const controllers = { version: SAMPLE_VERSION, catalogSource: SAMPLE_CATALOG };
  const [host, ...path] = far.target.split('/');
  const payload = openRepository(t, access, `${path.join('/')}/openshift/release-images`);
  const hostedRef = { apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace: 'clusters', name: 'example' };

  await t.test('--dry-run shows what would change, Secrets by length and digest, and writes nothing', async () => {
    const before = await snapshot(server);
    const text = await unpack('--dry-run');
    assertDone(text);
    assert.match(text.stderr, /ImageDigestMirrorSet\/idms-release-0 would be created\n {6}\+ apiVersion: config/);
    assert.match(
      text.stderr,
      /IngressController\/openshift-ingress-operator\/default would be configured\n {6}\+ spec\.routeAdmission\.wildcardPolicy: WildcardsAllowed\n/,
    );
    assert.match(
      text.stderr,
      /W_CLUSTER: nodes of example have no mirrors for pulls by tag and could not pull .*team\/console:v1\.0/,
    );
    assert.match(
      text.stderr,
      /nodes would be drained one after the other, about .* min \(.*master.*\), because of tag mirrors for /,
    );
    assert.match(text.stderr, /nodes would not be drained; CRI-O would read new files .*digest mirrors for /);
    assert.match(text.stderr, /\+ {3}\.dockerconfigjson: \(\d+ bytes, sha256:[0-9a-f]{16}\)/);
    assert.match(text.stderr, /- data\[?.*dockerconfigjson.*: \(\d+ bytes, sha256:[0-9a-f]{16}\)/);
    const json = await unpack('--dry-run', '--json', '--log-format', 'json', '--verbose');
    for (const secret of [pullSecret, Buffer.from(pullSecret).toString('base64'), 'YWlyZ2FwOnNlY3JldA', 'b2xkOm9sZA'])
      for (const output of [text, json]) assert.ok(!secretsOf(output).includes(secret));
    const { steps } = jsonOf(json) as { steps: { step: string; changes: StepChange[] }[] };
    const ingress = steps.find(({ step }) => step === 'ingress-policy')!.changes[0]!;
    assert.deepEqual(ingress.differences, [{ path: 'spec.routeAdmission.wildcardPolicy', after: 'WildcardsAllowed' }]);
    assert.deepEqual(await snapshot(server), before);
    await assert.rejects(payload.resolve(`${SAMPLE_VERSION}-x86_64`, new AbortController().signal), {
      code: 'E_NOT_FOUND',
    });
    assert.deepEqual(readdirSync(join(far.folder, 'state')), []);
  });

  await t.test('--render without a cluster writes a file per step for GitOps, no Secret among them', async () => {
    writeSite(far, (cluster) => ({ ...cluster, kubeconfig: undefined }), 'no-cluster.yaml');
    const before = await snapshot(server);
    const result = await airgap(...far.bundle, '--site', 'no-cluster.yaml', '--render', 'gitops', '--json');
    assertDone(result);
    const files = readdirSync(join(far.folder, 'gitops'));
    assert.deepEqual(
      (jsonOf(result)['rendered'] as string[]).toSorted(),
      files.map((file) => `gitops/${file}`),
    );
    const objects = files.flatMap((file) =>
      parseYamlStream(readFileSync(join(far.folder, 'gitops', file), 'utf8'), file),
    );
    const kinds = objects.map((object) => textAt(object, 'kind'));
    for (const kind of ['ImageDigestMirrorSet', 'CatalogSource', 'Subscription', 'MultiClusterEngine', 'HostedCluster'])
      assert.ok(kinds.includes(kind), `${kind} is rendered`);
    assert.ok(!kinds.includes('Secret'));
    assert.deepEqual(await snapshot(server), before);
  });

  await t.test('checks of the cluster come before the push', async () => {
    const image = { apiVersion: 'config.openshift.io/v1', kind: 'Image', name: 'cluster' };
    await client.mergePatch(image, { spec: { registrySources: { blockedRegistries: [host] } } });
    const result = await unpack('--yes', '--json');
    assertFailed(result, 7, 'E_PREFLIGHT', /image\.config blocks .*spec\.registrySources\.blockedRegistries/s);
    await client.mergePatch(image, { spec: { registrySources: null } });
    const flags = ['--name', 'example', '--cluster-cidr', '10.128.0.0/14', '--namespace', 'taken'];
    const taken = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'taken-example' } };
    await client.apply(taken);
    assertFailed(
      await unpack('--yes', '--json', ...flags),
      7,
      'E_PREFLIGHT',
      /hosted cluster example: namespace taken-example exists.*10\.128\.0\.0\/14/s,
    );
    await client.remove({ apiVersion: 'v1', kind: 'Namespace', name: 'taken-example' });
    await assert.rejects(payload.resolve(`${SAMPLE_VERSION}-x86_64`, new AbortController().signal), {
      code: 'E_NOT_FOUND',
    });
  });

  await t.test('a misspelt step is refused before anything is sent', async () => {
    const result = await unpack('--yes', '--json', '--steps', 'push,mirror-set');
    assertFailed(result, 2, 'E_USAGE', /no step "mirror-set".*mirror-sets/s);
    assert.deepEqual(readdirSync(join(far.folder, 'state')), []);
  });

  const stop = playCluster(server, controllers);
  try {
    await t.test('without --yes and terminal nothing disruptive is done', async () => {
      const result = await unpack('--json', '--steps', 'mirror-sets');
      assertFailed(result, 2, 'E_USAGE', /drain.*--yes/s);
      assert.match(result.stderr, /no terminal and no --yes/);
      assert.equal((await client.list({ apiVersion: 'config.openshift.io/v1', kind: 'ImageTagMirrorSet' })).length, 0);
      // The signatures beside the mirror sets touch no node; the next test makes them again.
      await client.remove(SIGNATURES);
    });

    await t.test('on a terminal it asks, and "no" leaves everything as it is', async (t) => {
      const args = [ENTRY, ...far.bundle, '--site', 'site.yaml', '--steps', 'mirror-sets'];
      const terminal = openTerminal(t, far.folder, args);
      if (terminal === undefined) return;
      const asked = await terminal.until(/\[y\/N\]/);
      assert.match(asked, /drain/);
      // The live line of the running stage must not write over the question.
      await sleep(1000);
      assert.match(await terminal.until(/\[y\/N\]/), /\[y\/N\] *\n*$/);
      terminal.press('n', 'Enter');
      assert.match(
        await terminal.until(/ended with \d+/),
        /E_PREFLIGHT: stopped before the mirror sets.*ended with 7/s,
      );
      const other = openTerminal(t, far.folder, args)!;
      await other.until(/\[y\/N\]/);
      other.press('C-c');
      assert.match(await other.until(/ended with \d+/), /Run the same command again.*ended with 130/s);
      assert.equal((await client.list({ apiVersion: 'config.openshift.io/v1', kind: 'ImageTagMirrorSet' })).length, 0);
      await client.remove(SIGNATURES);
    });

    await t.test('one command does everything and leaves a receipt', async () => {
      const result = await unpack('--yes', '--json', '--receipt', 'receipt.json');
      assertDone(result);
      for (const secret of [pullSecret, 'YWlyZ2FwOnNlY3JldA']) assert.ok(!secretsOf(result).includes(secret));
      const changes = changesOf(result);
      assert.deepEqual(changes, {
        preflight: [],
        'pull-secret': ['configured Secret/openshift-config/pull-secret'],
        'registry-ca': [
          'created ConfigMap/openshift-config/registry-config',
          'configured Image/cluster',
          'created ConfigMap/openshift-config/user-ca-bundle',
          'configured Proxy/cluster',
        ],
        'mirror-sets': [
          'created ConfigMap/openshift-config-managed/mirrored-release-signatures',
          'created ImageDigestMirrorSet/idms-release-0',
          'created ImageDigestMirrorSet/idms-operator-0',
          'created ImageTagMirrorSet/itms-release-0',
          'created ImageTagMirrorSet/itms-generic-0',
        ],
        catalogs: [
          'configured OperatorHub/cluster',
          `created CatalogSource/openshift-marketplace/${SAMPLE_CATALOG}`,
          'created ClusterCatalog/cc-redhat-operator-index-v4-17',
        ],
        storage: [],
        virtualization: [
          'created Namespace/openshift-cnv',
          'created OperatorGroup/openshift-cnv/openshift-cnv',
          'created Subscription/openshift-cnv/kubevirt-hyperconverged',
          'created HyperConverged/openshift-cnv/kubevirt-hyperconverged',
        ],
        'load-balancer': [
          'created Namespace/metallb-system',
          'created OperatorGroup/metallb-system/metallb-system',
          'created Subscription/metallb-system/metallb-operator',
          'created MetalLB/metallb-system/metallb',
          'created IPAddressPool/metallb-system/hosted',
          'created L2Advertisement/metallb-system/airgap',
        ],
        'multicluster-engine': [
          'created Namespace/multicluster-engine',
          'created OperatorGroup/multicluster-engine/multicluster-engine',
          'created Subscription/multicluster-engine/multicluster-engine',
          'created MultiClusterEngine/multiclusterengine',
          'created ConfigMap/local-cluster/hypershift-operator-install-flags',
        ],
        'update-service': [],
        'ingress-policy': ['configured IngressController/openshift-ingress-operator/default'],
        'hosted-cluster': [
          'created Namespace/clusters',
          'created Secret/clusters/example-pull-secret',
          'created Secret/clusters/example-etcd-encryption-key',
          'created ConfigMap/clusters/user-ca-bundle',
          'created HostedCluster/clusters/example',
          'created NodePool/clusters/example',
        ],
        'hosted-catalogs': [],
      });

      const cluster = await client.get(hostedRef);
      assert.equal(textAt(cluster, 'status', 'version', 'history', 0, 'state'), 'Completed');
      const release = await payload.resolve(`${SAMPLE_VERSION}-x86_64`, new AbortController().signal);
      assert.equal(
        textAt(cluster, 'spec', 'release', 'image'),
        `${far.target}/openshift/release-images@${release.digest}`,
      );
      const trust = await client.get({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace: 'openshift-config',
        name: 'registry-config',
      });
      assert.equal(textAt(trust, 'data', host!.replace(':', '..')), access.ca);

      const receipt = ReceiptSchema.parse(JSON.parse(readFileSync(join(far.folder, 'receipt.json'), 'utf8')));
      assert.equal(receipt.bundle?.manifestSha256, jsonOf(result)['manifestSha256']);
      assert.deepEqual(receipt.cluster, { server: server.url, user: 'administrator' });
      assert.ok(receipt.content.tags.some(({ digest }) => digest === release.digest));
      assert.ok(receipt.content.blobs.length > 100);
      assert.deepEqual(
        receipt.steps.map(({ step, changes: made }) => [
          step,
          made.map(({ subject, action }) => `${action} ${subject}`),
        ]),
        Object.entries(changes),
      );
    });

    await t.test('a second run changes nothing', async () => {
      const before = await snapshot(server);
      const result = await unpack('--json');
      assertDone(result);
      const changes = Object.values(changesOf(result)).flat();
      assert.ok(changes.length > 25);
      assert.deepEqual(
        changes.filter((line) => !line.startsWith('unchanged ')),
        [],
      );
      assert.equal((jsonOf(result)['push'] as { pushedBytes: number }).pushedBytes, 0);
      assert.deepEqual(await snapshot(server), before);
      const receipt = String(jsonOf(result)['receipt']);
      assert.match(receipt, /^state\/receipts\/imageset-\d+\.json$/);
      ReceiptSchema.parse(JSON.parse(readFileSync(join(far.folder, receipt), 'utf8')));
    });

    await t.test('a receipt is refused when something is missing on the target', async () => {
      const { manifests } = ReceiptSchema.parse(
        JSON.parse(readFileSync(join(far.folder, 'receipt.json'), 'utf8')),
      ).content;
      const gone = manifests.find(({ repository }) => repository.endsWith('/team/legacy'))!;
      await removeManifest(access, gone);
      const result = await unpack('--json', '--steps', 'preflight', '--receipt', 'second.json');
      assertFailed(result, 6, 'E_NOT_FOUND', new RegExp(`team/legacy: no (manifest|tag).*${gone.digest}`));
      assert.ok(!readdirSync(far.folder).includes('second.json'));
      assert.equal((await unpack('--json', '--steps', 'push')).status, 0);
    });

    await t.test('steps are chosen by --steps, --skip and --from-step, in their order', async () => {
      const stepsOf = async (...args: string[]) => {
        const result = await unpack('--json', ...args);
        assertDone(result);
        return [Object.keys(changesOf(result)), 'push' in jsonOf(result)];
      };
      assert.deepEqual(await stepsOf('--steps', 'ingress-policy,storage'), [['storage', 'ingress-policy'], false]);
      assert.deepEqual(await stepsOf('--steps', 'push'), [[], true]);
      assert.deepEqual(await stepsOf('--from-step', 'hosted-cluster'), [['hosted-cluster', 'hosted-catalogs'], false]);
      const [most, isPushed] = await stepsOf('--skip', 'push,catalogs,hosted-catalogs');
      assert.equal(isPushed, false);
      assert.ok(Array.isArray(most) && most.includes('mirror-sets') && !most.includes('catalogs'));
    });

    await t.test('--render with a cluster takes what is there into account', async () => {
      const result = await unpack('--json', '--render', 'live', '--steps', 'hosted-cluster');
      assertDone(result);
      const [file] = jsonOf(result)['rendered'] as string[];
      const objects = parseYamlStream(readFileSync(join(far.folder, file!), 'utf8'), file!);
      const rendered = objects.find((object) => textAt(object, 'kind') === 'HostedCluster');
      assert.equal(
        textAt(rendered, 'spec', 'infraID'),
        textAt(await client.get(hostedRef), 'spec', 'infraID'),
        'the infra ID of the living cluster',
      );
    });

    await t.test('the flags of hcp give the same hosted cluster as the site file', async () => {
      const flags = [
        ...['--registry', far.target, ...flagsFor(access, far.folder), '--registry-ca', 'registry-ca.pem'],
        ...['--kubeconfig', server.kubeconfig, '--name', 'second', '--pull-secret', 'pull-secret.json'],
        ...['--node-pool-replicas', '2', '--memory', '8Gi', '--steps', 'hosted-cluster', '--json'],
      ];
      const result = await airgap(...far.bundle, ...flags);
      assertDone(result);
      const specOf = async (kind: string, name: string) => {
        const object = await client.get({ apiVersion: HYPERSHIFT_API, kind, namespace: 'clusters', name });
        const infraId = textAt(object, 'spec', 'infraID') ?? 'none';
        const text = JSON.stringify(object!['spec']).replaceAll(infraId, 'INFRA').replaceAll(name, 'NAME');
        return JSON.parse(text) as Record<string, unknown>;
      };
      for (const kind of ['HostedCluster', 'NodePool']) {
        assert.deepEqual(await specOf(kind, 'second'), await specOf(kind, 'example'));
      }
    });

    await t.test('status shows what is there, as table and as data', async () => {
      const table = await airgap('status', '--site', 'site.yaml');
      assertDone(table);
      assert.match(table.stdout, /^clusters\/example: completed$/m);
      const json = await airgap('status', 'second', '--kubeconfig', server.kubeconfig, '--json');
      const { hostedClusters } = jsonOf(json) as { hostedClusters: { name: string; verdict: string }[] };
      assert.deepEqual(
        hostedClusters.map(({ name, verdict }) => [name, verdict]),
        [['second', 'completed']],
      );
    });

    await t.test('status --watch redraws in place', async (t) => {
      const terminal = openTerminal(t, far.folder, [ENTRY, 'status', 'example', '--watch', '--site', 'site.yaml']);
      if (terminal === undefined) return;
      const screens = new Set<string>();
      while (screens.size < 3) screens.add(await terminal.until(/clusters\/example: completed/));
      for (const screen of screens) {
        assert.equal(screen.split('Hosted clusters').length, 2, 'one table on the screen');
        assert.match(screen, /^\d[^\n]*\nHosted clusters\n/, 'the time, then the table, from the first line on');
      }
      assert.equal(terminal.scrolledLines(), 0);
    });

    await t.test('kubeconfig writes a private file, never over another, and merges', async () => {
      const at = ['--kubeconfig', server.kubeconfig, '--json'];
      assert.equal((await airgap('kubeconfig', 'example', ...at, '--out', 'example.kubeconfig')).status, 0);
      assertFailed(
        await airgap('kubeconfig', 'example', ...at, '--out', 'example.kubeconfig'),
        2,
        'E_USAGE',
        /exists.*--merge/,
      );
      writeKubeconfig(server, join(far.folder, 'merged'));
      assert.equal((await airgap('kubeconfig', ...at, '--merge', 'merged')).status, 0);
      for (const file of ['example.kubeconfig', 'merged']) {
        assert.equal(modeOf(join(far.folder, file)), 0o600);
      }
      const merged = parseYaml(readFileSync(join(far.folder, 'merged'), 'utf8'), 'merged');
      assert.equal((valueAt(merged, 'contexts') as unknown[]).length, 3);
      assert.equal(textAt(merged, 'current-context'), 'test');
      assertFailed(await airgap('kubeconfig', 'third', ...at), 6, 'E_NOT_FOUND', /third/);
      const works = await airgap('status', '--kubeconfig', 'example.kubeconfig', '--json');
      assertDone(works);
    });
  } finally {
    await stop();
  }

  await t.test('a field of another manager stops the run, --force-conflicts takes it over', async () => {
    await writeAs(server, 'gitops', {
      apiVersion: 'config.openshift.io/v1',
      kind: 'OperatorHub',
      metadata: { name: 'cluster' },
      spec: { disableAllDefaultSources: false },
    });
    const catalogs = ['--steps', 'catalogs', '--json'];
    assertFailed(
      await unpack(...catalogs),
      8,
      'E_CONFLICT',
      /OperatorHub\/cluster: \.spec\.disableAllDefaultSources.*"gitops".*--force-conflicts/s,
    );
    const forced = await unpack(...catalogs, '--force-conflicts');
    assertDone(forced);
  });

  await t.test('what is not ready in time, and what has failed for good, end with their own status', async () => {
    const flags = ['--kubeconfig', server.kubeconfig, '--name', 'late', '--pull-secret', 'pull-secret.json'];
    const late = await unpack(
      ...flags,
      '--node-pool-replicas',
      '1',
      '--timeout',
      '2s',
      '--steps',
      'hosted-cluster',
      '--json',
    );
    assertFailed(late, 9, 'E_TIMEOUT', /HostedCluster\/clusters\/late: the HyperShift operator has not reported/);
    writeSite(far, (cluster) => ({ ...cluster, storage: { kind: 'existing', storageClass: 'slow' } }), 'slow.yaml');
    const failed = await airgap(...far.bundle, '--site', 'slow.yaml', '--steps', 'storage', '--json');
    assertFailed(failed, 10, 'E_FAILED', /StorageClass\/slow: does not exist/);
  });

  await t.test('a run that is killed is finished by the next one, with the same identity and keys', async (t) => {
    const flags = ['--kubeconfig', server.kubeconfig, '--name', 'killed', '--pull-secret', 'pull-secret.json'];
    const args = [
      ...far.bundle,
      '--site',
      'site.yaml',
      ...flags,
      '--node-pool-replicas',
      '1',
      '--steps',
      'hosted-cluster',
    ];
    const child = startCli(args, { cwd: far.folder });
    const ref = { ...hostedRef, name: 'killed' };
    const key = { apiVersion: 'v1', kind: 'Secret', namespace: 'clusters', name: 'killed-etcd-encryption-key' };
    while ((await client.get(ref)) === undefined) {
      if (t.signal.aborted || child.exitCode !== null) throw new Error('the hosted cluster was not made');
      await sleep(50);
    }
    child.kill('SIGKILL');
    await resultOf(child);
    const [cluster, secret] = [await client.get(ref), await client.get(key)];
    const stopAgain = playCluster(server, controllers);
    try {
      assertDone(await airgap(...args, '--json'));
    } finally {
      await stopAgain();
    }
    const finished = await client.get(ref);
    assert.equal(textAt(finished, 'status', 'version', 'history', 0, 'state'), 'Completed');
    assert.equal(textAt(finished, 'spec', 'infraID'), textAt(cluster, 'spec', 'infraID'));
    assert.deepEqual((await client.get(key))?.['data'], secret?.['data']);
  });

  await t.test('a cluster that can not be reached as wanted is told by what is wrong with it', async () => {
    const at = (...args: string[]) => unpack('--steps', 'preflight', '--json', ...args);
    assertFailed(await at('--kubeconfig', 'nowhere'), 2, 'E_CONFIG', /nowhere/);
    assertFailed(await at('--context', 'other'), 2, 'E_CONFIG', /other.*test/s);
    const guest = writeKubeconfig(server, join(far.folder, 'guest'), { user: { token: GUEST_TOKEN } });
    assertFailed(await at('--kubeconfig', guest), 6, 'E_UNAUTHORIZED', /guest/);
    const expired = writeKubeconfig(server, join(far.folder, 'expired'), { user: { token: 'of yesterday' } });
    assertFailed(await at('--kubeconfig', expired), 6, 'E_UNAUTHORIZED', /Unauthorized.*log in again/);
    const none = await airgap(...far.bundle, '--registry', far.target, '--steps', 'mirror-sets', '--json');
    assertFailed(none, 2, 'E_USAGE', /which cluster.*--kubeconfig/s);
    const version = { apiVersion: 'config.openshift.io/v1', kind: 'ClusterVersion', name: 'version' };
    await client.remove(version);
    assertFailed(await at(), 7, 'E_PREFLIGHT', /no OpenShift cluster.*kubeconfig/s);
  });
});

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

/** Deletes a manifest, as a clean-up of the registry would. */
async function removeManifest(
  access: RegistryAccess,
  { repository, digest }: { readonly repository: string; readonly digest: string },
): Promise<void> {
  const path = repository.slice(repository.indexOf('/') + 1);
  const options = {
    method: 'DELETE',
    ca: access.ca,
    auth: `${ACCOUNT.username}:${ACCOUNT.password}`,
  };
  const sent = request(`${access.url}/v2/${path}/manifests/${digest}`, options);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 202);
}
