import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { AirgapError, isAirgapError, systemCodeOf } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { runProgram } from '../core/exec.ts';
import { buildLayer, layerFiles, readEntry } from '../oci/layer.ts';
import { formatReference, type ImageRef } from '../oci/reference.ts';
import { MEDIA_TYPE } from '../oci/types.ts';
import { chartImages } from './chart-images.ts';
import {
  allCharts,
  chartFileName,
  chooseChart,
  fetchChart,
  fetchChartIndex,
  type IndexedChart,
} from './helm-repository.ts';
import type { ChartSelection, HelmRepository, ImageSet } from './image-set.ts';
import type { Collection, GeneratedFile, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { imageTarget } from './target-name.ts';

export interface HelmOptions {
  /** Folder that relative chart paths start from. */
  readonly workingDirectory: string;
  /** The helm program; default `helm` on the PATH. */
  readonly helmProgram?: string;
}

/** Rendering is quick; a template that loops is not. */
const RENDER_TIMEOUT_MS = 5 * 60_000;
const CONCURRENT_CHARTS = 4;
/** More than any chart has; stops an archive that unpacks without end. */
const MAX_CHART_BYTES = 512 * 1024 * 1024;

/** What was taken of the charts, as data for the lock. */
export interface HelmCollection extends Collection {
  readonly charts: readonly ChartChoice[];
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

/** A chart as a file that travels, and where it can be rendered from. */
interface Chart {
  /** For messages: `chart podinfo-5.0.0.tgz`. */
  readonly title: string;
  readonly fileName: string;
  readonly content: Uint8Array;
  readonly selection: Pick<ChartSelection, 'imagePaths' | 'platforms'>;
  readonly choice?: ChartChoice;
}

/**
 * The charts of `mirror.helm` as files `charts/*.tgz`, and the images they name when rendered with their default values,
 * hooks left out, once per chart (oc-mirror behaviour, "Helm"). All charts are tried before an error is thrown that lists what failed:
 * `E_CONFIG` for charts, versions and image paths that are not there, `E_FAILED` for a chart that can not be rendered,
 * `E_USAGE` when the helm program is missing. Nothing is fetched or run for an image set without charts.
 */
export async function collectHelm(
  imageSet: ImageSet,
  ctx: MirrorContext,
  options: HelmOptions,
): Promise<HelmCollection> {
  const { local = [], repositories = [] } = imageSet.helm ?? {};
  if (local.length === 0 && repositories.every((repository) => repository.charts?.length === 0)) return NOTHING;
  const scratch = await mkdtemp(join(tmpdir(), 'airgap-charts-'));
  try {
    const run = { ctx, scratch, helm: options.helmProgram ?? 'helm' };
    const limit = pLimit(CONCURRENT_CHARTS);
    const jobs = [
      ...local.map((selection) => () => localChart(selection, options.workingDirectory, run)),
      ...(await repositoryCharts(repositories, ctx)),
    ];
    const results = await Promise.all(
      jobs.map((job, index) => limit(async () => attempt(async () => collectChart(await job(), index, run)))),
    );
    return merge(results);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const NOTHING: HelmCollection = { images: [], files: [], warnings: [], charts: [] };

interface Run {
  readonly ctx: MirrorContext;
  readonly scratch: string;
  readonly helm: string;
}

type Job = () => Promise<Chart>;

/** One job per chart of the repositories; a repository that can not be read is a job that fails. */
async function repositoryCharts(repositories: readonly HelmRepository[], ctx: MirrorContext): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const repository of repositories) {
    if (repository.charts?.length === 0) continue;
    const index = await attempt(() => fetchChartIndex(repository.url, ctx));
    if (index instanceof AirgapError) {
      jobs.push(() => Promise.reject(index));
      continue;
    }
    if (repository.charts === undefined) {
      jobs.push(
        ...allCharts(index).map((chart) => async () => {
          const { name, version } = chart;
          const choice = { repository: repository.url, name, requested: version, version };
          return fetchedChart(chart, { selection: { imagePaths: [] }, choice }, ctx);
        }),
      );
    } else {
      jobs.push(
        ...repository.charts.map((selection) => async () => {
          const chart = chooseChart(index, selection.name, selection.version);
          const { name, version: requested = '' } = selection;
          const choice = { repository: repository.url, name, requested, version: chart.version };
          return fetchedChart(chart, { selection, choice }, ctx);
        }),
      );
    }
  }
  return jobs;
}

async function fetchedChart(
  chart: IndexedChart,
  wanted: Pick<Chart, 'selection' | 'choice'>,
  ctx: MirrorContext,
): Promise<Chart> {
  const fileName = chartFileName(chart);
  return { title: `chart ${fileName}`, fileName, content: await fetchChart(chart, ctx), ...wanted };
}

async function localChart(selection: ChartSelection, workingDirectory: string, run: Run): Promise<Chart> {
  const path = resolve(workingDirectory, selection.path ?? '');
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'ENOTDIR') throw error;
    throw new AirgapError('E_CONFIG', `helm.local: there is no chart at ${path}`, {
      hint: 'correct the path; relative paths start from the current folder',
      cause: error,
    });
  }
  const file = isDirectory ? await packageChart(path, run) : { name: basename(path), content: await readFile(path) };
  return { title: `chart ${file.name}`, fileName: file.name, content: file.content, selection };
}

