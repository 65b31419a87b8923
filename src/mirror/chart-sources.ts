import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { packageChart, type HelmProgram } from './helm-program.ts';
import {
  allCharts,
  chartFileName,
  chooseChart,
  fetchChart,
  type ChartIndex,
  type IndexedChart,
} from './helm-repository.ts';
import type { ChartSelection, HelmRepository } from './image-set.ts';
import type { MirrorContext } from './mirror-plan.ts';

/** A chart as a file that travels. */
export interface Chart {
  readonly fileName: string;
  readonly content: Uint8Array;
  readonly selection: Pick<ChartSelection, 'imagePaths' | 'platforms'>;
  /** Absent for charts from the disk. */
  readonly choice?: ChartChoice;
}

/** The version of a chart that was chosen in its repository. */
export interface ChartChoice {
  /** Address of the repository, as the image set writes it. */
  readonly repository: string;
  readonly name: string;
  /** As the image set writes it, a range or empty. */
  readonly requested: string;
  readonly version: string;
}

/** A chart of `helm.local`: an archive as it is, or a folder made into one. `E_CONFIG` when there is none. */
export async function localChart(
  selection: ChartSelection,
  workingDirectory: string,
  helm: HelmProgram,
): Promise<Chart> {
  const path = resolve(workingDirectory, selection.path ?? '');
  const archive = (await isDirectory(path))
    ? await packageChart(helm, path)
    : { name: basename(path), content: await readArchive(path) };
  return { fileName: archive.name, content: archive.content, selection };
}

/** One job per chart of a repository: those listed, or every version of every chart when none are. */
export function repositoryCharts(
  repository: HelmRepository,
  index: ChartIndex,
  ctx: MirrorContext,
): readonly (() => Promise<Chart>)[] {
  if (repository.charts === undefined) {
    return allCharts(index).map((chart) => () => {
      return fetchedChart(repository, chart, { name: chart.name, version: chart.version, imagePaths: [] }, ctx);
    });
  }
  return repository.charts.map((selection) => async () => {
    return fetchedChart(repository, chooseChart(index, selection.name, selection.version), selection, ctx);
  });
}

async function fetchedChart(
  repository: HelmRepository,
  chart: IndexedChart,
  selection: ChartSelection,
  ctx: MirrorContext,
): Promise<Chart> {
  return {
    fileName: chartFileName(chart),
    content: await fetchChart(chart, ctx),
    selection,
    choice: {
      repository: repository.url,
      name: chart.name,
      requested: selection.version ?? '',
      version: chart.version,
    },
  };
}

async function readArchive(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw noChart(path, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw noChart(path, error);
  }
}

function noChart(path: string, error: unknown): unknown {
  const code = systemCodeOf(error);
  if (code === undefined) return error;
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
  const problem = isMissing
    ? `there is no chart at ${path}`
    : `the chart at ${path} can not be read: ${systemProblem(code)}`;
  return new AirgapError('E_CONFIG', `helm.local: ${problem}`, {
    hint: 'correct the path; relative paths start from the current folder',
    cause: error,
  });
}
