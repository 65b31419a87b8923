import { Readable } from 'node:stream';
import { AirgapError, isAbort, isAirgapError } from '../core/errors.ts';
import {
  readContent,
  type ContentSink,
  type ContentSource,
  type FetchOptions,
  type OpenPieces,
} from '../oci/content.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { isManifestType, MAX_MANIFEST_SIZE, type Descriptor } from '../oci/types.ts';
import { verifyBytes } from '../oci/verify-stream.ts';
import { getBlob, headBlob, openBlob, streamBlob, WHOLE_SIZE } from './blobs.ts';
import { getManifest, headManifest, type FetchedManifest } from './manifests.ts';
import { readPages } from './paging.ts';
import { createManifestWriter } from './push-manifest.ts';
import { listReferrers } from './referrers.ts';
import { statusOf } from './registry-error.ts';
import type { Candidate } from './rewrites.ts';
import type { Session } from './session.ts';
import { mountBlob, pushBlob, type PushOptions, type PushResult } from './upload.ts';

/** One repository. Every method retries what may pass and throws the typed errors of the registry. */
export interface Repository extends ContentSource, ContentSink {
  /** Registry and repository, for messages. */
  readonly name: string;
  /** A manifest by tag or digest, verified (`E_DIGEST`), at most 4 MiB (`E_LIMIT`), of a kind we know (`E_OCI`). */
  fetchManifest(reference: string, signal: AbortSignal): Promise<FetchedManifest>;
  /** A small blob, whole and verified. `descriptor.size` bytes are held in memory. */
  fetchBytes(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer>;
  /** The bytes of a blob as they arrive, not verified and not resumed: for callers that hash and count themselves. */
  fetchBody(descriptor: Descriptor, options: FetchOptions): Promise<Readable>;
  hasBlob(descriptor: Descriptor, signal: AbortSignal): Promise<boolean>;
  hasManifest(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** True when the blob is now here without an upload; `from` is a repository path of the same registry. */
  mountBlob(descriptor: Descriptor, from: string, signal: AbortSignal): Promise<boolean>;
  /** Pushes a blob: mount, one request, or chunks. A body in memory, or what opens it. */
  pushBlob(descriptor: Descriptor, body: Buffer | OpenPieces, options: PushOptions): Promise<PushResult>;
  /** Stores a manifest byte for byte under a tag or its digest, and keeps the referrers index where the registry does not. */
  pushManifest(content: Buffer, mediaType: string, reference: string, signal: AbortSignal): Promise<Descriptor>;
  /** Descriptors of what has `subject` as its subject; empty when there is nothing. */
  referrers(subject: Digest, signal: AbortSignal): Promise<Descriptor[]>;
  listTags(signal: AbortSignal): Promise<string[]>;
}

/** Another place is there to be asked, so a mirror gets one more try than one, not the full patience. */
const MIRROR_ATTEMPTS = 2;
/** Tags asked for at once (distribution-spec, "Listing Tags"). */
const TAGS_PER_PAGE = 1000;

/** What is asked for: a manifest by tag or by digest, a blob, or what belongs to a manifest (signatures, referrers). */
type ContentKind = 'tag' | 'digest' | 'blob' | 'belonging';

/** Tags of what belongs to an image (cosign, "Signature Storage"). */
const BELONGING_TAG = /^sha256-[0-9a-f]{64}\.(sig|att|sbom)$/;

/**
 * A repository that is read from the first of `candidates` that has the content, and written to the last.
 * `downMirrors` collects registries that could not be reached; they are asked last from then on.
 */
export function createRepository(
  session: Session,
  candidates: readonly Candidate[],
  downMirrors: Set<string>,
): Repository {
  const own = candidates.at(-1)!;
  const name = `${own.registry}/${own.repository}`;
  const writeManifest = createManifestWriter(session, own);
  const hasty = session.withAttempts(MIRROR_ATTEMPTS);
  // The place that gave a manifest most likely has its blobs too.
  let preferred: Candidate | undefined;

  function inOrder(kind: ContentKind): Candidate[] {
    const isFit = (candidate: Candidate) =>
      candidate.serves === 'all' ||
      candidate.serves === `${kind === 'belonging' ? 'tag' : kind}-only` ||
      (kind === 'blob' && (candidate.serves === 'digest-only' || candidate === preferred));
    const rank = (candidate: Candidate) => {
      if (kind === 'blob' && candidate === preferred) return 0;
      return candidate !== own && downMirrors.has(candidate.registry) ? 2 : 1;
    };
    return candidates.filter((candidate) => isFit(candidate)).toSorted((a, b) => rank(a) - rank(b));
  }

  async function fromAny<T>(
    kind: ContentKind,
    read: (candidate: Candidate, session: Session) => Promise<T>,
  ): Promise<T> {
    if (candidates.length === 1) return read(own, session);
    // What belongs to an image is looked for where the image came from, as container engines do: most images have no
    // signature, and the registry behind a mirror may well be out of reach.
    if (kind === 'belonging' && preferred !== undefined) return read(preferred, preferred === own ? session : hasty);
    const failures = new Map<Candidate, AirgapError>();
    for (const candidate of inOrder(kind)) {
      try {
        const result = await read(candidate, candidate === own ? session : hasty);
        if (kind !== 'blob' || preferred === undefined) preferred = candidate;
        return result;
      } catch (error) {
        if (isAbort(error) || !isAirgapError(error) || error.code === 'E_CONFIG') throw error;
        if (error.code === 'E_UNREACHABLE') downMirrors.add(candidate.registry);
        failures.set(candidate, error);
      }
    }
    throw allFailed(name, failures.get(own)!, [...failures.values()]);
  }
  const kindOf = (reference: string): ContentKind => {
    if (isDigest(reference)) return 'digest';
    return BELONGING_TAG.test(reference) ? 'belonging' : 'tag';
  };

  const repository: Repository = {
    name,
    resolve: (reference, signal) =>
      fromAny(kindOf(reference), async (at, session) => {
        const described = await headManifest(session, at, reference, signal).catch((error: unknown) => {
          // Some registries refuse HEAD where they serve GET.
          if ([400, 405, 501].includes(statusOf(error) ?? 0)) return undefined;
          throw error;
        });
        return described ?? (await getManifest(session, at, reference, signal)).descriptor;
      }),
    fetchManifest: (reference, signal) =>
      fromAny(kindOf(reference), (at, session) => getManifest(session, at, reference, signal)),
    async fetch(descriptor, { signal, offset = 0 }) {
      if (isManifestType(descriptor.mediaType)) {
        const { content } = await repository.fetchManifest(descriptor.digest, signal);
        verifyBytes(descriptor, content, name);
        return readableOf(content.subarray(offset));
      }
      if (offset === 0 && descriptor.size <= WHOLE_SIZE)
        return readableOf(await repository.fetchBytes(descriptor, signal));
      if (candidates.length === 1) return streamBlob(session, own, descriptor, { offset, signal });
      const at = await fromAny('blob', async (candidate, session) => {
        if (await headBlob(session, candidate, descriptor, signal)) return candidate;
        throw new AirgapError(
          'E_NOT_FOUND',
          `${candidate.registry}/${candidate.repository}: no blob ${descriptor.digest}`,
        );
      });
      return streamBlob(session, at, descriptor, { offset, signal });
    },
    fetchBytes: (descriptor, signal) => fromAny('blob', (at, session) => getBlob(session, at, descriptor, signal)),
    fetchBody: (descriptor, { signal, offset = 0 }) =>
      fromAny('blob', (at, session) => openBlob(session, at, descriptor, { offset, signal })),
    has: (descriptor, signal) =>
      isManifestType(descriptor.mediaType)
        ? repository.hasManifest(descriptor.digest, signal)
        : repository.hasBlob(descriptor, signal),
    hasBlob: (descriptor, signal) => headBlob(session, own, descriptor, signal),
    async hasManifest(digest, signal) {
      try {
        // A server that answers 200 to everything, or without details, has to show the manifest itself.
        const described = await headManifest(session, own, digest, signal);
        return described !== undefined || (await getManifest(session, own, digest, signal)).content.length > 0;
      } catch (error) {
        if (isAirgapError(error, 'E_NOT_FOUND')) return false;
        throw error;
      }
    },
    async push(descriptor, body, signal) {
      if (!isManifestType(descriptor.mediaType)) {
        await pushBlob(session, own, { descriptor, body }, { signal });
        return;
      }
      const source = { resolve: () => Promise.resolve(descriptor), fetch: body };
      const content = await readContent(source, descriptor, { signal, limit: MAX_MANIFEST_SIZE });
      verifyBytes(descriptor, content, `the manifest for ${name}`);
      await writeManifest(content, descriptor.mediaType, descriptor.digest, signal);
    },
    async tag(descriptor, tag, signal) {
      const { content, descriptor: found } = await getManifest(session, own, descriptor.digest, signal);
      await writeManifest(content, found.mediaType, tag, signal);
    },
    mountBlob: (descriptor, from, signal) => mountBlob(session, own, { descriptor, from, signal }),
    pushBlob: (descriptor, body, options) => pushBlob(session, own, { descriptor, body }, options),
    pushManifest: writeManifest,
    referrers: (subject: Digest, signal) =>
      fromAny('belonging', (at, session) => listReferrers(session, at, subject, signal)),
    listTags: (signal) => listTags(session, own, signal),
  };
  return repository;
}

async function listTags(session: Session, endpoint: Candidate, signal: AbortSignal): Promise<string[]> {
  const pages = await readPages(session, endpoint, {
    method: 'GET',
    target: `/v2/${endpoint.repository}/tags/list?n=${TAGS_PER_PAGE}`,
    scopes: [`repository:${endpoint.repository}:pull`],
    expect: [200],
    signal,
  });
  const tags = pages.flatMap((page) => (page as { readonly tags?: unknown } | null)?.tags ?? []);
  return tags.filter((tag) => typeof tag === 'string');
}

function readableOf(content: Buffer): Readable {
  return Readable.from(content.length === 0 ? [] : [content], { objectMode: false });
}

/** The error of the place the name itself stands for says most; what mirrors said is added. */
function allFailed(name: string, last: AirgapError, failures: readonly AirgapError[]): AirgapError {
  const mirrors = failures.filter((failure) => failure !== last).map(({ message }) => message);
  return new AirgapError(last.code, `${name}: neither its mirrors nor its own registry have it: ${last.message}`, {
    ...(last.hint === undefined ? {} : { hint: last.hint }),
    cause: last,
    data: { ...last.data, mirrors },
  });
}
