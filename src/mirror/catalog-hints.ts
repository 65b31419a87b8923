import { nearMatches } from '../core/near-match.ts';

/** Names shown in one message. */
const MAX_NAMES = 12;

/** `, did you mean …?` with the candidates that look like `name`; empty when none does. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearMatches(name, candidates, 3);
  return near.length === 0 ? '' : `, did you mean ${near.join(' or ')}?`;
}

/** What there is instead, cut to the last ones when there are many. */
export function theyAre(what: string, names: readonly string[]): string {
  if (names.length === 0) return `it has no ${what}`;
  const shown = names.slice(-MAX_NAMES);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return `${what}: ${shown.join(', ')}${more}`;
}
