import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { AirgapError, isAbort, systemCodeOf } from '../core/errors.ts';
import { withQuery, type KubeConnection } from './kube.ts';
import { networkError, statusError } from './kube-error.ts';
import { numberAt, textAt, valueAt, type KubeObject } from './kube-object.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  /** The stream was interrupted or its history is gone: whatever was known before may have changed. */
  | { readonly type: 'RESYNC' };

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: WatchEvent) => void;
  /** Milliseconds to wait before a broken stream is opened again. */
  readonly pauseMs?: number;
}

export interface WatchTarget {
  /** Collection path of the kind, or undefined while the cluster does not serve it. */
  readonly locate: () => Promise<string | undefined>;
  readonly query: Readonly<Record<string, string>>;
  readonly subject: string;
}

/** Streams end by themselves after this many seconds, so that a connection lost on the way is noticed. */
const STREAM_SECONDS = 240;
const DEFAULT_PAUSE_MS = 2000;
const GONE = 410;

/**
 * Watches a collection until the signal aborts. Bookmarks keep the position fresh; after a break the stream continues from
 * there; when the server no longer has that position (410 Gone) it starts from a new list. Every break is told as `RESYNC`.
 */
export async function watchKind(connection: KubeConnection, target: WatchTarget, options: WatchOptions): Promise<void> {
  let position: string | undefined;
  while (!options.signal.aborted) {
    try {
      const path = await target.locate();
      if (path !== undefined) {
        position ??= await currentPosition(connection, path, target, options.signal);
        position = await readStream(connection, { path, position }, target, options);
      }
    } catch (error) {
      if (options.signal.aborted) return;
      if (!(error instanceof AirgapError || systemCodeOf(error) !== undefined || error instanceof SyntaxError))
        throw error;
      if (error instanceof AirgapError && numberAt(error.data, 'status') === GONE) position = undefined;
    }
    if (options.signal.aborted) return;
    options.onEvent({ type: 'RESYNC' });
    await pause(options);
  }
}

/** Follows one stream to its end and gives the last position seen. */
async function readStream(
  connection: KubeConnection,
  from: { readonly path: string; readonly position: string },
  target: WatchTarget,
  options: WatchOptions,
): Promise<string> {
  const query = {
    ...target.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: from.position,
    timeoutSeconds: String(STREAM_SECONDS),
  };
  const response = await open(connection, withQuery(from.path, query), target, options.signal);
  let { position } = from;
  try {
    for await (const line of createInterface({ input: response })) {
      if (line.trim() === '') continue;
      const event: unknown = JSON.parse(line);
      const object = valueAt(event, 'object');
      const type = textAt(event, 'type');
      if (type === 'ERROR')
        throw statusError(request(connection, target), numberAt(object, 'code') ?? 500, JSON.stringify(object));
      position = textAt(object, 'metadata', 'resourceVersion') ?? position;
      if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
        options.onEvent({ type, object: object as KubeObject });
      }
    }
  } catch (error) {
    // A line cut off in the middle means the same as a connection cut off between two.
    if (error instanceof SyntaxError || response.errored !== null) return position;
    throw error;
  } finally {
    response.destroy();
  }
  return position;
}

async function currentPosition(
  connection: KubeConnection,
  path: string,
  target: WatchTarget,
  signal: AbortSignal,
): Promise<string> {
  const response = await open(connection, withQuery(path, { ...target.query, limit: '1' }), target, signal);
  const page: unknown = JSON.parse(await text(response));
  return textAt(page, 'metadata', 'resourceVersion') ?? '0';
}

async function open(
  connection: KubeConnection,
  path: string,
  target: WatchTarget,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const idleMs = (STREAM_SECONDS + 30) * 1000;
  let response: IncomingMessage;
  try {
    response = await connection.send({ method: 'GET', path, signal, idleMs });
  } catch (error) {
    if (signal.aborted || error instanceof AirgapError) throw error;
    throw networkError(request(connection, target), error);
  }
  if ((response.statusCode ?? 0) < 400) return response;
  throw statusError(request(connection, target), response.statusCode ?? 0, await text(response));
}

function request(connection: KubeConnection, target: WatchTarget) {
  return { verb: 'watch', subject: target.subject, server: connection.server };
}

async function pause(options: WatchOptions): Promise<void> {
  try {
    await sleep(options.pauseMs ?? DEFAULT_PAUSE_MS, undefined, { signal: options.signal });
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}
