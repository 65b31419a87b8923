import { AirgapError } from '../core/errors.ts';
import { checkChannel, DEFAULT_OPERATORS, draftImageSet, type DraftAnswers } from '../mirror/image-set-draft.ts';
import { canAsk, openAsker } from './ask.ts';

export interface DraftFlags {
  readonly channel: string | undefined;
  readonly 'min-version': string | undefined;
  readonly 'max-version': string | undefined;
  readonly architecture: readonly string[] | undefined;
  readonly graph: boolean;
  readonly operator: readonly string[] | undefined;
  readonly catalog: string | undefined;
}

/** The newest channel when this was written: only what is offered to somebody who is asked. */
const OFFERED_CHANNEL = 'stable-4.20';

/** What the flags say; with a terminal and without `--channel`, what the user says. Throws `E_USAGE` when nobody can be asked. */
export async function draftAnswers(flags: DraftFlags, signal: AbortSignal): Promise<DraftAnswers> {
  const answers = {
    minVersion: flags['min-version'],
    maxVersion: flags['max-version'],
    architectures: flags.architecture ?? ['amd64'],
    graph: flags.graph,
    operators: flags.operator ?? DEFAULT_OPERATORS,
    catalog: flags.catalog,
  };
  if (flags.channel !== undefined) return { ...answers, channel: flags.channel };
  if (!canAsk()) {
    throw new AirgapError('E_USAGE', 'nothing says which releases to take, and there is no terminal to ask on', {
      hint: `give --channel, for example --channel ${OFFERED_CHANNEL}`,
    });
  }
  return askAnswers(answers, signal);
}

async function askAnswers(given: Omit<DraftAnswers, 'channel'>, signal: AbortSignal): Promise<DraftAnswers> {
  const asker = openAsker(signal);
  try {
    const channel = await asker.ask({
      text: 'Release channel',
      preset: OFFERED_CHANNEL,
      check: (answer) => void checkChannel(answer),
    });
    // Every answer is judged together with those before it.
    const judge = (part: Partial<DraftAnswers>): void => void draftImageSet({ ...given, channel, ...part }, './x');
    const minVersion = optional(
      await asker.ask({
        text: 'Oldest release, empty for the newest alone',
        preset: given.minVersion ?? '',
        check: (answer) => judge({ minVersion: optional(answer) }),
      }),
    );
    const architectures = words(
      await asker.ask({
        text: 'Architectures',
        preset: given.architectures.join(' '),
        check: (answer) => judge({ architectures: words(answer) }),
      }),
    );
    const operators = words(
      await asker.ask({
        text: 'Operators',
        preset: given.operators.join(' '),
        check: (answer) => judge({ operators: words(answer) }),
      }),
    );
    return { ...given, channel, minVersion, architectures, operators };
  } finally {
    asker.close();
  }
}

function optional(answer: string): string | undefined {
  return answer === '' ? undefined : answer;
}

function words(answer: string): string[] {
  return answer.split(/[\s,]+/).filter((word) => word !== '');
}
