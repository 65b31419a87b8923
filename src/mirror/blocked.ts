import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { translatePattern } from './blocked-pattern.ts';
import type { ImageRequest, TargetName } from './mirror-plan.ts';

/** One compiled entry of `mirror.blockedImages`. */
export interface BlockedPattern {
  /** As the user wrote it. */
  readonly text: string;
  readonly expression: RegExp;
}

/**
 * Compiles one `blockedImages[].name`: an RE2 expression, searched anywhere in the text (oc-mirror behaviour,
 * "blockedImages"). Throws `E_CONFIG` for what RE2 does not have (look-around, back-references) or can not read.
 */
export function compileBlocked(text: string): BlockedPattern {
  const problem = (reason: string, hint: string) =>
    new AirgapError('E_CONFIG', `blocked image ${JSON.stringify(text)}: ${reason}`, { hint });
  if (text === '') {
    throw problem('an empty expression blocks every image', 'write a part of the image reference, or remove the entry');
  }
  const translated = translatePattern(text);
  if ('problem' in translated) throw problem(translated.problem, translated.hint);
  try {
    return { text, expression: new RegExp(translated.source, 'u') };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw problem(`not a regular expression (${error.message})`, 'correct the expression');
  }
}

/**
 * The first pattern that matches the origin or the destination of an image, without their transports. While the target
 * registry is not known the destination is matched as `/repository:tag`.
 */
export function blockedBy(
  patterns: readonly BlockedPattern[],
  image: { readonly origin: string; readonly target: TargetName },
  targetBase = '',
): BlockedPattern | undefined {
  const origin = image.origin.replace(/^.*?:\/\//, '');
  const destination = `${targetBase}/${image.target.repository}:${image.target.tag}`;
  return patterns.find(({ expression }) => expression.test(origin) || expression.test(destination));
}

/** Takes blocked images out of one collector's list. One `W_BLOCKED` per pattern says how many images it removed. */
export function removeBlocked(
  images: readonly ImageRequest[],
  patterns: readonly BlockedPattern[],
  targetBase = '',
): { readonly kept: readonly ImageRequest[]; readonly warnings: readonly Warning[] } {
  const removed = new Map<BlockedPattern, string[]>();
  const kept = images.filter((image) => {
    const pattern = blockedBy(patterns, image, targetBase);
    if (pattern !== undefined) removed.set(pattern, [...(removed.get(pattern) ?? []), image.origin]);
    return pattern === undefined;
  });
  const warnings = [...removed].map(([{ text }, origins]): Warning => {
    const message = `blockedImages: ${JSON.stringify(text)} leaves out ${origins.length} image(s): ${listed(origins)}`;
    return { code: 'W_BLOCKED', message };
  });
  return { kept, warnings };
}

function listed(origins: readonly string[]): string {
  const shown = origins.slice(0, 5).join(', ');
  return origins.length > 5 ? `${shown}, …` : shown;
}
