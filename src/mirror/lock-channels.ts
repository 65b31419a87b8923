import type { PlatformSelection } from './image-set.ts';
import type { LockedChannel } from './lock.ts';
import { resolveRange, sortedVersions, type UpdateGraph } from './update-graph.ts';

/**
 * The bounds of every channel of the image set once its graphs are known: what "newest" meant. Over several
 * architectures the widest bounds. A payload named directly has none, nor has a channel without graph.
 */
export function lockedChannels(platform: PlatformSelection, graphs: readonly UpdateGraph[]): readonly LockedChannel[] {
  if (platform.release !== '') return [];
  return platform.channels.flatMap((channel) => {
    const ranges = graphs
      .filter((graph) => graph.channel === channel.name && graph.nodes.size > 0)
      .map((graph) => resolveRange(channel, graph));
    const minVersion = sortedVersions(ranges.map(({ min }) => min))[0];
    const maxVersion = sortedVersions(ranges.map(({ max }) => max)).at(-1);
    if (minVersion === undefined || maxVersion === undefined) return [];
    return [{ name: channel.name, minVersion, maxVersion }];
  });
}
