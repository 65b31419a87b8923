import type { Hook } from '@oclif/core/hooks';
import { AirgapError, exitStatusOf } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';
import { errorAsJson, formatError } from './render-error.ts';

/** What is said of a command that does not exist: the nearest one that does, with exit status 2 like any wrong usage. */
export const suggestCommand: Hook.CommandNotFound = async function suggest({ config, id, argv = [] }) {
  const error = wrongCommand(config.commandIDs, id.split(':'));
  if ([id, ...argv].includes('--json')) process.stdout.write(`${JSON.stringify(errorAsJson(error), null, 2)}\n`);
  else process.stderr.write(`${formatError(error)}\n`);
  this.exit(exitStatusOf(error.code));
};

/** `words` are all arguments up to the first flag: a command that takes none is not told from its argument by oclif. */
function wrongCommand(known: readonly string[], words: readonly string[]): AirgapError {
  const [first = '', second] = words;
  const length = words.findLastIndex((_, index) => known.includes(words.slice(0, index).join(':')));
  if (length > 0) {
    const command = words.slice(0, length).join(' ');
    return new AirgapError('E_USAGE', `airgap ${command} takes no argument ${JSON.stringify(words[length])}`, {
      hint: `see airgap ${command} --help`,
    });
  }
  const below = known.flatMap((command) => (command.startsWith(`${first}:`) ? [command.split(':')[1]!] : []));
  if (below.length > 0 && second !== undefined) return noCommand(`${first} ${second}`, second, below, `${first} `);
  if (first === 'help') return noCommand(first, second ?? '', [], known.includes(second ?? '') ? `${second} ` : '');
  const names = known.map((command) => command.split(':')[0]!);
  return noCommand(first, first, names, '');
}

function noCommand(text: string, word: string, candidates: readonly string[], prefix: string): AirgapError {
  const near = nearMatches(word, candidates)[0];
  return new AirgapError('E_USAGE', `there is no command ${JSON.stringify(text)}`, {
    hint: near === undefined ? `see airgap ${prefix}--help` : `did you mean "airgap ${prefix}${near}"?`,
  });
}
