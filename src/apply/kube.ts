import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { dirname, isAbsolute, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { AirgapError, isAbort, systemCodeOf } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { formatYaml, parseYaml } from '../core/yaml.ts';
import { assertSelfContained } from './carried-kubeconfig.ts';

/**
 * Where the kubeconfig comes from: files (several are merged, the first wins) or a text that was read from the cluster, which
 * may name no program and no file of this machine.
 */
export type KubeconfigSource = (
  { readonly files: readonly string[] } | { readonly text: string; readonly origin: string }
) & {
  /** Context to use; absent: the current one. */
  readonly context?: string;
  /** Proxy for a server whose kubeconfig entry has no `proxy-url` (from the environment, decided by the caller). */
  readonly proxyFor?: (server: URL) => string | undefined;
};

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query below the server's address, beginning with `/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly idleMs: number;
}

/** An authenticated way to one API server. */
export interface KubeConnection {
  readonly server: string;
  readonly context: string;
  /** Sends one request and gives the answer, whatever its status. Throws the system's error when there is none. */
  send(request: KubeRequest): Promise<IncomingMessage>;
  /** Forgets credentials that a plugin gave; true when there is anything to forget, so another try makes sense. */
  refreshCredentials(): boolean;
  close(): void;
}

const KubeconfigSchema = z.looseObject({
  'current-context': z.string().nullish(),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: z.looseObject({ server: z.string() }) })).nullish(),
  users: z.array(z.looseObject({ name: z.string(), user: z.looseObject({}).nullish() })).nullish(),
  contexts: z
    .array(z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) }))
    .nullish(),
});

/**
 * Opens the API server that a kubeconfig names, with its CA, client certificate, token, credential plugin, proxy and server
 * name. The library does only that; requests are our own, since its object API drops fields it does not know.
 * Throws `E_CONFIG` for a kubeconfig that can not be read or lacks the context; nothing is sent yet.
 */
export function openKubeConnection(source: KubeconfigSource): KubeConnection {
  let config = loadConfig(source);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw noContext(config, source);
  const server = new URL(cluster.server);
  if (server.protocol !== 'https:') {
    throw new AirgapError('E_CONFIG', `${originOf(source)}: the server ${server.origin} is not reached over https`, {
      hint: 'an API server is always reached over https',
    });
  }
  const agents = new Map<string, Agent>();
  return {
    server: server.origin,
    context: config.getCurrentContext(),
    async send(request) {
      const options = await connectionOptions(config, source);
      const isProxied = config.getCurrentCluster()?.proxyUrl !== undefined;
      return sendRequest(server, isProxied ? options : { ...options, agent: agentFor(agents, options) }, request);
    },
    refreshCredentials() {
      if (user.exec === undefined || user.exec === null) return false;
      config = loadConfig(source);
      return true;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** A path with a query. */
export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams(query).toString()}`;
}

function loadConfig(source: KubeconfigSource): KubeConfig {
  const config = new KubeConfig();
  if ('text' in source) {
    assertSelfContained(source.text, source.origin);
    loadText(config, source.text, source.origin, process.cwd());
  } else {
    for (const file of source.files) {
      const part = new KubeConfig();
      loadText(part, readKubeconfig(file), file, dirname(resolve(file)));
      mergeMissing(config, part);
    }
  }
  if (source.context !== undefined) config.setCurrentContext(source.context);
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = context === null ? null : config.getCluster(context.cluster);
  if (cluster !== null && cluster.proxyUrl === undefined) {
    const proxy = source.proxyFor?.(new URL(cluster.server));
    // The library's record is read-only by type only, and has no other way in.
    if (proxy !== undefined) Object.assign(cluster, { proxyUrl: proxy });
  }
  return config;
}

function loadText(config: KubeConfig, text: string, origin: string, folder: string): void {
  const parsed = KubeconfigSchema.safeParse(parseYaml(text, origin));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new AirgapError('E_CONFIG', `${origin}: no kubeconfig: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  config.loadFromString(formatYaml(parsed.data));
  config.makePathsAbsolute(folder);
  for (const user of config.getUsers()) {
    if (!user.exec) continue;
    const { command, env, apiVersion } = user.exec as { command: string; env?: object[] | null; apiVersion?: string };
    // As kubectl does: a command with a slash is relative to the kubeconfig, and plugins are told which version to speak.
    const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
    Object.assign(user.exec, {
      command: command.includes('/') && !isAbsolute(command) ? resolve(folder, command) : command,
      env: [...(env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }],
    });
  }
}

/** Adds what `part` has and `config` lacks: the first file that names something wins, as in kubectl. */
function mergeMissing(config: KubeConfig, part: KubeConfig): void {
  if (config.currentContext === undefined || config.currentContext === '') config.currentContext = part.currentContext;
  config.clusters.push(...part.clusters.filter(({ name }) => config.getCluster(name) === null));
  config.users.push(...part.users.filter(({ name }) => config.getUser(name) === null));
  config.contexts.push(...part.contexts.filter(({ name }) => config.getContextObject(name) === null));
}

function readKubeconfig(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_CONFIG', `kubeconfig ${file} can not be read`, {
      hint: 'name another file with --kubeconfig or in the site file',
      cause: error,
    });
  }
}

