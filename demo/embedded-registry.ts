/**
 * A small complete registry (OCI distribution-spec 1.1) on the loopback interface, so that the demonstration and the
 * benchmarks run on a machine that has none. Content lives in a folder; nothing is kept after `stop`.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync, renameSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import type { AddressInfo } from 'node:net';

export interface EmbeddedRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Requests answered so far, by method. */
  readonly requests: Map<string, number>;
  /** Bytes received in blob uploads. */
  readonly received: { bytes: number };
  stop(): Promise<void>;
}

interface StoredManifest {
  readonly mediaType: string;
  readonly content: Buffer;
}

interface Repository {
  readonly blobs: Set<string>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  readonly referrers: Map<string, object[]>;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly repository: string;
}

const ROUTE = /^\/v2\/(?<name>[a-z0-9._/-]+)\/(?<kind>blobs|manifests|tags|referrers)\/(?<rest>.+)$/;
const MAX_MANIFEST = 4 * 1024 * 1024;

/** Starts a registry on a free port. */
export async function startEmbeddedRegistry(): Promise<EmbeddedRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-registry-'));
  mkdirSync(join(folder, 'blobs'));
  mkdirSync(join(folder, 'uploads'));
  const repositories = new Map<string, Repository>();
  const requests = new Map<string, number>();
  const received = { bytes: 0 };

  const server = createServer((request, response) => {
    requests.set(request.method!, (requests.get(request.method!) ?? 0) + 1);
    route(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else fail(response, 500, 'UNKNOWN', String(error));
    });
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://registry');
    if (url.pathname === '/v2/' || url.pathname === '/v2') return void response.writeHead(200).end('{}');
    const match = ROUTE.exec(url.pathname);
    if (match === null) return fail(response, 404, 'NAME_UNKNOWN', 'no such route');
    const { name, kind, rest } = match.groups as { name: string; kind: string; rest: string };
    const call: Call = { request, response, url, repository: name };
    if (kind === 'blobs' && rest.startsWith('uploads')) return upload(call, rest);
    if (kind === 'blobs') return blob(call, rest);
    if (kind === 'manifests') return request.method === 'PUT' ? putManifest(call, rest) : getManifest(call, rest);
    if (kind === 'referrers')
      return json(
        response,
        {
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          manifests: repositories.get(name)?.referrers.get(rest) ?? [],
        },
        'application/vnd.oci.image.index.v1+json',
      );
    const known = repositories.get(name);
    return known === undefined
      ? fail(response, 404, 'NAME_UNKNOWN', name)
      : json(response, { name, tags: [...known.tags.keys()].toSorted() }, 'application/json');
  }

  function repositoryOf(name: string): Repository {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const made: Repository = { blobs: new Set(), manifests: new Map(), tags: new Map(), referrers: new Map() };
    repositories.set(name, made);
    return made;
  }

  async function upload(call: Call, rest: string): Promise<void> {
    const { request, response, url, repository } = call;
    const mount = url.searchParams.get('mount');
    const from = url.searchParams.get('from');
    if (
      request.method === 'POST' &&
      mount !== null &&
      from !== null &&
      repositories.get(from)?.blobs.has(mount) === true
    ) {
      repositoryOf(repository).blobs.add(mount);
      return created(response, repository, mount);
    }
    const digest = url.searchParams.get('digest');
    if (request.method === 'POST' && digest === null) return accepted(response, repository, randomUUID(), 0);
    const id = request.method === 'POST' ? randomUUID() : rest.slice('uploads/'.length);
    const path = join(folder, 'uploads', id.replaceAll(/[^a-f0-9-]/g, ''));
    if (request.method === 'DELETE') {
      rmSync(path, { force: true });
      return void response.writeHead(204).end();
    }
    const hash = createHash('sha256');
    const before = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (before > 0 && digest !== null) for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    let size = before;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        received.bytes += chunk.length;
        done(null, chunk);
      },
    });
    await pipeline(request, count, createWriteStream(path, { flags: 'a' }));
    if (digest === null) return accepted(response, repository, id, size);
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== digest) {
      rmSync(path, { force: true });
      return fail(response, 400, 'DIGEST_INVALID', `content is ${actual}`);
    }
    renameSync(path, join(folder, 'blobs', digest.slice('sha256:'.length)));
    repositoryOf(repository).blobs.add(digest);
    return created(response, repository, digest);
  }

  async function blob({ request, response, repository }: Call, digest: string): Promise<void> {
    if (repositories.get(repository)?.blobs.has(digest) !== true) return fail(response, 404, 'BLOB_UNKNOWN', digest);
    const path = join(folder, 'blobs', digest.slice('sha256:'.length));
    const { size } = statSync(path);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > size) return fail(response, 416, 'UNSUPPORTED', 'range outside the blob');
    response.writeHead(start > 0 ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': size - start,
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      ...(start > 0 ? { 'content-range': `bytes ${start}-${size - 1}/${size}` } : {}),
    });
    if (request.method === 'HEAD' || start === size) return void response.end();
    await pipeline(createReadStream(path, { start, highWaterMark: 1024 * 1024 }), response);
  }

  async function putManifest({ request, response, repository }: Call, reference: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (content.length > MAX_MANIFEST) return fail(response, 413, 'MANIFEST_INVALID', 'too large');
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    if (reference.startsWith('sha256:') && reference !== digest) return fail(response, 400, 'DIGEST_INVALID', digest);
    const document = JSON.parse(content.toString()) as ManifestDocument;
    const known = repositoryOf(repository);
    const missing = [
      ...[document.config, ...(document.layers ?? [])].filter(
        (item) => item !== undefined && !known.blobs.has(item.digest),
      ),
      ...(document.manifests ?? []).filter((item) => !known.manifests.has(item.digest)),
    ];
    if (missing.length > 0) return fail(response, 400, 'MANIFEST_BLOB_UNKNOWN', missing[0]!.digest);
    const mediaType = request.headers['content-type'] ?? document.mediaType ?? '';
    known.manifests.set(digest, { mediaType, content });
    if (!reference.startsWith('sha256:')) known.tags.set(reference, digest);
    if (document.subject !== undefined) {
      const list = known.referrers.get(document.subject.digest) ?? [];
      const artifactType = document.artifactType ?? document.config?.mediaType;
      list.push({ mediaType, digest, size: content.length, artifactType, annotations: document.annotations });
      known.referrers.set(document.subject.digest, list);
      response.setHeader('oci-subject', document.subject.digest);
    }
    response
      .writeHead(201, { location: `/v2/${repository}/manifests/${digest}`, 'docker-content-digest': digest })
      .end();
  }

  async function getManifest({ request, response, repository }: Call, reference: string): Promise<void> {
    const known = repositories.get(repository);
    const digest = reference.startsWith('sha256:') ? reference : known?.tags.get(reference);
    const manifest = digest === undefined ? undefined : known?.manifests.get(digest);
    if (manifest === undefined) return fail(response, 404, 'MANIFEST_UNKNOWN', reference);
    response.writeHead(200, {
      'content-type': manifest.mediaType,
      'content-length': manifest.content.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : manifest.content);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    received,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface ManifestDocument {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly annotations?: object;
  readonly config?: { readonly digest: string; readonly mediaType: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string }[];
  readonly subject?: { readonly digest: string };
}

function accepted(response: ServerResponse, repository: string, id: string, size: number): void {
  response
    .writeHead(202, {
      location: `/v2/${repository}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(0, size - 1)}`,
    })
    .end();
}

function created(response: ServerResponse, repository: string, digest: string): void {
  response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest }).end();
}

function json(response: ServerResponse, value: unknown, type: string): void {
  response.writeHead(200, { 'content-type': type }).end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ errors: [{ code, message }] }));
}
