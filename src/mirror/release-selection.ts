import compare from 'semver/functions/compare.js';
import parseVersion from 'semver/functions/parse.js';
import { isAirgapError, type AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { throwTogether } from '../core/gather.ts';
import type { GraphClient } from './graph-client.ts';
import type { PlatformSelection, ReleaseChannel } from './image-set.ts';
import {
  hasVersionIn,
  resolveRange,
  riskyPath,
  shortestPath,
  versionsInRange,
  type UpdateGraph,
  type VersionRange,
} from './update-graph.ts';
import { crossChannelPath, type ResolvedChannel } from './upgrade-path.ts';

/** A release a channel entry asks for. */
export interface SelectedRelease {
  readonly version: string;
  /** Name the update service uses; `multi` for payloads of several architectures. */
  readonly architecture: string;
  readonly type: ReleaseChannel['type'];
  /** Payload reference of the graph. */
  readonly payload: string;
  /** Each reason for which it was selected: `channel stable-4.17, newest`. */
  readonly reasons: readonly string[];
}

export interface ReleaseSelection {
  readonly releases: readonly SelectedRelease[];
  readonly warnings: readonly Warning[];
}

interface ChannelSelection {
  readonly channel: ReleaseChannel;
  readonly range: VersionRange;
  readonly graph: UpdateGraph;
  readonly versions: readonly string[];
  readonly reason: string;
  readonly warnings: readonly string[];
}

/** Update paths that skip a minor version need the help of the EUS rules from this distance on. */
const EUS_MINOR_DISTANCE = 2;

/**
 * The architectures graphs are asked for: as written, `amd64` by default, `multi` when platforms are chosen. What
 * "newest" and "lowest" mean is told by the first one, for all.
 */
export function graphArchitectures(
  platform: Pick<PlatformSelection, 'architectures' | 'platforms'>,
): readonly [string, ...string[]] {
  if ((platform.platforms?.length ?? 0) > 0) return ['multi'];
  const [first = 'amd64', ...more] = new Set(platform.architectures);
  return [first, ...more];
}

/**
 * The releases all channels and architectures ask for, each payload once, in version order (oc-mirror behaviour,
 * sections "Version resolution" and "Several channels"). Throws one `E_CONFIG` that names every channel that gives none.
 */
export async function selectReleases(platform: PlatformSelection, client: GraphClient): Promise<ReleaseSelection> {
  const found = new Map<string, SelectedRelease>();
  const warnings = new Set<string>();
  const errors: AirgapError[] = [];
  const add = (
    graph: UpdateGraph,
    versions: readonly string[],
    why: { type: ReleaseChannel['type']; reason: string },
  ) => {
    for (const version of versions) {
      const node = graph.nodes.get(version);
      if (node === undefined) continue;
      const known = found.get(node.payload);
      const reasons = [...new Set([...(known?.reasons ?? []), why.reason])];
      const { architecture } = graph;
      found.set(
        node.payload,
        known ? { ...known, reasons } : { version, architecture, type: why.type, payload: node.payload, reasons },
      );
    }
  };
  const bounds = new Map<string, VersionRange>();
  for (const architecture of graphArchitectures(platform)) {
    const resolved: ChannelSelection[] = [];
    for (const channel of platform.channels) {
      await keepingErrors(errors, async () => {
        const selection = await selectFromChannel(channel, { architecture, first: bounds.get(channel.name) }, client);
        resolved.push(selection);
        bounds.set(channel.name, selection.range);
        add(selection.graph, selection.versions, { type: channel.type, reason: selection.reason });
        for (const warning of selection.warnings) warnings.add(warning);
      });
    }
    const ocp = resolved.filter(({ channel }) => channel.type === 'ocp');
    if (platform.channels.length < 2 || ocp.length === 0 || errors.length > 0) continue;
    await keepingErrors(errors, async () => {
      const ends = ocp.map(({ channel, range }): ResolvedChannel => ({ name: channel.name, ...range }));
      const path = await crossChannelPath(ends, (channel, version) =>
        client.fetch({ channel, type: 'ocp', architecture, version }),
      );
      const reason = `update path over channels ${ends.map(({ name }) => name).join(', ')}`;
      for (const { graph, versions } of path.segments) add(graph, versions, { type: 'ocp', reason });
      for (const warning of path.warnings) warnings.add(warning);
    });
  }
  throwTogether(errors);
  const releases = [...found.values()].toSorted(
    (a, b) => compare(a.version, b.version) || (a.architecture < b.architecture ? -1 : 1),
  );
  return { releases, warnings: [...warnings].map((message) => ({ code: 'W_GRAPH', message })) };
}

/** The entry with the bounds the first architecture gave it. */
function withBounds(channel: ReleaseChannel, range: VersionRange | undefined): ReleaseChannel {
  if (range === undefined) return channel;
  return { ...channel, minVersion: range.min, maxVersion: range.max, written: channel.written ?? channel };
}

async function selectFromChannel(
  entry: ReleaseChannel,
  { architecture, first }: { readonly architecture: string; readonly first: VersionRange | undefined },
  client: GraphClient,
): Promise<ChannelSelection> {
  const channel = withBounds(entry, first);
  const query = { channel: channel.name, type: channel.type, architecture };
  const hasBoth = isBounded(channel);
  const whole = channel.shortestPath && hasBoth ? undefined : await client.fetch(query);
  const range = whole === undefined ? givenRange(channel) : resolveRange(channel, whole);
  const warnings = eusWarning(channel.name, range);
  const span = range.min === range.max ? range.min : `${range.min} to ${range.max}`;
  if (!channel.shortestPath) {
    const graph = whole ?? (await client.fetch(query));
    const { full, minVersion, maxVersion } = channel.written ?? channel;
    const isHead = !full && (minVersion ?? '') === '' && (maxVersion ?? '') === '';
    const reason = `channel ${channel.name}, ${isHead ? 'newest' : span}`;
    // Bounds that another architecture gave are nobody's mistake: this one may have no release between them.
    if (first !== undefined && !isBounded(entry.written ?? entry) && !hasVersionIn(graph, range)) {
      warnings.push(`channel ${channel.name} has no ${span} for ${architecture}; nothing is taken of it`);
      return { channel, range, graph, versions: [], reason, warnings };
    }
    return { channel, range, graph, versions: versionsInRange(graph, range), reason, warnings };
  }
  const graph = await client.fetch({ ...query, version: range.min });
  const path = shortestPath(graph, range);
  if (!path.found) {
    const risky = riskyPath(graph, range);
    const way = risky === undefined ? '' : `; updates with known risks lead there: ${risky.join(', ')}`;
    const missing = `channel ${channel.name} (${architecture}) has no update path from ${range.min} to ${range.max}`;
    warnings.push(`${missing}; only these two are taken${way}`);
  }
  const reason = `channel ${channel.name}, shortest path ${span}`;
  return { channel, range, graph, versions: path.versions, reason, warnings };
}

function isBounded({ minVersion = '', maxVersion = '' }: ReleaseChannel): boolean {
  return minVersion !== '' && maxVersion !== '';
}

function givenRange(channel: ReleaseChannel): VersionRange {
  return { min: channel.minVersion ?? '', max: channel.maxVersion ?? '' };
}

function eusWarning(channel: string, { min, max }: VersionRange): string[] {
  const distance = (parseVersion(max)?.minor ?? 0) - (parseVersion(min)?.minor ?? 0);
  if (!channel.includes('eus') || distance < EUS_MINOR_DISTANCE) return [];
  return [
    `channel ${channel}: ${min} to ${max} skips minor versions; check the way with https://access.redhat.com/labs/ocpupgradegraph/update_path`,
  ];
}

async function keepingErrors(errors: AirgapError[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isAirgapError(error)) throw error;
    errors.push(error);
  }
}
