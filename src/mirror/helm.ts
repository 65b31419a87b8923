import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { formatReference, type ImageRef } from '../oci/reference.ts';
import { chartImages } from './chart-images.ts';
import { localChart, repositoryCharts, type Chart, type ChartChoice } from './chart-sources.ts';
import { renderChart, type HelmProgram } from './helm-program.ts';
import { fetchChartIndex } from './helm-repository.ts';
import type { HelmRepository, ImageSet } from './image-set.ts';
import type { Collection, GeneratedFile, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { imageTarget } from './target-name.ts';

export interface HelmOptions {
  /** Folder that relative chart paths start from. */
  readonly workingDirectory: string;
  /** The helm program; default `helm` on the PATH. */
  readonly helmProgram?: string;
}

/** What was found, and which versions were chosen, for the lock. */
export interface HelmCollection extends Collection {
  readonly charts: readonly ChartChoice[];
}

type Job = () => Promise<Chart>;

const CONCURRENT_CHARTS = 4;
const NOTHING: HelmCollection = { images: [], files: [], warnings: [], charts: [] };

/**
 * The charts of `mirror.helm` as files `charts/*.tgz`, and the images they name when rendered with their default values,
 * hooks left out (oc-mirror behaviour, "Helm"). An image of several charts is asked for once per chart. All charts are
 * tried before an error is thrown that lists what failed: `E_CONFIG` for charts, versions and image paths that are not
 * there, `E_FAILED` for a chart that does not render, `E_USAGE` when the helm program is missing. Nothing is fetched or
 * run for an image set without charts.
 */
export async function collectHelm(
  imageSet: Pick<ImageSet, 'helm'>,
  ctx: MirrorContext,
  options: HelmOptions,
): Promise<HelmCollection> {
  const { local = [], repositories = [] } = imageSet.helm ?? {};
  if (local.length === 0 && repositories.every((repository) => repository.charts?.length === 0)) return NOTHING;
  const scratch = await mkdtemp(join(tmpdir(), 'airgap-charts-'));
  try {
    const helm = { program: options.helmProgram ?? 'helm', scratch, signal: ctx.signal };
    const limit = pLimit(CONCURRENT_CHARTS);
    const jobs: readonly Job[] = [
      ...local.map((selection) => () => localChart(selection, options.workingDirectory, helm)),
      ...(await jobsFor(repositories, ctx)),
    ];
    const results = await Promise.all(
      jobs.map((job, index) => limit(async () => attempt(async () => collectChart(await job(), index, helm)))),
    );
    return merge(results);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** One job per chart; a repository that can not be read is a job that fails. */
async function jobsFor(repositories: readonly HelmRepository[], ctx: MirrorContext): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const repository of repositories) {
    if (repository.charts?.length === 0) continue;
    const index = await attempt(() => fetchChartIndex(repository.url, ctx));
    if (index instanceof AirgapError) jobs.push(() => Promise.reject(index));
    else jobs.push(...repositoryCharts(repository, index, ctx));
  }
  return jobs;
}

async function collectChart(chart: Chart, index: number, helm: HelmProgram): Promise<HelmCollection> {
  const title = `chart ${chart.fileName}`;
  const path = join(helm.scratch, `${index}.tgz`);
  await writeFile(path, chart.content);
  const found = chartImages(await renderChart(helm, path, title), title, chart.selection.imagePaths);
  return {
    images: found.images.map(({ ref, resource }) => requestFor(ref, [title, resource], chart.selection)),
    files: [{ path: `charts/${chart.fileName}`, content: chart.content }],
    warnings: found.warnings,
    charts: chart.choice === undefined ? [] : [chart.choice],
  };
}

function requestFor(ref: ImageRef, because: readonly string[], selection: Chart['selection']): ImageRequest {
  const { tag, ...byDigest } = ref;
  return {
    kind: 'helm',
    origin: formatReference(ref),
    source: ref.digest === undefined || tag === undefined ? ref : byDigest,
    target: imageTarget(ref),
    because,
    ...(selection.platforms === undefined ? {} : { platforms: selection.platforms }),
  };
}

/** The result, or the error of one chart; what is no error of a chart is thrown. */
async function attempt<T>(work: () => Promise<T>): Promise<T | AirgapError> {
  try {
    return await work();
  } catch (error) {
    if (!isAirgapError(error) || isAirgapError(error, 'E_USAGE')) throw error;
    return error;
  }
}

function merge(results: readonly (HelmCollection | AirgapError)[]): HelmCollection {
  const errors = results.filter((result) => result instanceof AirgapError);
  const [first] = errors;
  if (first !== undefined) throw errors.length === 1 ? first : severalErrors(first, errors);
  const collections = results.flatMap((result) => (result instanceof AirgapError ? [] : [result]));
  return {
    images: collections.flatMap((collection) => collection.images),
    files: uniqueFiles(collections.flatMap((collection) => collection.files)),
    warnings: collections.flatMap((collection) => collection.warnings),
    charts: collections.flatMap((collection) => collection.charts),
  };
}

function severalErrors(first: AirgapError, errors: readonly AirgapError[]): AirgapError {
  const lines = errors.map((error) => `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`);
  return new AirgapError(first.code, `${errors.length} charts can not be taken:\n  ${lines.join('\n  ')}`, {
    hint: 'correct these entries of mirror.helm',
    cause: first,
  });
}

/** Each archive once; a different one of the same name, of another repository say, gets a number. */
function uniqueFiles(files: readonly GeneratedFile[]): readonly GeneratedFile[] {
  const unique = new Map<string, GeneratedFile>();
  for (const file of files) {
    let path = file.path;
    for (let number = 2; isOther(unique.get(path), file); number += 1) path = numbered(file.path, number);
    unique.set(path, { ...file, path });
  }
  return [...unique.values()];
}

function isOther(known: GeneratedFile | undefined, file: GeneratedFile): boolean {
  return known !== undefined && Buffer.compare(known.content, file.content) !== 0;
}

function numbered(path: string, number: number): string {
  return path.replace(/(?=\.tgz$|$)/, `-${number}`);
}
