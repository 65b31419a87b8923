import type { PlanFile } from './plan-file.ts';

/** What changes for the people of the far side: versions of OpenShift, or of an operator. */
export interface VersionChange {
  readonly kind: 'release' | 'operator';
  /** `OpenShift` or the package. */
  readonly name: string;
  /** Repository of the catalog on the target; absent for releases. */
  readonly catalog?: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

type Versions = Pick<PlanFile, 'releases' | 'catalogs'>;
type Entry = Omit<VersionChange, 'before' | 'after'> & { readonly versions: readonly string[] };

/** The releases and operators whose versions differ, releases first, then by catalog and package. Versions keep their order. */
export function versionChanges(before: Versions | undefined, after: Versions | undefined): VersionChange[] {
  const [known, wanted] = [versionsOf(before), versionsOf(after)];
  return [...new Set([...known.keys(), ...wanted.keys()])].toSorted().flatMap((key) => {
    const { versions: _, ...entry } = (wanted.get(key) ?? known.get(key))!;
    const change = { ...entry, before: known.get(key)?.versions ?? [], after: wanted.get(key)?.versions ?? [] };
    return change.before.join('\n') === change.after.join('\n') ? [] : [change];
  });
}

/** Catalogs are told apart by repository: their tag is the version of OpenShift, which is expected to move. */
function versionsOf(plan: Versions | undefined): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const releases = (plan?.releases ?? []).map((release) => release.tag);
  if (releases.length > 0) entries.set('', { kind: 'release', name: 'OpenShift', versions: releases });
  for (const catalog of plan?.catalogs ?? []) {
    for (const item of catalog.packages) {
      const key = `${catalog.target.repository} ${item.name}`;
      const versions = item.bundles.map((bundle) => bundle.version);
      const all = [...new Set([...(entries.get(key)?.versions ?? []), ...versions])];
      entries.set(key, { kind: 'operator', name: item.name, catalog: catalog.target.repository, versions: all });
    }
  }
  return entries;
}
