import { AirgapError, isAirgapError } from '../core/errors.ts';
import { digestOf, type Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/graph.ts';
import { digestTag } from '../oci/reference.ts';
import { ImageIndexSchema, isIndexType, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { getManifest } from './manifests.ts';
import type { Endpoint } from './options.ts';
import { readPages } from './paging.ts';
import { statusOf } from './registry-error.ts';
import type { Session } from './session.ts';

/**
 * What refers to `subject` as its subject (signatures, attestations, bills of material): by the referrers API, where the
 * registry lacks it by the index under the tag `sha256-<hex>` (distribution-spec 1.1, "Listing Referrers"). Empty when
 * there is nothing. Artifact types of a fallback index are not to be relied on: some writers set one for all.
 */
export async function listReferrers(
  session: Session,
  endpoint: Endpoint,
  subject: Digest,
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const request = {
    method: 'GET',
    target: `/v2/${endpoint.repository}/referrers/${subject}`,
    scopes: [`repository:${endpoint.repository}:pull`],
    headers: { accept: MEDIA_TYPE.ociIndex },
    expect: [200],
    signal,
  };
  let pages: unknown[];
  try {
    pages = await readPages(session, endpoint, request);
  } catch (error) {
    // Registries without the API answer in every way their router knows.
    if (![400, 404, 405, 406].includes(statusOf(error) ?? 0) && !isNoList(error)) throw error;
    return (await fallbackIndex(session, endpoint, subject, signal)) ?? [];
  }
  const parsed = pages.map((page) => ImageIndexSchema.safeParse(page));
  // A catch-all page that answers 200 to everything is no referrers API either.
  if (!parsed.every((page) => page.success)) return (await fallbackIndex(session, endpoint, subject, signal)) ?? [];
  return unique(parsed.flatMap((page) => (page.data?.manifests ?? []) as Descriptor[]));
}

/**
 * The index for the fallback tag with `referrer` added, or undefined when it is there already. A registry that did not
 * confirm a subject by `OCI-Subject` relies on the client for this (distribution-spec 1.1, "Pushing Manifests with Subject").
 */
export async function withReferrer(
  session: Session,
  endpoint: Endpoint,
  link: { readonly subject: Digest; readonly referrer: Descriptor },
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const present = (await fallbackIndex(session, endpoint, link.subject, signal)) ?? [];
  if (present.some(({ digest }) => digest === link.referrer.digest)) return undefined;
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [...present, link.referrer] };
  return Buffer.from(JSON.stringify(index));
}

async function fallbackIndex(
  session: Session,
  endpoint: Endpoint,
  subject: Digest,
  signal: AbortSignal,
): Promise<Descriptor[] | undefined> {
  try {
    const { descriptor, content } = await getManifest(session, endpoint, digestTag(subject), signal);
    // Some tools put other things under such a tag; only an index lists referrers.
    if (!isIndexType(descriptor.mediaType)) return undefined;
    return unique(parseIndex(content, descriptor.mediaType, digestTag(subject)).manifests);
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
    throw error;
  }
}

function isNoList(error: unknown): boolean {
  return error instanceof AirgapError && error.code === 'E_REGISTRY' && statusOf(error) === undefined;
}

function unique(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

/** The descriptor of a manifest as an entry of a referrers list: with its artifact type and annotations. */
export function referrerDescriptor(content: Buffer, mediaType: string, document: Record<string, unknown>): Descriptor {
  const config = document['config'] as { readonly mediaType?: unknown } | undefined;
  const artifactType = document['artifactType'] ?? config?.mediaType;
  const annotations = document['annotations'] as Record<string, string> | undefined;
  return {
    mediaType,
    digest: digestOf(content),
    size: content.length,
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
