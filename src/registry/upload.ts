import { isAirgapError } from '../core/errors.ts';
import type { OpenPieces } from '../oci/content.ts';
import type { Descriptor } from '../oci/types.ts';
import { sizeError } from '../oci/verify-stream.ts';
import { headBlob } from './blobs.ts';
import type { Endpoint } from './options.ts';
import { retryVerdict, sourceError, statusOf } from './registry-error.ts';
import { resolveLocation, type Answer, type RegistryRequest, type Session } from './session.ts';
import { discard, type RequestBody } from './transport.ts';

export type PushResult = 'pushed' | 'mounted';

export interface PushOptions {
  /** A repository of the same registry that holds the blob. */
  readonly mountFrom?: string | undefined;
  readonly signal: AbortSignal;
}

/** Smallest part of a chunked upload; a registry may ask for larger ones by `OCI-Chunk-Min-Length`. Held in memory. */
const CHUNK_SIZE = 8 * 1024 * 1024;
const LARGEST_CHUNK = 64 * 1024 * 1024;

/**
 * Answers by which registries, or proxies before them, say that they do not take a blob in one request; 400 is what one
 * says that overlooks the body of the closing request, because nothing does not have the digest.
 */
const WANTS_CHUNKS: ReadonlySet<number> = new Set([400, 404, 405, 413, 416]);

/**
 * Brings a blob into a repository: by mount where `mountFrom` is given and allowed, else in one request, else in chunks
 * (distribution-spec, "Pushing blobs"). `body` opens the content and may be called again. The registry checks the digest;
 * a body of another length than the descriptor's is `E_DIGEST`.
 */
export async function pushBlob(
  session: Session,
  endpoint: Endpoint,
  content: { readonly descriptor: Descriptor; readonly body: Buffer | OpenPieces },
  options: PushOptions,
): Promise<PushResult> {
  const { descriptor } = content;
  const { signal } = options;
  const subject = `push of ${descriptor.digest} to ${endpoint.registry}/${endpoint.repository}`;
  const body: RequestBody =
    typeof content.body === 'function' ? { size: descriptor.size, open: content.body } : content.body;
  const sendChunks = () =>
    session.retry(subject, signal, () => pushChunks(session, endpoint, { descriptor, body, ...options }));
  if (session.needsChunks.has(endpoint.registry)) return sendChunks();
  let isSending = false;
  let refusal: unknown;
  try {
    return await session.retry(subject, signal, async () => {
      // The answer to an earlier try may have been lost after all of the content had arrived.
      if (isSending && (await headBlob(session, endpoint, descriptor, signal))) return 'pushed';
      isSending = false;
      const start = await startUpload(session, endpoint, { descriptor, ...options });
      if (start === 'mounted') return 'mounted';
      isSending = true;
      const answer = await session.send(endpoint, {
        ...uploadRequest(endpoint, signal),
        method: 'PUT',
        target: withDigest(start.location, descriptor),
        headers: { 'content-type': 'application/octet-stream' },
        body,
        expect: [201, 204],
      });
      discard(answer.body);
      return 'pushed';
    });
  } catch (error) {
    if (!isSending || !mayTakeChunks(error)) throw error;
    refusal = error;
  }
  const result = await sendChunks();
  // A proxy's limit (413) or a broken connection says nothing about smaller blobs.
  if (![413, undefined].includes(statusOf(refusal))) session.needsChunks.add(endpoint.registry);
  return result;
}

