import { createInterface } from 'node:readline/promises';
import { AirgapError } from '../core/errors.ts';

/** Asks a yes-or-no question on the terminal. Without one it throws `E_USAGE` that names --yes: nothing is assumed. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new AirgapError('E_USAGE', `${question} There is no terminal to answer on`, { hint: 'give --yes to agree' });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
