/** The far side of a trip in the single executable alone: from a bundle to a completed hosted cluster, on a real API server and registry. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import { textAt } from '../../src/apply/kube-object.ts';
import { formatYaml, parseYaml } from '../../src/core/yaml.ts';
import { ReceiptSchema } from '../../src/workflows/receipt.ts';
import { carriedKubeconfig, testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { bareSystem } from '../support/bare-system.ts';
import { snapshot } from '../support/cluster-snapshot.ts';
import {
  prepareFarSide,
  SAMPLE_CATALOG,
  SAMPLE_VERSION,
  type FarSide,
  type SiteDocument,
} from '../support/far-side.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { installManagementCluster, playCluster } from '../support/played-cluster.ts';
import { testRegistries } from '../support/shared-registries.ts';

const registry = testRegistries.find(({ tls, auth }) => tls && auth === 'basic')!;

interface Unpacked {
  readonly push?: { readonly pushedBytes: number };
  readonly steps: readonly {
    readonly step: string;
    readonly changes: readonly { readonly subject: string; readonly action: string }[];
  }[];
  readonly rendered?: readonly string[];
}

/** `action subject` of every change. */
function changesOf({ steps }: Unpacked): string[] {
  return steps.flatMap(({ changes }) => changes.map(({ subject, action }) => `${action} ${subject}`));
}

/** Copies what a person brings along into /srv of the system, and writes a site file that names the places there. */
function bring(far: FarSide, folder: string, authFile: string): void {
  for (const name of ['trip.tar', 'release.pub', 'registry-ca.pem', 'pull-secret.json']) {
    copyFileSync(join(far.folder, name), join(folder, name));
  }
  copyFileSync(authFile, join(folder, 'auth.json'));
  mkdirSync(join(folder, 'state'));
  const site = parseYaml(readFileSync(far.site, 'utf8'), far.site) as SiteDocument;
  const part = (name: string) => site[name] as SiteDocument;
  const hostedClusters = site['hostedClusters'] as readonly SiteDocument[];
  const document = {
    ...site,
    registry: { ...part('registry'), authFile: '/srv/auth.json', caFiles: ['/srv/registry-ca.pem'] },
    managementCluster: { ...part('managementCluster'), kubeconfig: '/srv/kubeconfig' },
    hostedClusters: hostedClusters.map((cluster) => ({ ...cluster, pullSecretFile: '/srv/pull-secret.json' })),
  };
  writeFileSync(join(folder, 'site.yaml'), formatYaml(document));
}

test('the executable alone brings a cluster to a completed hosted cluster, and a second run changes nothing', async (t) => {
  const system = bareSystem(t);
  const [server, access] = [await needApiServer(t), await registry.open(t)];
  if (system === undefined || server === undefined || access === undefined) return;
  await emptyCluster(server);
  await installManagementCluster(server);
  const far = await prepareFarSide(access, server.kubeconfig);
  t.after(() => far.remove());
  const folder = join(system.folder, 'srv');
  bring(far, folder, access.authFile!);
  writeFileSync(join(folder, 'kubeconfig'), carriedKubeconfig(server));
  const bundle = ['unpack', '/srv/trip.tar', '--key', '/srv/release.pub', '--state-dir', '/srv/state'];
  const unpack = async (...args: string[]) => {
    const { stdout, stderr } = await system.run(...bundle, '--json', '--log-format', 'json', ...args);
    for (const line of stderr.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line);
    return JSON.parse(stdout) as Unpacked;
  };
  const site = ['--site', '/srv/site.yaml'];
  const client = testClient(server);
  const hosted = (name: string) =>
    client.get({ apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace: 'clusters', name });
  const stateOf = async (name: string) => textAt(await hosted(name), 'status', 'version', 'history', 0, 'state');

  await t.test('a dry run shows every step and writes nothing', async () => {
    const before = await snapshot(server);
    const planned = changesOf(await unpack(...site, '--dry-run'));
    assert.ok(planned.includes('created HostedCluster/clusters/example'));
    assert.deepEqual(await snapshot(server), before);
  });

  await t.test('the resources are rendered without a cluster', async () => {
    const { rendered = [] } = await unpack(...site, '--render', '/srv/gitops');
    assert.ok(rendered.length > 5);
    for (const path of rendered) assert.ok(statSync(join(system.folder, path)).size > 0, path);
  });

  const stop = playCluster(server, { version: SAMPLE_VERSION, catalogSource: SAMPLE_CATALOG });
  try {
    await t.test('one command does everything and leaves a receipt', async () => {
      const result = await unpack(...site, '--yes', '--receipt', '/srv/receipt.json');
      const changes = changesOf(result);
      for (const line of [
        'configured Secret/openshift-config/pull-secret',
        'created ImageDigestMirrorSet/idms-release-0',
        `created CatalogSource/openshift-marketplace/${SAMPLE_CATALOG}`,
        'created HyperConverged/openshift-cnv/kubevirt-hyperconverged',
        'created MetalLB/metallb-system/metallb',
        'created MultiClusterEngine/multiclusterengine',
        'created HostedCluster/clusters/example',
        'created NodePool/clusters/example',
      ]) {
        assert.ok(changes.includes(line), line);
      }
      assert.ok(result.push!.pushedBytes > 0);
      assert.equal(await stateOf('example'), 'Completed');
      const receipt = ReceiptSchema.parse(JSON.parse(readFileSync(join(folder, 'receipt.json'), 'utf8')));
      assert.deepEqual(receipt.cluster, { server: server.url, user: 'administrator' });
    });

    await t.test('a second run changes nothing', async () => {
      const before = await snapshot(server);
      const result = await unpack(...site);
      const changes = changesOf(result);
      assert.ok(changes.length > 25);
      assert.deepEqual(
        changes.filter((line) => !line.startsWith('unchanged ')),
        [],
      );
      assert.equal(result.push!.pushedBytes, 0);
      assert.deepEqual(await snapshot(server), before);
    });

    await t.test('--kubeconfig and the flags of a hosted cluster, without a site file', async () => {
      const target = ['--registry', far.target, '--ca-file', '/srv/registry-ca.pem', '--authfile', '/srv/auth.json'];
      const cluster = ['--kubeconfig', '/srv/kubeconfig', '--registry-ca', '/srv/registry-ca.pem', '--name', 'second'];
      const pool = ['--pull-secret', '/srv/pull-secret.json', '--node-pool-replicas', '2', '--memory', '8Gi'];
      const changes = changesOf(await unpack(...target, ...cluster, ...pool, '--steps', 'hosted-cluster'));
      assert.ok(changes.includes('created HostedCluster/clusters/second'));
      assert.equal(await stateOf('second'), 'Completed');
    });

    await t.test('status and kubeconfig find the hosted cluster', async () => {
      const { stdout } = await system.run('status', ...site);
      assert.match(stdout, /^clusters\/example: completed$/m);
      await system.run('kubeconfig', 'example', '--kubeconfig', '/srv/kubeconfig', '--out', '/srv/example.kubeconfig');
      assert.equal(statSync(join(folder, 'example.kubeconfig')).mode & 0o777, 0o600);
      await system.run('status', '--kubeconfig', '/srv/example.kubeconfig');
    });
  } finally {
    await stop();
  }
});
