import { formatBytes } from '../core/bytes.ts';
import { machineOf, toolPlatformOf } from '../core/tool-path.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import type { InspectResult } from '../workflows/inspect.ts';
import { alignColumns } from './plan-table.ts';

/**
 * What a bundle holds, as lines. Every line of the head says so when no signature was checked. `platform` is that of the
 * machine it is shown on (`linux-x64`).
 */
export function formatInspection(result: InspectResult, platform: string): string {
  const { base, bundle, plan, difference } = result;
  const mark = result.verified ? '' : 'UNVERIFIED  ';
  const bytes = result.files.reduce((sum, file) => sum + file.size, 0);
  const head = [
    `${bundle.name} serial ${bundle.serial}, made ${bundle.createdAt}${bundle.expiresAt === undefined ? '' : `, until ${bundle.expiresAt}`}`,
    `manifest sha256:${result.manifestSha256}, ${result.signatures} signature${result.signatures === 1 ? '' : 's'}`,
    ...(result.signers.length === 0 ? [] : [`signed by ${signersText(result.signers)}`]),
    `${result.files.length} files, ${formatBytes(bytes)}`,
    ...(base === undefined
      ? []
      : [`on top of serial ${base.serial}: ${base.files} of the files, ${formatBytes(base.bytes)}, are not inside`]),
  ].map((line) => `${mark}${line}`);
  return [
    ...head,
    ...(plan === undefined ? [] : planLines(plan)),
    ...toolLines(result, platform),
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

/** Whose signatures were accepted, in one line. */
export function signersText(signers: InspectResult['signers']): string {
  return signers.map((signer) => (signer.kind === 'key' ? `key ${signer.key}` : signer.identity)).join(', ');
}

function toolLines({ files }: InspectResult, platform: string): string[] {
  const tools = files.flatMap(({ path, size }) => {
    const made = toolPlatformOf(path);
    return made === undefined ? [] : [{ path, size, made }];
  });
  const lines = section(
    'The tool itself',
    tools.map(({ path, size, made }) => [
      path,
      formatBytes(size),
      `for ${machineOf(made)}`,
      made === platform ? 'runs on this machine' : 'not for this machine',
    ]),
  );
  if (tools.length === 0 || tools.some(({ made }) => made === platform)) return lines;
  return [...lines, '  (the rest of the bundle is good for every machine)'];
}

function planLines(plan: PlanFile): string[] {
  const { engine } = plan;
  return [
    ...(engine === undefined ? [] : ['', `Mirrored by ${engine.name} ${engine.version}`]),
    ...section(
      'Different from the plan',
      (engine?.differences ?? []).map(({ kind, name }) => [kind, name]),
    ),
    ...section(
      'Releases',
      plan.releases.map((release) => [
        release.version,
        release.tag,
        `${release.components} components`,
        release.signature === undefined ? 'no signature' : 'signed',
        sizesText(release.sizes),
        release.digest,
      ]),
    ),
    ...section(
      'Operators',
      plan.catalogs.flatMap((catalog) => [
        ...catalog.packages.map((item) => [
          item.name,
          item.channels.map((channel) => channel.name).join(', '),
          item.bundles.map((bundle) => bundle.version).join(', '),
          sizesText(item.sizes),
          catalog.reference,
        ]),
        ['(the catalog)', '', catalog.isFull ? 'untouched' : 'rebuilt', sizesText(catalog.sizes), catalog.reference],
      ]),
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

function sizesText(sizes: { readonly new: number; readonly total: number }): string {
  return `${formatBytes(sizes.total)}, ${formatBytes(sizes.new)} of it new`;
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', `${title}:`, ...alignColumns(rows).map((line) => `  ${line}`)];
}