function noContext(config: KubeConfig, source: KubeconfigSource): AirgapError {
  const wanted = config.getCurrentContext();
  const names = config.getContexts().map(({ name }) => name);
  const problem =
    wanted === undefined || wanted === ''
      ? 'no current context'
      : names.includes(wanted)
        ? `the context ${JSON.stringify(wanted)} names a cluster or user that is missing`
        : `no context ${JSON.stringify(wanted)}`;
  return new AirgapError('E_CONFIG', `${originOf(source)}: ${problem}`, {
    hint: names.length === 0 ? 'the file defines no context' : `it has: ${names.join(', ')}`,
  });
}

function originOf(source: KubeconfigSource): string {
  return 'text' in source ? source.origin : source.files.join(', ');
}

/** TLS options, authorization header and (for proxies) agent of one request; runs the credential plugin when it must. */
async function connectionOptions(config: KubeConfig, source: KubeconfigSource): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const command = (config.getCurrentUser()?.exec as { command?: string } | undefined | null)?.command;
    if (command !== undefined && error instanceof Error) {
      throw new AirgapError('E_UNAUTHORIZED', `the credential plugin ${command} failed: ${error.message.trim()}`, {
        hint: `run it by hand; it is named in ${originOf(source)}`,
        cause: error,
      });
    }
    if (systemCodeOf(error) === undefined) throw error;
    const path = error instanceof Error && 'path' in error ? ` ${quoteForeign(String(error.path))}` : '';
    throw new AirgapError('E_CONFIG', `${originOf(source)} names a file${path} that can not be read`, {
      hint: 'correct the path in the kubeconfig, or put the certificates themselves into it',
      cause: error,
    });
  }
  return options;
}

/** One keep-alive agent per set of credentials; a plugin may change the client certificate during the run. */
function agentFor(agents: Map<string, Agent>, options: RequestOptions): Agent {
  const key = createHash('sha256')
    .update(JSON.stringify([options.cert, options.key]))
    .digest('hex');
  const known = agents.get(key);
  if (known !== undefined) return known;
  const { ca, cert, key: privateKey, passphrase, rejectUnauthorized, servername } = options;
  const given = { ca, cert, key: privateKey, passphrase, rejectUnauthorized, servername };
  const agent = new Agent({
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null)),
    keepAlive: true,
  });
  agents.set(key, agent);
  return agent;
}

function sendRequest(server: URL, options: RequestOptions, request: KubeRequest): Promise<IncomingMessage> {
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const prefix = server.pathname.replace(/\/+$/, '');
  const outgoing = httpsRequest(
    new URL(`${server.origin}${prefix}${request.path}`),
    {
      ...options,
      method: request.method,
      signal: request.signal,
      timeout: request.idleMs,
      headers: {
        ...options.headers,
        accept: request.accept ?? 'application/json',
        'user-agent': 'airgap',
        ...(body === undefined
          ? {}
          : { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
      },
    },
    answered,
  );
  outgoing.on('timeout', () => {
    outgoing.destroy(Object.assign(new Error(`no answer for ${request.idleMs / 1000} s`), { code: 'ETIMEDOUT' }));
  });
  outgoing.on('error', (error) => {
    reject(isAbort(error) && request.signal.aborted ? request.signal.reason : error);
  });
  outgoing.end(body);
  return promise;
}
