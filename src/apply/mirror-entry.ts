import type { Warning } from '../core/events.ts';
import type { ImageKind } from '../oci/image-kind.ts';
import { networkReference, parseReference, repositoryName, type ImageRef } from '../oci/reference.ts';

/** An image on the target registry, as far as the resources of a cluster depend on it. */
export interface MirroredImage {
  readonly kind: ImageKind;
  /** The reference as the release, the catalog or the user wrote it, with or without transport. */
  readonly origin: string;
  /** Reference on the target registry, host included. */
  readonly target: string;
}

type MirrorCategory = 'release' | 'operator' | 'generic';

/** Categories in the order their resources are written. */
const MIRROR_CATEGORIES: readonly MirrorCategory[] = ['release', 'operator', 'generic'];

/** "What is asked of `source` is also at `mirrors`, best first." Neither has a tag or digest. */
export interface MirrorEntry {
  readonly source: string;
  readonly mirrors: readonly string[];
}

export type CategorizedMirrors = ReadonlyMap<MirrorCategory, readonly MirrorEntry[]>;

export interface MirrorOptions {
  /** Whole repositories instead of namespaces: needed when nested paths are flattened on the target registry. */
  readonly repositoryScope: boolean;
  /**
   * What becomes of a namespace entry whose source would be a bare host (image `host/name`): `keep` it, as the vendor
   * tool does, which redirects the whole registry; or `narrow` it to the repository, which HyperShift needs because it
   * does not use registry-wide sources.
   */
  readonly hostSources: 'keep' | 'narrow';
}

/** Which pulls a mirror entry is for. */
export type MirrorMode = 'digest' | 'tag';

const CATEGORY_OF: Readonly<Record<ImageKind, MirrorCategory | undefined>> = {
  release: 'release',
  releaseContent: 'release',
  kubevirtDisk: 'release',
  operatorBundle: 'operator',
  relatedImage: 'operator',
  additional: 'generic',
  helm: 'generic',
  // Made by us or named by their own resources; signatures live in the repositories of the images they belong to.
  graphData: undefined,
  catalog: undefined,
  signature: undefined,
};

/**
 * The mirror entries of all images that are pulled by digest or by tag, per category; entries with one source are
 * merged and sorted by source, mirrors stay in the order of the images. A release payload known by tag is also pulled by
 * digest (oc-mirror behaviour, "IDMS and ITMS"). Throws `E_CONFIG` for a reference that can not be parsed.
 */
export function mirrorEntries(
  images: readonly MirroredImage[],
  mode: MirrorMode,
  options: MirrorOptions,
): CategorizedMirrors {
  const found = new Map<MirrorCategory, Map<string, string[]>>();
  for (const image of images) {
    const category = CATEGORY_OF[image.kind];
    if (category === undefined) continue;
    const origin = parseReference(image.origin);
    // An OCI layout on a disk is nothing a cluster can ask for.
    if (origin.transport === 'oci' || !isPulledBy(mode, origin, image.kind)) continue;
    const { source, mirror } = scopeOf(networkReference(origin), parseReference(image.target), options);
    const sources = found.get(category) ?? new Map<string, string[]>();
    found.set(category, sources);
    addMirrors(sources, source, [mirror]);
  }
  return new Map(
    MIRROR_CATEGORIES.flatMap((category) => {
      const sources = found.get(category);
      return sources === undefined ? [] : [[category, toEntries(sources)] as const];
    }),
  );
}

/** One list over all categories, as `imageContentSources` of a HostedCluster takes it. */
export function mergeCategories(...groups: readonly CategorizedMirrors[]): readonly MirrorEntry[] {
  const sources = new Map<string, string[]>();
  for (const group of groups) {
    for (const entry of [...group.values()].flat()) addMirrors(sources, entry.source, entry.mirrors);
  }
  return toEntries(sources);
}

/** One warning per source that redirects a whole registry. */
export function hostSourceWarnings(entries: readonly MirrorEntry[]): readonly Warning[] {
  return entries
    .filter((entry) => !entry.source.includes('/'))
    .map((entry) => ({
      code: 'W_CLUSTER',
      message: `the mirror entry for ${entry.source} redirects the whole registry, and HyperShift does not use it`,
    }));
}

function isPulledBy(mode: MirrorMode, origin: ImageRef, kind: ImageKind): boolean {
  if (mode === 'tag') return origin.tag !== undefined;
  return origin.digest !== undefined || kind === 'release';
}

function scopeOf(origin: ImageRef, target: ImageRef, options: MirrorOptions): { source: string; mirror: string } {
  // A suffix of plain text, not of components, so that entries equal the vendor tool's.
  const keepsPath = target.repository.endsWith(origin.repository);
  const wholeHost = !origin.repository.includes('/');
  if (options.repositoryScope || !keepsPath || (wholeHost && options.hostSources === 'narrow')) {
    return { source: repositoryName(origin), mirror: repositoryName(target) };
  }
  return { source: namespaceOf(origin), mirror: namespaceOf(target) };
}

function namespaceOf(reference: ImageRef): string {
  const slash = reference.repository.lastIndexOf('/');
  return slash < 0 ? reference.registry : `${reference.registry}/${reference.repository.slice(0, slash)}`;
}

function addMirrors(sources: Map<string, string[]>, source: string, added: readonly string[]): void {
  const mirrors = sources.get(source) ?? [];
  sources.set(source, mirrors);
  mirrors.push(...added.filter((mirror) => !mirrors.includes(mirror)));
}

function toEntries(sources: ReadonlyMap<string, readonly string[]>): readonly MirrorEntry[] {
  return [...sources].map(([source, mirrors]) => ({ source, mirrors })).sort((a, b) => (a.source < b.source ? -1 : 1));
}
