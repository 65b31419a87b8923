import { AirgapError } from '../core/errors.ts';
import { digestOf, hasherFor, hexOf, isDigest, type Digest } from '../oci/digest.ts';
import { isManifestType, MANIFEST_MEDIA_TYPES, MAX_MANIFEST_SIZE, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { readLimited } from './body.ts';
import type { Endpoint } from './options.ts';
import { printable } from './redact.ts';
import type { Answer, Session } from './session.ts';

/** A manifest as stored: its bytes are its identity. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly content: Buffer;
}

const ACCEPT = MANIFEST_MEDIA_TYPES.join(', ');

/**
 * The descriptor behind a tag or digest by HEAD, or undefined when the answer does not tell all of it: digest, size and a
 * media type we read are optional there in practice, and a registry that names another digest than asked is not believed.
 */
export async function headManifest(
  session: Session,
  endpoint: Endpoint,
  reference: string,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  return session.ask(
    endpoint,
    { ...manifestRequest(endpoint, reference, signal), method: 'HEAD' },
    ({ headers, body }) => {
      body.resume();
      const digest = headers['docker-content-digest'];
      const length = headers['content-length'];
      const mediaType = mediaTypeOf(headers['content-type']);
      if (typeof digest !== 'string' || !isDigest(digest) || !isManifestType(mediaType)) return undefined;
      if (length === undefined || (isDigest(reference) && digest !== reference)) return undefined;
      return { mediaType, digest, size: Number(length) };
    },
  );
}

/**
 * A manifest by tag or digest. Its bytes match the digest asked for, or else the one the registry names (`E_DIGEST`);
 * at most 4 MiB (`E_LIMIT`); a kind of document we do not know is `E_OCI`.
 */
export async function getManifest(
  session: Session,
  endpoint: Endpoint,
  reference: string,
  signal: AbortSignal,
): Promise<FetchedManifest> {
  const what = `${endpoint.registry}/${endpoint.repository} ${reference}`;
  return session.ask(endpoint, manifestRequest(endpoint, reference, signal), async (answer) => {
    const content = await readLimited(answer.body, MAX_MANIFEST_SIZE, `the manifest ${what}`);
    const digest = checkedDigest(content, reference, answer, what);
    return { descriptor: { mediaType: kindOf(content, answer, what), digest, size: content.length }, content };
  });
}

function manifestRequest(endpoint: Endpoint, reference: string, signal: AbortSignal) {
  return {
    method: 'GET',
    target: `/v2/${endpoint.repository}/manifests/${reference}`,
    scopes: [`repository:${endpoint.repository}:pull`],
    headers: { accept: ACCEPT },
    expect: [200],
    signal,
  };
}

function checkedDigest(content: Buffer, reference: string, { headers }: Answer, what: string): Digest {
  const named = headers['docker-content-digest'];
  const wanted = isDigest(reference) ? reference : typeof named === 'string' && isDigest(named) ? named : undefined;
  if (wanted === undefined) return digestOf(content);
  const hex = hasherFor(wanted).update(content).digest('hex');
  if (hex === hexOf(wanted)) return wanted;
  throw new AirgapError('E_DIGEST', `the manifest ${what} should be ${wanted} but its content is ${hex}`, {
    hint: 'the registry or something on the way to it returns wrong content',
  });
}

/** The announced media type, or what the document says where a registry announces plain JSON. */
function kindOf(content: Buffer, { headers }: Answer, what: string): string {
  const announced = mediaTypeOf(headers['content-type']);
  if (isManifestType(announced)) return announced;
  const document = parseObject(content);
  const own = document?.['mediaType'];
  if (typeof own === 'string' && isManifestType(own)) return own;
  if (own === undefined && document?.['schemaVersion'] === 2) {
    if ('manifests' in document) return MEDIA_TYPE.ociIndex;
    if ('config' in document && 'layers' in document) return MEDIA_TYPE.ociManifest;
  }
  const kind =
    document?.['schemaVersion'] === 1 ? 'a Docker schema 1 image' : `of the unknown kind ${printable(announced, 100)}`;
  throw new AirgapError('E_OCI', `the manifest ${what} is ${kind}, which can not be mirrored`);
}

function parseObject(content: Buffer): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(content.toString('utf8'));
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]!.trim().toLowerCase();
}
