import { formatReference, networkReference, parseReference, repositoryName, type ImageRef } from '../oci/reference.ts';
import type { Digest } from '../oci/digest.ts';
import {
  mergeCategories,
  mirrorEntries,
  type MirrorEntry,
  type MirroredImage,
  type MirrorOptions,
} from './mirror-entry.ts';

/** An image on the target registry together with what can be asked of it by digest there. */
export interface StoredImage extends MirroredImage {
  /** Digest of the image, and of its instances when it is an index. */
  readonly digests: readonly Digest[];
}

/** Where pulls end up on a cluster that has our mirror sets, and what they find there. */
export interface MirrorTable {
  readonly byDigest: readonly MirrorEntry[];
  readonly byTag: readonly MirrorEntry[];
  /** `repository:tag` and `repository@digest`, host included, of everything on the target registry. */
  readonly stored: ReadonlySet<string>;
  /** Hosts of the target registry. */
  readonly hosts: ReadonlySet<string>;
}

/** What a pull of a reference leads to: an image on the target registry, nothing there, or the internet. */
export type PullOutcome = 'found' | 'missing' | 'unmirrored';

/** The table of the mirror sets that {@link mirrorEntries} gives for these images. */
export function createMirrorTable(images: readonly StoredImage[], options: MirrorOptions): MirrorTable {
  const targets = images.map((image) => ({ image, target: parseReference(image.target, { allowBare: true }) }));
  return {
    byDigest: mergeCategories(mirrorEntries(images, 'digest', options)),
    byTag: mergeCategories(mirrorEntries(images, 'tag', options)),
    stored: new Set(
      targets.flatMap(({ image, target }) => [
        formatReference(target),
        ...image.digests.map((digest) => `${repositoryName(target)}@${digest}`),
      ]),
    ),
    hosts: new Set(targets.map(({ target }) => target.registry)),
  };
}

/**
 * Follows a pull as CRI-O does it: the digest decides where there is one, the entry with the longest source is used, its
 * mirrors are tried in order (containers-registries.conf, "Remapping and mirroring registries").
 */
export function followPull(reference: ImageRef, table: MirrorTable): PullOutcome {
  const asked = networkReference(reference);
  const name = repositoryName(asked);
  const selector = asked.digest === undefined ? `:${asked.tag ?? 'latest'}` : `@${asked.digest}`;
  if (table.stored.has(`${name}${selector}`)) return 'found';
  const entries = asked.digest === undefined ? table.byTag : table.byDigest;
  const entry = entries
    .filter(({ source }) => name === source || name.startsWith(`${source}/`))
    .toSorted((a, b) => b.source.length - a.source.length)[0];
  if (entry === undefined) return table.hosts.has(asked.registry) ? 'missing' : 'unmirrored';
  const rest = name.slice(entry.source.length);
  return entry.mirrors.some((mirror) => table.stored.has(`${mirror}${rest}${selector}`)) ? 'found' : 'missing';
}
