import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { runProgram } from '../core/exec.ts';
import { buildLayer, layerFiles, readEntry, type NewLayerEntry } from '../oci/layer.ts';
import { MEDIA_TYPE } from '../oci/types.ts';

/** The helm program, and a folder it may write to. */
export interface HelmProgram {
  readonly program: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

export interface ChartArchive {
  readonly name: string;
  readonly content: Buffer;
}

/** What charts are told of the cluster. Fixed, so that the result does not depend on the helm that is installed. */
const KUBE_VERSION = '1.34.0';
/** Rendering is quick; a template that loops is not. */
const TIMEOUT_MS = 5 * 60_000;
/** More than any chart has; stops an archive that unpacks without end. */
const MAX_CHART_BYTES = 512 * 1024 * 1024;

/**
 * The manifests of a chart (archive or folder) with its default values: definitions first, then the rest in the order
 * helm installs it, hooks left out. Throws `E_FAILED` when it does not render, `E_USAGE` without helm.
 */
export async function renderChart(helm: HelmProgram, path: string, title: string): Promise<string> {
  return runHelm(helm, title, ['template', path, '--no-hooks', '--include-crds', '--kube-version', KUBE_VERSION]);
}

/**
 * A chart folder as an archive that is the same for the same files; helm decides what belongs to the chart. Throws as
 * {@link renderChart}.
 */
export async function packageChart(helm: HelmProgram, folder: string): Promise<ChartArchive> {
  const destination = await mkdtemp(join(helm.scratch, 'package-'));
  await runHelm(helm, `chart ${basename(folder)}`, ['package', folder, '--destination', destination]);
  const [name] = await readdir(destination);
  if (name === undefined) throw new Error(`helm package ${folder} wrote no archive`);
  return { name, content: await withoutTimes(await readFile(join(destination, name)), name) };
}

/** helm writes the current time into the archive. */
async function withoutTimes(archive: Buffer, name: string): Promise<Buffer> {
  const limits = { maxBytes: MAX_CHART_BYTES };
  const entries: NewLayerEntry[] = [];
  for await (const entry of layerFiles(Readable.from([archive]), MEDIA_TYPE.ociLayerGzip, name, limits)) {
    if (entry.type !== 'file') continue;
    entries.push({ path: entry.path, content: await readEntry(entry, MAX_CHART_BYTES, name) });
  }
  return buildLayer(entries).content;
}

async function runHelm(helm: HelmProgram, title: string, args: readonly string[]): Promise<string> {
  try {
    return (await runProgram(helm.program, args, { signal: helm.signal, timeoutMs: TIMEOUT_MS })).stdout;
  } catch (error) {
    if (isAirgapError(error, 'E_USAGE')) {
      throw new AirgapError('E_USAGE', `${error.message}; the charts of mirror.helm are rendered with it`, {
        hint: 'install helm 3 and put it on the PATH, or remove mirror.helm from the image set',
        cause: error,
      });
    }
    if (!isAirgapError(error, 'E_FAILED')) throw error;
    throw new AirgapError('E_FAILED', `${title}: ${error.message}`, {
      hint: 'the chart must render with its default values; try helm template on it',
      cause: error,
    });
  }
}
