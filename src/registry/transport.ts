import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { AirgapError, isAbort, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { LentPieces, OpenPieces } from '../oci/content.ts';
import { secureContextFor } from './certificates.ts';
import type { RegistryOptions } from './options.ts';
import { createPace, type Pace } from './pace.ts';
import { proxyFor } from './proxy.ts';
import { redactUrl } from './redact.ts';
import { connectionError, sourceError } from './registry-error.ts';
import { sendBody } from './send-body.ts';
import { reuseSocketMemory } from './socket-memory.ts';

const DEFAULT_CONNECTIONS = 8;
/** Time for name lookup, TCP and TLS. */
const CONNECT_TIMEOUT_MS = 30_000;
/** Longest silence while bytes are expected. */
const IDLE_TIMEOUT_MS = 90_000;
/** Longest silence after content was sent: storage behind a registry may assemble a large upload before it answers. */
const COMMIT_TIMEOUT_MS = 600_000;

/** Content of a request: bytes, or pieces of known length that can be opened again. `size` is bytes. */
export type RequestBody = Buffer | { readonly size: number; readonly open: OpenPieces };

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly isInsecure: boolean;
  readonly signal: AbortSignal;
}

export interface Transport {
  /**
   * One request and its answer, whatever the status; the body of the answer has to be read or destroyed by the caller.
   * No redirect is followed, no credential added, nothing retried but a kept connection that turns out to be closed.
   * Throws `E_UNREACHABLE`, `E_DIGEST` when a body has another length than promised, and the abort of the signal.
   */
  exchange(exchange: Exchange): Promise<IncomingMessage>;
  close(): void;
}

/** A host with its connections. */
interface Host {
  readonly agent: http.Agent;
  readonly pace: Pace;
}

/** Connections to registries: kept alive, per origin, with its certificates and its proxy. */
export function createTransport(options: RegistryOptions, ctx: RunContext): Transport {
  const hosts = new Map<string, Host>();
  const hostOf = (url: URL, isInsecure: boolean): Host => {
    const key = isInsecure ? `${url.origin} insecure` : url.origin;
    let host = hosts.get(key);
    if (host === undefined) {
      const agent = createAgent(url, isInsecure, options);
      host = { agent, pace: createPace(agent.maxSockets) };
      hosts.set(key, host);
    }
    return host;
  };
  return {
    async exchange(exchange) {
      const host = hostOf(exchange.url, exchange.isInsecure);
      const startedAt = performance.now();
      const answer = await requestOnce(exchange, host, options.userAgent);
      ctx.report({
        type: 'request',
        method: exchange.method,
        url: redactUrl(exchange.url),
        status: answer.statusCode ?? 0,
        elapsedMs: performance.now() - startedAt,
      });
      return answer;
    },
    close() {
      for (const { agent } of hosts.values()) agent.destroy();
      hosts.clear();
    },
  };
}

/** Reads and forgets a short answer, so that its connection can be used again; a long or unknown one is cut off. */
export function discard(answer: IncomingMessage): void {
  answer.on('error', () => undefined);
  if (Number(answer.headers['content-length'] ?? 0) <= 64 * 1024) answer.resume();
  else answer.destroy();
}

function createAgent(url: URL, isInsecure: boolean, options: RegistryOptions): http.Agent {
  const proxy = proxyFor(url, options.proxy ?? {});
  const shared: http.AgentOptions = {
    keepAlive: true,
    maxSockets: options.maxConnections ?? DEFAULT_CONNECTIONS,
    // Which hosts go through a proxy is decided by `proxyFor`; Node's own rules know no address ranges.
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
  };
  const agent =
    url.protocol === 'http:'
      ? new http.Agent(shared)
      : new https.Agent({
          ...shared,
          secureContext: secureContextFor(url.host, options),
          ...(isInsecure ? { rejectUnauthorized: false } : {}),
        });
  // The way through a proxy is opened by Node on sockets of its own kind.
  return proxy === undefined ? reuseSocketMemory(agent) : agent;
}

