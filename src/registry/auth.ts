import { z } from 'zod';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials, CredentialStore } from './credentials.ts';
import type { Endpoint } from './options.ts';
import { isLoopback } from './proxy.ts';
import { printable, redactUrl } from './redact.ts';
import { registryError, statusOf } from './registry-error.ts';
import type { Transport } from './transport.ts';

export interface Authorizer {
  /** The `Authorization` value for a request, as far as it is known before the registry asks; undefined for none. */
  header(endpoint: Endpoint, origin: URL, scopes: readonly string[]): Promise<string | undefined>;
  /** Remembers how an origin wants to be asked, from the answer to a first request. */
  learn(origin: URL, wwwAuthenticate: string | undefined): void;
  /**
   * The value that answers a 401, given what was `sent` before. Throws `E_UNAUTHORIZED`, which names the registry and
   * the files that were looked at, when nothing better can be offered.
   */
  answerTo(refusal: Refusal): Promise<string>;
  /** The error of a final refusal, with what was tried and where credentials were looked for. */
  explain(endpoint: Endpoint, refusal: AirgapError): Promise<AirgapError>;
}

export interface Refusal {
  readonly endpoint: Endpoint;
  readonly origin: URL;
  readonly scopes: readonly string[];
  readonly wwwAuthenticate: string | undefined;
  readonly sent: string | undefined;
}

interface Token {
  readonly value: string;
  readonly expiresAt: number;
}

interface Question {
  readonly endpoint: Endpoint;
  readonly origin: URL;
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
}

/** Lifetime of a token that names none (token authentication specification, "Token Response Fields"). */
const DEFAULT_LIFETIME_S = 60;
/** A token is not used in its last seconds: the request has to arrive and be checked in its lifetime. */
const MARGIN_MS = 10_000;
const MAX_TOKEN_ANSWER = 1024 * 1024;

const TokenAnswerSchema = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().nullish(),
});

/**
 * Basic and Bearer authentication (distribution, "Token Authentication Specification"): tokens are kept per credential and
 * scope until they expire, and asked for once however many requests wait for them.
 */
export function createAuthorizer(store: CredentialStore, transport: Transport, ctx: RunContext): Authorizer {
  const known = new Map<string, Challenge>();
  const tokens = new Map<string, Token>();
  const running = new Map<string, Promise<Token>>();

  async function headerFor(question: Question): Promise<string | undefined> {
    const { challenge, credentials } = question;
    if (challenge.scheme === 'basic') return credentials?.kind === 'basic' ? basicHeader(credentials) : undefined;
    const id = tokenId(question);
    const kept = tokens.get(id);
    if (kept !== undefined && kept.expiresAt > Date.now()) return `Bearer ${kept.value}`;
    let request = running.get(id);
    if (request === undefined) {
      request = requestToken(question, transport, ctx).finally(() => running.delete(id));
      running.set(id, request);
    }
    const token = await request;
    tokens.set(id, token);
    return `Bearer ${token.value}`;
  }

  const findFor = (endpoint: Endpoint) => store.find(endpoint.registry, endpoint.repository, ctx.signal);

  return {
    async header(endpoint, origin, scopes) {
      const challenge = known.get(origin.origin);
      if (challenge === undefined) return undefined;
      return headerFor({ endpoint, origin, challenge, scopes, credentials: await findFor(endpoint) });
    },
    learn(origin, wwwAuthenticate) {
      const challenge = choose(parseChallenges(wwwAuthenticate));
      if (challenge !== undefined) known.set(origin.origin, challenge);
    },
    async answerTo({ endpoint, origin, scopes, wwwAuthenticate, sent }) {
      const challenge = choose(parseChallenges(wwwAuthenticate));
      const credentials = await findFor(endpoint);
      if (challenge === undefined) throw unauthorized(endpoint, store, credentials);
      known.set(origin.origin, challenge);
      const asked = challenge.parameters['scope']?.split(' ').filter((scope) => scope !== '') ?? [];
      const question = { endpoint, origin, challenge, scopes: [...new Set([...scopes, ...asked])], credentials };
      // A token that was just refused is of no use, even if its time has not come.
      if (sent !== undefined) for (const [id, token] of tokens) if (sent === `Bearer ${token.value}`) tokens.delete(id);
      const header = await headerFor(question);
      if (header === undefined || (challenge.scheme === 'basic' && header === sent)) {
        throw unauthorized(endpoint, store, credentials);
      }
      return header;
    },
    async explain(endpoint, refusal) {
      return unauthorized(endpoint, store, await findFor(endpoint), refusal);
    },
  };
}

