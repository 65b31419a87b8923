import { AirgapError } from '../core/errors.ts';
import { checkChannel, DEFAULT_OPERATORS, draftImageSet, type DraftAnswers } from '../mirror/image-set-draft.ts';
import type { InitAnswers } from '../workflows/init.ts';
import { canAsk, openAsker, optional, words, type Asker } from './ask.ts';
import { askSite, siteAnswers, SITE_FLAGS, type SiteFlags } from './site-answers.ts';

export interface DraftFlags extends SiteFlags {
  readonly channel: string | undefined;
  readonly 'min-version': string | undefined;
  readonly 'max-version': string | undefined;
  readonly architecture: readonly string[] | undefined;
  readonly graph: boolean;
  readonly operator: readonly string[] | undefined;
  readonly catalog: string | undefined;
  readonly 'no-site': boolean;
}

/** The newest channel when this was written: only what is offered to somebody who is asked. */
const OFFERED_CHANNEL = 'stable-4.20';

/**
 * What the flags say; on a terminal what the user says, about the content without `--channel`, about the far side without
 * `--registry`. Throws `E_USAGE` when nobody can be asked for the channel.
 */
export async function draftAnswers(
  flags: DraftFlags & Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<InitAnswers> {
  const { channel, registry } = flags;
  const given = {
    minVersion: flags['min-version'],
    maxVersion: flags['max-version'],
    architectures: flags.architecture ?? ['amd64'],
    graph: flags.graph,
    operators: flags.operator ?? DEFAULT_OPERATORS,
    catalog: flags.catalog,
  };
  if (flags['no-site']) refuseSiteFlags(flags);
  const site = flags['no-site'] ? undefined : siteAnswers(flags);
  const isSiteAsked = site !== undefined && registry === undefined && canAsk();
  if (channel !== undefined && !isSiteAsked) return { imageSet: { ...given, channel }, site };
  if (!canAsk()) {
    throw new AirgapError('E_USAGE', 'nothing says which releases to take, and there is no terminal to ask on', {
      hint: `give --channel, for example --channel ${OFFERED_CHANNEL}`,
    });
  }
  const asker = openAsker(signal);
  try {
    const imageSet = channel === undefined ? await askImageSet(given, asker) : { ...given, channel };
    // What the flags got wrong is told before anything more is asked.
    draftImageSet(imageSet, './x');
    return { imageSet, site: isSiteAsked ? await askSite(site, imageSet, asker) : site };
  } finally {
    asker.close();
  }
}

function refuseSiteFlags(flags: Readonly<Record<string, unknown>>): void {
  const given = SITE_FLAGS.find((flag) => flags[flag] !== undefined);
  if (given === undefined) return;
  throw new AirgapError('E_USAGE', `--${given} says something about the site file, and --no-site leaves it out`, {
    hint: 'give one of the two',
  });
}

async function askImageSet(given: Omit<DraftAnswers, 'channel'>, asker: Asker): Promise<DraftAnswers> {
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
}
