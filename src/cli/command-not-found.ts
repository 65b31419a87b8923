import type { Hook } from '@oclif/core/hooks';
import { nearMatches } from '../core/near-match.ts';

/** What is said of a command that does not exist: the nearest one that does, with exit status 2 like any wrong usage. */
export const suggestCommand: Hook.CommandNotFound = async function suggest({ config, id }) {
  const words = id.split(':');
  const known = config.commandIDs.map((command) => command.split(':')[0]!);
  const near = nearMatches(words[0]!, known)[0];
  const fix = near === undefined ? 'see airgap --help for the commands' : `did you mean "airgap ${near}"?`;
  this.error(`there is no command ${JSON.stringify(words[0])}\n  fix: ${fix}`, { code: 'E_USAGE', exit: 2 });
};
