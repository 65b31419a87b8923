import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import type { ImageKind } from '../oci/image-kind.ts';
import type { MirrorPlan, PlannedImage } from './mirror-plan.ts';

/** Bytes of a group of images: what nothing listed before it has, what is shared with that, and both. */
export interface GroupSizes {
  readonly new: number;
  readonly shared: number;
  readonly total: number;
}

export interface ImageGroup<I = PlannedImage> {
  readonly images: readonly I[];
  readonly sizes: GroupSizes;
  /** What each image adds to those before it, in this group and the groups before. */
  readonly added: readonly number[];
}

export interface PlanGroups<I = PlannedImage> {
  /** One per release, in their order. */
  readonly releases: readonly ImageGroup<I>[];
  /** Per catalog: one group per package, and the catalog image itself. */
  readonly catalogs: readonly { readonly packages: readonly ImageGroup<I>[]; readonly own: ImageGroup<I> }[];
  /** Every other image, alone or with those of the same key. */
  readonly others: readonly ImageGroup<I>[];
}

/** As much of the collectors' facts as says what belongs together. */
export interface GroupedFacts {
  readonly releases: readonly { readonly tag: string; readonly digest: Digest }[];
  readonly catalogs: readonly {
    readonly target: { readonly repository: string; readonly tag: string };
    readonly packages: readonly { readonly bundles: readonly { readonly images: readonly string[] }[] }[];
  }[];
}

/** As much of an image as says what it belongs to; a planned one, or one of a `plan.json`. */
export interface GroupedImage {
  readonly kind: ImageKind;
  readonly origin: string;
  readonly root: { readonly digest: Digest };
  readonly target: { readonly repository: string; readonly tag?: string | undefined };
  readonly signatureOf?: Digest | undefined;
}

/** What is known of content: its size, and what it points to. */
export interface ContentSizes {
  /** Bytes; undefined for content that is not taken (an instance of an index that was not chosen). */
  sizeOf(digest: Digest): number | undefined;
  childrenOf(digest: Digest): readonly Digest[];
}

/** {@link groupImages} for a plan, every other image alone. */
export function groupPlan(plan: MirrorPlan, facts: GroupedFacts): PlanGroups {
  return groupImages(plan.images, facts, { content: contentOfPlan(plan) });
}

/**
 * Images by what they are in for: releases, operator packages, catalogs, the rest. Signatures belong to what they
 * sign. Content counts as new in the first group that has it, in the order of the result; what is there twice within one
 * group counts once. `keyOf` says which of the other images belong together.
 */
export function groupImages<I extends GroupedImage>(
  images: readonly I[],
  facts: GroupedFacts,
  { content, keyOf }: { readonly content: ContentSizes; readonly keyOf?: (image: I) => string | undefined },
): PlanGroups<I> {
  const measure = createMeasure(images, content);
  const rest = new Set(images.filter((image) => image.kind !== 'signature'));
  const take = (filter: (image: I) => boolean): ImageGroup<I> => {
    const group = measure(images.filter((image) => image.kind !== 'signature' && filter(image)));
    for (const image of group.images) rest.delete(image);
    return group;
  };
  const releases = facts.releases.map(({ tag, digest }) =>
    take(
      (image) =>
        (image.kind === 'release' && image.root.digest === digest) ||
        (isReleaseContent(image) && image.target.tag?.startsWith(`${tag}-`) === true),
    ),
  );
  const catalogs = facts.catalogs.map(({ packages, target }) => ({
    packages: packages.map(({ bundles }) => {
      const origins = new Set(
        bundles.flatMap((bundle) => bundle.images.map((text) => formatReference(parseReference(text)))),
      );
      return take((image) => isOperatorContent(image) && origins.has(image.origin));
    }),
    own: take(
      (image) =>
        image.kind === 'catalog' && image.target.repository === target.repository && image.target.tag === target.tag,
    ),
  }));
  const together = Map.groupBy([...rest], (image) => keyOf?.(image) ?? image);
  return { releases, catalogs, others: [...together.values()].map((members) => measure(members)) };
}

/** The sizes of everything a plan takes. */
export function contentOfPlan(plan: MirrorPlan): ContentSizes {
  const blobSizes = new Map(plan.blobs.map(({ descriptor }) => [descriptor.digest, descriptor.size]));
  const children = new Map<Digest, readonly Digest[]>();
  return {
    sizeOf: (digest) => plan.manifests.get(digest)?.descriptor.size ?? blobSizes.get(digest),
    childrenOf(digest) {
      const manifest = plan.manifests.get(digest);
      if (manifest === undefined) return [];
      const found = children.get(digest);
      if (found !== undefined) return found;
      const next = readSuccessors(manifest.content, manifest.descriptor.mediaType, digest);
      const list = [...next.manifests, ...next.blobs].map((child) => child.digest);
      children.set(digest, list);
      return list;
    },
  };
}

function isReleaseContent({ kind }: GroupedImage): boolean {
  return kind === 'releaseContent' || kind === 'kubevirtDisk';
}

function isOperatorContent({ kind }: GroupedImage): boolean {
  return kind === 'operatorBundle' || kind === 'relatedImage';
}

/** Measures groups in the order they are asked for, and adds the signatures of what is in them. */
function createMeasure<I extends GroupedImage>(
  all: readonly I[],
  content: ContentSizes,
): (images: readonly I[]) => ImageGroup<I> {
  const signatures = Map.groupBy(
    all.filter((image) => image.kind === 'signature'),
    (image) => image.signatureOf,
  );
  const known = new Set<Digest>();
  return (images) => {
    const group = new Set<Digest>();
    const members: I[] = [];
    const added: number[] = [];
    let shared = 0;
    const add = (image: I): void => {
      let fresh = 0;
      const open = [image.root.digest];
      for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
        const size = content.sizeOf(digest);
        if (size === undefined || group.has(digest)) continue;
        group.add(digest);
        if (known.has(digest)) shared += size;
        else fresh += size;
        open.push(...content.childrenOf(digest));
      }
      members.push(image);
      added.push(fresh);
    };
    for (const image of images) add(image);
    const repositories = new Set(images.map((image) => image.target.repository));
    const taken = new Set<I>();
    // A set grows while it is walked: signatures of signatures follow what they sign.
    for (const digest of group) {
      for (const signature of signatures.get(digest) ?? []) {
        if (taken.has(signature) || !repositories.has(signature.target.repository)) continue;
        taken.add(signature);
        add(signature);
      }
    }
    for (const digest of group) known.add(digest);
    const fresh = added.reduce((sum, bytes) => sum + bytes, 0);
    return { images: members, sizes: { new: fresh, shared, total: fresh + shared }, added };
  };
}
