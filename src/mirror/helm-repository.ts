import { createHash } from 'node:crypto';
import parse from 'semver/functions/parse.js';
import rcompare from 'semver/functions/rcompare.js';
import satisfies from 'semver/functions/satisfies.js';
import type { SemVer } from 'semver';
import validRange from 'semver/ranges/valid.js';
import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';
import { parseYaml } from '../core/yaml.ts';
import type { MirrorContext } from './mirror-plan.ts';

/** A version of a chart as the index of its repository has it. */
export interface IndexedChart {
  readonly name: string;
  readonly version: string;
  /** Absolute. */
  readonly url: string;
  /** Hex of the sha256 of the archive, where the index tells it. */
  readonly sha256?: string;
  readonly isLibrary: boolean;
}

export interface ChartIndex {
  readonly url: string;
  /** Charts by name, newest version first. */
  readonly entries: ReadonlyMap<string, readonly IndexedChart[]>;
}

/** Large public indexes have some tens of MiB. */
const MAX_INDEX_BYTES = 128 * 1024 * 1024;
/** Helm itself stores no release larger than 1 MiB, charts with bundled files may be larger. */
const MAX_CHART_BYTES = 100 * 1024 * 1024;

const IndexSchema = z.looseObject({
  entries: z
    .record(
      z.string(),
      z
        .array(
          z
            .looseObject({
              version: z.string(),
              urls: z.array(z.string()).nullish(),
              digest: z.string().nullish(),
              type: z.string().nullish(),
            })
            .nullable(),
        )
        .nullish(),
    )
    .nullish(),
});

/**
 * The index of a chart repository. Versions that are no semantic version come last; entries without address are left
 * out. Throws `E_CONFIG` when the address is not http(s) or the document is no index.
 * (Helm documentation, "The Chart Repository Guide".)
 */
export async function fetchChartIndex(repositoryUrl: string, ctx: MirrorContext): Promise<ChartIndex> {
  const url = resolveUrl(repositoryUrl, 'index.yaml');
  const text = (await ctx.fetchDocument(url, { limit: MAX_INDEX_BYTES })).toString('utf8');
  const parsed = IndexSchema.safeParse(parseYaml(text, url));
  if (!parsed.success) {
    throw new AirgapError('E_CONFIG', `${url} is no index of a chart repository: ${parsed.error.issues[0]?.message}`, {
      hint: 'give the address of the folder that holds index.yaml',
    });
  }
  const entries = Object.entries(parsed.data.entries ?? {}).map(([name, versions]) => {
    const charts = (versions ?? []).flatMap((entry): IndexedChart[] => {
      const address = entry?.urls?.[0];
      if (entry === null || address === undefined) return [];
      return [
        {
          name,
          version: entry.version,
          url: resolveUrl(repositoryUrl, address),
          isLibrary: entry.type === 'library',
          ...(entry.digest == null ? {} : { sha256: entry.digest.replace(/^sha256:/, '') }),
        },
      ];
    });
    return [name, charts.toSorted(newestFirst)] as const;
  });
  return { url, entries: new Map(entries) };
}

/**
 * The version that is asked for: exactly that one, else the newest in the range it may be; without a version the newest
 * stable one. Throws `E_CONFIG` with what there is.
 */
export function chooseChart(index: ChartIndex, name: string, version: string | undefined): IndexedChart {
  const versions = index.entries.get(name);
  if (versions === undefined || versions.length === 0) {
    const near = nearMatches(name, index.entries.keys(), 3);
    throw new AirgapError('E_CONFIG', `${index.url} has no chart ${JSON.stringify(name)}`, {
      hint: near.length === 0 ? 'correct the name of the chart' : `did you mean ${near.join(', ')}?`,
    });
  }
  const exact = versions.find((chart) => chart.version === version);
  if (exact !== undefined) return exact;
  // A range that names a pre-release lets every pre-release in it pass (`>0.0.0-0`), any other lets none.
  const options = { includePrerelease: /[\dxX*]-[\dA-Za-z]/.test(version ?? '') };
  // Helm separates the parts of a range with commas.
  const range = version === undefined || version === '' ? '*' : validRange(version.replaceAll(',', ' '), options);
  const found = range === null ? undefined : versions.find((chart) => isIn(chart.version, range, options));
  if (found !== undefined) return found;
  const wanted = version === undefined || version === '' ? 'no stable version' : `no version ${version}`;
  throw new AirgapError('E_CONFIG', `${index.url} has ${wanted} of ${name}`, {
    hint: `there is ${versions
      .slice(0, 5)
      .map((chart) => chart.version)
      .join(', ')}`,
  });
}

/** Every version of every chart that is no library, which is what a repository without a list of charts means. */
export function allCharts(index: ChartIndex): readonly IndexedChart[] {
  return [...index.entries.values()].flat().filter((chart) => !chart.isLibrary);
}

/** The archive of a chart. Throws `E_DIGEST` when it is not the one the index describes. */
export async function fetchChart(chart: IndexedChart, ctx: MirrorContext): Promise<Buffer> {
  const content = await ctx.fetchDocument(chart.url, { limit: MAX_CHART_BYTES });
  const actual = createHash('sha256').update(content).digest('hex');
  if (chart.sha256 !== undefined && chart.sha256 !== actual) {
    throw new AirgapError(
      'E_DIGEST',
      `${chart.url}: sha256 is ${actual}, the repository's index says ${chart.sha256}`,
      {
        hint: 'the repository is inconsistent or was changed; ask its owner',
      },
    );
  }
  return content;
}

/** File name the archive is kept under: as in its address, or made of name and version. */
export function chartFileName(chart: IndexedChart): string {
  const last = new URL(chart.url).pathname.split('/').at(-1) ?? '';
  if (/^[A-Za-z0-9][A-Za-z0-9._+-]*\.tgz$/.test(last)) return last;
  return `${chart.name}-${chart.version}.tgz`.replace(/[^A-Za-z0-9._+-]/g, '-');
}

function resolveUrl(repositoryUrl: string, address: string): string {
  const base = URL.parse(repositoryUrl.replace(/\/index\.yaml$/, '/'));
  const absolute = URL.parse(address);
  if (base === null || !/^https?:$/.test((absolute ?? base).protocol)) {
    throw new AirgapError('E_CONFIG', `chart repository ${repositoryUrl}: ${address} can not be fetched`, {
      hint: 'only http and https addresses are supported; for a chart in an OCI registry list its archive under helm.local',
    });
  }
  if (absolute !== null) return absolute.href;
  const folder = new URL(base);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const resolved = new URL(address, folder);
  resolved.search = base.search;
  return resolved.href;
}

function newestFirst(a: IndexedChart, b: IndexedChart): number {
  const [left, right] = [versionOf(a.version), versionOf(b.version)];
  if (left === null || right === null) return Number(left === null) - Number(right === null);
  return rcompare(left, right);
}

function isIn(version: string, range: string, options: { readonly includePrerelease: boolean }): boolean {
  const parsed = versionOf(version);
  return parsed !== null && satisfies(parsed, range, options);
}

/** Helm reads `v1`, `1.2` and `1.2.3` alike. */
function versionOf(text: string): SemVer | null {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$/.exec(text);
  if (match === null) return null;
  const [, major, minor = '0', patch = '0', rest = ''] = match;
  return parse(`${Number(major)}.${Number(minor)}.${Number(patch)}${rest}`);
}
