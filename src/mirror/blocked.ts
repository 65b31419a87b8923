import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { translatePattern } from './blocked-pattern.ts';
import type { ImageRequest, TargetName } from './mirror-plan.ts';
import { VENDOR_CACHE } from './target-name.ts';

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
 * The first pattern that matches the origin or the destination of an image, without their transports. The destination is
 * the one the vendor tool has on the way to the disk; what only matches the name of its cache blocks nothing.
 */
export function blockedBy(
  patterns: readonly BlockedPattern[],
  image: { readonly origin: string; readonly target: TargetName },
): BlockedPattern | undefined {
  const origin = image.origin.replace(/^.*?:\/\//, '');
  const path = `/${image.target.repository}:${image.target.tag}`;
  return patterns.find(
    ({ expression }) =>
      expression.test(origin) || expression.test(path) || reachesBeyond(VENDOR_CACHE, expression, path),
  );
}

function reachesBeyond(host: string, expression: RegExp, path: string): boolean {
  const match = expression.exec(`${host}${path}`);
  return match !== null && match.index + match[0].length > host.length;
}

/** Takes blocked images out of one collector's list. One `W_BLOCKED` per pattern says how many images it removed. */
export function removeBlocked(
  images: readonly ImageRequest[],
  patterns: readonly BlockedPattern[],
): { readonly kept: readonly ImageRequest[]; readonly warnings: readonly Warning[] } {
  const removed = new Map<BlockedPattern, string[]>();
  const kept = images.filter((image) => {
    const pattern = blockedBy(patterns, image);
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
