/** A bundle that the vendor's program mirrored gets the cluster as far as one of ours: the same steps, against a real API server. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { HYPERSHIFT_API } from '../../src/apply/hosted-cluster-object.ts';
import { textAt } from '../../src/apply/kube-object.ts';
import { testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { prepareFarSide, SAMPLE_CATALOG, SAMPLE_VERSION } from '../support/far-side.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { playOcMirror, type PlayedProgram } from '../support/oc-mirror.ts';
import { jsonOf, openRepository } from '../support/packing.ts';
import { installManagementCluster, playCluster } from '../support/played-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { testRegistries } from '../support/shared-registries.ts';

const registry = testRegistries.find(({ tls, auth }) => tls && auth === 'basic')!;

test('mirrored by oc-mirror: to a completed hosted cluster, and nothing to do in a second run', async (t) => {
  const [server, access] = [await needApiServer(t), await registry.open(t)];
  if (server === undefined || access === undefined) return;
  await emptyCluster(server);
  await installManagementCluster(server);
  let program: PlayedProgram | undefined;
  const far = await prepareFarSide(access, server.kubeconfig, async (side) => {
    program = playOcMirror(t, side);
    if (program === undefined) return [];
    program.script({ images: await program.planned() });
    return ['--engine', 'oc-mirror', ...program.flags];
  });
  t.after(() => far.remove());
  if (program === undefined) return;
  const args = [...far.bundle, '--site', 'site.yaml', '--yes', '--json', ...program.flags];
  const unpack = () => runCli(args, { cwd: far.folder });
  const stop = playCluster(server, { version: SAMPLE_VERSION, catalogSource: SAMPLE_CATALOG });
  try {
    const first = await unpack();
    assert.equal(first.status, 0, `${first.stdout}\n${first.stderr}`);
    const client = testClient(server);
    const hostedRef = { apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', namespace: 'clusters', name: 'example' };
    const cluster = await client.get(hostedRef);
    assert.equal(textAt(cluster, 'status', 'version', 'history', 0, 'state'), 'Completed');
    const [, ...path] = far.target.split('/');
    const payload = openRepository(t, access, `${path.join('/')}/openshift/release-images`);
    const release = await payload.resolve(`${SAMPLE_VERSION}-x86_64`, new AbortController().signal);
    assert.equal(
      textAt(cluster, 'spec', 'release', 'image'),
      `${far.target}/openshift/release-images@${release.digest}`,
    );
    const runs = program.runs().length;

    const second = await unpack();
    assert.equal(second.status, 0, `${second.stdout}\n${second.stderr}`);
    const { steps, push } = jsonOf(second) as {
      steps: { changes: { action: string; subject: string }[] }[];
      push: { pushedBytes: number };
    };
    const changes = steps.flatMap(({ changes }) => changes);
    assert.ok(changes.length > 25);
    assert.deepEqual(
      changes.filter(({ action }) => action !== 'unchanged'),
      [],
    );
    assert.equal(push.pushedBytes, 0);
    assert.equal(program.runs().length, runs);
  } finally {
    await stop();
  }
});
