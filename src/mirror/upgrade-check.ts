import parseVersion from 'semver/functions/parse.js';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { GraphClient } from './graph-client.ts';
import { riskyPath, sortedVersions, type UpdateGraph } from './update-graph.ts';
import { proveUpgradePath, type UpgradeProof } from './upgrade-path.ts';

/** The proof that a cluster can update to the newest selected release of its architecture with what is selected. */
export interface UpgradeCheck {
  readonly architecture: string;
  readonly installed: string;
  readonly wanted: string;
  /** From the installed to the wanted version. */
  readonly hops: readonly string[];
}

/** As much of the selected releases as decides it. */
export interface SelectedVersion {
  readonly version: string;
  readonly architecture?: string | undefined;
  /** Versions that may be updated to this one, as the payload says. */
  readonly previous: readonly string[];
}

export interface UpgradeInput {
  readonly releases: readonly SelectedVersion[];
  /** Everything the update service was asked for. */
  readonly graphs: readonly UpdateGraph[];
}

/** Architecture of releases that are named by reference: it is not known, and not needed. */
const ANY = 'any';

/**
 * Proves for every architecture that each update on the way from the installed to the newest selected version is selected.
 * Where the known graphs do not reach back to the installed version, those of the minor versions between are asked for.
 * Throws `E_USAGE` for something that is no version and `E_CONFIG` that names the missing releases; its `data` has the way.
 */
export async function checkUpgradePaths(
  installed: string,
  input: UpgradeInput,
  client: Pick<GraphClient, 'fetch'>,
): Promise<readonly UpgradeCheck[]> {
  if (parseVersion(installed) === null) {
    throw new AirgapError('E_USAGE', `--installed ${JSON.stringify(installed)} is no version`, {
      hint: 'write the version of the cluster, e.g. 4.16.9 (oc get clusterversion)',
    });
  }
  const groups = Map.groupBy(input.releases, ({ architecture }) => architecture ?? ANY);
  const checks: UpgradeCheck[] = [];
  for (const [architecture, releases] of groups) {
    const versions = sortedVersions(releases.map(({ version }) => version));
    const wanted = versions.at(-1)!;
    const known =
      architecture === ANY
        ? [graphOfPayloads(releases)]
        : input.graphs.filter((graph) => graph.architecture === architecture);
    let graphs: readonly UpdateGraph[] = known;
    let proof = proveUpgradePath(graphs, installed, wanted, versions);
    if (proof.hops === undefined && architecture !== ANY) {
      graphs = [...known, ...(await graphsBetween(installed, wanted, known, client))];
      proof = proveUpgradePath(graphs, installed, wanted, versions);
    }
    if (!proof.complete) throw incomplete({ architecture, installed, wanted, graphs }, proof);
    checks.push({ architecture, installed, wanted, hops: proof.hops });
  }
  return checks;
}

/** What the payloads say of themselves, as a graph. */
function graphOfPayloads(releases: readonly SelectedVersion[]): UpdateGraph {
  const updates = new Map<string, string[]>(releases.map(({ version }) => [version, []]));
  for (const { version, previous } of releases) {
    for (const from of previous) updates.set(from, [...(updates.get(from) ?? []), version]);
  }
  return { channel: 'payload', architecture: ANY, nodes: new Map(), updates, riskyUpdates: new Map() };
}

/** The channels of the minor versions from the installed one on, with the prefix of the newest known channel. */
async function graphsBetween(
  installed: string,
  wanted: string,
  known: readonly UpdateGraph[],
  client: Pick<GraphClient, 'fetch'>,
): Promise<readonly UpdateGraph[]> {
  const [from, to] = [parseVersion(installed), parseVersion(wanted)];
  const parts = known
    .map(({ channel }) => /^(.+)-(\d+)\.(\d+)$/.exec(channel))
    .filter((match) => match !== null)
    .toSorted((a, b) => Number(a[3]) - Number(b[3]))
    .at(-1);
  const { architecture } = known[0] ?? {};
  if (from === null || to === null || parts === undefined || architecture === undefined) return [];
  if (from.major !== to.major) return [];
  const found: UpdateGraph[] = [];
  for (let minor = from.minor; minor <= to.minor; minor += 1) {
    const channel = `${parts[1]}-${from.major}.${minor}`;
    if (known.some((graph) => graph.channel === channel)) continue;
    try {
      found.push(await client.fetch({ channel, type: 'ocp', architecture }));
    } catch (error) {
      // Not every prefix exists for every minor version (eus); the proof then fails and says so.
      if (!isAirgapError(error, 'E_CONFIG')) throw error;
    }
  }
  return found;
}

interface Search {
  readonly architecture: string;
  readonly installed: string;
  readonly wanted: string;
  readonly graphs: readonly UpdateGraph[];
}

function incomplete(search: Search, proof: Exclude<UpgradeProof, { readonly complete: true }>): AirgapError {
  const { installed, wanted, architecture, graphs } = search;
  const data = { installed, wanted, architecture, hops: proof.hops ?? null, missing: proof.missing };
  const what = `update from ${installed} to ${wanted}${architecture === ANY ? '' : ` (${architecture})`}`;
  if (proof.hops !== undefined) {
    const missing = proof.missing.join(', ');
    return new AirgapError('E_CONFIG', `${what}: ${missing} is not selected, the way is ${proof.hops.join(' → ')}`, {
      hint: `add the missing release(s) under mirror.platform.channels: a channel with minVersion and maxVersion ${missing}`,
      data,
    });
  }
  const risky = graphs
    .map((graph) => riskyPath(graph, { min: installed, max: wanted }))
    .find((path) => path !== undefined);
  const channels = [...new Set(graphs.map(({ channel }) => channel))].join(', ');
  const unknown = proof.missing.length === 0 ? '' : `; ${proof.missing.join(', ')} is in none of them`;
  return new AirgapError('E_CONFIG', `${what}: no way in the update graphs of ${channels}${unknown}`, {
    hint:
      risky === undefined
        ? 'check the installed version, or select releases of the minor versions between'
        : `only updates with known risks lead there: ${risky.join(' → ')}; read about them before you take that way`,
    data,
  });
}
