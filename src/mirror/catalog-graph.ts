import type { ChannelEntry } from './catalog.ts';

/** The upgrade graph of one channel, without cycles and with one head. */
export interface ChannelGraph {
  readonly head: string;
  /** The head, what it replaces, what that replaces, and so on. The last may have no entry of its own. */
  readonly chain: readonly string[];
  /** What each entry skips, without repeats. */
  readonly skips: ReadonlyMap<string, readonly string[]>;
}

/**
 * Builds the graph from `replaces` and `skips` (`skipRange` draws no edge). What makes a channel unusable is returned
 * as text instead: no entries, a repeated entry, an entry that replaces or skips itself, no or several heads, a cycle.
 * (oc-mirror behaviour, "Channel graph".)
 */
export function buildChannelGraph(
  entries: readonly ChannelEntry[],
): { readonly graph: ChannelGraph } | { readonly problems: readonly string[] } {
  if (entries.length === 0) return { problems: ['the channel has no entries'] };
  const problems: string[] = [];
  const known = new Map<string, ChannelEntry>();
  for (const entry of entries) {
    if (known.has(entry.name)) problems.push(`entry ${entry.name} is there twice`);
    else known.set(entry.name, entry);
    if (entry.replaces === entry.name) problems.push(`entry ${entry.name} replaces itself`);
    if (entry.skips?.includes(entry.name)) problems.push(`entry ${entry.name} skips itself`);
  }
  const incoming = countIncoming(known);
  const heads = [...known.keys()].filter((name) => !incoming.has(name));
  if (heads.length === 0) problems.push('no entry is the head: every one is replaced or skipped by another');
  if (heads.length > 1) problems.push(`it has ${heads.length} heads: ${heads.toSorted().join(', ')}`);
  if (problems.length > 0) return { problems };
  const head = heads[0]!;
  if (hasCycle(head, known, incoming)) return { problems: ['its entries replace or skip each other in a circle'] };
  const skips = new Map([...known].map(([name, entry]) => [name, [...new Set(entry.skips)]]));
  return { graph: { head, chain: chainFrom(head, known), skips } };
}

/** What an entry points to: the one it replaces and those it skips, each once. */
function successorsOf(entry: ChannelEntry | undefined): ReadonlySet<string> {
  return new Set([...(entry?.replaces ? [entry.replaces] : []), ...(entry?.skips ?? [])]);
}

function countIncoming(entries: ReadonlyMap<string, ChannelEntry>): Map<string, number> {
  const incoming = new Map<string, number>();
  for (const entry of entries.values()) {
    for (const name of successorsOf(entry)) incoming.set(name, (incoming.get(name) ?? 0) + 1);
  }
  return incoming;
}

/** Takes edges away in topological order from the head; what remains is part of, or behind, a cycle. */
function hasCycle(
  head: string,
  entries: ReadonlyMap<string, ChannelEntry>,
  incoming: ReadonlyMap<string, number>,
): boolean {
  const remaining = new Map(incoming);
  const queue = [head];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const successor of successorsOf(entries.get(name))) {
      const count = remaining.get(successor)! - 1;
      if (count > 0) {
        remaining.set(successor, count);
      } else {
        remaining.delete(successor);
        queue.push(successor);
      }
    }
  }
  return remaining.size > 0;
}

function chainFrom(head: string, entries: ReadonlyMap<string, ChannelEntry>): string[] {
  const chain: string[] = [];
  for (let name: string | undefined = head; name; name = entries.get(name)?.replaces) chain.push(name);
  return chain;
}
