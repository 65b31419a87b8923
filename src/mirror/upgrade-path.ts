import compare from 'semver/functions/compare.js';
import { AirgapError } from '../core/errors.ts';
import {
  breadthFirst,
  channelHead,
  missingVersion,
  shortestPath,
  sortedVersions,
  type UpdateGraph,
  type VersionRange,
} from './update-graph.ts';

/** A channel entry with its versions resolved. */
export interface ResolvedChannel extends VersionRange {
  readonly name: string;
}

/** Releases of one channel that are on the way. */
export interface PathSegment {
  readonly graph: UpdateGraph;
  readonly versions: readonly string[];
}

export interface CrossChannelPath {
  readonly segments: readonly PathSegment[];
  readonly warnings: readonly string[];
}

/** A channel's graph; `startVersion` tells the service where the path begins. */
export type GraphOf = (channel: string, startVersion?: string) => Promise<UpdateGraph>;

/** What is known about the way from the installed to the wanted version. */
export type UpgradeProof =
  /** Every hop is selected. `hops` starts with the installed and ends with the wanted version. */
  | { readonly complete: true; readonly hops: readonly string[] }
  /** A way exists, but these versions on it are not selected. */
  | { readonly complete: false; readonly hops: readonly string[]; readonly missing: readonly string[] }
  /** The graphs know no way at all; `missing` are ends that no graph has. */
  | { readonly complete: false; readonly hops: undefined; readonly missing: readonly string[] };

/**
 * Which selected releases lead from the installed to the wanted version. Uses unconditional updates of all given graphs
 * together; prefers a way over selected releases, then the one with fewest hops. Pure.
 */
export function proveUpgradePath(
  graphs: readonly UpdateGraph[],
  installed: string,
  wanted: string,
  selected: Iterable<string>,
): UpgradeProof {
  const merged = mergedUpdates(graphs);
  const usable = new Set([...selected, installed]);
  const within = new Map(
    [...merged].map(([version, goals]) => [version, goals.filter((goal) => usable.has(goal))] as const),
  );
  const known = installed === wanted ? [installed] : breadthFirst(within, installed, wanted);
  if (known !== undefined) return { complete: true, hops: known };
  const hops = breadthFirst(merged, installed, wanted);
  if (hops === undefined) {
    return { complete: false, hops, missing: [installed, wanted].filter((version) => !merged.has(version)) };
  }
  return { complete: false, hops, missing: hops.filter((version) => !usable.has(version)) };
}

/**
 * The releases an update over several channels passes through (oc-mirror behaviour, "Several channels"): from the lowest
 * minimum to the highest maximum, one minor version after the other. Throws `E_CONFIG` for channel names without
 * `major.minor` and for versions that are not in their channel.
 */
export async function crossChannelPath(
  channels: readonly ResolvedChannel[],
  graphOf: GraphOf,
): Promise<CrossChannelPath> {
  const start = channels.toSorted((a, b) => compare(a.min, b.min))[0];
  const target = channels.toSorted((a, b) => compare(b.max, a.max))[0];
  if (start === undefined || target === undefined) return { segments: [], warnings: [] };
  if (start.name === target.name) {
    return { segments: [await segment(start.name, { min: start.min, max: target.max }, graphOf)], warnings: [] };
  }
  const from = channelParts(start.name);
  const to = channelParts(target.name);
  const targetGraph = await graphOf(target.name);
  if (!targetGraph.nodes.has(target.max)) throw missingVersion(targetGraph, target.max);
  const targetOnly: PathSegment = { graph: targetGraph, versions: [target.max] };
  const blocked = (version: string, channel: string) =>
    `no update path from ${start.min} to ${target.max}: ${version} is not in channel ${channel}; the releases between are left out`;

  if (from.major === to.major && from.minor === to.minor) {
    if (!targetGraph.nodes.has(start.min))
      return { segments: [targetOnly], warnings: [blocked(start.min, target.name)] };
    return { segments: [await segment(target.name, { min: start.min, max: target.max }, graphOf)], warnings: [] };
  }
  if (from.major !== to.major || from.minor > to.minor) {
    const warning = `no update path leads from channel ${start.name} to ${target.name}; only ${target.max} is added`;
    return { segments: [targetOnly], warnings: [warning] };
  }

  let reached = channelHead(await graphOf(start.name));
  const segments = [await segment(start.name, { min: start.min, max: reached }, graphOf)];
  for (let minor = from.minor + 1; minor <= to.minor; minor += 1) {
    const isLast = minor === to.minor;
    const name = isLast ? target.name : `${from.prefix}-${from.major}.${minor}`;
    const graph = await graphOf(name);
    const goal = isLast ? target.max : channelHead(graph);
    if (!graph.nodes.has(reached)) {
      // The vendor tool looks for the head of the channel it is at, in the channel of the target.
      const ends = new Set(targetGraph.nodes.has(goal) ? [goal, target.max] : [target.max]);
      const warning = blocked(reached, name);
      return { segments: [...segments, { graph: targetGraph, versions: [...ends] }], warnings: [warning] };
    }
    segments.push(await segment(name, { min: reached, max: goal }, graphOf));
    reached = goal;
  }
  return { segments, warnings: [] };
}

async function segment(channel: string, range: VersionRange, graphOf: GraphOf): Promise<PathSegment> {
  const graph = await graphOf(channel, range.min);
  return { graph, versions: shortestPath(graph, range).versions };
}

function channelParts(name: string): { readonly prefix: string; readonly major: number; readonly minor: number } {
  const match = /^(.*)-(\d+)\.(\d+)$/.exec(name);
  if (match === null) {
    throw new AirgapError(
      'E_CONFIG',
      `channel ${name}: no update path over several channels without a version in the name`,
      {
        hint: 'channels are named like stable-4.17; put this one into an image set of its own',
      },
    );
  }
  return { prefix: match[1]!, major: Number(match[2]), minor: Number(match[3]) };
}

function mergedUpdates(graphs: readonly UpdateGraph[]): Map<string, string[]> {
  const merged = new Map<string, Set<string>>();
  for (const [version, goals] of graphs.flatMap(({ updates }) => [...updates])) {
    merged.set(version, new Set([...(merged.get(version) ?? []), ...goals]));
  }
  return new Map([...merged].map(([version, goals]) => [version, sortedVersions(goals).toReversed()]));
}
