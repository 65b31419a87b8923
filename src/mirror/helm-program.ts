import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { runProgram } from '../core/exec.ts';
import { formatYaml, parseYaml } from '../core/yaml.ts';
import { buildLayer, layerFiles, readEntry } from '../oci/layer.ts';
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

/** helm's words for a chart it would render but not install. */
const NOT_INSTALLABLE = /chart requires kubeVersion|charts are not installable/;

/**
 * The manifests of a chart archive with its default values: definitions first, then the rest in the order helm installs
 * it, hooks left out. What a chart says of the clusters it may be installed on does not count, as for the vendor tool.
 * Throws `E_FAILED` when it does not render, `E_USAGE` without helm.
 */
export async function renderChart(helm: HelmProgram, archive: string, title: string): Promise<string> {
  const render = (path: string) =>
    runHelm(helm, title, ['template', path, '--no-hooks', '--include-crds', '--kube-version', KUBE_VERSION]);
  try {
    return await render(archive);
  } catch (error) {
    if (!isAirgapError(error, 'E_FAILED') || !NOT_INSTALLABLE.test(error.message)) throw error;
    const copy = `${archive}-installable.tgz`;
    await writeFile(copy, await installableEverywhere(await readFile(archive), title));
    return render(copy);
  }
}

/** The archive without the fields of its own `Chart.yaml` that keep helm from rendering it. */
async function installableEverywhere(archive: Buffer, title: string): Promise<Buffer> {
  const entries = (await entriesOf(archive, title)).map((entry) => {
    if (!/^[^/]+\/Chart\.yaml$/.test(entry.path)) return entry;
    const {
      kubeVersion: _,
      type: __,
      ...chart
    } = parseYaml(entry.content.toString(), title) as Record<string, unknown>;
    return { ...entry, content: Buffer.from(formatYaml(chart)) };
  });
  return buildLayer(entries).content;
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
  return buildLayer(await entriesOf(archive, name)).content;
}

/** The files of a chart archive. */
async function entriesOf(archive: Buffer, name: string): Promise<{ path: string; content: Buffer }[]> {
  const limits = { maxBytes: MAX_CHART_BYTES };
  const entries: { path: string; content: Buffer }[] = [];
  for await (const entry of layerFiles(Readable.from([archive]), MEDIA_TYPE.ociLayerGzip, name, limits)) {
    if (entry.type !== 'file') continue;
    entries.push({ path: entry.path, content: await readEntry(entry, MAX_CHART_BYTES, name) });
  }
  return entries;
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
