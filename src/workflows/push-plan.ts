import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import { isIndexType, type Descriptor, type Platform } from '../oci/types.ts';
import { matchesPlatform } from '../oci/platform.ts';

/** What the push needs to know of an image. */
export interface PushImage {
  readonly origin: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly target: { readonly repository: string; readonly tag?: string | undefined };
  readonly platforms?: readonly Platform[] | undefined;
}

export interface PushBlob {
  readonly descriptor: Descriptor;
  /** Uploaded here … */
  readonly repository: string;
  /** … and mounted from there into each of these. */
  readonly mounts: readonly string[];
  /** An image that needs it, by repository. */
  readonly origins: ReadonlyMap<string, string>;
}

export interface PushManifest {
  readonly descriptor: Descriptor;
  readonly repository: string;
  /** An image it belongs to. */
  readonly origin: string;
  /** An index some of whose instances do not go with it. */
  readonly isSparse: boolean;
  /** What this manifest refers to: it has to be found in the referrers of that. */
  readonly subject?: Digest;
}

export interface PushTag {
  readonly descriptor: Descriptor;
  readonly repository: string;
  readonly tag: string;
  readonly origin: string;
}

/** A manifest at its place. */
export function keyOf({ repository, descriptor }: Pick<PushManifest, 'repository' | 'descriptor'>): string {
  return `${repository}@${descriptor.digest}`;
}

/** Everything that goes to a registry, each unique blob once. */
export interface PushPlan {
  /** Largest first. */
  readonly blobs: readonly PushBlob[];
  /** Groups that may be pushed together; a group's manifests name only content of earlier groups. */
  readonly manifestLevels: readonly (readonly PushManifest[])[];
  readonly tags: readonly PushTag[];
  readonly uploadBytes: number;
}

/**
 * Plans the push of images whose manifests `readManifest` gives. Pure apart from that callback.
 * With platforms, instances that do not match are expected to be absent and are left out.
 */
export async function planPush(
  images: readonly PushImage[],
  readManifest: (descriptor: Descriptor) => Promise<Uint8Array>,
): Promise<PushPlan> {
  const blobs = new Map<Digest, { descriptor: Descriptor; origins: Map<string, string> }>();
  const levels = new Map<string, { manifest: PushManifest; level: number }>();
  // One name can be wanted twice: as additional and as related image, by tag and by digest.
  const tags = new Map<string, PushTag>();
  const untagged = new Set<string>();
  const children = new Set<string>();

  async function visit(descriptor: Descriptor, image: PushImage): Promise<number> {
    const { repository } = image.target;
    const key = keyOf({ repository, descriptor });
    const content = await readManifest(descriptor);
    const next = readSuccessors(content, descriptor.mediaType, `${image.origin} (${descriptor.digest})`);
    for (const blob of next.blobs) {
      const known = blobs.get(blob.digest) ?? { descriptor: plain(blob), origins: new Map<string, string>() };
      if (!known.origins.has(repository)) known.origins.set(repository, image.origin);
      blobs.set(blob.digest, known);
    }
    let level = 0;
    let isSparse = false;
    for (const child of next.manifests) {
      if (!isWanted(child, descriptor, image.platforms)) {
        isSparse = true;
        continue;
      }
      children.add(`${repository}@${child.digest}`);
      level = Math.max(level, (await visit(plain(child), image)) + 1);
    }
    const before = levels.get(key)?.level ?? 0;
    const subject = next.subject?.digest;
    const { origin } = image;
    const manifest = { descriptor, repository, origin, isSparse, ...(subject === undefined ? {} : { subject }) };
    levels.set(key, { manifest, level: Math.max(before, level) });
    return level;
  }

  for (const image of images) {
    const descriptor = { mediaType: image.mediaType, digest: image.digest, size: image.size };
    await visit(descriptor, image);
    const { repository, tag } = image.target;
    if (tag === undefined) untagged.add(`${repository}@${image.digest}`);
    else tags.set(`${repository}:${tag}`, { descriptor, repository, tag, origin: image.origin });
  }

  const pushBlobs = [...blobs.values()]
    .map(({ descriptor, origins }) => {
      const [repository, ...mounts] = [...origins.keys()];
      return { descriptor, repository: repository!, mounts, origins };
    })
    .toSorted((a, b) => b.descriptor.size - a.descriptor.size || (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  return {
    blobs: pushBlobs,
    manifestLevels: groupByLevel(levels, new Set([...untagged].filter((key) => !children.has(key)))),
    tags: [...tags.values()],
    uploadBytes: pushBlobs.reduce((sum, blob) => sum + blob.descriptor.size, 0),
  };
}

/**
 * Referrers come in a last group of their own, after every subject. Not those an index has as a child (attestations made
 * with an image): a registry takes no index before its children.
 */
function groupByLevel(
  entries: ReadonlyMap<string, { readonly manifest: PushManifest; readonly level: number }>,
  referrers: ReadonlySet<string>,
): PushManifest[][] {
  const groups: PushManifest[][] = [];
  const last = 1 + [...entries.values()].reduce((deepest, entry) => Math.max(deepest, entry.level), 0);
  for (const [key, { manifest, level }] of entries) (groups[referrers.has(key) ? last : level] ??= []).push(manifest);
  return groups.filter((group) => group !== undefined);
}

function isWanted(child: Descriptor, parent: Descriptor, platforms: readonly Platform[] | undefined): boolean {
  if (platforms === undefined || !isIndexType(parent.mediaType)) return true;
  return child.platform !== undefined && platforms.some((wanted) => matchesPlatform(child.platform!, wanted));
}

function plain(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, platform } = descriptor;
  return { mediaType, digest, size, ...(platform === undefined ? {} : { platform }) };
}
