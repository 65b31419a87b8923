import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import { applyPlan, planWrites, type Write } from '../../src/apply/apply.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { waitUntilReady, whenConditions, waiting, READY, type Readiness } from '../../src/apply/wait.ts';
import { installCrds, startApiServer, testClient } from '../support/apiserver.ts';
import { emptyCluster } from '../support/apiserver-shared.ts';
import { needApiServer } from '../support/need-apiserver.ts';
import { writeAs } from '../support/cluster-actors.ts';

const quiet = { signal: new AbortController().signal, report: () => {} };
const options = { ...quiet, forceConflicts: false, webhookMs: 100 };
const HUB = { apiVersion: 'config.openshift.io/v1', kind: 'OperatorHub', name: 'cluster' };

function hub(isDisabled: boolean): KubeObject {
  const { apiVersion, kind, name } = HUB;
  return { apiVersion, kind, metadata: { name }, spec: { disableAllDefaultSources: isDisabled } };
}

function catalog(name: string, image: string): KubeObject {
  return {
    apiVersion: 'operators.coreos.com/v1alpha1',
    kind: 'CatalogSource',
    metadata: { name, namespace: 'openshift-marketplace' },
    spec: { sourceType: 'grpc', image },
  };
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function apply(...objects: KubeObject[]): Write[] {
  return objects.map((object) => ({ how: 'apply', object }));
}

test('a plan', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  t.beforeEach(() => emptyCluster(server));

  await t.test('tells created, configured and unchanged by dry run, and writes nothing', async () => {
    await client.apply(hub(true));
    const writes = apply(
      hub(false),
      namespace('default'),
      catalog('ours', 'registry/index:v1'),
      namespace('openshift-marketplace'),
    );
    const planned = await planWrites(client, writes, options);
    assert.deepEqual(
      planned.map(({ change }) => [change.subject, change.action]),
      [
        ['Namespace/default', 'unchanged'],
        ['Namespace/openshift-marketplace', 'created'],
        ['CatalogSource/openshift-marketplace/ours', 'created'],
        ['OperatorHub/cluster', 'configured'],
      ],
    );
    assert.equal(planned[2]?.change.note, 'its namespace is created first');
    assert.deepEqual(planned[3]?.change.differences, [
      { path: 'spec.disableAllDefaultSources', before: true, after: false },
    ]);
    assert.equal(await client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'openshift-marketplace' }), undefined);
    assert.equal(
      ((await client.get(HUB)) as KubeObject & { spec: { disableAllDefaultSources: boolean } }).spec
        .disableAllDefaultSources,
      true,
    );
  });

  await t.test('once applied is unchanged and leaves every resourceVersion as it was', async () => {
    const writes = apply(hub(true), namespace('openshift-marketplace'), catalog('ours', 'registry/index:v1'));
    const first = await applyPlan(client, await planWrites(client, writes, options), options);
    assert.deepEqual(
      first.map(({ action }) => action),
      ['created', 'created', 'created'],
    );
    const version = (await client.get(HUB))?.metadata.resourceVersion;
    const second = await applyPlan(client, await planWrites(client, writes, options), options);
    assert.deepEqual(
      second.map(({ action }) => action),
      ['unchanged', 'unchanged', 'unchanged'],
    );
    assert.equal((await client.get(HUB))?.metadata.resourceVersion, version);
  });

  await t.test('stops at a field of another manager, and takes it over only when told to', async () => {
    await writeAs(server, 'argocd', hub(false));
    await assert.rejects(planWrites(client, apply(hub(true)), options), (error) => {
      assert.ok(isAirgapError(error, 'E_CONFLICT'));
      assert.match(error.message, /\.spec\.disableAllDefaultSources is managed by "argocd"/);
      return true;
    });
    const forced = { ...options, forceConflicts: true };
    const changes = await applyPlan(client, await planWrites(client, apply(hub(true)), forced), forced);
    assert.equal(changes[0]?.action, 'configured');
  });

  await t.test('takes over without asking what the tools we stand in for have written', async () => {
    await writeAs(server, 'hypershift-cli', hub(false));
    const changes = await applyPlan(client, await planWrites(client, apply(hub(true)), options), options);
    assert.equal(changes[0]?.action, 'configured');
  });

  await t.test('previews a kind whose API is not installed as created, and fails when applied', async () => {
    const object = { apiVersion: 'no.such/v1', kind: 'Thing', metadata: { name: 'x' } };
    const planned = await planWrites(client, apply(object), options);
    assert.deepEqual([planned[0]?.change.action, planned[0]?.change.note], ['created', 'its API is not installed yet']);
    await assert.rejects(applyPlan(client, planned, options), (error) => isAirgapError(error, 'E_NOT_FOUND'));
  });

  await t.test('shows Secret values as length and digest only', async () => {
    const data = { key: Buffer.from('hunter2').toString('base64') };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x', namespace: 'default' }, data };
    const planned = await planWrites(client, apply(secret), options);
    const text = JSON.stringify(planned[0]?.change);
    assert.ok(!text.includes('hunter2') && !text.includes(data.key));
    assert.match(text, /7 bytes, sha256:/);
  });

  await t.test('repeats a locked change when somebody else wrote in between', async () => {
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'counter' };
    const counter = (count: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'counter', namespace: 'default' },
      data: { count },
    });
    await writeAs(server, 'other', counter('1'));
    let interfered = false;
    const write: Write = {
      how: 'merge',
      ref,
      patch: (live) => ({ data: { count: `${(live as KubeObject & { data: { count: string } }).data.count}+` } }),
    };
    const planned = await planWrites(client, [write], options);
    const racing = {
      ...client,
      async mergePatch(...args: Parameters<typeof client.mergePatch>) {
        if (!interfered) await writeAs(server, 'other', counter('2'));
        interfered = true;
        return client.mergePatch(...args);
      },
    };
    await applyPlan(racing, planned, options);
    assert.deepEqual((await client.get(ref))?.['data'], { count: '2+' });
  });
});

