import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import { LAYOUT_ROOT } from '../oci/layout-source.ts';
import { formatPlatform, matchesPlatform } from '../oci/platform.ts';
import { selectorOf, type ImageRef } from '../oci/reference.ts';
import { isIndexType, isManifestType, MAX_MANIFEST_SIZE, type Descriptor, type Platform } from '../oci/types.ts';
import { verifyBytes } from '../oci/verify-stream.ts';
import type {
  GeneratedImage,
  ImageKind,
  ImageRequest,
  MirrorContext,
  PlannedBlob,
  PlannedManifest,
} from './mirror-plan.ts';

/** Deepest nesting of indexes that is followed (signing, "OCI checks"). */
const MAX_DEPTH = 4;

/** Everything reachable from one root. */
export interface Closure {
  readonly root: Descriptor;
  readonly manifests: readonly PlannedManifest[];
  readonly blobs: readonly PlannedBlob[];
  /** Bytes of all of it, content that occurs twice counted once. */
  readonly bytes: number;
  readonly warnings: readonly Warning[];
  /** For signatures: the tag they are found under, when it is a tag. */
  readonly tag?: string;
  readonly signatureOf?: Digest;
  /** For referrers: a Sigstore bundle (the form container engines do not read). */
  readonly isSigstoreBundle?: boolean;
}

export type ManifestCache = Map<Digest, Promise<PlannedManifest>>;

/** Their platforms stand beside the image itself; those of catalogs and releases are meant for many images at once. */
const CHOSEN_ALONE: readonly ImageKind[] = ['additional', 'helm'];

/**
 * Reads the manifests of a requested image. With platforms an index is kept byte for byte but only its matching
 * instances are taken (a sparse index, said in a warning). Platforms that are not there are `E_NOT_FOUND`; for an image of a
 * catalog or release that has some of them it is a warning, because such lists mix images for one and for many.
 */
export async function readClosure(request: ImageRequest, ctx: MirrorContext, cache: ManifestCache): Promise<Closure> {
  const source = ctx.openSource(request.source);
  const { generated } = request;
  const root = generated?.root ?? (await source.resolve(selectorIn(request.source), ctx.signal));
  return walk(
    {
      source,
      ref: request.source,
      generated,
      platforms: request.platforms,
      needsAllPlatforms: CHOSEN_ALONE.includes(request.kind),
      what: request.origin,
    },
    root,
    ctx,
    cache,
  );
}

/** A layout directory is taken as a whole unless a digest is named. */
function selectorIn(ref: ImageRef): string {
  return ref.transport === 'oci' ? (ref.digest ?? LAYOUT_ROOT) : selectorOf(ref);
}

interface Origin {
  readonly source: ContentSource;
  readonly ref: ImageRef;
  readonly generated?: GeneratedImage | undefined;
  readonly platforms?: readonly Platform[] | undefined;
  readonly needsAllPlatforms?: boolean;
  readonly what: string;
}

/** The closure of a root found in a repository. */
export async function walk(
  origin: Origin,
  root: Descriptor,
  ctx: MirrorContext,
  cache: ManifestCache,
): Promise<Closure> {
  const manifests = new Map<Digest, PlannedManifest>();
  const blobs = new Map<Digest, PlannedBlob>();
  const warnings: Warning[] = [];

  async function visit(descriptor: Descriptor, depth: number): Promise<void> {
    if (manifests.has(descriptor.digest)) return;
    if (depth > MAX_DEPTH)
      throw new AirgapError('E_OCI', `${origin.what}: image indexes nested deeper than ${MAX_DEPTH}`);
    assertCarriable(descriptor, origin.what);
    if (!isManifestType(descriptor.mediaType)) {
      throw new AirgapError(
        'E_OCI',
        `${origin.what}: ${descriptor.digest} is ${descriptor.mediaType}, which is no image manifest or index`,
      );
    }
    const manifest = await readManifest(origin, descriptor, ctx, cache);
    manifests.set(descriptor.digest, manifest);
    const next = readSuccessors(manifest.content, descriptor.mediaType, `${origin.what} (${descriptor.digest})`);
    for (const blob of next.blobs) addBlob(blob);
    const children = selectInstances(next.manifests, origin, descriptor, warnings);
    await Promise.all(children.map((child) => visit(child, depth + 1)));
  }

  function addBlob(descriptor: Descriptor): void {
    assertCarriable(descriptor, origin.what);
    const generated = origin.generated?.blobs.get(descriptor.digest);
    const { mediaType, digest, size } = descriptor;
    blobs.set(digest, {
      descriptor: { mediaType, digest, size },
      sources: generated === undefined ? [atRepository(origin.ref)] : [],
      ...(generated === undefined ? {} : { generated }),
    });
  }

  await visit(root, 0);
  const bytes = [...manifests.values(), ...blobs.values()].reduce((sum, content) => sum + content.descriptor.size, 0);
  const { mediaType, digest, size } = root;
  return {
    root: { mediaType, digest, size, ...(root.artifactType === undefined ? {} : { artifactType: root.artifactType }) },
    manifests: [...manifests.values()],
    blobs: [...blobs.values()],
    bytes,
    warnings,
  };
}

