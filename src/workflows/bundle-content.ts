import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { hexOf } from '../oci/digest.ts';
import { MEDIA_TYPE } from '../oci/types.ts';
import type { MirrorPlan, PlannedBlob, PlannedImage } from '../mirror/mirror-plan.ts';
import { formatPlanFile, PLAN_PATH, planFileOf, type PlanFacts } from '../mirror/plan-file.ts';

/** Name of an image inside the layout's `index.json` (OCI image-spec, annotations). */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** Where the image came from, for people who look into `index.json`. */
const SOURCE_ANNOTATION = 'io.airgap.image.source';

/** One file of a bundle before it is written: known in full (`content`) or fetched while writing (`blob`). */
export type BundleEntry = { readonly path: string; readonly size: number; readonly sha256: string } & (
  { readonly content: Uint8Array } | { readonly blob: PlannedBlob }
);

/** A small file of ours that travels beside the images. */
export interface ExtraFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** What travels beside the images. */
export interface OtherContent {
  readonly extra: readonly ExtraFile[];
  readonly tools: readonly BundleEntry[];
  /** Files of another engine that hold the blobs; empty when the bundle does itself. */
  readonly archive: readonly BundleEntry[];
}

/**
 * All files of a bundle in archive order: what people read first, tools, then manifests, then blobs, each sorted by path.
 * With another engine its archive is in the place of the blobs, and nothing says that this is an OCI layout. A pure function of
 * its inputs.
 */
export function bundleEntries(
  plan: MirrorPlan,
  facts: PlanFacts,
  { extra, tools, archive }: OtherContent,
): BundleEntry[] {
  const layout: ExtraFile[] = [
    { path: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: 'index.json', content: layoutIndex(plan.images) },
  ];
  const small: ExtraFile[] = [
    ...(facts.engine === undefined ? layout : []),
    { path: PLAN_PATH, content: formatPlanFile(planFileOf(plan, facts)) },
    ...[...extra, ...plan.files].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  ];
  const manifests = [...plan.manifests.values()].map((manifest) => ({
    path: blobPath(manifest.descriptor.digest),
    size: manifest.descriptor.size,
    sha256: hexOf(manifest.descriptor.digest),
    content: manifest.content,
  }));
  if (facts.engine !== undefined) return [...small.map((file) => smallEntry(file)), ...tools, ...manifests, ...archive];
  // A manifest can also be listed as a blob of another image (an artifact that packs a manifest): one file is enough.
  const blobs = plan.blobs
    .filter((blob) => !plan.manifests.has(blob.descriptor.digest))
    .map((blob) => ({
      path: blobPath(blob.descriptor.digest),
      size: blob.descriptor.size,
      sha256: hexOf(blob.descriptor.digest),
      blob,
    }));
  return [...small.map((file) => smallEntry(file)), ...tools, ...manifests, ...blobs];
}

/** Opens an entry whose content is in memory. */
export function openContent(content: Uint8Array): Readable {
  return Readable.from([content], { objectMode: false });
}

/** The path of content addressed by digest, in a bundle as in any OCI layout. */
export function blobPath(digest: PlannedImage['root']['digest']): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** The name under which `index.json` lists an image: its target below the registry, `repository:tag`. */
export function layoutName(image: {
  readonly target: { readonly repository: string; readonly tag?: string | undefined };
}): string | undefined {
  return image.target.tag === undefined ? undefined : `${image.target.repository}:${image.target.tag}`;
}

function smallEntry(file: ExtraFile): BundleEntry {
  const sha256 = createHash('sha256').update(file.content).digest('hex');
  return { path: file.path, size: file.content.length, sha256, content: file.content };
}

function layoutIndex(images: readonly PlannedImage[]): Buffer {
  // One name can be there for two reasons; tools that read the layout want it once.
  const unique = new Map(
    images.map((image) => [layoutName(image) ?? `@${image.root.digest} ${image.target.repository}`, image]),
  );
  const manifests = [...unique.values()].map((image) => {
    const name = layoutName(image);
    return {
      mediaType: image.root.mediaType,
      digest: image.root.digest,
      size: image.root.size,
      annotations: {
        ...(name === undefined ? {} : { [REF_NAME]: name }),
        [SOURCE_ANNOTATION]: image.origin,
      },
    };
  });
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }));
}
