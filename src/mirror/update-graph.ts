import compare from 'semver/functions/compare.js';
import parseVersion from 'semver/functions/parse.js';
import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';
import { quoteForeign } from '../core/quote.ts';

/** One release of a channel. */
export interface GraphNode {
  readonly version: string;
  /** Payload reference as the update service writes it, by digest. */
  readonly payload: string;
  /** Every channel the release is in, as far as the service tells. */
  readonly channels: readonly string[];
}

/** The update graph of one channel and architecture. */
export interface UpdateGraph {
  readonly channel: string;
  readonly architecture: string;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Version → versions it can be updated to without conditions, highest first. */
  readonly updates: ReadonlyMap<string, readonly string[]>;
  /** The same for updates that are recommended only under conditions, because of known risks. */
  readonly riskyUpdates: ReadonlyMap<string, readonly string[]>;
}

export interface VersionBounds {
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  readonly full: boolean;
}

export interface VersionRange {
  readonly min: string;
  readonly max: string;
}

const GraphSchema = z.looseObject({
  nodes: z.array(
    z.looseObject({
      version: z.string(),
      payload: z.string(),
      metadata: z.record(z.string(), z.unknown()).nullish(),
    }),
  ),
  edges: z.array(z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()])).nullish(),
  conditionalEdges: z
    .array(z.looseObject({ edges: z.array(z.looseObject({ from: z.string(), to: z.string() })) }))
    .nullish(),
});

const CHANNELS_KEY = 'io.openshift.upgrades.graph.release.channels';

/**
 * Reads the answer of an update service. Conditional edges are kept apart: an update with known risks is nothing a tool
 * should pick. Throws `E_CONFIG` naming the channel when the answer is no graph. (oc-mirror behaviour, "Graph API".)
 */
export function parseGraph(
  content: Uint8Array | string,
  from: { readonly channel: string; readonly architecture: string },
): UpdateGraph {
  const what = `update graph of channel ${from.channel} (${from.architecture})`;
  const result = GraphSchema.safeParse(parseJson(content, what));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new AirgapError(
      'E_CONFIG',
      `${what}: no update graph at ${issue?.path.join('.') ?? '?'}: ${issue?.message}`,
      {
        hint: 'check the address of the update service',
      },
    );
  }
  const { nodes, edges, conditionalEdges } = result.data;
  const versions = nodes.map(({ version }) => version);
  for (const version of versions) {
    if (parseVersion(version) === null)
      throw new AirgapError('E_CONFIG', `${what}: ${quoteForeign(version)} is no version`);
  }
  const pairs = (edges ?? []).map(([fromIndex, toIndex]): readonly [string, string] => {
    const [source, goal] = [versions[fromIndex], versions[toIndex]];
    if (source !== undefined && goal !== undefined) return [source, goal];
    throw new AirgapError(
      'E_CONFIG',
      `${what}: an edge names node ${Math.max(fromIndex, toIndex)}, which is not there`,
    );
  });
  const risky = (conditionalEdges ?? []).flatMap((group) => group.edges.map((edge) => [edge.from, edge.to] as const));
  return {
    ...from,
    nodes: new Map(
      nodes.map(({ version, payload, metadata }) => [version, { version, payload, channels: channelsOf(metadata) }]),
    ),
    updates: updatesOf(versions, pairs),
    riskyUpdates: updatesOf(versions, risky),
  };
}

/** Versions from lowest to highest: strict semver, so `4.17.0-rc.1` comes before `4.17.0`. */
export function sortedVersions(versions: Iterable<string>): string[] {
  return [...versions].toSorted(compare);
}

/** The highest version of the channel. Throws `E_CONFIG` when it has none. */
export function channelHead(graph: UpdateGraph): string {
  const head = sortedVersions(graph.nodes.keys()).at(-1);
  if (head === undefined) throw emptyChannel(graph);
  return head;
}

/**
 * The versions a channel entry means (oc-mirror behaviour, "Version resolution"): nothing given is the head alone, or
 * everything with `full`; a missing bound is the lowest or highest of the channel.
 */
export function resolveRange(bounds: VersionBounds, graph: UpdateGraph): VersionRange {
  const versions = sortedVersions(graph.nodes.keys());
  const [lowest, highest] = [versions[0], versions.at(-1)];
  if (lowest === undefined || highest === undefined) throw emptyChannel(graph);
  const min = nonEmpty(bounds.minVersion);
  const max = nonEmpty(bounds.maxVersion);
  if (min === undefined && max === undefined) return { min: bounds.full ? lowest : highest, max: highest };
  return { min: min ?? lowest, max: max ?? highest };
}

/** True when the channel has a version from min to max. */
export function hasVersionIn(graph: UpdateGraph, { min, max }: VersionRange): boolean {
  return [...graph.nodes.keys()].some((version) => compare(version, min) >= 0 && compare(version, max) <= 0);
}

