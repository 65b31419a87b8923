/** A small real HTTP proxy: CONNECT tunnels and requests with absolute URLs, with optional basic login. */
import { createServer, request as forward } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface TestProxy {
  readonly url: string;
  /** `CONNECT host:port` and `GET http://…` in order. */
  readonly requests: readonly string[];
}

/** Starts a proxy that ends with the test. Every target is reached on loopback, whatever its name. */
export async function startProxy(test: TestContext, login?: string): Promise<TestProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const expected = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.headers['proxy-authorization'] !== expected) {
      response.writeHead(407, { 'content-length': 0 }).end();
      return;
    }
    const url = new URL(request.url ?? '');
    const options = { host: '127.0.0.1', port: url.port, method: request.method, path: url.pathname + url.search };
    const onward = forward({ ...options, headers: { ...request.headers, host: url.host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on('connect', (request, client: Socket, head: Buffer) => {
    requests.push(`CONNECT ${request.url}`);
    if (request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const onward = connect(Number((request.url ?? '').split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(client).pipe(onward);
    });
    onward.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n'));
    client.on('error', () => onward.destroy());
    sockets.add(onward).add(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.close();
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://${login === undefined ? '' : `${login}@`}127.0.0.1:${port}`, requests };
}
