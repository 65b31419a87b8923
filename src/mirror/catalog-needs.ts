import satisfies from 'semver/functions/satisfies.js';
import validRange from 'semver/ranges/valid.js';
import { valueText, versionTextOf, type OperatorBundle } from './catalog.ts';
import { kindKey } from './catalog-kinds.ts';

/** What is mirrored of one catalog, and who in it could provide more. */
export interface Supply {
  readonly catalogName: string;
  readonly bundles: readonly OperatorBundle[];
  /** Kind (`group/version/kind`) → every package of the catalog that provides it, mirrored or not. */
  readonly providers: ReadonlyMap<string, ReadonlySet<string>>;
  readonly packageNames: ReadonlySet<string>;
}

/** Operator bundles named for one need. */
const MAX_NAMES = 3;

/**
 * Requirements of mirrored operator bundles that nothing mirrored meets, each once, naming the package to add. OLM would
 * refuse to install such an operator without saying so beforehand; the vendor tool does not look (properties
 * `olm.package.required` and `olm.gvk.required`). Operators of any catalog can meet a requirement.
 */
export function findUnmetNeeds(supplies: readonly Supply[]): string[] {
  const bundles = supplies.flatMap((supply) => supply.bundles);
  const versions = Map.groupBy(bundles, (bundle) => bundle.package);
  const kinds = new Set(bundles.flatMap((bundle) => valuesOf(bundle, 'olm.gvk').map((value) => kindKey(value))));
  const needs = new Map<string, string[]>();
  const note = (need: string, bundle: OperatorBundle) => needs.set(need, [...(needs.get(need) ?? []), bundle.name]);
  for (const bundle of bundles) {
    for (const value of valuesOf(bundle, 'olm.package.required')) {
      const problem = missingPackage(value, versions, supplies);
      if (problem !== undefined) note(problem, bundle);
    }
    for (const value of valuesOf(bundle, 'olm.gvk.required')) {
      if (!kinds.has(kindKey(value))) note(missingKind(kindKey(value), supplies), bundle);
    }
  }
  return [...needs].map(([need, names]) => `${listed([...new Set(names)])}: ${need}`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

function missingPackage(
  value: unknown,
  mirrored: ReadonlyMap<string, readonly OperatorBundle[]>,
  supplies: readonly Supply[],
): string | undefined {
  const name = valueText(value, 'packageName');
  const range = valueText(value, 'versionRange');
  const wanted = range === '' ? `package ${name}` : `package ${name} in version ${range}`;
  const bundles = mirrored.get(name);
  if (bundles === undefined) return `needs ${wanted}, which is not selected; ${whereIs(name, supplies)}`;
  const versions = bundles.map((bundle) => versionTextOf(bundle) ?? '');
  if (versions.some((version) => isInRange(version, range))) return undefined;
  return `needs ${wanted}; of that package only ${versions.join(', ')} is selected: widen its minVersion and maxVersion`;
}

function whereIs(packageName: string, supplies: readonly Supply[]): string {
  const catalogs = supplies.filter((supply) => supply.packageNames.has(packageName)).map((one) => one.catalogName);
  if (catalogs.length === 0) return 'no catalog of the image set has it';
  return `add it to the packages of ${catalogs.join(' or ')}`;
}

function missingKind(kind: string, supplies: readonly Supply[]): string {
  const providers = supplies.flatMap((supply) =>
    [...(supply.providers.get(kind) ?? [])].map((name) => `package ${name} of ${supply.catalogName}`),
  );
  if (providers.length === 0) return `needs the API ${kind}, which no catalog of the image set provides`;
  return `needs the API ${kind}: add ${providers.toSorted().join(' or ')}`;
}

/** Ranges are those of the Go library OLM uses; what npm's rules can not read counts as met. */
function isInRange(version: string, range: string): boolean {
  if (range === '' || validRange(range) === null) return true;
  return satisfies(version, range, { includePrerelease: true });
}

function valuesOf(bundle: OperatorBundle, type: string): unknown[] {
  return bundle.properties.filter((property) => property.type === type).map(({ value }) => value);
}
