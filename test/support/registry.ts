/**
 * Real registries for tests: distribution 2.8 (`docker-registry` of Debian) and distribution 3 (`registry`, built with Go;
 * see programs.ts), each on a free loopback port with a temporary storage folder.
 *
 *     const registry = await startRegistry({ implementation: 'registry', auth: 'token', tls: true });
 *     const client = createRegistryClient(optionsFor(registry), ctx);
 *     …
 *     await registry.stop();
 *
 * Most suites need none of their own: see shared-registries.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RegistryOptions } from '../../src/registry/options.ts';
import { createAuthority } from './certificates.ts';
import { findProgram } from './programs.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

export type Implementation = 'docker-registry' | 'registry';
export type AuthMode = 'none' | 'basic' | 'token';

export interface StartOptions {
  readonly implementation: Implementation;
  readonly tls?: boolean;
  readonly auth?: AuthMode;
  /** Refuses writes. Give `storage` of a registry that was filled before. */
  readonly readonly?: boolean;
  readonly storage?: string;
  /** Seconds a token is valid, with `auth: 'token'`. */
  readonly tokenLifetimeS?: number;
  /** Takes indexes whose instances are not all there (distribution 3 only). */
  readonly sparseIndexes?: boolean;
}

/** How to reach a test registry; plain data, so that it can be passed to other processes. */
export interface RegistryAccess {
  readonly implementation: Implementation;
  readonly auth: AuthMode;
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** `http://…` or `https://…`, without a slash at the end. */
  readonly url: string;
  /** PEM text of the CA, with TLS. */
  readonly ca?: string;
  /** A credential file that knows the registry, with `basic` and `token`. */
  readonly authFile?: string;
}

export interface TestRegistry extends RegistryAccess {
  readonly storage: string;
  readonly tokenServer?: TokenServer;
  stop(): Promise<void>;
}

/** The account of registries with `basic` and `token`; the hash is bcrypt, made with `htpasswd -B`. */
export const ACCOUNT = {
  username: 'airgap',
  password: 'secret',
  identityToken: 'identity-of-airgap',
  htpasswd: '$2y$05$x8lvrWwAAYGfHmMCQS6qDerZ.SO3Ta6GuSuhFtagB9IpWxYTBbmh6',
} as const;

/** Starts a registry; resolves when it listens. Throws when the program is missing or ends early. */
export async function startRegistry(options: StartOptions): Promise<TestRegistry> {
  const program = findProgram(options.implementation);
  if (program === undefined) throw new Error(`the program ${options.implementation} is missing: npm run components`);
  const folder = mkdtempSync(join(tmpdir(), 'airgap-registry-'));
  const storage = options.storage ?? join(folder, 'storage');
  const auth = options.auth ?? 'none';
  const tls = options.tls === true ? writeTls(folder) : undefined;
  const tokens = auth === 'token' ? await startTokens(folder, options) : undefined;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    // JSON is YAML.
    JSON.stringify({
      version: '0.1',
      log: { level: 'info', accesslog: { disabled: true } },
      storage: {
        filesystem: { rootdirectory: storage },
        delete: { enabled: true },
        ...(options.readonly === true ? { maintenance: { readonly: { enabled: true } } } : {}),
      },
      http: {
        addr: '127.0.0.1:0',
        ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: tls.key } }),
      },
      ...authSection(auth, folder, tokens?.section),
      ...(options.sparseIndexes === true ? { validation: { manifests: { indexes: { platforms: 'none' } } } } : {}),
    }),
  );
  const child = spawn(program, ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
  });
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const port = await listeningPort(child);
  const host = `127.0.0.1:${port}`;
  const authFile = auth === 'none' ? undefined : writeAuthFile(join(folder, 'auth.json'), host);
  return {
    implementation: options.implementation,
    auth,
    host,
    url: `${tls === undefined ? 'http' : 'https'}://${host}`,
    storage,
    ...(tls === undefined ? {} : { ca: tls.ca }),
    ...(authFile === undefined ? {} : { authFile }),
    ...(tokens === undefined ? {} : { tokenServer: tokens.server }),
    async stop() {
      process.off('exit', onExit);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await tokens?.server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Client options that reach a test registry with its CA and its account. */
export function optionsFor(access: RegistryAccess, more: Partial<RegistryOptions> = {}): RegistryOptions {
  return {
    userAgent: 'airgap-test',
    authFiles: access.authFile === undefined ? [] : [access.authFile],
    ...(access.ca === undefined ? {} : { hostCa: { [access.host]: [access.ca] } }),
    attempts: 2,
    ...more,
  };
}

/** Writes a credential file for `host` with the test account; returns its path. */
export function writeAuthFile(path: string, host: string): string {
  const auth = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64');
  writeFileSync(path, JSON.stringify({ auths: { [host]: { auth } } }));
  return path;
}

function authSection(auth: AuthMode, folder: string, token: object | undefined): object {
  if (auth === 'none') return {};
  if (auth === 'token') return { auth: { token } };
  const path = join(folder, 'htpasswd');
  writeFileSync(path, `${ACCOUNT.username}:${ACCOUNT.htpasswd}\n`);
  return { auth: { htpasswd: { realm: 'airgap test', path } } };
}

function writeTls(folder: string): { ca: string; certificate: string; key: string } {
  const authority = createAuthority();
  const { cert, key } = authority.issue();
  const paths = { certificate: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  writeFileSync(paths.certificate, cert);
  writeFileSync(paths.key, key);
  return { ca: authority.ca, ...paths };
}

async function startTokens(folder: string, options: StartOptions): Promise<{ server: TokenServer; section: object }> {
  const authority = createAuthority();
  const { cert, key } = authority.issue();
  const lifetime = options.tokenLifetimeS === undefined ? {} : { lifetimeS: options.tokenLifetimeS };
  const server = await startTokenServer({ cert, key, ...ACCOUNT, ...lifetime });
  const rootcertbundle = join(folder, 'token-ca.pem');
  writeFileSync(rootcertbundle, authority.ca);
  return { server, section: { realm: server.url, service: server.service, issuer: server.issuer, rootcertbundle } };
}

/** The port the registry chose, from its log. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const lines = createInterface({ input: child.stderr! });
  const seen: string[] = [];
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`the registry ended with ${status}:\n${seen.join('\n')}`)));
    lines.on('line', (line) => {
      seen.push(line);
      if (seen.length > 50) seen.shift();
      const match = /listening on 127\.0\.0\.1:(\d+)/.exec(line);
      if (match !== null) resolve(Number(match[1]));
    });
  });
}
