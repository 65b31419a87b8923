import type { PlatformSelection } from './image-set.ts';
import type { LockedChannel } from './lock.ts';
import { graphArchitectures } from './release-selection.ts';
import { resolveRange, type UpdateGraph } from './update-graph.ts';

/**
 * The bounds of every channel of the image set once its graphs are known: what "newest" meant, which the first
 * architecture tells. A payload named directly has none, nor has a channel without graph.
 */
export function lockedChannels(platform: PlatformSelection, graphs: readonly UpdateGraph[]): readonly LockedChannel[] {
  if (platform.release !== '') return [];
  const [architecture] = graphArchitectures(platform);
  return platform.channels.flatMap((channel) => {
    const graph = graphs.find(
      ({ nodes, ...from }) => from.channel === channel.name && from.architecture === architecture && nodes.size > 0,
    );
    if (graph === undefined) return [];
    const { min, max } = resolveRange(channel, graph);
    return [{ name: channel.name, minVersion: min, maxVersion: max }];
  });
}