function unauthorized(
  endpoint: Endpoint,
  store: CredentialStore,
  credentials: Credentials | undefined,
  cause?: AirgapError,
): AirgapError {
  const files = store.files.length === 0 ? 'no credential file was given' : `looked at ${store.files.join(', ')}`;
  const tried = credentials === undefined ? `none were found for it (${files})` : `tried those of ${credentials.key}`;
  return new AirgapError(
    'E_UNAUTHORIZED',
    `${endpoint.registry}/${endpoint.repository}: the registry ${endpoint.registry} wants other credentials; ${tried}`,
    {
      hint: `log in with "podman login ${endpoint.registry}", or name a credential file with --authfile`,
      cause,
      data: { status: 401, ...cause?.data, host: endpoint.registry, files: store.files },
    },
  );
}

/** Bearer before Basic, as the more modern and narrower one. */
function choose(challenges: readonly Challenge[]): Challenge | undefined {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined);
  return bearer ?? challenges.find(({ scheme }) => scheme === 'basic');
}

function basicHeader(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

function tokenId({ challenge, scopes, credentials }: Question): string {
  const { realm, service } = challenge.parameters;
  return JSON.stringify([realm, service, credentials?.key, [...scopes].toSorted()]);
}

async function requestToken(question: Question, transport: Transport, ctx: RunContext): Promise<Token> {
  const { endpoint, challenge, scopes, credentials } = question;
  const url = realmOf(question);
  const service = challenge.parameters['service'];
  const isIdentity = credentials?.kind === 'identity';
  if (!isIdentity) {
    if (service !== undefined) url.searchParams.append('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
  }
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'airgap',
    ...(service === undefined ? {} : { service }),
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(isIdentity ? { refresh_token: credentials.token } : {}),
  });
  const method = isIdentity ? 'POST' : 'GET';
  const answer = await transport.exchange({
    method,
    url,
    headers: {
      ...(isIdentity ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      ...(credentials?.kind === 'basic' ? { authorization: basicHeader(credentials) } : {}),
    },
    body: isIdentity ? Buffer.from(form.toString()) : undefined,
    isInsecure: endpoint.isInsecure,
    signal: ctx.signal,
  });
  if (answer.statusCode === 200) return readToken(await readAll(answer), url);
  const error = await registryError(answer, method, url);
  if (!isAirgapError(error, 'E_UNAUTHORIZED') && statusOf(error) !== 400) throw error;
  const who = credentials === undefined ? 'without credentials' : `with the credentials of ${credentials.key}`;
  throw new AirgapError('E_UNAUTHORIZED', `${endpoint.registry}/${endpoint.repository}: no access token ${who}`, {
    hint: `log in again with "podman login ${endpoint.registry}", or check what the account may do`,
    cause: error,
    data: { ...error.data },
  });
}

/** The token service's address. It gets the password, so it must not be less protected than the registry itself. */
function realmOf({ endpoint, origin, challenge }: Question): URL {
  const url = URL.parse(challenge.parameters['realm'] ?? '', origin.href);
  const isFit =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && (origin.protocol === 'http:' || isLoopback(url.hostname)));
  if (url !== null && isFit) return url;
  const named = url === null ? 'no URL' : redactUrl(url);
  throw new AirgapError(
    'E_UNAUTHORIZED',
    `${endpoint.registry}: its token service (${named}) is not reached over TLS`,
    {
      hint: 'no password is sent there; the registry has to name an https:// realm',
    },
  );
}

async function readAll(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_TOKEN_ANSWER) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readToken(text: string, url: URL): Token {
  const answer = TokenAnswerSchema.safeParse(parseOrUndefined(text));
  const value = answer.success ? (answer.data.token ?? answer.data.access_token) : undefined;
  if (value === undefined || printable(value, value.length) !== value) {
    throw new AirgapError('E_REGISTRY', `${redactUrl(url)}: the token service gave no token`);
  }
  const lifetimeMs = (answer.data?.expires_in ?? DEFAULT_LIFETIME_S) * 1000;
  // Counted from now, not from "issued_at": the clocks of both sides need not agree.
  return { value, expiresAt: Date.now() + Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2) };
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
