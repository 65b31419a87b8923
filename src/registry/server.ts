import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AirgapError, isAbort, systemCodeOf } from '../core/errors.ts';
import { readContent } from '../oci/content.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { MAX_MANIFEST_SIZE, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { referrersIndex, type ServedContent, type ServedRepository } from './served-content.ts';
import { pageOf, parseRange, routeOf, type ByteRange, type ServedRoute } from './served-route.ts';

export interface RegistryHandlerOptions {
  readonly signal: AbortSignal;
  /** Called when an answer is complete or broken off. */
  readonly onAnswer: (answer: Answer) => void;
  /** Called when content could not be given as it must be (damaged, medium not readable): the client got an error or nothing. */
  readonly onFailure: (error: Error) => void;
}

interface Answer {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly elapsedMs: number;
}

/** Answers one request. Rejects only for defects of ours. */
export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
}

/** A refusal of the distribution protocol. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const VERSION_HEADER = { 'docker-distribution-api-version': 'registry/2.0' };

/**
 * A read-only registry (OCI distribution-spec 1.1: pull, content discovery) over any source. No body is ever complete and
 * wrong: a content that turns out to be damaged ends as an error document while nothing of it was sent, and as a
 * broken connection afterwards. Before a part of a blob is given, all of it has been read and compared once.
 */
