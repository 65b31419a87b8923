/**
 * A real kube-apiserver with etcd, on free loopback ports, with the real CRDs. No controllers and no kubelet: tests play their
 * part through the status subresource.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatYaml, parseYaml } from '../../src/core/yaml.ts';
import { createKubeClient, type KubeClient } from '../../src/apply/kube-client.ts';
import { openKubeConnection } from '../../src/apply/kube.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { findApiServer, findCrds } from './apiserver-programs.ts';
import { standInCrds } from './stand-in-crds.ts';

export interface ApiServer {
  readonly url: string;
  readonly folder: string;
  /** Kubeconfig file of a cluster administrator. */
  readonly kubeconfig: string;
  /** PEM of the server's certificate authority. */
  readonly caFile: string;
  /** Ends the API server (not etcd) and starts it again on the same port with the same data. */
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  /** PEM file of a CA whose client certificates are accepted. */
  readonly clientCa?: string;
}

/** Bearer tokens the server knows: name → user, groups. */
export const ADMIN_TOKEN = 'token-of-the-administrator';
/** A user with no rights beyond those of every authenticated one. */
export const GUEST_TOKEN = 'token-of-a-guest';

const READY_LIMIT_MS = 60_000;

const clients = new Map<string, KubeClient>();

/** A client for the administrator, without a reporter. One per server: connections and discovery are worth keeping. */
export function testClient(server: Pick<ApiServer, 'kubeconfig'>): KubeClient {
  const context = { signal: new AbortController().signal, report: () => {} };
  const client =
    clients.get(server.kubeconfig) ?? createKubeClient(openKubeConnection({ files: [server.kubeconfig] }), context);
  clients.set(server.kubeconfig, client);
  return client;
}

