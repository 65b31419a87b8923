import { formatBytes } from '../core/bytes.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import type { InspectResult } from '../workflows/inspect.ts';
import { alignColumns } from './plan-table.ts';

/** What a bundle holds, as lines. Every line of the head says so when no signature was checked. */
export function formatInspection(result: InspectResult): string {
  const { bundle, plan, difference } = result;
  const mark = result.verified ? '' : 'UNVERIFIED  ';
  const bytes = result.files.reduce((sum, file) => sum + file.size, 0);
  const head = [
    `${bundle.name} serial ${bundle.serial}, made ${bundle.createdAt}${bundle.expiresAt === undefined ? '' : `, until ${bundle.expiresAt}`}`,
    `manifest sha256:${result.manifestSha256}, ${result.signatures} signatures`,
    `${result.files.length} files, ${formatBytes(bytes)}`,
  ].map((line) => `${mark}${line}`);
  return [
    ...head,
    ...(plan === undefined ? [] : planLines(plan)),
    ...section(
      'CA certificates',
      result.certificates.map((certificate) => [
        certificate.path,
        certificate.subject,
        `until ${certificate.notAfter.slice(0, 10)}`,
        certificate.fingerprint.slice(0, 16),
      ]),
    ),
    ...(difference === undefined ? [] : [formatPlanDiff(difference)]),
  ].join('\n');
}

function planLines(plan: PlanFile): string[] {
  return [
    ...section(
      'Releases',
      plan.releases.map((release) => [
        release.version,
        release.tag,
        `${release.components} components`,
        release.signature === undefined ? 'no signature' : 'signed',
        release.digest,
      ]),
    ),
    ...section(
      'Operators',
      plan.catalogs.flatMap((catalog) =>
        catalog.packages.map((item) => [
          catalog.reference,
          item.name,
          item.channels.map((channel) => channel.name).join(', '),
          item.bundles.map((bundle) => bundle.version).join(', '),
        ]),
      ),
    ),
    ...section(
      'Images',
      plan.images.map((image) => [
        image.kind,
        image.origin,
        image.digest.slice(0, 19),
        formatBytes(image.bytes),
        image.because.join(' → '),
      ]),
    ),
    ...section(
      'Missing',
      plan.gaps.map((gap) => [gap.origin, gap.reason]),
    ),
  ];
}

/** What changes on the target registry: added, removed and moved images. */
export function formatPlanDiff({ added, removed, moved, unchanged }: PlanDiff): string {
  const title = `Difference: ${added.length} added, ${removed.length} removed, ${moved.length} moved, ${unchanged} unchanged`;
  const lines = section(title, [
    ...added.map((image) => ['+', image.origin, image.digest.slice(0, 19), formatBytes(image.bytes)]),
    ...removed.map((image) => ['-', image.origin, image.digest.slice(0, 19), formatBytes(image.bytes)]),
    ...moved.map(({ before, after }) => [
      '~',
      after.origin,
      `${before.digest.slice(0, 19)} → ${after.digest.slice(0, 19)}`,
      formatBytes(after.bytes),
    ]),
  ]);
  return (lines.length === 0 ? ['', title] : lines).join('\n');
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', `${title}:`, ...alignColumns(rows).map((line) => `  ${line}`)];
}
