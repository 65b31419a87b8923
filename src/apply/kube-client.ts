import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { AirgapError, isAbort, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { parseRetryAfter, withRetry } from '../core/retry.ts';
import { withQuery, type KubeConnection, type KubeRequest } from './kube.ts';
import { createDiscovery, type KindInfo } from './kube-discovery.ts';
import { isTransient, networkError, statusError } from './kube-error.ts';
import { subjectOf, textAt, listAt, refOf, type KindSelector, type KubeObject, type ObjectRef } from './kube-object.ts';
import { watchKind, type WatchOptions } from './kube-watch.ts';

/** Field manager of every write (Kubernetes API, "Server-Side Apply"). */
export const FIELD_MANAGER = 'airgap';

export interface WriteOptions {
  /** The API server answers as if it had written, and does not. */
  readonly dryRun?: boolean;
  /** Take over fields that another manager owns. */
  readonly force?: boolean;
}

export interface PatchOptions extends WriteOptions {
  readonly subresource?: string;
}

/** What steps may ask of a cluster. Reads of kinds the cluster does not serve find nothing; that is a result, not an error. */
export interface KubeClient {
  readonly server: string;
  /** How a kind is served, or undefined when it is not. */
  kind(apiVersion: string, kind: string): Promise<KindInfo | undefined>;
  /** The first of `versions` (newest first) in which the cluster serves a kind, as `apiVersion`; undefined when none is. */
  servedVersion(group: string, kind: string, versions: readonly string[]): Promise<string | undefined>;
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  list(selector: KindSelector): Promise<readonly KubeObject[]>;
  /**
   * Strict server-side apply as `airgap`: an unknown field is refused instead of dropped. Throws `E_CONFLICT` with the other
   * managers and fields, `E_REJECTED` for what validation or admission refuses, `E_NOT_FOUND` when the kind is not served.
   */
  apply(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  /** JSON merge patch (RFC 7396). With `metadata.resourceVersion` in the patch it is an optimistic lock. */
  mergePatch(ref: ObjectRef, patch: object, options?: PatchOptions): Promise<KubeObject>;
  /** Creates an object (access reviews, temporary objects); `E_CONFLICT` when it exists. */
  create(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  /** Deletes an object; false when it was not there. */
  remove(ref: ObjectRef): Promise<boolean>;
  /** Body of a GET outside the object API (`/readyz`, `/version`). */
  read(path: string): Promise<string>;
  /** Calls back for every change until the signal aborts; survives restarts of the API server. Never throws but for an abort. */
  watch(selector: KindSelector, options: WatchOptions): Promise<void>;
  /** The same cluster under another signal or reporter; connections and discovery are shared. */
  within(context: Partial<RunContext>): KubeClient;
}

/** A page of a list; keeps answers small enough for etcd and for us. */
const PAGE_SIZE = 500;
/** An API server answers any single request well within this. */
const IDLE_MS = 60_000;

type Send = (
  request: Omit<KubeRequest, 'signal' | 'idleMs'>,
  what: { verb: string; subject: string },
) => Promise<string>;

/** A client for one API server. Reads and applies are retried while the server restarts or is overloaded. */
export function createKubeClient(connection: KubeConnection, context: RunContext): KubeClient {
  return clientOver(connection, context, createDiscovery());
}

function clientOver(
  connection: KubeConnection,
  context: RunContext,
  discovery: ReturnType<typeof createDiscovery>,
): KubeClient {
  const send: Send = (request, what) => sendPatiently(connection, context, request, what);
  const read = (path: string) => send({ method: 'GET', path }, { verb: 'read', subject: path });
  const kindOf = (apiVersion: string, kind: string) => discovery.kind(read, apiVersion, kind);
  const needKind = async (apiVersion: string, kind: string) => {
    const found = await kindOf(apiVersion, kind);
    if (found !== undefined) return found;
    throw new AirgapError('E_NOT_FOUND', `the cluster does not serve ${kind} (${apiVersion})`, {
      hint: 'the operator that brings this API is not installed',
      data: { status: 404, reason: 'NoKind' },
    });
  };
  const parse = (body: string) => JSON.parse(body) as KubeObject;

  return {
    server: connection.server,
    kind: kindOf,
    async servedVersion(group, kind, versions) {
      for (const version of versions) {
        const apiVersion = group === '' ? version : `${group}/${version}`;
        if ((await kindOf(apiVersion, kind)) !== undefined) return apiVersion;
      }
      return undefined;
    },
    async get(ref) {
      const found = await kindOf(ref.apiVersion, ref.kind);
      if (found === undefined) return undefined;
      try {
        return parse(
          await send({ method: 'GET', path: pathOf(found, ref) }, { verb: 'read', subject: subjectOf(ref) }),
        );
      } catch (error) {
        if (!isAirgapError(error, 'E_NOT_FOUND')) throw error;
        return undefined;
      }
    },
    async list(selector) {
      const found = await kindOf(selector.apiVersion, selector.kind);
      if (found === undefined) return [];
      const items: KubeObject[] = [];
      for (let next: string | undefined = ''; next !== undefined;) {
        const position: Record<string, string> = next === '' ? {} : { continue: next };
        const query = { ...selectorQuery(selector), limit: String(PAGE_SIZE), ...position };
        const path = withQuery(collectionPath(found, selector.namespace), query);
        const page: unknown = JSON.parse(await send({ method: 'GET', path }, { verb: 'list', subject: selector.kind }));
        const { apiVersion, kind } = selector;
        items.push(...listAt(page, 'items').map((item) => ({ apiVersion, kind, ...(item as object) }) as KubeObject));
        const token = textAt(page, 'metadata', 'continue');
        next = token === '' ? undefined : token;
      }
      return items;
    },
    async apply(object, options = {}) {
      const found = await needKind(object.apiVersion, object.kind);
      const force: Record<string, string> = options.force === true ? { force: 'true' } : {};
      const path = withQuery(pathOf(found, refOf(object)), { ...writeQuery(options), ...force });
      const request = { method: 'PATCH', path, body: object, contentType: 'application/apply-patch+yaml' } as const;
      return parse(await send(request, { verb: 'apply', subject: subjectOf(object) }));
    },
    async mergePatch(ref, patch, options = {}) {
      const found = await needKind(ref.apiVersion, ref.kind);
      const below = options.subresource === undefined ? '' : `/${options.subresource}`;
      const path = withQuery(`${pathOf(found, ref)}${below}`, writeQuery(options));
      const request = { method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' } as const;
      return parse(await send(request, { verb: 'patch', subject: subjectOf(ref) }));
    },
    async create(object, options = {}) {
      const found = await needKind(object.apiVersion, object.kind);
      const path = withQuery(collectionPath(found, object.metadata.namespace), writeQuery(options));
      return parse(await send({ method: 'POST', path, body: object }, { verb: 'create', subject: subjectOf(object) }));
    },
    async remove(ref) {
      const found = await kindOf(ref.apiVersion, ref.kind);
      if (found === undefined) return false;
      try {
        await send({ method: 'DELETE', path: pathOf(found, ref) }, { verb: 'delete', subject: subjectOf(ref) });
        return true;
      } catch (error) {
        if (!isAirgapError(error, 'E_NOT_FOUND')) throw error;
        return false;
      }
    },
    read,
    async watch(selector, options) {
      const locate = async () => {
        const found = await kindOf(selector.apiVersion, selector.kind);
        return found === undefined ? undefined : collectionPath(found, selector.namespace);
      };
      await watchKind(connection, { locate, query: selectorQuery(selector), subject: selector.kind }, options);
    },
    within: (part) => clientOver(connection, { ...context, ...part }, discovery),
  };
}

async function sendPatiently(
  connection: KubeConnection,
  context: RunContext,
  request: Omit<KubeRequest, 'signal' | 'idleMs'>,
  what: { readonly verb: string; readonly subject: string },
): Promise<string> {
  let retryAfterMs: number | undefined;
  let hasRefreshed = false;
  return withRetry(
    async () => {
      retryAfterMs = undefined;
      const response = await answerOf(connection, context, request, what);
      const body = await bodyOf(response, connection, what);
      const status = response.statusCode ?? 0;
      if (status < 400) return body;
      const seconds = response.headers['retry-after'];
      retryAfterMs = parseRetryAfter(seconds, Date.now());
      throw statusError({ ...what, server: connection.server }, status, body);
    },
    {
      signal: context.signal,
      retryable: (error) => {
        if (isAirgapError(error, 'E_UNAUTHORIZED') && !hasRefreshed) {
          hasRefreshed = true;
          return connection.refreshCredentials() ? { afterMs: 0 } : false;
        }
        // A second create after a lost answer would report its own first try as a conflict.
        if (request.method === 'POST' && !isUnanswered(error)) return false;
        return isTransient(error) ? (retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) : false;
      },
      onRetry: ({ attempt, delayMs, error }) => {
        const reason = error instanceof Error ? error.message : String(error);
        context.report({ type: 'retry', subject: what.subject, attempt, delayMs, reason });
      },
    },
  );
}

/** Nothing can have been written: no connection came about, or the server turned the request away. */
function isUnanswered(error: unknown): boolean {
  return (
    isAirgapError(error, 'E_RATE_LIMIT') || (isTransient(error) && textAt(error.data, 'reason') === 'ECONNREFUSED')
  );
}

async function answerOf(
  connection: KubeConnection,
  context: RunContext,
  request: Omit<KubeRequest, 'signal' | 'idleMs'>,
  what: { readonly verb: string; readonly subject: string },
): Promise<IncomingMessage> {
  const started = Date.now();
  try {
    const response = await connection.send({ ...request, signal: context.signal, idleMs: IDLE_MS });
    context.report({
      type: 'request',
      method: request.method,
      url: `${connection.server}${request.path}`,
      status: response.statusCode ?? 0,
      elapsedMs: Date.now() - started,
    });
    return response;
  } catch (error) {
    if (isAbort(error) || context.signal.aborted || error instanceof AirgapError) throw error;
    throw networkError({ ...what, server: connection.server }, error);
  }
}

async function bodyOf(
  response: IncomingMessage,
  connection: KubeConnection,
  what: { readonly verb: string; readonly subject: string },
): Promise<string> {
  try {
    return await text(response);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw networkError({ ...what, server: connection.server }, error);
  }
}

function writeQuery(options: WriteOptions): Record<string, string> {
  return {
    fieldManager: FIELD_MANAGER,
    fieldValidation: 'Strict',
    ...(options.dryRun === true ? { dryRun: 'All' } : {}),
  };
}

function selectorQuery(selector: KindSelector): Record<string, string> {
  return {
    ...(selector.labelSelector === undefined ? {} : { labelSelector: selector.labelSelector }),
    ...(selector.fieldSelector === undefined ? {} : { fieldSelector: selector.fieldSelector }),
  };
}

function collectionPath(kind: KindInfo, namespace: string | undefined): string {
  const within = kind.isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${kind.root}${within}/${kind.plural}`;
}

function pathOf(kind: KindInfo, ref: ObjectRef): string {
  return `${collectionPath(kind, ref.namespace)}/${encodeURIComponent(ref.name)}`;
}
