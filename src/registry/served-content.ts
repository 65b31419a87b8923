import { isAirgapError } from '../core/errors.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import { digestOf, type Digest } from '../oci/digest.ts';
import { readSuccessors, type Successors } from '../oci/graph.ts';
import { digestTag } from '../oci/reference.ts';
import { isManifestType, MAX_MANIFEST_SIZE, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { referrerDescriptor } from './referrers.ts';

/** One line of the names table: where in the registry a root appears. Without a tag it is found by digest alone. */
export interface ServedImage {
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly root: Descriptor;
}

/** What one repository holds. */
export interface ServedRepository {
  /** Sorted by name. */
  readonly tags: ReadonlyMap<string, Digest>;
  /** Tags that are not listed: `sha256-<hex>` for every manifest something refers to (distribution-spec, "Referrers Tag Schema"). */
  readonly fallbackTags: ReadonlyMap<string, Digest>;
  readonly manifests: ReadonlyMap<Digest, Descriptor>;
  readonly blobs: ReadonlyMap<Digest, Descriptor>;
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
  /** Manifests that only exist here: the lists of referrers behind the fallback tags. */
  readonly generated: ReadonlyMap<Digest, Buffer>;
}

/** A source with the names under which a registry shows it. */
export interface ServedContent {
  readonly source: ContentSource;
  /** Sorted by name. */
  readonly repositories: ReadonlyMap<string, ServedRepository>;
}

interface Building {
  readonly tags: Map<string, Digest>;
  readonly manifests: Map<Digest, Descriptor>;
  readonly blobs: Map<Digest, Descriptor>;
  readonly referrers: Map<Digest, Descriptor[]>;
}

interface ReadManifest {
  readonly successors: Successors;
  /** How a list of referrers describes it. */
  readonly asReferrer: Descriptor;
}

/**
 * Reads every manifest once and notes what each repository holds: a registry shows content only where it belongs.
 * Children an index names and the source does not have (images taken for some platforms) are left out. Throws what the
 * source throws for damaged manifests.
 */
export async function indexContent(
  source: ContentSource,
  images: readonly ServedImage[],
  signal: AbortSignal,
): Promise<ServedContent> {
  const known = new Map<Digest, ReadManifest | undefined>();
  const read = async (descriptor: Descriptor): Promise<ReadManifest | undefined> => {
    if (known.has(descriptor.digest)) return known.get(descriptor.digest);
    const manifest = await readManifest(source, descriptor, signal);
    known.set(descriptor.digest, manifest);
    return manifest;
  };
  const visit = async (descriptor: Descriptor, repository: Building): Promise<void> => {
    if (repository.manifests.has(descriptor.digest)) return;
    const manifest = await read(descriptor);
    if (manifest === undefined) return;
    repository.manifests.set(descriptor.digest, descriptor);
    const { blobs, manifests, subject } = manifest.successors;
    for (const blob of blobs) repository.blobs.set(blob.digest, blob);
    if (subject !== undefined) {
      const list = repository.referrers.get(subject.digest) ?? [];
      repository.referrers.set(subject.digest, [...list, manifest.asReferrer]);
    }
    for (const child of manifests) {
      if (isManifestType(child.mediaType)) await visit(child, repository);
      else repository.blobs.set(child.digest, child);
    }
  };

  const building = new Map<string, Building>();
  for (const { repository, tag, root } of images) {
    const target = building.get(repository) ?? emptyRepository();
    building.set(repository, target);
    await visit(root, target);
    if (tag !== undefined) target.tags.set(tag, root.digest);
  }
  const repositories = [...building].toSorted(byName).map(([name, one]) => [name, finish(one)] as const);
  return { source, repositories: new Map(repositories) };
}

async function readManifest(
  source: ContentSource,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<ReadManifest | undefined> {
  const { digest, mediaType } = descriptor;
  let content: Buffer;
  try {
    content = await readContent(source, descriptor, { signal, limit: MAX_MANIFEST_SIZE });
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
    throw error;
  }
  const successors = readSuccessors(content, mediaType, digest);
  const document = JSON.parse(content.toString('utf8')) as Record<string, unknown>;
  return { successors, asReferrer: referrerDescriptor(content, mediaType, document) };
}

function emptyRepository(): Building {
  return { tags: new Map(), manifests: new Map(), blobs: new Map(), referrers: new Map() };
}

function finish({ tags, manifests, blobs, referrers }: Building): ServedRepository {
  const generated = new Map<Digest, Buffer>();
  const fallbackTags = new Map<string, Digest>();
  for (const [subject, list] of referrers) {
    const index = referrersIndex(list);
    generated.set(digestOf(index), index);
    fallbackTags.set(digestTag(subject), digestOf(index));
  }
  return { tags: new Map([...tags].toSorted(byName)), fallbackTags, manifests, blobs, referrers, generated };
}

/** The list of referrers as a document (distribution-spec, "Listing Referrers"). */
export function referrersIndex(manifests: readonly Descriptor[]): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }));
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
