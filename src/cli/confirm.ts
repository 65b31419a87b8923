import { createInterface } from 'node:readline/promises';
import { AirgapError } from '../core/errors.ts';

/** True when a question would be answered: agreed to beforehand, by a person, or because nothing is written. */
export function canAnswer(flags: {
  readonly yes: boolean;
  readonly 'dry-run': boolean;
  readonly render: string | undefined;
}): boolean {
  return flags.yes || flags['dry-run'] || flags.render !== undefined || isTerminal();
}

/** Asks a yes-or-no question on the terminal. Without one it throws `E_USAGE` that names --yes: nothing is assumed. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!isTerminal()) {
    throw new AirgapError('E_USAGE', `${question} There is no terminal to answer on`, { hint: 'give --yes to agree' });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal is in raw mode while a line is read: nobody else turns Ctrl-C into a signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    lines.close();
  }
}

function isTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
