/** A slow line before a real registry: limits and counts what flows to the client, and breaks when a test says so. */
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SlowFront {
  /** `127.0.0.1:port`, the registry as it is seen through the line. */
  readonly host: string;
  /** Bytes of blobs that were sent since the last `reset`. */
  blobBytes(): number;
  /** `Range` headers of blob requests since the last `reset`. */
  ranges(): readonly string[];
  /** Forgets the counts. */
  reset(): void;
  /** Bytes per second over all connections from now on; Infinity for no limit. */
  limit(bytesPerSecond: number): void;
  /** Breaks the connection of the blob that makes the sum of sent bytes reach this, once. */
  breakAt(blobBytes: number): void;
  /** Called each time after blob bytes were sent. */
  onSent: (blobBytes: number) => void;
}

/** Small enough that a limit is felt within a blob of a test. */
const PIECE = 16 * 1024;

/** Starts the line before the plain registry at `target`; it ends with the test. */
export async function startSlowFront(test: Pick<TestContext, 'after'>, target: string): Promise<SlowFront> {
  const state = { sent: 0, ranges: [] as string[], rate: Infinity, breakAt: Infinity, freeAt: 0 };
  const front = { onSent: (_blobBytes: number): void => undefined };
  const [host = '', port] = target.split(':');

  async function send(body: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        const piece = chunk.subarray(at, at + PIECE);
        await itsTurn(piece.length);
        if (response.destroyed) return;
        response.write(piece);
        state.sent += piece.length;
        front.onSent(state.sent);
        if (state.sent < state.breakAt) continue;
        state.breakAt = Infinity;
        // What was written first has to leave, or nothing arrives.
        setImmediate(() => response.socket?.end(() => response.destroy()));
        return;
      }
    }
    response.end();
  }

  async function itsTurn(bytes: number): Promise<void> {
    if (state.rate === Infinity) return;
    const start = Math.max(state.freeAt, performance.now());
    state.freeAt = start + (bytes / state.rate) * 1000;
    const wait = start - performance.now();
    if (wait > 1) await sleep(wait);
  }

  const server = createServer((request, response) => {
    const isBlob = request.method === 'GET' && /\/blobs\//.test(request.url ?? '');
    if (isBlob && request.headers.range !== undefined) state.ranges.push(request.headers.range);
    const options = { host, port, method: request.method, path: request.url, headers: request.headers };
    const onward = forward(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (isBlob) void send(answer, response).catch(() => response.destroy());
      else answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(front, {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobBytes: () => state.sent,
    ranges: () => state.ranges,
    reset: () => Object.assign(state, { sent: 0, ranges: [] }),
    limit: (rate: number) => void Object.assign(state, { rate, freeAt: 0 }),
    breakAt: (blobBytes: number) => void Object.assign(state, { breakAt: blobBytes }),
  });
}
