import type { TrustedRootDifference, TrustedRootEntry } from '../bundle/trusted-root.ts';
import { alignColumns } from './plan-table.ts';

/** The authorities and logs of a trusted root, a line each. */
export function formatTrustedRoot(entries: readonly TrustedRootEntry[]): string {
  return alignColumns(entries.map((entry) => row(entry))).join('\n');
}

/** What changes from one trusted root to another; empty when nothing does. */
export function formatDifference({ added, removed }: TrustedRootDifference): string {
  return alignColumns([
    ...removed.map((entry) => ['-', ...row(entry)]),
    ...added.map((entry) => ['+', ...row(entry)]),
  ]).join('\n');
}

function row(entry: TrustedRootEntry): string[] {
  const validity = `${entry.validFrom ?? '…'} – ${entry.validUntil ?? '…'}`;
  return [entry.kind, entry.id.slice(0, 16), entry.subject === '' ? entry.uri : entry.subject, validity];
}