/** A chart folder as an archive that is the same for the same files; helm decides what belongs to the chart. */
async function packageChart(folder: string, run: Run): Promise<{ readonly name: string; readonly content: Buffer }> {
  const destination = await mkdtemp(join(run.scratch, 'package-'));
  await runHelm(run, ['package', folder, '--destination', destination]);
  const [name] = await readdir(destination);
  if (name === undefined) throw new Error(`helm package ${folder} wrote no archive`);
  const archive = await readFile(join(destination, name));
  const entries = [];
  const files = layerFiles(Readable.from([archive]), MEDIA_TYPE.ociLayerGzip, name, { maxBytes: MAX_CHART_BYTES });
  for await (const entry of files) {
    if (entry.type === 'file')
      entries.push({ path: entry.path, content: await readEntry(entry, MAX_CHART_BYTES, name) });
  }
  return { name, content: buildLayer(entries).content };
}

async function collectChart(chart: Chart, index: number, run: Run): Promise<HelmCollection> {
  const path = join(run.scratch, `${index}.tgz`);
  await writeFile(path, chart.content);
  const { stdout } = await runHelm(run, ['template', path, '--no-hooks', '--include-crds'], chart.title);
  const { images, warnings } = chartImages(stdout, chart.title, chart.selection.imagePaths);
  return {
    images: images.map(({ ref, resource }) => requestFor(ref, [chart.title, resource], chart.selection)),
    files: [{ path: `charts/${chart.fileName}`, content: chart.content }],
    warnings,
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

async function runHelm(run: Run, args: readonly string[], what?: string): Promise<{ readonly stdout: string }> {
  try {
    return await runProgram(run.helm, args, { signal: run.ctx.signal, timeoutMs: RENDER_TIMEOUT_MS });
  } catch (error) {
    if (isAirgapError(error, 'E_USAGE')) {
      throw new AirgapError('E_USAGE', `${error.message}; the charts of mirror.helm are rendered with it`, {
        hint: 'install helm 3 and put it on the PATH, or remove mirror.helm from the image set',
        cause: error,
      });
    }
    if (!isAirgapError(error, 'E_FAILED') || what === undefined) throw error;
    throw new AirgapError('E_FAILED', `${what}: ${error.message}`, {
      hint: 'the chart must render with its default values; try helm template on it',
      cause: error,
    });
  }
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
    warnings: collections.flatMap((collection): readonly Warning[] => collection.warnings),
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

function uniqueFiles(files: readonly GeneratedFile[]): readonly GeneratedFile[] {
  const unique = new Map<string, GeneratedFile>();
  for (const file of files) {
    const known = unique.get(file.path);
    if (known !== undefined && Buffer.compare(known.content, file.content) !== 0) {
      throw new AirgapError('E_CONFIG', `two different charts would both be ${file.path} in the bundle`, {
        hint: 'rename one of the archives or leave one of the charts out',
      });
    }
    unique.set(file.path, file);
  }
  return [...unique.values()];
}