export function createRegistryHandler(content: ServedContent, options: RegistryHandlerOptions): RegistryHandler {
  const { source, repositories } = content;
  const { signal } = options;
  const checked = new Map<Digest, Promise<void>>();

  return async (request, response) => {
    const start = performance.now();
    const url = URL.parse(request.url ?? '/', 'http://registry');
    response.once('close', () => {
      const { method = '', url: target = '' } = request;
      const status = response.writableFinished ? response.statusCode : 0;
      options.onAnswer({ method, url: target, status, elapsedMs: performance.now() - start });
    });
    for (const [name, value] of Object.entries(VERSION_HEADER)) response.setHeader(name, value);
    const exchange = { request, response, query: url?.searchParams ?? new URLSearchParams() };
    try {
      await answer(exchange, url === null ? undefined : routeOf(url.pathname));
    } catch (error) {
      if (isGone(error, response)) return;
      if (!(error instanceof AirgapError) && systemCodeOf(error) === undefined) {
        response.destroy();
        throw error;
      }
      options.onFailure(error as Error);
      if (response.headersSent) response.destroy();
      else refuse(exchange, { status: 500, code: 'UNKNOWN', message: (error as Error).message });
    }
  };

  async function answer(exchange: Exchange, route: ServedRoute | undefined): Promise<void> {
    const { request } = exchange;
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuseWrite(exchange);
    if (route === undefined) return refuse(exchange, unknown('NOT_FOUND', request.url ?? ''));
    switch (route.kind) {
      case 'base':
        return sendJson(exchange, {});
      case 'catalog':
        return sendPage(exchange, '/v2/_catalog', [...repositories.keys()], (page) => ({ repositories: page }));
      case 'badDigest':
        return refuse(exchange, { status: 400, code: 'DIGEST_INVALID', message: `${route.text} is not a digest` });
      case 'tags':
      case 'manifest':
      case 'blob':
      case 'referrers': {
        const repository = repositories.get(route.name);
        if (repository === undefined) return refuse(exchange, unknown('NAME_UNKNOWN', route.name));
        return answerIn(exchange, repository, route);
      }
    }
  }

  async function answerIn(
    exchange: Exchange,
    repository: ServedRepository,
    route: Extract<ServedRoute, { name: string }>,
  ): Promise<void> {
    switch (route.kind) {
      case 'tags': {
        const path = `/v2/${route.name}/tags/list`;
        return sendPage(exchange, path, [...repository.tags.keys()], (tags) => ({ name: route.name, tags }));
      }
      case 'manifest':
        return sendManifest(exchange, repository, route.reference);
      case 'blob': {
        const blob = repository.blobs.get(route.digest);
        if (blob === undefined) return refuse(exchange, unknown('BLOB_UNKNOWN', route.digest));
        return sendBlob(exchange, blob);
      }
      case 'referrers':
        return sendReferrers(exchange, repository.referrers.get(route.digest) ?? []);
    }
  }

  async function sendManifest(exchange: Exchange, repository: ServedRepository, reference: string): Promise<void> {
    const digest = isDigest(reference)
      ? reference
      : (repository.tags.get(reference) ?? repository.fallbackTags.get(reference));
    const generated = digest === undefined ? undefined : repository.generated.get(digest);
    const stored = digest === undefined ? undefined : repository.manifests.get(digest);
    if (digest === undefined || (stored === undefined && generated === undefined)) {
      return refuse(exchange, unknown('MANIFEST_UNKNOWN', reference));
    }
    const { response, request } = exchange;
    response.setHeader('docker-content-digest', digest);
    response.setHeader('etag', `"${digest}"`);
    if (isKnownToClient(request, digest)) return endEmpty(response, 304);
    response.setHeader('content-type', stored?.mediaType ?? MEDIA_TYPE.ociIndex);
    response.setHeader('content-length', stored?.size ?? generated!.length);
    if (request.method === 'HEAD') return endEmpty(response, 200);
    const bytes = generated ?? (await readContent(source, stored!, { signal, limit: MAX_MANIFEST_SIZE }));
    response.end(bytes);
  }

  async function sendBlob(exchange: Exchange, blob: Descriptor): Promise<void> {
    const { request, response } = exchange;
    const { digest, size } = blob;
    const tag = `"${digest}"`;
    response.setHeader('docker-content-digest', digest);
    response.setHeader('etag', tag);
    response.setHeader('accept-ranges', 'bytes');
    if (isKnownToClient(request, digest)) return endEmpty(response, 304);
    const ifRange = request.headers['if-range'];
    const range = ifRange === undefined || ifRange === tag ? parseRange(request.headers.range, size) : undefined;
    if (range === 'unsatisfiable') {
      response.setHeader('content-range', `bytes */${size}`);
      return refuse(exchange, { status: 416, code: 'RANGE_INVALID', message: `${digest} has ${size} bytes` });
    }
    response.setHeader('content-type', 'application/octet-stream');
    response.setHeader('content-length', range === undefined ? size : range.last - range.first + 1);
    if (range !== undefined) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${range.first}-${range.last}/${size}`);
    }
    if (request.method === 'HEAD') return void response.end();
    if (range !== undefined) await checkWhole(blob);
    await send(response, await source.fetch(blob, { signal, offset: range?.first ?? 0 }), range);
  }

  /** Reads a blob once to its end; a part of it can not be compared with a digest. */
  function checkWhole(blob: Descriptor): Promise<void> {
    const known = checked.get(blob.digest);
    if (known !== undefined) return known;
    const check = readThrough(blob);
    checked.set(blob.digest, check);
    // A medium may be readable again later.
    check.catch(() => checked.delete(blob.digest));
    return check;
  }

  async function readThrough(blob: Descriptor): Promise<void> {
    const stream = await source.fetch(blob, { signal });
    stream.resume();
    await new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject));
  }
}

/** Sends a stream whose length is in the header already. The header goes out with the first piece, not before it. */
async function send(response: ServerResponse, stream: Readable, range: ByteRange | undefined): Promise<void> {
  const pieces = cut(stream, range === undefined ? Infinity : range.last - range.first + 1);
  const first = await pieces.next();
  if (first.done === true) return void response.end();
  await pipeline(async function* () {
    yield first.value;
    yield* pieces;
  }, response);
}

async function* cut(stream: Readable, length: number): AsyncGenerator<Buffer, undefined> {
  let left = length;
  for await (const chunk of stream) {
    const piece = (chunk as Buffer).subarray(0, left);
    left -= piece.length;
    yield piece;
    if (left === 0) return;
  }
}

function sendReferrers(exchange: Exchange, all: readonly Descriptor[]): void {
  const { query, response } = exchange;
  const wanted = query.get('artifactType');
  if (wanted !== null) response.setHeader('oci-filters-applied', 'artifactType');
  const list = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted);
  sendBytes(exchange, referrersIndex(list), MEDIA_TYPE.ociIndex);
}

function sendPage(
  exchange: Exchange,
  path: string,
  names: readonly string[],
  document: (page: readonly string[]) => object,
): void {
  const { query, response } = exchange;
  const found = pageOf(names, query);
  if (found === undefined) {
    return refuse(exchange, { status: 400, code: 'PAGINATION_NUMBER_INVALID', message: 'n must be a number' });
  }
  if (found.next !== undefined) {
    const next = new URLSearchParams({ n: query.get('n')!, last: found.next });
    response.setHeader('link', `<${path}?${next.toString()}>; rel="next"`);
  }
  sendJson(exchange, document(found.page));
}

function sendJson(exchange: Exchange, document: object): void {
  sendBytes(exchange, Buffer.from(JSON.stringify(document)), 'application/json');
}

function sendBytes({ request, response }: Exchange, bytes: Buffer, mediaType: string): void {
  response.setHeader('content-type', mediaType);
  response.setHeader('content-length', bytes.length);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function refuseWrite(exchange: Exchange): void {
  exchange.response.setHeader('allow', 'GET, HEAD');
  // What the client is still sending is not read.
  exchange.response.setHeader('connection', 'close');
  refuse(exchange, { status: 405, code: 'UNSUPPORTED', message: 'this registry is read-only' });
}

/** An error document (distribution-spec, "Error Codes"). */
function refuse(exchange: Exchange, { status, code, message }: Refusal): void {
  const { response } = exchange;
  for (const name of ['etag', 'docker-content-digest', 'accept-ranges']) response.removeHeader(name);
  if (status !== 416) response.removeHeader('content-range');
  response.statusCode = status;
  sendJson(exchange, { errors: [{ code, message }] });
}

function unknown(code: string, what: string): Refusal {
  return { status: 404, code, message: `${what.slice(0, 300)} is not here` };
}

function endEmpty(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

/** `If-None-Match` (RFC 9110, section 13.1.2). */
function isKnownToClient(request: IncomingMessage, digest: Digest): boolean {
  const header = request.headers['if-none-match'] ?? '';
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${digest}"`);
}

/** True when the client went away or we are closing: nobody is there to be told. */
function isGone(error: unknown, response: ServerResponse): boolean {
  if (isAbort(error)) {
    response.destroy();
    return true;
  }
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(systemCodeOf(error) ?? '');
}
