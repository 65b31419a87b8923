/** A long line before a registry: everything arrives late in both directions, as much as before. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SlowLine {
  /** `127.0.0.1:port`, the registry as it is seen through the line. */
  readonly host: string;
  stop(): void;
}

/** What one connection may have under way, as the window of TCP would allow it. Bytes. */
const WINDOW = 4 * 1024 * 1024;

/** Starts a line to `target` (`host:port`) on which a question and its answer take `roundTripMs` together. */
export async function startSlowLine(target: string, roundTripMs: number): Promise<SlowLine> {
  const [host, port] = target.split(':');
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => open.delete(socket));
      passOn(socket, other, roundTripMs / 2);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function passOn(from: Socket, to: Socket, delayMs: number): void {
  let underWay = 0;
  from.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    if (underWay > WINDOW) from.pause();
    setTimeout(() => {
      to.write(chunk, () => {
        underWay -= chunk.length;
        if (underWay <= WINDOW) from.resume();
      });
    }, delayMs);
  });
  from.on('end', () => setTimeout(() => to.end(), delayMs));
}
