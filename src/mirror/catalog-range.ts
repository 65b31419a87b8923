import type { CatalogChannel } from './catalog.ts';
import type { ChannelGraph } from './catalog-graph.ts';
import {
  compareVersions,
  equalsExact,
  formatVersion,
  rangeMatcher,
  type Version,
  type VersionRange,
} from './version-range.ts';

/** Operator bundle name → version, for one package. */
export type BundleVersions = Map<string, Version>;

/**
 * The entries of a channel that a version range keeps, in such a way that the channel still has one head and an unbroken
 * chain: from the lowest entry of the chain that has all matches at or below it, down to the last one with a match at or
 * below it (matching or not), with the skipped entries that match. Empty when nothing matches.
 * (oc-mirror behaviour, "Range walk".)
 */
export function keptByRange(graph: ChannelGraph, range: VersionRange, versions: BundleVersions): Set<string> {
  const isInRange = rangeMatcher(range);
  const matches = (name: string) => {
    const version = versions.get(name);
    return version !== undefined && isInRange(version);
  };
  const seen = new Set<string>();
  const matchesFrom = new Map<string, number>();
  let count = 0;
  for (const name of graph.chain.toReversed()) {
    for (const one of [name, ...(graph.skips.get(name) ?? [])]) {
      if (seen.has(one) || !matches(one)) continue;
      seen.add(one);
      count += 1;
    }
    matchesFrom.set(name, count);
  }
  if (count === 0) return new Set();
  const fromHead = graph.chain.filter((name) => matchesFrom.get(name)! > 0);
  const newHead = fromHead.findLastIndex((name) => matchesFrom.get(name) === count);
  const kept = new Set<string>();
  for (const name of fromHead.slice(newHead)) {
    kept.add(name);
    for (const skipped of graph.skips.get(name) ?? []) if (matches(skipped)) kept.add(skipped);
  }
  return kept;
}

/**
 * The one entry of a channel that has exactly this version: of several that differ in build metadata the highest build.
 * Empty when only other channels of the package have it; a problem when no operator bundle of the package has it.
 */
export function keptByExactVersion(
  channel: CatalogChannel,
  exact: string,
  versions: BundleVersions,
): { readonly kept: ReadonlySet<string> } | { readonly problems: readonly string[] } {
  const candidates = [...versions].filter(([, version]) => equalsExact(version, exact));
  if (candidates.length === 0) {
    const known = [...versions.values()].toSorted(compareVersions).map((version) => formatVersion(version));
    return { problems: [`no operator bundle has version ${exact}; there are ${[...new Set(known)].join(', ')}`] };
  }
  const inChannel = candidates.filter(([name]) => channel.entries.some((entry) => entry.name === name));
  const best = inChannel.toSorted(([, a], [, b]) => compareBuilds(a.build, b.build)).at(-1);
  return { kept: new Set(best === undefined ? [] : [best[0]]) };
}

/** Builds have no precedence in semver; numbers in them are compared as numbers, the rest as text. */
function compareBuilds(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
