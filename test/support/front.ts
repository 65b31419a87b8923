/** A reverse proxy before a real registry that a test can make misbehave for single requests. */
import { request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { startScripted, type ScriptedCall, type ScriptedServer } from './scripted-server.ts';

/** Starts it before the plain registry at `target`; requests for which `intercept` returns true were answered by it. */
export function startFront(
  test: TestContext,
  target: string,
  intercept: (call: ScriptedCall) => boolean,
): Promise<ScriptedServer> {
  return startScripted(test, (call) => {
    if (!intercept(call)) passOn(target, call.request, call.response);
  });
}

function passOn(target: string, request: IncomingMessage, response: ServerResponse): void {
  const [host = '', port] = target.split(':');
  // The Host header stays: the registry makes its own addresses from it, and they must lead here again.
  const options = { host, port, method: request.method, path: request.url, headers: request.headers };
  const onward = forward(options, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}
