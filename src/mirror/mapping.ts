import { resolve } from 'node:path';
import type { Digest } from '../oci/digest.ts';
import { digestTag, formatReference, repositoryName } from '../oci/reference.ts';
import { ImageIndexSchema, isIndexType } from '../oci/types.ts';
import type { ImageKind } from '../oci/image-kind.ts';
import type { MirrorPlan, PlannedImage } from './mirror-plan.ts';
import { limitNesting, VENDOR_CACHE } from './target-name.ts';

export interface MappingOptions {
  /**
   * Registry with its optional namespace, `registry.lab:8443/ocp`. {@link VENDOR_CACHE} gives the mapping of a mirror-to-disk
   * run: the vendor tool rebuilds catalogs later, so that one known by digest alone keeps its own digest there.
   */
  readonly destination: string;
  /** Most path components after the host; 0 for no limit. */
  readonly maxNestedPaths: number;
  /** Also one line per instance of every image index. */
  readonly withInstances: boolean;
  /** Only these images; default all. */
  readonly only?: (image: PlannedImage) => boolean;
}

/** Order in which images are copied: what is needed by others goes first. */
const COPY_ORDER: Readonly<Record<ImageKind, number>> = {
  releaseContent: 1,
  kubevirtDisk: 2,
  release: 3,
  graphData: 4,
  relatedImage: 5,
  additional: 6,
  helm: 7,
  operatorBundle: 8,
  catalog: 9,
  signature: 10,
};

/**
 * The plan as the vendor tool's `mapping.txt`: a line `<source>=<destination>` per image, in copy order, without
 * signatures, which it does not list either. With `only`, the form of its `missing.txt` (oc-mirror behaviour, "Dry run").
 * Empty for a plan without images.
 */
export function formatMapping(plan: MirrorPlan, options: MappingOptions): string {
  return plan.images
    .filter((image) => image.kind !== 'signature' && options.only?.(image) !== false)
    .toSorted((a, b) => COPY_ORDER[a.kind] - COPY_ORDER[b.kind])
    .flatMap((image) => linesFor(image, plan, options))
    .map((line) => `${line}\n`)
    .join('');
}

function linesFor(image: PlannedImage, plan: MirrorPlan, options: MappingOptions): readonly string[] {
  const { name, reference } = destinationOf(image, options);
  const destination = `docker://${reference}`;
  // The graph-data image is made in place: the vendor tool lists it as its own source.
  const source = image.kind === 'graphData' ? destination : sourceText(image);
  const lines = [`${source}=${destination}`];
  if (!options.withInstances) return lines;
  const base = source.slice(0, source.includes('@') ? source.indexOf('@') : undefined);
  return [...lines, ...instancesOf(image, plan).map((digest) => `${base}@${digest}=docker://${name}@${digest}`)];
}

function destinationOf(image: PlannedImage, options: MappingOptions): { name: string; reference: string } {
  const slash = options.destination.indexOf('/');
  const host = slash < 0 ? options.destination : options.destination.slice(0, slash);
  const prefix = slash < 0 ? '' : `${options.destination.slice(slash + 1)}/`;
  const name = `${host}/${limitNesting(`${prefix}${image.target.repository}`, options.maxNestedPaths)}`;
  const tag = options.destination === VENDOR_CACHE ? tagInCache(image) : image.target.tag;
  return { name, reference: tag === undefined ? `${name}@${image.root.digest}` : `${name}:${tag}` };
}

function tagInCache({ kind, source, target, root }: PlannedImage): string | undefined {
  const isNamedByRebuilt = kind === 'catalog' && target.tag === digestTag(root.digest) && source.digest !== undefined;
  return isNamedByRebuilt ? digestTag(source.digest) : target.tag;
}

function sourceText(image: PlannedImage): string {
  const { source } = image;
  // Of a catalog the vendor tool names the absolute path, of an additional image what was written.
  if (source.transport === 'oci' && image.kind === 'catalog') return `oci://${resolve(source.repository)}`;
  if (source.transport === 'oci') return formatReference(source);
  return `docker://${repositoryName(source)}${selector(image)}`;
}

/** A release is listed by the tag of its signature where it has one, everything else by digest where one is known. */
function selector(image: PlannedImage): string {
  const { tag, digest } = image.source;
  const byTag = tag !== undefined && (digest === undefined || image.kind === 'release');
  return byTag ? `:${tag}` : `@${digest}`;
}

function instancesOf(image: PlannedImage, plan: MirrorPlan): readonly Digest[] {
  const manifest = plan.manifests.get(image.root.digest);
  if (manifest === undefined || !isIndexType(manifest.descriptor.mediaType)) return [];
  const index = ImageIndexSchema.parse(JSON.parse(Buffer.from(manifest.content).toString('utf8')));
  return index.manifests.map((instance) => instance.digest);
}
