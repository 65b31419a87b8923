/**
 * The second half of the demonstration: from the bundle to a running hosted cluster. Where kube-apiserver and etcd are at hand (of an
 * earlier test run) a real API server is started; the controllers of OpenShift are played. Elsewhere the resources are rendered.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatYaml } from '../src/core/yaml.ts';
import { installCrds, startApiServer, testClient, type ApiServer } from '../test/support/apiserver.ts';
import { findApiServer, findCrds } from '../test/support/apiserver-programs.ts';
import { installManagementCluster, playCluster } from '../test/support/played-cluster.ts';
import { say, type Airgap } from './show.ts';

/** Of the sample: newest release, and the CatalogSource of its catalog. */
const PLAYED = { version: '4.17.5', catalogSource: 'cs-redhat-operator-index-v4-17' };

/** Runs the steps on the cluster, or renders them. `target` is the registry the bundle is in, `folder` takes the files. */
export async function showCluster(airgap: Airgap, folder: string, target: string): Promise<void> {
  writeFileSync(join(folder, 'pull-secret.json'), '{"auths": {"registry.example.com": {"auth": "ZGVtbzpkZW1v"}}}\n');
  const unpack = ['unpack', 'trip.tar', '--key', 'release.pub', '--site', 'site.yaml'];
  if (findApiServer() === undefined || findCrds() === undefined) {
    writeFileSync(join(folder, 'site.yaml'), formatYaml(siteFile(target)));
    say('no kube-apiserver at hand ("npm run components" brings one): everything for the cluster is written as files');
    await airgap(...unpack, '--render', 'gitops');
    return;
  }
  say('a real kube-apiserver with the real resource definitions; the controllers of OpenShift are played by the demo');
  const server = await startApiServer();
  try {
    await installCrds(testClient(server));
    await installManagementCluster(server);
    writeFileSync(join(folder, 'site.yaml'), formatYaml(siteFile(target, server.kubeconfig)));
    await toHostedCluster(airgap, unpack, server);
  } finally {
    await server.stop();
  }
}

async function toHostedCluster(airgap: Airgap, unpack: readonly string[], server: ApiServer): Promise<void> {
  const stop = playCluster(server, PLAYED);
  try {
    await airgap(...unpack, '--yes');
    await airgap('status', '--site', 'site.yaml');
    const again = JSON.parse(await airgap(...unpack, '--yes', '--json')) as {
      steps: { changes: { subject: string; action: string }[] }[];
    };
    const changes = again.steps.flatMap((step) => step.changes);
    const changed = changes.filter(({ action }) => action !== 'unchanged');
    if (changed.length > 0) throw new Error(`a second run changed ${changed.map(({ subject }) => subject).join(', ')}`);
    say(`run a second time: ${changes.length} resources compared, nothing changed`);
  } finally {
    await stop();
  }
}

function siteFile(target: string, kubeconfig?: string): object {
  return {
    apiVersion: 'airgap/v1alpha1',
    kind: 'Site',
    registry: { target },
    managementCluster: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      storage: { kind: 'existing', storageClass: 'fast' },
      virtualization: { install: true },
      loadBalancer: { install: true, addressPools: [{ name: 'hosted', addresses: ['192.0.2.10-192.0.2.20'] }] },
      multiclusterEngine: { install: true, channel: 'stable-2.7' },
      ingress: { wildcardRoutes: true },
    },
    hostedClusters: [{ name: 'example', pullSecretFile: 'pull-secret.json', nodePoolReplicas: 2 }],
  };
}
