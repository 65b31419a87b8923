import { formatBytes } from '../core/bytes.ts';
import type { MirrorPlan, PlannedImage } from '../mirror/mirror-plan.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';
import type { UpgradeCheck } from '../mirror/upgrade-check.ts';
import { groupPlan, type GroupSizes, type ImageGroup } from '../mirror/plan-groups.ts';

const HEADER = ['NEW', 'SHARED', 'TOTAL'];

/**
 * The plan for people: a line per release, per operator package of a catalog, and per other image, each with the bytes it
 * adds, shares with what is above it, and has in all; then what is missing, and the sum.
 */
export function formatPlanSummary(plan: MirrorPlan, facts: PlanFacts): string {
  const groups = groupPlan(plan, facts);
  const releases = facts.releases.map((release, at) => {
    const { images } = groups.releases[at]!;
    const disk = images.some((image) => image.kind === 'kubevirtDisk') ? ', KubeVirt disk' : '';
    const content = `${release.components} components${disk}`;
    return [release.tag, release.digest, content, ...cells(release.sizes), release.because.join('; ')];
  });
  const operators = facts.catalogs.flatMap((catalog) => [
    ...catalog.packages.map((item) => [
      item.name,
      item.channels.map(({ name }) => name).join(', '),
      item.bundles.map((bundle) => bundle.version).join(', '),
      ...cells(item.sizes),
      catalog.reference,
    ]),
    ['(the catalog)', '', catalog.isFull ? 'untouched' : 'rebuilt', ...cells(catalog.sizes), catalog.reference],
  ]);
  return [
    ...table(['RELEASE', 'DIGEST', 'CONTENT', ...HEADER, 'BECAUSE'], releases),
    ...table(['OPERATOR', 'CHANNELS', 'VERSIONS', ...HEADER, 'CATALOG'], operators),
    ...table(['KIND', 'IMAGE', 'DIGEST', ...HEADER, 'BECAUSE'], groups.others.map(imageRow)),
    ...sumLines(plan),
  ].join('\n');
}

/** The same with a line for every image. */
export function formatPlanTable(plan: MirrorPlan): string {
  const { others } = groupPlan(plan, { releases: [], catalogs: [] });
  return [...table(['KIND', 'IMAGE', 'DIGEST', ...HEADER, 'BECAUSE'], others.map(imageRow)), ...sumLines(plan)].join(
    '\n',
  );
}

/** One line per architecture whose update path was proved. */
export function formatUpgrades(upgrades: readonly UpgradeCheck[]): string[] {
  return upgrades.map(
    ({ architecture, hops }) => `update path (${architecture}): ${hops.join(' → ')}, every release is inside`,
  );
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

/** One image, with what is signed of it. */
function imageRow({ images, sizes }: ImageGroup): string[] {
  const [image, ...signatures] = images as readonly [PlannedImage, ...PlannedImage[]];
  const signed = signatures.length === 0 ? '' : ` (+ ${signatures.length} signatures and other referrers)`;
  return [
    image.kind,
    image.origin,
    image.root.digest.slice(0, 19),
    ...cells(sizes),
    `${image.because.join(' → ')}${signed}`,
  ];
}

function cells(sizes: GroupSizes): string[] {
  return [formatBytes(sizes.new), formatBytes(sizes.shared), formatBytes(sizes.total)];
}
