/**
 * An HTTP server that answers as a test says: for misbehaviour that no real registry shows on demand. Everything a real
 * registry can do is tested against a real one (registry.ts).
 */
import {
  createServer as createPlain,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface ScriptedServer {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  /** `METHOD /path?query` and the headers of every request, in order. */
  readonly requests: readonly { readonly line: string; readonly headers: IncomingMessage['headers'] }[];
}

export interface ScriptedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** `METHOD /path`, without query. */
  readonly call: string;
  /** How often this call came, 1 for the first time. */
  readonly times: number;
}

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** With a CA the server wants a client certificate signed by it. */
  readonly clientCa?: string;
}

/** Starts a server that ends with the test. `GET /v2/` is answered with 200 before `answer` is asked. */
export async function startScripted(
  test: TestContext,
  answer: (call: ScriptedCall) => void,
  tls?: ServerTls,
): Promise<ScriptedServer> {
  const requests: { line: string; headers: IncomingMessage['headers'] }[] = [];
  const counts = new Map<string, number>();
  const listener: RequestListener = (request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    const call = `${request.method} ${(request.url ?? '').split('?')[0]}`;
    const times = (counts.get(call) ?? 0) + 1;
    counts.set(call, times);
    if (call === 'GET /v2/') response.writeHead(200, { 'content-length': 0 }).end();
    else answer({ request, response, call, times });
  };
  const server =
    tls === undefined
      ? createPlain(listener)
      : createTls(
          {
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: tls.clientCa }),
          },
          listener,
        );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `${tls === undefined ? 'http' : 'https'}://${host}`, requests };
}

/** Answers with a body of known length. */
export function reply(
  response: ServerResponse,
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}