async function requestOnce(exchange: Exchange, host: Host, userAgent: string): Promise<IncomingMessage> {
  for (let tries = 1; ; tries += 1) {
    // Before the content is opened: its source would grow tired of waiting.
    const turn = await host.pace.enter(exchange.signal);
    let answer: IncomingMessage | undefined;
    try {
      answer = await tryRequest(exchange, { agent: host.agent, userAgent, isLast: tries > host.agent.maxFreeSockets });
    } finally {
      if (answer === undefined) turn.leave();
    }
    if (answer === undefined) continue;
    turn.answered(answer.statusCode ?? 0);
    // As with its connection: the next request begins when nothing of this one is left.
    answer.once('close', turn.leave);
    return answer;
  }
}

interface RequestOptions {
  readonly agent: http.Agent;
  readonly userAgent: string;
  /** A kept connection that is closed is an error now. */
  readonly isLast: boolean;
}

/** The answer, or undefined when a kept connection turned out to be closed. */
async function tryRequest(exchange: Exchange, options: RequestOptions): Promise<IncomingMessage | undefined> {
  const { method, url, signal } = exchange;
  const body =
    exchange.body === undefined || Buffer.isBuffer(exchange.body) ? exchange.body : await open(exchange.body);
  const attempt = { wasReused: false };
  try {
    return await perform(exchange, body, { ...options, attempt });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AirgapError) throw error;
    // The server closed an idle connection just when it was used again: no pause is needed. Only for reads, because
    // a write may have arrived although its answer was lost (RFC 9110, section 9.2.2).
    const isRead = method === 'GET' || method === 'HEAD';
    const isStale = isRead && attempt.wasReused && ['ECONNRESET', 'EPIPE'].includes(systemCodeOf(error) ?? '');
    if (isStale && !options.isLast) return undefined;
    throw connectionError(error, method, url);
  }
}

interface OpenBody {
  readonly size: number;
  readonly pieces: LentPieces;
}

async function open(body: { readonly size: number; readonly open: OpenPieces }): Promise<OpenBody> {
  try {
    return { size: body.size, pieces: await body.open() };
  } catch (error) {
    throw sourceError(error);
  }
}

interface PerformOptions extends Pick<RequestOptions, 'agent' | 'userAgent'> {
  readonly attempt: { wasReused: boolean };
}

function perform(
  exchange: Exchange,
  body: Buffer | OpenBody | undefined,
  options: PerformOptions,
): Promise<IncomingMessage> {
  const { method, url, signal } = exchange;
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      agent: options.agent,
      signal,
      timeout: IDLE_TIMEOUT_MS,
      headers: {
        'user-agent': options.userAgent,
        // A compressed transfer would match neither the length nor the digest of a descriptor.
        'accept-encoding': 'identity',
        ...exchange.headers,
        ...(body === undefined ? bodiless(method) : { 'content-length': String(sizeOf(body)) }),
      },
    });
    limitConnectTime(request);
    request.on('timeout', () => request.destroy(timeoutError('no data arrived for too long')));
    if (body !== undefined) request.once('finish', () => request.setTimeout(COMMIT_TIMEOUT_MS));
    request.on('error', (error) => {
      options.attempt.wasReused = request.reusedSocket;
      reject(isAbort(error) && signal.aborted ? signal.reason : error);
    });
    request.on('response', (answer) => {
      // An answer before the end of the body (a refusal) ends the sending; the connection is of no more use then.
      if (body !== undefined && !request.writableFinished) answer.once('end', () => request.destroy());
      resolve(answer);
    });
    if (body === undefined) request.end();
    else if (Buffer.isBuffer(body)) request.end(body);
    else void sendBody(request, { ...body, target: redactUrl(url) });
  });
}

function limitConnectTime(request: http.ClientRequest): void {
  request.on('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => request.destroy(timeoutError('no connection in time')), CONNECT_TIMEOUT_MS);
    const stop = () => clearTimeout(timer);
    socket.once('connect', stop).once('close', stop);
  });
}

function timeoutError(text: string): Error {
  return Object.assign(new Error(text), { code: 'ETIMEDOUT' });
}

function bodiless(method: string): Record<string, string> {
  return method === 'GET' || method === 'HEAD' ? {} : { 'content-length': '0' };
}

function sizeOf(body: Buffer | OpenBody): number {
  return Buffer.isBuffer(body) ? body.length : body.size;
}
