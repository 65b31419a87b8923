import type { StatusReport } from '../apply/collect-status.ts';
import type { StatusTable } from '../apply/hosted-status-tables.ts';
import { alignColumns } from './plan-table.ts';

/** The state of the hosted clusters as lines: overview, then each with what it waits for, why, and where to look. */
export function formatStatus(report: StatusReport): string {
  return [
    ...(report.hostedClusters.length === 0 ? ['no hosted clusters', ''] : []),
    ...report.tables.flatMap((table) => tableLines(table)),
    ...report.hostedClusters.flatMap((cluster) => [
      `${cluster.namespace}/${cluster.name}: ${verdictOf(cluster)}`,
      ...cluster.blockers.flatMap((blocker) => [
        `  waits for  ${blocker.waitingFor}`,
        `  because    ${blocker.cause}`,
        `  look       ${blocker.look}`,
      ]),
      '',
      ...cluster.controlPlane.flatMap((table) => tableLines(table)),
      ...(cluster.dataPlane.length === 0 ? ['its API server does not answer yet', ''] : []),
      ...cluster.dataPlane.flatMap((table) => tableLines(table)),
    ]),
  ]
    .join('\n')
    .trimEnd();
}

/** The verdict, and how far the release is where that is another word. */
function verdictOf({ verdict, progress }: StatusReport['hostedClusters'][number]): string {
  return ['', verdict].includes(progress.toLowerCase()) ? verdict : `${verdict} (${progress})`;
}

function tableLines({ title, columns, rows }: StatusTable): string[] {
  if (rows.length === 0) return [];
  return [title, ...alignColumns([columns, ...rows]).map((line) => `  ${line}`), ''];
}