function readManifest(
  origin: Origin,
  descriptor: Descriptor,
  ctx: MirrorContext,
  cache: ManifestCache,
): Promise<PlannedManifest> {
  const known = cache.get(descriptor.digest);
  if (known !== undefined) return known;
  const { mediaType, digest, size } = descriptor;
  const reading = (async () => {
    const made = origin.generated?.manifests.get(digest);
    const content =
      made ?? (await readContent(origin.source, descriptor, { signal: ctx.signal, limit: MAX_MANIFEST_SIZE }));
    verifyBytes(descriptor, content, origin.what);
    return { descriptor: { mediaType, digest, size }, content };
  })();
  cache.set(digest, reading);
  // Another repository may have the content this one refuses.
  reading.catch(() => cache.delete(digest));
  return reading;
}

function selectInstances(
  children: readonly Descriptor[],
  origin: Origin,
  index: Descriptor,
  warnings: Warning[],
): readonly Descriptor[] {
  const { platforms } = origin;
  if (platforms === undefined || !isIndexType(index.mediaType)) return children;
  const missing = platforms.filter(
    (wanted) => !children.some((child) => child.platform !== undefined && matchesPlatform(child.platform, wanted)),
  );
  if (missing.length > 0) {
    const there = children.map((child) => (child.platform === undefined ? 'unknown' : formatPlatform(child.platform)));
    const message = `${origin.what} has no instance for ${missing.map(formatPlatform).join(', ')}, only ${[...new Set(there)].join(', ')}`;
    if (origin.needsAllPlatforms === true || missing.length === platforms.length) {
      throw new AirgapError('E_NOT_FOUND', message, { hint: 'correct the platforms of this entry' });
    }
    warnings.push({ code: 'W_SPARSE', message });
  }
  const selected = children.filter(
    (child) => child.platform !== undefined && platforms.some((wanted) => matchesPlatform(child.platform!, wanted)),
  );
  if (selected.length < children.length) {
    warnings.push({
      code: 'W_SPARSE',
      message: `${origin.what}: ${selected.length} of ${children.length} instances are taken; the index keeps its digest and names instances that are not there`,
    });
  }
  return selected;
}

/** What a bundle can hold: content addressed by sha256, carried by ourselves. */
function assertCarriable(descriptor: Descriptor, what: string): void {
  if (!descriptor.digest.startsWith('sha256:')) {
    throw new AirgapError('E_OCI', `${what}: ${descriptor.digest} is not a sha256 digest, which a bundle can not hold`);
  }
  if ('urls' in descriptor && Array.isArray(descriptor.urls) && descriptor.urls.length > 0) {
    throw new AirgapError('E_OCI', `${what}: ${descriptor.digest} is a foreign layer that lives at other URLs`, {
      hint: 'foreign layers can not cross an air gap; use an image without them',
    });
  }
}

function atRepository(ref: ImageRef): ImageRef {
  return { transport: ref.transport, registry: ref.registry, repository: ref.repository };
}