/** Starts etcd, then the API server, and waits until it is ready (3 to 4 s). */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const programs = findApiServer();
  if (programs === undefined) throw new Error('kube-apiserver and etcd are not there');
  const folder = mkdtempSync(join(tmpdir(), 'airgap-apiserver-'));
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  writeCredentials(folder);
  const etcd = startProgram(folder, 'etcd', programs.etcd, [
    `--data-dir=${join(folder, 'etcd-data')}`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]);
  const url = `https://127.0.0.1:${port}`;
  const caFile = join(folder, 'certs', 'apiserver.crt');
  const kubeconfig = join(folder, 'kubeconfig');
  let apiserver: ChildProcess | undefined;
  const start = async () => {
    apiserver = startProgram(folder, 'apiserver', programs.apiserver, [
      `--etcd-servers=http://127.0.0.1:${clientPort}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${join(folder, 'certs')}`,
      `--service-account-key-file=${join(folder, 'sa.key')}`,
      `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      // No controllers run here: none would make service accounts, nor take the taint off a new node.
      '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--allow-privileged=true',
      ...(options.clientCa === undefined ? [] : [`--client-ca-file=${options.clientCa}`]),
    ]);
    await untilReady(apiserver, { folder, url, caFile, kubeconfig });
  };
  const stopServer = async () => {
    if (apiserver !== undefined) await endProgram(apiserver);
    apiserver = undefined;
  };
  try {
    await start();
  } catch (error) {
    await stopServer();
    await endProgram(etcd);
    throw error;
  }
  return {
    url,
    folder,
    kubeconfig,
    caFile,
    stopApiServer: stopServer,
    startApiServer: start,
    // Both at once would leave the API server waiting for etcd for minutes.
    async stop() {
      await stopServer();
      await endProgram(etcd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Installs all real CRDs and the stand-ins for aggregated APIs and waits until they are served. `only`: file names to keep. */
export async function installCrds(client: KubeClient, only?: readonly string[]): Promise<void> {
  const folder = findCrds();
  if (folder === undefined) throw new Error('the CRDs are not there');
  const files = readdirSync(folder).filter((file) => only === undefined || only.includes(file.replace('.yaml', '')));
  const crds = files.map((file) => parseYaml(readFileSync(join(folder, file), 'utf8'), file) as KubeObject);
  const all = [...crds, ...(only === undefined ? standInCrds() : [])];
  await Promise.all(all.map((crd) => client.apply(withoutStatus(crd), { force: true })));
  for (const crd of all) await untilServed(client, crd);
}

/** Writes a kubeconfig that differs from the administrator's in its user and cluster entries. */
export function writeKubeconfig(
  server: Pick<ApiServer, 'url' | 'caFile'>,
  file: string,
  change: { readonly user?: object; readonly cluster?: object } = {},
): string {
  writeFileSync(file, kubeconfigText(server, change), { mode: 0o600 });
  return file;
}

/** A kubeconfig that needs no other file, as clusters hand them out. */
export function carriedKubeconfig(
  server: Pick<ApiServer, 'url' | 'caFile'>,
  change: { readonly user?: object } = {},
): string {
  const authority = readFileSync(server.caFile).toString('base64');
  return kubeconfigText(server, {
    ...change,
    cluster: { 'certificate-authority': undefined, 'certificate-authority-data': authority },
  });
}

function kubeconfigText(
  server: Pick<ApiServer, 'url' | 'caFile'>,
  change: { readonly user?: object; readonly cluster?: object },
): string {
  const cluster = { server: server.url, 'certificate-authority': server.caFile, ...change.cluster };
  return formatYaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'admin', user: change.user ?? { token: ADMIN_TOKEN } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
  });
}

function writeCredentials(folder: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  mkdirSync(join(folder, 'certs'));
  writeFileSync(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  const lines = [`${ADMIN_TOKEN},administrator,1,"system:masters"`, `${GUEST_TOKEN},guest,2,"guests"`];
  writeFileSync(join(folder, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
}

function startProgram(folder: string, name: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(program, args, { stdio: ['ignore', log, log], cwd: folder });
  // A test run that dies must not leave servers behind.
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
}

async function untilReady(
  child: ChildProcess,
  server: Pick<ApiServer, 'folder' | 'url' | 'caFile' | 'kubeconfig'>,
): Promise<void> {
  const { folder, url, caFile, kubeconfig } = server;
  const until = Date.now() + READY_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`kube-apiserver ended: ${readFileSync(join(folder, 'apiserver.log'), 'utf8').slice(-2000)}`);
    if (existsSync(caFile) && (await isReady(writeKubeconfig({ url, caFile }, kubeconfig)))) return;
    if (Date.now() > until)
      throw new Error(`kube-apiserver is not ready after ${READY_LIMIT_MS / 1000} s; see ${folder}`);
    await sleep(150);
  }
}

async function isReady(kubeconfig: string): Promise<boolean> {
  const connection = openKubeConnection({ files: [kubeconfig] });
  try {
    const answer = await connection.send({
      method: 'GET',
      path: '/readyz',
      signal: AbortSignal.timeout(5000),
      idleMs: 5000,
    });
    answer.resume();
    return answer.statusCode === 200;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return false;
  } finally {
    connection.close();
  }
}

async function untilServed(client: KubeClient, crd: KubeObject): Promise<void> {
  const spec = crd['spec'] as { group: string; names: { kind: string }; versions: { name: string; served: boolean }[] };
  for (const { name } of spec.versions.filter(({ served }) => served)) {
    for (let tries = 0; (await client.kind(`${spec.group}/${name}`, spec.names.kind)) === undefined; tries += 1) {
      if (tries > 200) throw new Error(`${crd.metadata.name} is not served`);
      await sleep(50);
    }
  }
}

function withoutStatus(crd: KubeObject): KubeObject {
  const { status: _status, ...rest } = crd;
  const { creationTimestamp: _time, ...metadata } = crd.metadata;
  // Upstream's generators leave an empty `creationTimestamp` and `status` behind, which an apply must not send.
  return { ...rest, metadata };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
