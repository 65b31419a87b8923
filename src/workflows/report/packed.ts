import type { BundleIdentity } from '../../bundle/manifest.ts';
import { planFileOf } from '../../mirror/plan-file.ts';
import { isInBase, type Base } from '../base-receipt.ts';
import type { BundleEntry, ExtraFile } from '../bundle-content.ts';
import type { NamedCaBundle } from '../ca-bundles.ts';
import type { PlanResult } from '../plan.ts';
import { contentOfPlan } from '../../mirror/plan-groups.ts';
import { reportPage } from './page.ts';

/** Path of the report inside a bundle. */
const REPORT_PATH = 'REPORT.html';

export interface PackedContent {
  readonly planned: Pick<PlanResult, 'plan' | 'facts' | 'configText'>;
  readonly caBundles: readonly NamedCaBundle[];
  /** Everything else in the bundle, and what it leaves to its base. */
  readonly entries: readonly BundleEntry[];
  readonly base?: Base | undefined;
}

/**
 * The report that travels in a bundle. A function of the content and the identity alone, so that a bundle can be made
 * again: dates are judged at its creation time, and it knows no signature, which is made over it.
 */
export function packedReport(
  identity: BundleIdentity,
  { planned, caBundles, entries, base }: PackedContent,
): ExtraFile {
  const { plan, facts, configText } = planned;
  const others = entries.flatMap(({ path, size, sha256 }) =>
    path.startsWith('blobs/') ? [] : [{ path, size, sha256 }],
  );
  const left = entries.filter((entry) => isInBase(entry, base));
  const bytes = left.reduce((sum, { size }) => sum + size, 0);
  const page = reportPage({
    bundle: identity,
    plan: planFileOf(plan, facts),
    sizes: contentOfPlan(plan),
    files: [...others, { path: REPORT_PATH }],
    certificates: caBundles.flatMap(({ certificates, path, registry }) =>
      certificates.map((certificate) => ({ ...certificate, path, ...(registry === undefined ? {} : { registry }) })),
    ),
    imageSet: configText,
    nowMs: Date.parse(identity.createdAt),
    seal: { state: 'inside' },
    ...(base === undefined ? {} : { base: { ...base.bundle, files: left.length, bytes } }),
  });
  return { path: REPORT_PATH, content: Buffer.from(page) };
}