/** All versions of the channel from min to max. Throws `E_CONFIG` naming the nearest ones when there is none. */
export function versionsInRange(graph: UpdateGraph, { min, max }: VersionRange): string[] {
  const versions = sortedVersions(graph.nodes.keys());
  const found = versions.filter((version) => compare(version, min) >= 0 && compare(version, max) <= 0);
  if (found.length > 0) return found;
  const wanted = min === max ? `version ${min} is` : `no version from ${min} to ${max} is`;
  const negation = min === max ? ' not' : '';
  throw new AirgapError('E_CONFIG', `${wanted}${negation} in channel ${graph.channel} (${graph.architecture})`, {
    hint: nearestHint(graph, min),
    data: { channel: graph.channel, architecture: graph.architecture, min, max },
  });
}

/**
 * The shortest update path, both ends included: breadth first, from the highest next version to the lowest. `found` is
 * false when there is no path; then only the ends are given, as the vendor tool mirrors them. Throws `E_CONFIG` when an end is not
 * in the graph.
 */
export function shortestPath(
  graph: UpdateGraph,
  { min, max }: VersionRange,
): { readonly versions: readonly string[]; readonly found: boolean } {
  for (const version of [min, max]) if (!graph.nodes.has(version)) throw missingVersion(graph, version);
  const path = breadthFirst(graph.updates, min, max);
  if (path !== undefined) return { versions: path, found: true };
  return { versions: sortedVersions(new Set([min, max])), found: false };
}

/** The shortest path when updates with known risks count too; undefined when there is none either. */
export function riskyPath(graph: UpdateGraph, { min, max }: VersionRange): string[] | undefined {
  const all = [...graph.updates].map(
    ([version, goals]) =>
      [version, [...goals, ...(graph.riskyUpdates.get(version) ?? [])].toSorted((a, b) => compare(b, a))] as const,
  );
  return breadthFirst(new Map(all), min, max);
}

/** Breadth-first search in the order the neighbours are listed; undefined when `goal` can not be reached. */
export function breadthFirst(
  updates: ReadonlyMap<string, readonly string[]>,
  start: string,
  goal: string,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  // A Map keeps insertion order and may grow while it is walked: it is the queue.
  for (const version of cameFrom.keys()) {
    if (version === goal) return pathTo(goal, cameFrom);
    for (const next of updates.get(version) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, version);
  }
  return undefined;
}

/** The error of a version that is not in a channel, with the nearest that are. */
export function missingVersion(graph: UpdateGraph, version: string): AirgapError {
  if (graph.nodes.size === 0) return emptyChannel(graph);
  return new AirgapError('E_CONFIG', `version ${version} is not in channel ${graph.channel} (${graph.architecture})`, {
    hint: nearestHint(graph, version),
    data: { channel: graph.channel, architecture: graph.architecture, version },
  });
}

/** The error of a channel without releases; `known` are channels that exist. */
export function emptyChannel(
  graph: Pick<UpdateGraph, 'channel' | 'architecture'>,
  known: Iterable<string> = [],
): AirgapError {
  const near = nearMatches(graph.channel, known, 5);
  const hint =
    near.length > 0
      ? `channels that exist: ${near.join(', ')}`
      : 'check the channel name (stable-4.17, fast-4.18, eus-4.16, candidate-4.19) and the architecture';
  return new AirgapError('E_CONFIG', `channel ${graph.channel} has no releases for ${graph.architecture}`, {
    hint,
    data: { channel: graph.channel, architecture: graph.architecture },
  });
}

/** Every channel the nodes of these graphs say they are in. */
export function knownChannels(graphs: Iterable<UpdateGraph>): Set<string> {
  const known = new Set<string>();
  for (const graph of graphs) {
    for (const node of graph.nodes.values()) for (const channel of node.channels) known.add(channel);
  }
  return known;
}

/** Goals by start, highest first; edges that leave the channel are dropped. */
function updatesOf(
  versions: readonly string[],
  pairs: readonly (readonly [string, string])[],
): Map<string, readonly string[]> {
  const goals = new Map<string, string[]>(versions.map((version) => [version, []]));
  for (const [start, goal] of pairs) if (goals.has(goal)) goals.get(start)?.push(goal);
  return new Map([...goals].map(([version, list]) => [version, list.toSorted((a, b) => compare(b, a))]));
}

function pathTo(goal: string, cameFrom: ReadonlyMap<string, string | undefined>): string[] {
  const path: string[] = [];
  for (let at: string | undefined = goal; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
  return path;
}

function nearestHint(graph: UpdateGraph, version: string): string {
  const versions = sortedVersions(graph.nodes.keys());
  const at = versions.findIndex((candidate) => compare(candidate, version) > 0);
  const around = at < 0 ? versions.slice(-3) : versions.slice(Math.max(0, at - 2), at + 2);
  const channels = [...knownChannels([graph])].filter((channel) => channel !== graph.channel);
  const isOtherMinor = at <= 0 && channels.length > 0;
  return `nearest in the channel: ${around.join(', ')}${isOtherMinor ? '; or choose another channel' : ''}`;
}

function channelsOf(metadata: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const channels = metadata?.[CHANNELS_KEY];
  return typeof channels === 'string' ? channels.split(',').filter((channel) => channel !== '') : [];
}

function parseJson(content: Uint8Array | string, what: string): unknown {
  try {
    return JSON.parse(typeof content === 'string' ? content : new TextDecoder().decode(content));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_CONFIG', `${what}: the answer is not JSON`, {
      hint: 'check the address of the update service',
      cause: error,
    });
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