/** Makes a blob of `from` (a repository of the same registry) available; false when the registry does not do that. */
export async function mountBlob(
  session: Session,
  endpoint: Endpoint,
  options: { readonly descriptor: Descriptor; readonly from: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const { descriptor, from, signal } = options;
  const start = await session.retry(`mount of ${descriptor.digest} from ${from}`, signal, () =>
    tryMount(session, endpoint, { descriptor, from, signal }),
  );
  if (start === 'mounted') return true;
  if (start === 'refused') return false;
  // The registry opened an upload instead; it is not wanted, and left alone it would take up space until it expires.
  const cancelled = await session
    .send(endpoint, {
      ...uploadRequest(endpoint, signal),
      method: 'DELETE',
      target: start.location,
      expect: [204, 202, 200],
    })
    .catch((error: unknown) => (isAirgapError(error) ? undefined : Promise.reject(error)));
  if (cancelled !== undefined) discard(cancelled.body);
  return false;
}

/** A refusal of a long body often arrives as a closed connection before its answer can be read. */
function mayTakeChunks(error: unknown): boolean {
  if (isAirgapError(error) && error.data?.['side'] === 'source') return false;
  if (WANTS_CHUNKS.has(statusOf(error) ?? 0)) return true;
  return isAirgapError(error, 'E_UNREACHABLE') && ['EPIPE', 'ECONNRESET'].includes(String(error.data?.['systemCode']));
}

interface UploadSession {
  readonly location: URL;
  readonly smallestChunk: number;
}

async function startUpload(
  session: Session,
  endpoint: Endpoint,
  options: PushOptions & { readonly descriptor: Descriptor },
): Promise<UploadSession | 'mounted'> {
  const { descriptor, mountFrom: from, signal } = options;
  const mount = from === undefined ? 'refused' : await tryMount(session, endpoint, { descriptor, from, signal });
  if (mount !== 'refused') return mount;
  const request = { ...uploadRequest(endpoint, signal), method: 'POST', target: uploadsPath(endpoint), expect: [202] };
  return sessionOf(await session.send(endpoint, request));
}

async function tryMount(
  session: Session,
  endpoint: Endpoint,
  options: { readonly descriptor: Descriptor; readonly from: string; readonly signal: AbortSignal },
): Promise<UploadSession | 'mounted' | 'refused'> {
  const { descriptor, from, signal } = options;
  const request = uploadRequest(endpoint, signal);
  try {
    const answer = await session.send(endpoint, {
      ...request,
      method: 'POST',
      target: `${uploadsPath(endpoint)}?mount=${encodeURIComponent(descriptor.digest)}&from=${encodeURIComponent(from)}`,
      // The token has to allow reading where the blob is (token authentication specification, cross repository mount).
      scopes: [...request.scopes, `repository:${from}:pull`],
      expect: [201, 202],
    });
    if (answer.status === 202) return sessionOf(answer);
    discard(answer.body);
    return 'mounted';
  } catch (error) {
    const status = statusOf(error) ?? 0;
    // Registries without mounts, or without the right to read `from`, refuse in many ways; an upload always remains.
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) return 'refused';
    throw error;
  }
}

async function pushChunks(
  session: Session,
  endpoint: Endpoint,
  content: PushOptions & { readonly descriptor: Descriptor; readonly body: RequestBody },
): Promise<PushResult> {
  const { descriptor, signal } = content;
  const start = await startUpload(session, endpoint, content);
  if (start === 'mounted') return 'mounted';
  let { location } = start;
  let sent = 0;
  for await (const chunk of chunksOf(content.body, Math.max(CHUNK_SIZE, start.smallestChunk))) {
    if (sent + chunk.length > descriptor.size) throw sizeError(descriptor, sent + chunk.length, 'the content to push');
    location = await pushChunk(session, endpoint, { location, chunk, offset: sent }, signal);
    sent += chunk.length;
  }
  if (sent !== descriptor.size) throw sizeError(descriptor, sent, 'the content to push');
  const request = { ...uploadRequest(endpoint, signal), method: 'PUT', target: withDigest(location, descriptor) };
  discard((await session.send(endpoint, { ...request, expect: [201, 204] })).body);
  return 'pushed';
}

interface Part {
  readonly location: URL;
  readonly chunk: Buffer;
  readonly offset: number;
}

