import { formatBytes } from '../core/bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import type { MirrorPlan, PlannedImage } from '../mirror/mirror-plan.ts';

/**
 * The plan as lines: per image kind, origin, digest, what it adds, what it shares with images above it, total, and why it is
 * in; then the sum.
 */
export function formatPlanTable(plan: MirrorPlan): string {
  const sizes = new Map(plan.blobs.map(({ descriptor }) => [descriptor.digest, descriptor.size]));
  const seen = new Set<Digest>();
  const rows = plan.images.map((image) => {
    const added = newBytes(image, plan, sizes, seen);
    return [
      image.kind,
      image.origin,
      image.root.digest.slice(0, 'sha256:'.length + 12),
      formatBytes(added),
      formatBytes(image.bytes - added),
      formatBytes(image.bytes),
      image.because.join(' → '),
    ];
  });
  const header = ['KIND', 'IMAGE', 'DIGEST', 'NEW', 'SHARED', 'TOTAL', 'BECAUSE'];
  const lines = alignColumns([header, ...rows]);
  const sum = `${plan.images.length} images, ${plan.blobs.length} unique blobs, ${formatBytes(plan.totalBytes)} to carry`;
  const gaps = plan.gaps.map((gap) => `missing: ${gap.origin} (${gap.reason})`);
  return [...lines, '', ...gaps, sum].join('\n');
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

function newBytes(
  image: PlannedImage,
  plan: MirrorPlan,
  sizes: ReadonlyMap<Digest, number>,
  seen: Set<Digest>,
): number {
  let bytes = 0;
  const visit = (digest: Digest): void => {
    if (seen.has(digest)) return;
    const manifest = plan.manifests.get(digest);
    const size = manifest?.descriptor.size ?? sizes.get(digest);
    // An instance that was not chosen: the index names it, the plan does not have it.
    if (size === undefined) return;
    seen.add(digest);
    bytes += size;
    if (manifest === undefined) return;
    const next = readSuccessors(manifest.content, manifest.descriptor.mediaType, digest);
    for (const child of [...next.manifests, ...next.blobs]) visit(child.digest);
  };
  visit(image.root.digest);
  return bytes;
}
