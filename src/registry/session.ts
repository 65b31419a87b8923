import type { IncomingMessage } from 'node:http';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { DEFAULT_ATTEMPTS, withRetry } from '../core/retry.ts';
import { createAuthorizer } from './auth.ts';
import { createCredentialStore } from './credentials.ts';
import type { Endpoint, RegistryOptions } from './options.ts';
import { isLoopback } from './proxy.ts';
import { redactUrl } from './redact.ts';
import { connectionError, isCertificateError, registryError, retryVerdict } from './registry-error.ts';
import { createTransport, discard, type RequestBody } from './transport.ts';

const MAX_REDIRECTS = 10;
/** A registry may refuse a token once for its age and once for its scope; more is a loop. */
const MAX_CHALLENGES = 2;

export interface RegistryRequest {
  readonly method: string;
  /** Path below the registry's root, or an absolute URL the registry gave. */
  readonly target: string | URL;
  /** What the request needs (`repository:a/b:pull`), for a token. */
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  /** Statuses that are answers; any other is thrown as the registry's error. */
  readonly expect: readonly number[];
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

export interface Session {
  /** One request with login and redirects, not retried. Throws the typed errors of the registry. */
  send(endpoint: Endpoint, request: RegistryRequest): Promise<Answer>;
  /** `send` whose result is read by `read`, the two repeated together while that may help. */
  ask<T>(endpoint: Endpoint, request: RegistryRequest, read: (answer: Answer) => Promise<T> | T): Promise<T>;
  /** The same session with another number of tries. */
  withAttempts(attempts: number): Session;
  /** Repeats `work` while its error may pass. */
  retry<T>(subject: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Registries that were found to take blobs in chunks only. */
  readonly needsChunks: Set<string>;
  close(): void;
}

/** Requests to registries: finds out scheme and login of each host once, then sends. */
export function createSession(options: RegistryOptions, ctx: RunContext): Session {
  const transport = createTransport(options, ctx);
  const authorizer = createAuthorizer(createCredentialStore(options.authFiles), transport, ctx);
  const insecureHosts = new Set(options.insecure ?? []);
  const origins = new Map<string, Promise<URL>>();
  const needsChunks = new Set<string>();

  function originOf(endpoint: Endpoint): Promise<URL> {
    const key = `${endpoint.registry} ${endpoint.isInsecure}`;
    let origin = origins.get(key);
    if (origin === undefined) {
      origin = findOrigin(endpoint);
      origins.set(key, origin);
      // A host that could not be reached is asked again by the next request.
      origin.catch(() => origins.delete(key));
    }
    return origin;
  }

  async function findOrigin(endpoint: Endpoint): Promise<URL> {
    const host = endpoint.registry === 'docker.io' ? 'registry-1.docker.io' : endpoint.registry;
    const secure = parseOrigin('https', host);
    const mayBePlain = endpoint.isInsecure || isLoopback(secure.hostname.replace(/^\[|\]$/g, ''));
    if (endpoint.isInsecure) {
      const message = `${endpoint.registry} is marked insecure: its certificate is not checked, plain HTTP is accepted`;
      ctx.report({ type: 'warning', code: 'W_INSECURE', message });
    }
    try {
      return await probe(secure, endpoint);
    } catch (error) {
      // A refused certificate is a finding; only a server that does not speak TLS at all is asked in plain HTTP.
      if (!mayBePlain || !(error instanceof AirgapError) || error.code !== 'E_UNREACHABLE' || isCertificateError(error))
        throw error;
      const plain = await probe(parseOrigin('http', host), endpoint).catch(() => undefined);
      if (plain === undefined) throw error;
      return plain;
    }
  }

  /** distribution-spec, "Determining Support"; a first answer also tells how to log in. */
  async function probe(origin: URL, endpoint: Endpoint): Promise<URL> {
    const url = new URL('/v2/', origin);
    const answer = await transport.exchange({
      method: 'GET',
      url,
      headers: {},
      isInsecure: endpoint.isInsecure,
      signal: ctx.signal,
    });
    const status = answer.statusCode ?? 0;
    if (status >= 500 || status === 429) throw await registryError(answer, 'GET', url);
    authorizer.learn(origin, answer.headers['www-authenticate']);
    discard(answer);
    if (origin.protocol === 'http:' && status === 400)
      throw new AirgapError('E_REGISTRY', `${origin.host} is no registry`);
    return origin;
  }

  async function send(endpoint: Endpoint, request: RegistryRequest): Promise<Answer> {
    const { method, signal } = request;
    const origin = await originOf(endpoint);
    let url = request.target instanceof URL ? request.target : new URL(request.target, origin);
    let offered: string | undefined;
    let challenges = 0;
    for (let redirects = 0; ;) {
      const isOwn = url.origin === origin.origin;
      // Credentials go to the origin that asked for them and to nobody it points to.
      const authorization = isOwn
        ? (offered ?? (await authorizer.header(endpoint, origin, request.scopes)))
        : undefined;
      const answer = await transport.exchange({
        method,
        url,
        headers: authorization === undefined ? (request.headers ?? {}) : { ...request.headers, authorization },
        body: request.body,
        isInsecure: isOwn ? endpoint.isInsecure : insecureHosts.has(url.host),
        signal,
      });
      const status = answer.statusCode ?? 0;
      if (request.expect.includes(status)) return { status, headers: answer.headers, body: answer, url };
      if (status === 401 && isOwn && challenges < MAX_CHALLENGES) {
        challenges += 1;
        discard(answer);
        const wwwAuthenticate = answer.headers['www-authenticate'];
        offered = await authorizer.answerTo({
          endpoint,
          origin,
          scopes: request.scopes,
          wwwAuthenticate,
          sent: authorization,
        });
        continue;
      }
      const next = redirectOf(answer, method, url);
      if (next === undefined) {
        const error = await registryError(answer, method, url);
        throw isOwn && error.code === 'E_UNAUTHORIZED' ? await authorizer.explain(endpoint, error) : error;
      }
      discard(answer);
      redirects += 1;
      if (redirects > MAX_REDIRECTS)
        throw new AirgapError('E_REGISTRY', `${method} ${redactUrl(url)}: more than ${MAX_REDIRECTS} redirects`);
      url = next;
    }
  }

  return sessionWith(options.attempts ?? DEFAULT_ATTEMPTS);

  function sessionWith(attempts: number): Session {
    const retry: Session['retry'] = (subject, signal, work) =>
      withRetry(work, {
        signal,
        attempts,
        retryable: retryVerdict,
        onRetry: ({ attempt, delayMs, error }) => {
          const reason = error instanceof Error ? error.message : String(error);
          ctx.report({ type: 'retry', subject, attempt, delayMs, reason });
        },
      });
    return {
      send,
      retry,
      needsChunks,
      withAttempts: sessionWith,
      ask: (endpoint, request, read) => {
        const path = typeof request.target === 'string' ? request.target : request.target.pathname;
        return retry(`${request.method} ${endpoint.registry}${path}`, request.signal, async () => {
          const answer = await send(endpoint, request);
          try {
            return await read(answer);
          } catch (error) {
            answer.body.destroy();
            request.signal.throwIfAborted();
            if (error instanceof AirgapError) throw error;
            throw connectionError(error, request.method, answer.url);
          }
        });
      },
      close: () => transport.close(),
    };
  }
}

/**
 * An address a registry gave, resolved against where it came from. A registry behind a TLS proxy often calls itself
 * `http://` by mistake: the same host stays on TLS. Any other step from TLS to plain HTTP is refused (`E_REGISTRY`).
 */
export function resolveLocation(location: string | undefined, from: URL): URL {
  const url = location === undefined ? null : URL.parse(location, from.href);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new AirgapError('E_REGISTRY', `${redactUrl(from)}: the registry gave no usable location`);
  }
  url.username = '';
  url.password = '';
  if (from.protocol === 'http:' || url.protocol === 'https:') return url;
  if (url.hostname === from.hostname) return new URL(`${from.origin}${url.pathname}${url.search}`);
  throw new AirgapError('E_REGISTRY', `${redactUrl(from)}: redirected from TLS to plain HTTP (${redactUrl(url)})`, {
    hint: 'the registry or its storage has to offer https:// for this content',
  });
}

function redirectOf(answer: IncomingMessage, method: string, url: URL): URL | undefined {
  const status = answer.statusCode ?? 0;
  const keepsMethod = status === 307 || status === 308;
  const isRead = method === 'GET' || method === 'HEAD';
  if (!keepsMethod && !(isRead && [301, 302, 303].includes(status))) return undefined;
  return resolveLocation(answer.headers.location, url);
}

function parseOrigin(scheme: string, host: string): URL {
  const url = URL.parse(`${scheme}://${host}/`);
  if (url !== null && url.pathname === '/' && url.username === '' && url.host !== '') return url;
  throw new AirgapError('E_CONFIG', `${JSON.stringify(host)} is not a registry host`, {
    hint: 'write host or host:port',
  });
}
