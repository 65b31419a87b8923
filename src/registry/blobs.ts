import { Readable, Transform } from 'node:stream';
import { AirgapError } from '../core/errors.ts';
import { hasherFor, hexOf } from '../oci/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import { digestError, sizeError, verifyBytes } from '../oci/verify-stream.ts';
import { readLimited } from './body.ts';
import type { Endpoint } from './options.ts';
import { connectionError } from './registry-error.ts';
import type { Session } from './session.ts';

/** Content up to this size is checked as a whole before the first byte is handed on, so that a bad answer is repeated unseen. */
export const WHOLE_SIZE = 256 * 1024;

export interface BlobRange {
  readonly offset: number;
  readonly signal: AbortSignal;
}

/** True when the repository holds the blob. A registry that names another size than expected is not believed. */
export async function headBlob(
  session: Session,
  endpoint: Endpoint,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<boolean> {
  const request = { ...blobRequest(endpoint, descriptor, signal), method: 'HEAD', expect: [200, 404] };
  return session.ask(endpoint, request, ({ status, headers, body }) => {
    body.resume();
    const length = headers['content-length'];
    return status === 200 && (length === undefined || Number(length) === descriptor.size);
  });
}

/** A blob of small size, whole and verified; repeated when it does not match. Throws `E_DIGEST`. */
export async function getBlob(
  session: Session,
  endpoint: Endpoint,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Buffer> {
  const what = `${endpoint.registry}/${endpoint.repository}`;
  return session.ask(endpoint, blobRequest(endpoint, descriptor, signal), async (answer) => {
    assertLength(answer.headers['content-length'], descriptor.size, descriptor, what);
    const content = await readLimited(answer.body, descriptor.size + 1, `${what} ${descriptor.digest}`);
    verifyBytes(descriptor, content, what);
    return content;
  });
}

/**
 * The bytes of a blob from `offset` on as they arrive, not verified: the caller hashes. A length other than promised is
 * refused with `E_DIGEST` as far as headers show it. Opening is retried, a break in the body is the caller's to resume.
 */
export async function openBlob(
  session: Session,
  endpoint: Endpoint,
  descriptor: Descriptor,
  range: BlobRange,
): Promise<Readable> {
  const { offset, signal } = range;
  if (offset > 0 && offset >= descriptor.size) return Readable.from([], { objectMode: false });
  const what = `${endpoint.registry}/${endpoint.repository}`;
  const request = blobRequest(endpoint, descriptor, signal);
  const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
  return session.ask(endpoint, { ...request, headers, expect: offset === 0 ? [200] : [200, 206] }, (answer) => {
    const isPart = answer.status === 206;
    if (isPart && !(answer.headers['content-range'] ?? '').startsWith(`bytes ${offset}-`)) {
      throw new AirgapError('E_DIGEST', `${what}: ${descriptor.digest}: the registry answered with another range`);
    }
    assertLength(answer.headers['content-length'], descriptor.size - (isPart ? offset : 0), descriptor, what);
    if (isPart || offset === 0) return answer.body;
    // Ranges are optional in HTTP: the beginning arrives again and is dropped.
    const rest = dropStart(offset);
    answer.body.on('error', (error) => rest.destroy(error));
    rest.on('close', () => answer.body.destroy());
    return answer.body.pipe(rest);
  });
}

/**
 * A blob as a stream that ends without error only if it is exactly what the descriptor says (from an offset, only the
 * length is known). A connection that breaks is continued with a range request where it broke.
 */
export function streamBlob(session: Session, endpoint: Endpoint, descriptor: Descriptor, range: BlobRange): Readable {
  return Readable.from(readResuming(session, endpoint, descriptor, range), {
    objectMode: false,
    highWaterMark: 256 * 1024,
  });
}

async function* readResuming(
  session: Session,
  endpoint: Endpoint,
  descriptor: Descriptor,
  { offset, signal }: BlobRange,
): AsyncGenerator<Buffer> {
  const what = `${endpoint.registry}/${endpoint.repository}`;
  const hash = offset === 0 ? hasherFor(descriptor.digest) : undefined;
  const subject = `GET ${what} ${descriptor.digest}`;
  let position = offset;
  let body: AsyncIterator<Buffer> | undefined;
  try {
    for (;;) {
      const next = await session.retry(subject, signal, async () => {
        body ??= (await openBlob(session, endpoint, descriptor, { offset: position, signal }))[Symbol.asyncIterator]();
        try {
          return await body.next();
        } catch (error) {
          body = undefined;
          signal.throwIfAborted();
          throw error instanceof AirgapError ? error : connectionError(error, 'GET', blobUrl(endpoint, descriptor));
        }
      });
      if (next.done === true) break;
      position += next.value.length;
      if (position > descriptor.size) throw sizeError(descriptor, position, what);
      hash?.update(next.value);
      yield next.value;
    }
  } finally {
    await body?.return?.();
  }
  if (position !== descriptor.size) throw sizeError(descriptor, position, what);
  const hex = hash?.digest('hex');
  if (hex !== undefined && hex !== hexOf(descriptor.digest)) throw digestError(descriptor, hex, what);
}

function blobRequest(endpoint: Endpoint, descriptor: Descriptor, signal: AbortSignal) {
  return {
    method: 'GET',
    target: `/v2/${endpoint.repository}/blobs/${descriptor.digest}`,
    scopes: [`repository:${endpoint.repository}:pull`],
    expect: [200],
    signal,
  };
}

function blobUrl(endpoint: Endpoint, descriptor: Descriptor): URL {
  return new URL(`https://${endpoint.registry}/v2/${endpoint.repository}/blobs/${descriptor.digest}`);
}

function assertLength(header: string | undefined, expected: number, descriptor: Descriptor, what: string): void {
  if (header !== undefined && Number(header) !== expected) {
    throw sizeError(descriptor, descriptor.size + Number(header) - expected, what);
  }
}

function dropStart(count: number): Transform {
  let left = count;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const dropped = Math.min(left, chunk.length);
      left -= dropped;
      callback(null, dropped === chunk.length ? undefined : chunk.subarray(dropped));
    },
  });
}