/**
 * Sends one chunk and returns where the next one goes. After a break the registry is asked how far it got; when it can not
 * tell (distribution 2.8 answers only at the address the lost answer would have given) the error remains, and the caller
 * begins the upload anew.
 */
async function pushChunk(session: Session, endpoint: Endpoint, part: Part, signal: AbortSignal): Promise<URL> {
  try {
    return await patch(session, endpoint, part, signal);
  } catch (error) {
    if (retryVerdict(error) === false) throw error;
    const state = await uploadState(session, endpoint, part.location, signal);
    if (state?.received === part.offset + part.chunk.length) return state.location;
    if (state?.received !== part.offset) throw error;
    return patch(session, endpoint, { ...part, location: state.location }, signal);
  }
}

async function patch(session: Session, endpoint: Endpoint, part: Part, signal: AbortSignal): Promise<URL> {
  const { location, chunk, offset } = part;
  const answer = await session.send(endpoint, {
    ...uploadRequest(endpoint, signal),
    method: 'PATCH',
    target: location,
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `${offset}-${offset + chunk.length - 1}`,
    },
    body: chunk,
    expect: [202],
  });
  discard(answer.body);
  return resolveLocation(answer.headers.location ?? location.href, answer.url);
}

async function uploadState(
  session: Session,
  endpoint: Endpoint,
  location: URL,
  signal: AbortSignal,
): Promise<{ readonly location: URL; readonly received: number } | undefined> {
  const request = { ...uploadRequest(endpoint, signal), method: 'GET', target: location };
  return session.ask(endpoint, { ...request, expect: [204, 400, 404, 405, 416] }, ({ status, headers, body, url }) => {
    discard(body);
    if (status !== 204) return undefined;
    return {
      location: resolveLocation(headers.location ?? location.href, url),
      received: endOfRange(headers['range']),
    };
  });
}

async function* chunksOf(body: RequestBody, size: number): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(body)) {
    for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
    return;
  }
  // A chunk may be sent twice, the memory of the pieces is only lent.
  const chunk = Buffer.allocUnsafeSlow(Math.min(size, body.size));
  let filled = 0;
  for await (const data of readMarked(body.open)) {
    for (let at = 0; at < data.length;) {
      const count = data.copy(chunk, filled, at);
      filled += count;
      at += count;
      if (filled < chunk.length) continue;
      yield chunk;
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** What fails here is the source, not the registry that is written to. */
async function* readMarked(open: OpenPieces): AsyncGenerator<Buffer> {
  try {
    yield* await open();
  } catch (error) {
    throw sourceError(error);
  }
}

function uploadRequest(endpoint: Endpoint, signal: AbortSignal): Pick<RegistryRequest, 'scopes' | 'signal'> {
  return { scopes: [`repository:${endpoint.repository}:pull,push`], signal };
}

function uploadsPath(endpoint: Endpoint): string {
  return `/v2/${endpoint.repository}/blobs/uploads/`;
}

function sessionOf(answer: Answer): UploadSession {
  discard(answer.body);
  const wanted = Number(answer.headers['oci-chunk-min-length'] ?? 0);
  return {
    location: resolveLocation(answer.headers.location, answer.url),
    smallestChunk: Number.isSafeInteger(wanted) ? Math.min(wanted, LARGEST_CHUNK) : 0,
  };
}

/** Added as text: parsing and writing the query anew could change the registry's own parameters. */
function withDigest(location: URL, descriptor: Descriptor): URL {
  const url = new URL(location);
  url.search = `${url.search}${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
  return url;
}

/** `0-1023` as 1024. An empty upload is `0-0` in some registries and no header in others. */
function endOfRange(range: string | string[] | undefined): number {
  const match = /^(?:bytes=)?0-(\d+)$/.exec(typeof range === 'string' ? range : '');
  return match === null || match[1] === '0' ? 0 : Number(match[1]) + 1;
}
