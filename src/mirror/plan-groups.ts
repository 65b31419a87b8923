import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import type { MirrorPlan, PlannedImage } from './mirror-plan.ts';

/** Bytes of a group of images: what nothing listed before it has, what is shared with that, and both. */
export interface GroupSizes {
  readonly new: number;
  readonly shared: number;
  readonly total: number;
}

export interface ImageGroup {
  readonly images: readonly PlannedImage[];
  readonly sizes: GroupSizes;
}

export interface PlanGroups {
  /** One per release, in their order. */
  readonly releases: readonly ImageGroup[];
  /** Per catalog: one group per package, and the catalog image itself. */
  readonly catalogs: readonly { readonly packages: readonly ImageGroup[]; readonly own: ImageGroup }[];
  /** Every other image alone. */
  readonly others: readonly ImageGroup[];
}

/** As much of the collectors' facts as says what belongs together. */
export interface GroupedFacts {
  readonly releases: readonly { readonly tag: string; readonly digest: Digest }[];
  readonly catalogs: readonly {
    readonly target: { readonly repository: string; readonly tag: string };
    readonly packages: readonly { readonly bundles: readonly { readonly images: readonly string[] }[] }[];
  }[];
}

/**
 * The images of a plan by what they are in for: releases, operator packages, catalogs, the rest. Signatures belong to what they
 * sign. Content counts as new in the first group that has it, in the order of the result; what is there twice within one
 * group counts once.
 */
export function groupPlan(plan: MirrorPlan, facts: GroupedFacts): PlanGroups {
  const measure = createMeasure(plan);
  const rest = new Set(plan.images);
  const take = (filter: (image: PlannedImage) => boolean): ImageGroup => {
    const images = plan.images.filter((image) => image.kind !== 'signature' && filter(image));
    const group = measure(images);
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
        bundles.flatMap(({ images }) => images.map((text) => formatReference(parseReference(text)))),
      );
      return take((image) => isOperatorContent(image) && origins.has(image.origin));
    }),
    own: take(
      (image) =>
        image.kind === 'catalog' && image.target.repository === target.repository && image.target.tag === target.tag,
    ),
  }));
  const others = [...rest].filter((image) => image.kind !== 'signature').map((image) => measure([image]));
  return { releases, catalogs, others };
}

function isReleaseContent({ kind }: PlannedImage): boolean {
  return kind === 'releaseContent' || kind === 'kubevirtDisk';
}

function isOperatorContent({ kind }: PlannedImage): boolean {
  return kind === 'operatorBundle' || kind === 'relatedImage';
}

/** Measures groups in the order they are asked for, and adds the signatures of what is in them. */
function createMeasure(plan: MirrorPlan): (images: readonly PlannedImage[]) => ImageGroup {
  const blobSizes = new Map(plan.blobs.map(({ descriptor }) => [descriptor.digest, descriptor.size]));
  const children = new Map<Digest, readonly Digest[]>();
  const signatures = Map.groupBy(
    plan.images.filter((image) => image.kind === 'signature'),
    ({ signatureOf }) => signatureOf,
  );
  const known = new Set<Digest>();
  const childrenOf = (digest: Digest): readonly Digest[] => {
    const found = children.get(digest);
    if (found !== undefined) return found;
    const { content, descriptor } = plan.manifests.get(digest)!;
    const next = readSuccessors(content, descriptor.mediaType, digest);
    const list = [...next.manifests, ...next.blobs].map((child) => child.digest);
    children.set(digest, list);
    return list;
  };
  return (images) => {
    const closure = new Map<Digest, number>();
    const visit = (digest: Digest): void => {
      const manifest = plan.manifests.get(digest);
      const size = manifest?.descriptor.size ?? blobSizes.get(digest);
      // An instance that was not chosen: the index names it, the plan does not have it.
      if (size === undefined || closure.has(digest)) return;
      closure.set(digest, size);
      if (manifest !== undefined) for (const child of childrenOf(digest)) visit(child);
    };
    for (const image of images) visit(image.root.digest);
    const repositories = new Set(images.map((image) => image.target.repository));
    const signed = [...closure.keys()]
      .flatMap((digest) => signatures.get(digest) ?? [])
      .filter(({ target }) => repositories.has(target.repository));
    for (const signature of signed) visit(signature.root.digest);
    let [added, shared] = [0, 0];
    for (const [digest, size] of closure) {
      if (known.has(digest)) shared += size;
      else added += size;
      known.add(digest);
    }
    return { images: [...images, ...signed], sizes: { new: added, shared, total: added + shared } };
  };
}
