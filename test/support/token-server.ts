/** A small real token service (distribution, "Token Authentication Specification"): checks who asks and signs JWTs. */
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenServer {
  readonly url: string;
  readonly issuer: string;
  readonly service: string;
  /** Every request so far: method, scopes and whether it carried credentials. */
  readonly requests: readonly TokenRequest[];
  stop(): Promise<void>;
}

export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly user: string | undefined;
}

export interface TokenServerOptions {
  readonly cert: string;
  readonly key: string;
  readonly username: string;
  readonly password: string;
  /** Accepted as refresh token. */
  readonly identityToken: string;
  /** Seconds a token is valid. */
  readonly lifetimeS?: number;
}

const ISSUER = 'airgap test tokens';
const SERVICE = 'airgap test registry';
/** Anonymous users may pull from repositories below this path. */
export const PUBLIC_PREFIX = 'public/';

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  const server = createServer((request, response) => void grantToken(request, response, { options, requests }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    issuer: ISSUER,
    service: SERVICE,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function grantToken(
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly options: TokenServerOptions; readonly requests: TokenRequest[] },
): Promise<void> {
  const { options, requests } = context;
  const url = new URL(request.url ?? '/', 'http://localhost');
  const form = new URLSearchParams(await readBody(request));
  const isPost = request.method === 'POST';
  const scopes = isPost ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
  const who = identify(request, form, options);
  requests.push({ method: request.method ?? '', scopes, user: who === false ? undefined : who });
  if (who === false) {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'wrong user or password' }] }));
    return;
  }
  const lifetime = options.lifetimeS ?? 300;
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now - 10, exp: now + lifetime };
  const access = scopes.flatMap((scope) => grant(scope, who !== undefined));
  const token = signToken({ iss: ISSUER, sub: who ?? '', aud: SERVICE, jti: randomUUID(), ...times, access }, options);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ token, access_token: token, expires_in: lifetime }));
}

/** The user, undefined for an anonymous request, false for wrong credentials. */
function identify(
  request: IncomingMessage,
  form: URLSearchParams,
  options: TokenServerOptions,
): string | undefined | false {
  if (request.method === 'POST') return form.get('refresh_token') === options.identityToken ? options.username : false;
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  const expected = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
  return authorization === expected ? options.username : false;
}

function grant(scope: string, isKnown: boolean): { type: string; name: string; actions: string[] }[] {
  const [type = '', name = '', actions = ''] = scope.split(':');
  if (type !== 'repository') return [];
  const wanted = actions.split(',');
  const allowed = isKnown ? wanted : name.startsWith(PUBLIC_PREFIX) ? wanted.filter((action) => action === 'pull') : [];
  return allowed.length === 0 ? [] : [{ type, name, actions: allowed }];
}

function signToken(claims: object, { cert, key }: TokenServerOptions): string {
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(text), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
