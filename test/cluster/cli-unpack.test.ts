/** The built command line on the far side: from a signed bundle to a completed hosted cluster, against a real API server and registry. */
import test from 'node:test';

import { emptyCluster } from '../support/apiserver-shared.ts';
import { prepareFarSide, SAMPLE_CATALOG, SAMPLE_VERSION } from '../support/far-side.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { installManagementCluster, playCluster } from '../support/played-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { testRegistries } from '../support/shared-registries.ts';

const registry = testRegistries.find(({ tls, auth }) => tls && auth === 'basic')!;

test('from a bundle to a completed hosted cluster', async (t) => {
  const [server, access] = [await needApiServer(t), await registry.open(t)];
  if (server === undefined || access === undefined) return;
  await emptyCluster(server);
  await installManagementCluster(server);
  const far = await prepareFarSide(access, server.kubeconfig);
  t.after(() => far.remove());
  const airgap = (...args: string[]) => runCli([...far.bundle, '--site', 'site.yaml', ...args], { cwd: far.folder });
  const dry = await airgap('--dry-run');
  console.log(dry.status, dry.stdout, dry.stderr);
  const stop = playCluster(server, { version: SAMPLE_VERSION, catalogSource: SAMPLE_CATALOG });
  try {
    const all = await airgap('--yes');
    console.log(all.status, all.stdout, all.stderr);
  } finally {
    await stop();
  }
});
