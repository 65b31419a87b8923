/** One API server for a whole test run: started by the global setup, used by one test file at a time. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../src/apply/kube-client.ts';
import { openKubeConnection } from '../../src/apply/kube.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { installCrds, startApiServer, testClient, type ApiServer } from './apiserver.ts';
import { findApiServer, findCrds } from './apiserver-programs.ts';

/** Environment variable that tells test files the folder of the running server. */
const SHARED = 'AIRGAP_TEST_APISERVER';

/** What test files need to know of the shared server. */
export interface SharedServer {
  readonly url: string;
  readonly caFile: string;
  readonly kubeconfig: string;
}

/** Starts the server for all test files of this run, when its programs are there; the answer ends it. */
export async function startSharedApiServer(): Promise<() => Promise<void>> {
  if (findApiServer() === undefined || findCrds() === undefined) return async () => {};
  const server = await startApiServer();
  await installCrds(testClient(server));
  const { url, caFile, kubeconfig } = server;
  writeFileSync(join(server.folder, 'shared.json'), JSON.stringify({ url, caFile, kubeconfig }));
  process.env[SHARED] = server.folder;
  return () => server.stop();
}

/**
 * The server of this run, emptied of what earlier files left and locked for the caller until `release`; files share cluster-wide
 * singletons, so only one may use it at a time. Without a global setup the caller gets a server of its own.
 */
export async function acquireApiServer(): Promise<{ readonly server: SharedServer; release(): Promise<void> }> {
  const folder = process.env[SHARED];
  if (folder === undefined) {
    const server: ApiServer = await startApiServer();
    await installCrds(testClient(server));
    return { server, release: () => server.stop() };
  }
  const lock = join(folder, 'lock');
  while (!tryLock(lock)) await sleep(100);
  const server = JSON.parse(readFileSync(join(folder, 'shared.json'), 'utf8')) as SharedServer;
  return { server, release: async () => rmSync(lock, { force: true }) };
}

/** Namespaces of the API server itself; only what tests put into `default` is removed. */
const KEPT_NAMESPACES: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/** Removes everything tests made: all objects of the custom kinds and of the built-in kinds they use, and their namespaces. */
export async function emptyCluster(server: SharedServer): Promise<void> {
  const client = testClient(server);
  const crds = await client.list({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
  const custom = crds.map((crd) => {
    const spec = crd['spec'] as {
      group: string;
      names: { kind: string };
      versions: { name: string; storage: boolean }[];
    };
    const version = spec.versions.find(({ storage }) => storage)?.name;
    return { apiVersion: `${spec.group}/${version}`, kind: spec.names.kind };
  });
  const builtIn = [
    { apiVersion: 'v1', kind: 'ConfigMap' },
    { apiVersion: 'v1', kind: 'Secret' },
    { apiVersion: 'v1', kind: 'Service' },
    { apiVersion: 'v1', kind: 'Pod' },
    { apiVersion: 'v1', kind: 'Node' },
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    { apiVersion: 'apps/v1', kind: 'DaemonSet' },
    { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' },
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  ];
  await Promise.all(
    [...custom, ...builtIn].map(async (selector) => {
      for (const object of await client.list(selector)) {
        if (!isMade(object)) continue;
        if (object.metadata.name !== undefined && 'finalizers' in object.metadata) {
          const ref = { ...selector, ...object.metadata };
          await client.mergePatch(ref, { metadata: { finalizers: null } });
        }
        await client.remove({ ...selector, ...object.metadata });
      }
    }),
  );
  const namespaces = await client.list({ apiVersion: 'v1', kind: 'Namespace' });
  const made = namespaces.filter(({ metadata }) => !KEPT_NAMESPACES.has(metadata.name));
  await Promise.all(made.map((namespace) => removeNamespace(server, client, namespace)));
}

/** Deletes a namespace and does what its controller would: clears the finalizer, which only this subresource can. */
async function removeNamespace(server: SharedServer, client: KubeClient, namespace: KubeObject): Promise<void> {
  await client.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespace.metadata.name });
  const connection = openKubeConnection({ files: [server.kubeconfig] });
  const answer = await connection.send({
    method: 'PUT',
    path: `/api/v1/namespaces/${namespace.metadata.name}/finalize`,
    body: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace.metadata.name },
      spec: { finalizers: [] },
    },
    signal: AbortSignal.timeout(30_000),
    idleMs: 30_000,
  });
  await text(answer);
  connection.close();
}

function isMade(object: KubeObject): boolean {
  const { name, namespace } = object.metadata;
  if (namespace !== undefined && KEPT_NAMESPACES.has(namespace)) {
    return (
      !['kube-root-ca.crt', 'kubernetes', 'kube-apiserver-legacy-service-account-token-tracking'].includes(name) &&
      namespace === 'default'
    );
  }
  return true;
}

/** Takes the lock, also from a test file that died with it. */
function tryLock(path: string): boolean {
  try {
    const file = openSync(path, 'wx');
    writeFileSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (!isHolderAlive(path)) rmSync(path, { force: true });
    return false;
  }
}

function isHolderAlive(path: string): boolean {
  try {
    const holder = Number(readFileSync(path, 'utf8'));
    // Empty while the holder is between making and filling the file.
    if (holder === 0) return true;
    process.kill(holder, 0);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'ENOENT')) return false;
    throw error;
  }
}
