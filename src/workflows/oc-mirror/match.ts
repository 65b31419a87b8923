import { AirgapError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { type Digest } from '../../oci/digest.ts';
import { readSuccessors } from '../../oci/graph.ts';
import { digestTag } from '../../oci/reference.ts';
import { MEDIA_TYPE, type Descriptor } from '../../oci/types.ts';
import type { MirrorPlan, PlannedImage } from '../../mirror/mirror-plan.ts';
import type { EngineDifference, PlanFacts } from '../../mirror/plan-file.ts';
import type { ArchiveContents } from './archive.ts';

/** A plan as the archive carries it. */
export interface MatchedPlan {
  readonly plan: MirrorPlan;
  readonly facts: Pick<PlanFacts, 'releases' | 'catalogs'>;
  /** Where archive and plan do not agree, in the order of the plan. */
  readonly differences: readonly EngineDifference[];
  /** Planned images the archive does not have; their signatures alone do not count. */
  readonly missing: readonly PlannedImage[];
}

/**
 * Compares what the vendor's program mirrored with our own plan, and gives the plan with what is really there: the digests of
 * images that are made anew (rebuilt catalogs, the graph-data image, signature manifests) are those of the archive. Every
 * image in it must be complete, else `E_FAILED`.
 */
export function matchArchive(plan: MirrorPlan, facts: PlanFacts, archive: ArchiveContents): MatchedPlan {
  const catalogs = new Map(facts.catalogs.map((catalog) => [nameOf(catalog.target), catalog]));
  const used = new Set<string>();
  const images: PlannedImage[] = [];
  const missing: PlannedImage[] = [];
  const differences: EngineDifference[] = [];
  const closure = createClosure(archive);
  const rebuilt = new Map<string, { digest: Digest; tag: string }>();

  for (const image of plan.images) {
    const { tag } = image.target;
    const { origin } = image;
    if (tag === undefined) {
      differences.push({ kind: 'leftOut', name: `${image.target.repository}@${image.root.digest}`, origin });
      continue;
    }
    const name = `${image.target.repository}:${tag}`;
    const catalog = image.kind === 'catalog' ? catalogs.get(name) : undefined;
    const stored = catalog?.rebuilt === undefined ? name : rebuiltName(catalog, facts, archive);
    const digest = archive.tags.get(stored);
    if (digest === undefined || !archive.blobs.has(digest)) {
      differences.push({ kind: 'missing', name, origin, planned: image.root.digest });
      if (image.kind !== 'signature') missing.push(image);
      continue;
    }
    used.add(stored);
    const isSameFilter = stored.endsWith(`:${catalog?.rebuilt?.filterHash}`);
    if (digest !== image.root.digest && !isMadeAnew(image, isSameFilter)) {
      differences.push({ kind: 'moved', name, origin, planned: image.root.digest, carried: digest });
    }
    const finalTag = tag === digestTag(image.root.digest) && catalog?.rebuilt !== undefined ? digestTag(digest) : tag;
    if (catalog?.rebuilt !== undefined) rebuilt.set(name, { digest, tag: finalTag });
    const root = rootOf(image, digest, archive);
    const { bytes } = closure.add(root, image);
    images.push({ ...image, root, bytes, target: { ...image.target, tag: finalTag } });
  }
  for (const [name, digest] of archive.tags) {
    if (used.has(name) || !archive.blobs.has(digest) || isCatalogSource(name, facts)) continue;
    differences.push({ kind: 'extra', name, carried: digest });
  }
  return {
    plan: { ...plan, images, ...closure.content() },
    facts: {
      releases: facts.releases,
      catalogs: facts.catalogs.map((catalog) => {
        const found = rebuilt.get(nameOf(catalog.target));
        if (found === undefined || catalog.rebuilt === undefined) return catalog;
        const { digest, tag } = found;
        return { ...catalog, target: { ...catalog.target, tag }, rebuilt: { ...catalog.rebuilt, digest } };
      }),
    },
    differences,
    missing,
  };
}

/** Made by each engine itself, so that only the content is the same. */
function isMadeAnew({ kind }: PlannedImage, isRebuilt: boolean): boolean {
  return isRebuilt || kind === 'graphData' || kind === 'signature';
}

/**
 * Where a filtered catalog is kept: under the hash of selection and catalog digest. A catalog that moved between our look and
 * the vendor's has another hash; it is the one nothing else of the plan explains.
 */
function rebuiltName(
  { target, rebuilt }: PlanFacts['catalogs'][number],
  facts: PlanFacts,
  { tags }: ArchiveContents,
): string {
  const expected = `${target.repository}:${rebuilt?.filterHash}`;
  if (tags.has(expected)) return expected;
  const known = new Set(facts.catalogs.map((catalog) => `${catalog.target.repository}:${catalog.rebuilt?.filterHash}`));
  const others = [...tags.keys()].filter(
    (name) => name.startsWith(`${target.repository}:`) && /:[0-9a-f]{32}$/.test(name) && !known.has(name),
  );
  return others.length === 1 ? others[0]! : expected;
}

/** The vendor's program keeps the original catalogs beside the rebuilt ones, to filter them again. */
function isCatalogSource(name: string, facts: PlanFacts): boolean {
  return facts.catalogs.some(({ target }) => name.startsWith(`${target.repository}:`));
}

function nameOf({ repository, tag }: { readonly repository: string; readonly tag: string }): string {
  return `${repository}:${tag}`;
}

function rootOf(image: PlannedImage, digest: Digest, archive: ArchiveContents): Descriptor {
  if (digest === image.root.digest) return image.root;
  const content = archive.manifests.get(digest);
  if (content === undefined) throw incomplete(image, `manifest ${digest}`);
  return { mediaType: mediaTypeOf(content, image), digest, size: content.length };
}

/** OCI documents need not name their type (OCI image-spec, "Image Manifest Property Descriptions"). */
function mediaTypeOf(content: Buffer, image: PlannedImage): string {
  const document = parseJson(content.toString('utf8'));
  if (typeof document !== 'object' || document === null) throw incomplete(image, 'manifest that can be read');
  if ('mediaType' in document && typeof document.mediaType === 'string') return document.mediaType;
  return 'manifests' in document ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest;
}

interface Closure {
  /** Takes an image in; bytes of all it points to. Throws `E_FAILED` when something is not in the archive. */
  add(root: Descriptor, image: PlannedImage): { readonly bytes: number };
  content(): Pick<MirrorPlan, 'manifests' | 'blobs' | 'totalBytes'>;
}

function createClosure(archive: ArchiveContents): Closure {
  const manifests = new Map<Digest, { descriptor: Descriptor; content: Uint8Array }>();
  const blobs = new Map<Digest, Descriptor>();
  return {
    add(root, image) {
      const seen = new Map<Digest, number>();
      const open = [root];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const { digest } = next;
        if (seen.has(digest)) continue;
        const content = archive.manifests.get(digest);
        if (content === undefined) {
          // Of an index that was taken for some platforms, the other instances are not there.
          if (image.platforms !== undefined && digest !== root.digest) continue;
          throw incomplete(image, `manifest ${digest}`);
        }
        seen.set(digest, content.length);
        manifests.set(digest, { descriptor: { mediaType: next.mediaType, digest, size: content.length }, content });
        const successors = readSuccessors(content, next.mediaType, digest);
        open.push(...successors.manifests);
        for (const blob of successors.blobs) {
          const size = archive.blobs.get(blob.digest)?.size;
          if (size === undefined) throw incomplete(image, `blob ${blob.digest}`);
          seen.set(blob.digest, size);
          blobs.set(blob.digest, { mediaType: blob.mediaType, digest: blob.digest, size });
        }
      }
      return { bytes: sum(seen.values()) };
    },
    content: () => ({
      manifests: new Map([...manifests].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      blobs: [...blobs.values()]
        .filter(({ digest }) => !manifests.has(digest))
        .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
        .map((descriptor) => ({ descriptor, sources: [] })),
      totalBytes:
        sum([...manifests.values()].map(({ content }) => content.length)) +
        sum([...blobs.values()].flatMap(({ digest, size }) => (manifests.has(digest) ? [] : [size]))),
    }),
  };
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function incomplete({ origin }: PlannedImage, what: string): AirgapError {
  return new AirgapError('E_FAILED', `the archive of oc-mirror is not complete: ${origin} has no ${what}`, {
    hint: 'remove the folder of the unfinished run and run the same command again; a cache that is given must not be in use elsewhere',
  });
}