test('a wait', async (t) => {
  const server = await needApiServer(t);
  if (server === undefined) return;
  const client = testClient(server);
  await emptyCluster(server);
  const pool = {
    apiVersion: 'machineconfiguration.openshift.io/v1',
    kind: 'MachineConfigPool',
    metadata: { name: 'worker' },
    spec: { paused: false },
  };
  const ref = { apiVersion: pool.apiVersion, kind: pool.kind, name: 'worker' };
  const status = (value: string, reason: string, observedGeneration?: number) =>
    client.mergePatch(
      ref,
      {
        status: {
          observedGeneration,
          conditions: [
            {
              type: 'Updated',
              status: value,
              reason,
              message: `told ${reason}`,
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      },
      { subresource: 'status' },
    );
  const readiness = (limitMs = 20_000) => whenConditions(ref, { Updated: 'True' }, { limitMs });

  await t.test('ends as soon as a change makes the object ready, without polling', async () => {
    await client.apply(pool);
    await status('False', 'Working', 1);
    const events: ProgressEvent[] = [];
    const report = (event: ProgressEvent) => {
      events.push(event);
      if (event.type === 'waiting' && event.reason.includes('Working')) void status('True', 'Done', 1);
    };
    await waitUntilReady(client, [readiness()], { ...quiet, report, pollMs: 600_000 });
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'waiting' ? [[event.subject, event.reason, event.limitMs]] : [])),
      [['MachineConfigPool/worker', 'Updated=False (Working): told Working', 20_000]],
    );
  });
  await t.test('does not believe a condition about an older generation', async () => {
    await client.mergePatch(ref, { spec: { paused: true } });
    await assert.rejects(waitUntilReady(client, [readiness(300)], { ...quiet, pollMs: 50 }), (error) => {
      assert.ok(isAirgapError(error, 'E_TIMEOUT'));
      assert.match(error.message, /MachineConfigPool\/worker: Updated not reported yet/);
      return true;
    });
    await status('True', 'Done', 2);
    await waitUntilReady(client, [readiness()], { ...quiet, pollMs: 50 });
  });
  await t.test('names everything that is missing when the time is over', async () => {
    const never = (subject: string): Readiness => ({
      subject,
      limitMs: 100,
      watches: [],
      check: async () => waiting(`no ${subject}`),
    });
    await assert.rejects(
      waitUntilReady(client, [never('first'), never('second')], { ...quiet, pollMs: 20 }),
      (error) => isAirgapError(error, 'E_TIMEOUT') && /first: no first; second: no second/.test(error.message),
    );
  });
  await t.test('fails at once for a terminal failure, and only after the grace for one that may heal', async () => {
    const failing = (graceMs?: number): Readiness => ({
      subject: 'thing',
      limitMs: 60_000,
      watches: [],
      check: async () => ({ state: 'failed', reason: 'broken', ...(graceMs === undefined ? {} : { graceMs }) }),
    });
    await assert.rejects(
      waitUntilReady(client, [failing()], { ...quiet, pollMs: 20 }),
      (error) => isAirgapError(error, 'E_FAILED') && error.message === 'thing: broken',
    );
    let checks = 0;
    const healing: Readiness = {
      ...failing(),
      check: async () => (++checks < 4 ? { state: 'failed', reason: 'broken', graceMs: 60_000 } : READY),
    };
    await waitUntilReady(client, [healing], { ...quiet, pollMs: 20 });
    assert.equal(checks, 4);
    await assert.rejects(waitUntilReady(client, [failing(100)], { ...quiet, pollMs: 20 }), (error) =>
      isAirgapError(error, 'E_FAILED'),
    );
  });
  await t.test('ends with the signal', async () => {
    const stop = new AbortController();
    const wait = waitUntilReady(client, [{ ...readiness(), check: async () => waiting('for ever') }], {
      signal: stop.signal,
      report: () => stop.abort(),
      pollMs: 60_000,
    });
    await assert.rejects(wait, { name: 'AbortError' });
  });
});

test('a wait outlives a restart of the API server', async (t) => {
  if ((await needApiServer(t)) === undefined) return;
  const own = await startApiServer();
  t.after(() => own.stop());
  const client = testClient(own);
  await installCrds(client, ['operatorhubs']);
  const seen: string[] = [];
  const readiness: Readiness = {
    subject: 'OperatorHub/cluster',
    limitMs: 120_000,
    watches: [HUB],
    async check(cluster) {
      const found = await cluster.get(HUB);
      return found === undefined ? waiting('not there') : READY;
    },
  };
  let restarted: Promise<void> | undefined;
  const restart = async () => {
    await own.stopApiServer();
    await own.startApiServer();
    await testClient(own).apply(hub(true));
  };
  const report = (event: ProgressEvent) => {
    if (event.type === 'waiting') seen.push(event.reason);
    if (event.type === 'retry') seen.push(event.reason);
    if (event.type === 'waiting') restarted ??= restart();
  };
  await waitUntilReady(client.within({ report }), [readiness], { ...quiet, report, pollMs: 200 });
  await restarted;
  assert.ok(
    seen.some((reason) => /ECONNREFUSED|ECONNRESET|socket hang up/.test(reason)),
    seen.join('; '),
  );
});
