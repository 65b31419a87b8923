import type { Digest } from '../oci/digest.ts';

/** What a plan, a bundle's `plan.json` and a lock file say alike about an image. */
export interface ComparedImage {
  readonly kind: string;
  readonly origin: string;
  readonly digest: Digest;
  readonly target: { readonly repository: string; readonly tag?: string | undefined };
  /** Bytes of the whole image, shared or not. */
  readonly bytes: number;
}

export interface PlanDiff {
  readonly added: readonly ComparedImage[];
  readonly removed: readonly ComparedImage[];
  /** One name on the target, other content. */
  readonly moved: readonly { readonly before: ComparedImage; readonly after: ComparedImage }[];
  readonly unchanged: number;
}

/**
 * What changes on the target registry from one plan to the other. Images are told apart by their name there, so a tag
 * that moved is one change and not two; lists are sorted by that name.
 */
export function diffPlans(before: readonly ComparedImage[], after: readonly ComparedImage[]): PlanDiff {
  const [known, wanted] = [byName(before), byName(after)];
  const common = [...wanted].flatMap(([name, image]) => {
    const earlier = known.get(name);
    return earlier === undefined ? [] : [{ before: earlier, after: image }];
  });
  return {
    added: [...wanted].filter(([name]) => !known.has(name)).map(([, image]) => image),
    removed: [...known].filter(([name]) => !wanted.has(name)).map(([, image]) => image),
    moved: common.filter((pair) => pair.before.digest !== pair.after.digest),
    unchanged: common.filter((pair) => pair.before.digest === pair.after.digest).length,
  };
}

function byName(images: readonly ComparedImage[]): ReadonlyMap<string, ComparedImage> {
  const named = images.map((image) => [nameOf(image), image] as const);
  return new Map(named.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Referrers have no tag, they are their digest. */
function nameOf(image: ComparedImage): string {
  const { repository, tag } = image.target;
  return tag === undefined ? `${repository}@${image.digest}` : `${repository}:${tag}`;
}
