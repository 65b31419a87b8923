import type { EngineDifference } from '../../mirror/plan-file.ts';

/** Names shown of each kind; all of them are in `plan.json`. */
const SHOWN = 5;

const TITLES: Readonly<Record<EngineDifference['kind'], string>> = {
  missing: 'planned, but oc-mirror did not mirror it',
  moved: 'changed between planning and mirroring: oc-mirror has another digest',
  extra: 'mirrored by oc-mirror though not planned',
  leftOut: 'planned, but never taken by oc-mirror (referrers)',
};

/** One line for each kind of difference, with the first names. */
export function describeDifferences(differences: readonly EngineDifference[]): string[] {
  const kinds = Object.keys(TITLES) as EngineDifference['kind'][];
  return kinds.flatMap((kind) => {
    const names = differences.filter((difference) => difference.kind === kind).map(({ name }) => name);
    if (names.length === 0) return [];
    const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more (see plan.json)` : '';
    return [`${TITLES[kind]}: ${names.slice(0, SHOWN).join(', ')}${more}`];
  });
}
