import { formatDuration } from '../core/bytes.ts';
import type { Rollout, RolloutEffect } from '../core/events.ts';

const EFFECT: Readonly<Record<RolloutEffect, string>> = {
  drain: 'nodes would be drained one after the other',
  restart: 'nodes would not be drained; kubelet and CRI-O would start again',
  reload: 'nodes would not be drained; CRI-O would read new files',
  none: 'no roll-out: nodes would get new files as they are',
  replace: 'nodes would be replaced one after the other',
};
const MOST_REASONS = 3;

/** What previewed changes would do to nodes, in one line: effect, time, pools, causes. */
export function rolloutLine({ effect, pools, because, expectedMs }: Rollout): string {
  const time = expectedMs === undefined ? '' : `, about ${formatDuration(expectedMs)}`;
  const shown = pools.map(
    ({ name, nodes, isPaused }) => `${name} ${nodes}${isPaused === true ? ', paused: would never finish' : ''}`,
  );
  const where = effect === 'none' || shown.length === 0 ? '' : ` (${shown.join('; ')})`;
  const more = because.length > MOST_REASONS ? ` and ${because.length - MOST_REASONS} more` : '';
  return `${EFFECT[effect]}${time}${where}, because of ${because.slice(0, MOST_REASONS).join(', ')}${more}`;
}
