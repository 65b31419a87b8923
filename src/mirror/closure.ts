import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import type { ImageKind } from '../oci/image-kind.ts';
import { LAYOUT_ROOT } from '../oci/layout-source.ts';
import { formatPlatform, matchesPlatform } from '../oci/platform.ts';
import { selectorOf, type ImageRef } from '../oci/reference.ts';
import {
  isIndexType,
  isManifestType,
  MAX_INDEX_LEVELS,
  MAX_MANIFEST_SIZE,
  type Descriptor,
  type Platform,
} from '../oci/types.ts';
import { hasOwnData, verifyBytes } from '../oci/verify-stream.ts';
import type { GeneratedImage, ImageRequest, MirrorContext, PlannedBlob, PlannedManifest } from './mirror-plan.ts';

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

  const visited = new Set<string>();

  /** `level` counts as the checks of a bundle do: `index.json` is 1. */
  async function visit(descriptor: Descriptor, level: number): Promise<void> {
    const { digest, mediaType } = descriptor;
    if (level > MAX_INDEX_LEVELS && isIndexType(mediaType)) {
      throw new AirgapError(
        'E_OCI',
        `${origin.what}: image indexes are nested deeper than ${MAX_INDEX_LEVELS} levels`,
        {
          hint: 'the index.json of the bundle is the first level; mirror the inner images by themselves',
        },
      );
    }
    const manifest = await readManifest(origin, descriptor, ctx, cache);
    // The same index further down is another question: what it holds may lie too deep there.
    const key = `${digest} ${level}`;
    if (visited.has(key)) return;
    visited.add(key);
    manifests.set(digest, manifest);
    const next = readSuccessors(manifest.content, mediaType, `${origin.what} (${digest})`);
    for (const blob of next.blobs) addBlob(blob);
    if (next.subject !== undefined) assertCarriable(next.subject, origin.what);
    // Also what is not taken: the index that names it travels, and is refused for it on the other side.
    for (const child of next.manifests) assertManifest(child, origin.what);
    const children = selectInstances(next.manifests, origin, descriptor, warnings);
    await Promise.all(children.map((child) => visit(child, level + 1)));
  }

  function addBlob(descriptor: Descriptor): void {
    assertCarriable(descriptor, origin.what);
    const { mediaType, digest, size } = descriptor;
    assertSameSize(descriptor, blobs.get(digest)?.descriptor, origin.what);
    const generated = origin.generated?.blobs.get(digest);
    blobs.set(digest, {
      descriptor: { mediaType, digest, size },
      sources: generated === undefined ? [atRepository(origin.ref)] : [],
      ...(generated === undefined ? {} : { generated }),
    });
  }

  assertManifest(root, origin.what);
  await visit(root, 2);
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

/**
 * The content of a manifest, read once however often it is named. Every naming must agree with it: a bundle with another
 * size or type for the same content is refused by its checks. Throws `E_DIGEST`, `E_OCI`.
 */
async function readManifest(
  origin: Origin,
  descriptor: Descriptor,
  ctx: MirrorContext,
  cache: ManifestCache,
): Promise<PlannedManifest> {
  const manifest = await cachedManifest(origin, descriptor, ctx, cache);
  verifyBytes(descriptor, manifest.content, origin.what);
  if (manifest.descriptor.mediaType !== descriptor.mediaType) {
    throw new AirgapError(
      'E_OCI',
      `${origin.what}: ${descriptor.digest} is announced as ${descriptor.mediaType} here and as ${manifest.descriptor.mediaType} elsewhere`,
    );
  }
  return manifest;
}

function cachedManifest(
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

function assertManifest(descriptor: Descriptor, what: string): void {
  assertCarriable(descriptor, what);
  if (isManifestType(descriptor.mediaType)) return;
  throw new AirgapError(
    'E_OCI',
    `${what}: ${descriptor.digest} is ${descriptor.mediaType}, which is no image manifest or index`,
  );
}

function assertSameSize(descriptor: Descriptor, known: Descriptor | undefined, what: string): void {
  if (known === undefined || known.size === descriptor.size) return;
  throw new AirgapError(
    'E_OCI',
    `${what}: ${descriptor.digest} is said to have ${descriptor.size} and ${known.size} bytes`,
  );
}

/** What a bundle can hold: content addressed by sha256, carried by ourselves. */
function assertCarriable(descriptor: Descriptor, what: string): void {
  if (!descriptor.digest.startsWith('sha256:')) {
    throw new AirgapError('E_OCI', `${what}: ${descriptor.digest} is not a sha256 digest, which a bundle can not hold`);
  }
  if (!hasOwnData(descriptor)) {
    throw new AirgapError('E_OCI', `${what}: ${descriptor.digest} has embedded data that is something else`, {
      hint: 'the image is damaged or made to deceive; ask who published it',
    });
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
