import { formatBytes } from '../core/bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import type { MirrorPlan, PlannedImage } from '../mirror/mirror-plan.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';

/** Bytes of a group of images: what nothing listed before has, what is shared with that, and both. */
interface Sizes {
  readonly added: number;
  readonly shared: number;
}

const HEADER = ['NEW', 'SHARED', 'TOTAL'];

/**
 * The plan for people: a line per release, per operator package of a catalog, and per other image, each with the bytes it
 * adds, shares with what is above it, and has in all; then what is missing, and the sum.
 */
export function formatPlanSummary(plan: MirrorPlan, facts: PlanFacts): string {
  const measure = createMeasure(plan);
  const rest = new Set(plan.images);
  const take = (filter: (image: PlannedImage) => boolean): PlannedImage[] => {
    const taken = [...rest].filter(filter);
    for (const image of taken) rest.delete(image);
    return taken;
  };
  const releases = facts.releases.map((release) => {
    const images = take(
      ({ root, target }) => root.digest === release.digest || target.tag?.startsWith(`${release.tag}-`) === true,
    );
    const disk = images.some((image) => image.kind === 'kubevirtDisk') ? ', KubeVirt disk' : '';
    const row = [release.tag, release.digest.slice(0, 19), `${release.components} components${disk}`];
    return [...row, ...cells(measure(images)), release.because.join('; ')];
  });
  const operators = facts.catalogs.flatMap((catalog) => {
    const reason = `catalog ${catalog.reference}`;
    const packages = catalog.packages.map((item) => {
      const images = take(
        ({ kind, because }) =>
          kind !== 'catalog' && because.includes(reason) && because.includes(`package ${item.name}`),
      );
      const versions = item.bundles.map((bundle) => bundle.version).join(', ');
      return [
        item.name,
        item.channels.map(({ name }) => name).join(', '),
        versions,
        ...cells(measure(images)),
        catalog.reference,
      ];
    });
    const own = take(({ kind, target }) => kind === 'catalog' && target.repository === catalog.target.repository);
    return [
      ...packages,
      ['(the catalog)', '', catalog.isFull ? 'untouched' : 'rebuilt', ...cells(measure(own)), catalog.reference],
    ];
  });
  const others = [...rest].map((image) => [
    image.kind,
    image.origin,
    image.root.digest.slice(0, 19),
    ...cells(measure([image])),
    image.because.join(' → '),
  ]);
  return [
    ...table(['RELEASE', 'DIGEST', 'CONTENT', ...HEADER, 'BECAUSE'], releases),
    ...table(['OPERATOR', 'CHANNELS', 'VERSIONS', ...HEADER, 'CATALOG'], operators),
    ...table(['KIND', 'IMAGE', 'DIGEST', ...HEADER, 'BECAUSE'], others),
    ...sumLines(plan),
  ].join('\n');
}

/** The same with a line for every image. */
export function formatPlanTable(plan: MirrorPlan): string {
  const measure = createMeasure(plan);
  const rows = plan.images.map((image) => [
    image.kind,
    image.origin,
    image.root.digest.slice(0, 19),
    ...cells(measure([image])),
    image.because.join(' → '),
  ]);
  return [...table(['KIND', 'IMAGE', 'DIGEST', ...HEADER, 'BECAUSE'], rows), ...sumLines(plan)].join('\n');
}

/** Pads all columns but the last to the same width. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((max, row) => row.map((cell, at) => Math.max(max[at] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [...alignColumns([header, ...rows]), ''];
}

function sumLines(plan: MirrorPlan): string[] {
  const gaps = plan.gaps.map((gap) => `missing: ${gap.origin} (${gap.reason})`);
  const size = formatBytes(plan.totalBytes);
  return [...gaps, `${plan.images.length} images, ${plan.blobs.length} unique blobs, ${size} to carry`];
}

function cells({ added, shared }: Sizes): string[] {
  return [formatBytes(added), formatBytes(shared), formatBytes(added + shared)];
}

/** Measures groups of images in the order they are asked for: content counts as new the first time it is met. */
function createMeasure(plan: MirrorPlan): (images: readonly PlannedImage[]) => Sizes {
  const blobSizes = new Map(plan.blobs.map(({ descriptor }) => [descriptor.digest, descriptor.size]));
  const known = new Set<Digest>();
  return (images) => {
    const group = new Map<Digest, number>();
    const visit = (digest: Digest): void => {
      const manifest = plan.manifests.get(digest);
      const size = manifest?.descriptor.size ?? blobSizes.get(digest);
      // An instance that was not chosen: the index names it, the plan does not have it.
      if (size === undefined || group.has(digest)) return;
      group.set(digest, size);
      if (manifest === undefined) return;
      const next = readSuccessors(manifest.content, manifest.descriptor.mediaType, digest);
      for (const child of [...next.manifests, ...next.blobs]) visit(child.digest);
    };
    for (const image of images) visit(image.root.digest);
    let added = 0;
    let shared = 0;
    for (const [digest, size] of group) {
      if (known.has(digest)) shared += size;
      else added += size;
      known.add(digest);
    }
    return { added, shared };
  };
}
