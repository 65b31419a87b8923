import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { compareText, versionOf, versionTextOf } from './catalog.ts';
import type { Catalog, CatalogChannel, CatalogPackage, Deprecations, OperatorBundle } from './catalog.ts';
import { buildChannelGraph } from './catalog-graph.ts';
import { didYouMean, theyAre } from './catalog-hints.ts';
import { keptByExactVersion, keptByRange, type BundleVersions } from './catalog-range.ts';
import { bundleKey } from './catalog-read.ts';
import type { CatalogSelection, PackageChannel, PackageSelection } from './image-set.ts';
import { exactVersionOf, formatRange, formatVersion, isOpenRange, type VersionRange } from './version-range.ts';

export interface FilterOptions {
  /** How messages call the catalog. */
  readonly catalogName: string;
  /** Every package of the catalog, also those `catalog` was read without: for near misses. */
  readonly packageNames: Iterable<string>;
  /** Packages and channels the catalog does not have are an error; `warn` leaves them out, as the vendor tool does silently. */
  readonly unknownNames?: 'error' | 'warn';
}

export interface FilteredCatalog extends Catalog {
  readonly warnings: readonly Warning[];
}

/** What is being worked out for one package. */
interface PackageScope {
  readonly package: CatalogPackage;
  readonly selection: PackageSelection | undefined;
  readonly channels: readonly CatalogChannel[];
  readonly bundles: BundleVersions;
  readonly defaultChannel: string;
}

interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

const MAX_PROBLEMS = 20;

/**
 * The part of a catalog that a selection asks for (oc-mirror behaviour, "Filter algorithm"); pure. Beyond the vendor
 * tool's rules the result has no channel without entries, no package without its default channel, no operator bundle that
 * no channel has as an entry, and no deprecation of something left out. Throws one `E_CONFIG` that lists every unknown package, channel and version and everything else
 * that would leave the result invalid. A full catalog is not to be filtered at all.
 */
export function filterCatalog(catalog: Catalog, selection: CatalogSelection, options: FilterOptions): FilteredCatalog {
  const findings: Findings = { problems: [], warnings: [] };
  const wanted = selection.packages?.length ? new Map(selection.packages.map((one) => [one.name, one])) : undefined;
  reportUnknownPackages(catalog, wanted, options, findings);

  const packages: CatalogPackage[] = [];
  const channels: CatalogChannel[] = [];
  const keptBundles = new Map<string, ReadonlySet<string>>();
  for (const scope of scopesOf(catalog, wanted, options, findings)) {
    checkDefaultChannel(scope, findings);
    const kept = scope.channels.flatMap((channel) => filterChannel(channel, scope, selection.full, findings));
    if (kept.length === 0 && scope.channels.length > 0 && findings.problems.length === 0) {
      findings.problems.push(`package ${scope.package.name}: no channel has a version in the range`);
    }
    packages.push({ ...scope.package, defaultChannel: scope.defaultChannel });
    channels.push(...kept);
    keptBundles.set(scope.package.name, new Set(kept.flatMap(({ entries }) => entries.map(({ name }) => name))));
  }
  failOn(findings, options);

  const isWanted = (name: string) => wanted === undefined || wanted.has(name);
  const bundles = firstOfEach(catalog.bundles).filter((bundle) => keptBundles.get(bundle.package)?.has(bundle.name));
  if (bundles.length === 0) {
    throw new AirgapError('E_CONFIG', `${options.catalogName}: nothing of this catalog is selected`, {
      hint: 'name packages and channels that the catalog has, or remove it from mirror.operators',
    });
  }
  return {
    packages,
    channels,
    bundles: bundles.toSorted((a, b) => compareText(a.package, b.package) || compareText(a.name, b.name)),
    deprecations: catalog.deprecations
      .filter((deprecations) => isWanted(deprecations.package))
      .map((deprecations) => reduceDeprecations(deprecations, channels, keptBundles)),
    others: catalog.others.filter((other) => other.package === '' || isWanted(other.package)),
    warnings: findings.warnings.map((message) => ({
      code: 'W_CATALOG',
      message: `${options.catalogName}: ${message}`,
    })),
  };
}

/** An operator bundle that is there twice is taken once, as the vendor tool does. */
function firstOfEach(bundles: readonly OperatorBundle[]): readonly OperatorBundle[] {
  return [...new Map(bundles.toReversed().map((bundle) => [bundleKey(bundle), bundle])).values()];
}

function scopesOf(
  catalog: Catalog,
  wanted: ReadonlyMap<string, PackageSelection> | undefined,
  options: FilterOptions,
  findings: Findings,
): PackageScope[] {
  const channels = Map.groupBy(catalog.channels, (channel) => channel.package);
  const bundles = Map.groupBy(catalog.bundles, (bundle) => bundle.package);
  return catalog.packages
    .filter(({ name }) => wanted === undefined || wanted.has(name))
    .map((one) => {
      const selection = wanted?.get(one.name);
      return {
        package: one,
        selection,
        channels: selectChannels(channels.get(one.name) ?? [], selection, options, findings),
        bundles: readVersions(one.name, bundles.get(one.name) ?? [], findings),
        defaultChannel: selection?.defaultChannel || one.defaultChannel,
      };
    });
}

function reportUnknownPackages(
  catalog: Catalog,
  wanted: ReadonlyMap<string, PackageSelection> | undefined,
  options: FilterOptions,
  findings: Findings,
): void {
  const known = new Set(catalog.packages.map(({ name }) => name));
  for (const name of wanted?.keys() ?? []) {
    if (known.has(name)) continue;
    const problem = `there is no package ${JSON.stringify(name)}${didYouMean(name, options.packageNames)}`;
    (options.unknownNames === 'warn' ? findings.warnings : findings.problems).push(problem);
  }
}

function selectChannels(
  channels: readonly CatalogChannel[],
  selection: PackageSelection | undefined,
  options: FilterOptions,
  findings: Findings,
): readonly CatalogChannel[] {
  if (!selection?.channels?.length) return channels;
  const listed = new Set(selection.channels.map(({ name }) => name));
  const known = channels.map(({ name }) => name);
  for (const name of listed) {
    if (known.includes(name)) continue;
    const problem = `package ${selection.name} has no channel ${JSON.stringify(name)}${didYouMean(name, known)}; ${theyAre('channels', known)}`;
    (options.unknownNames === 'warn' ? findings.warnings : findings.problems).push(problem);
  }
  return channels.filter(({ name }) => listed.has(name));
}

/** Every operator bundle in scope must have a version, used or not (the vendor tool fails on the whole catalog too). */
function readVersions(packageName: string, bundles: readonly OperatorBundle[], { problems }: Findings): BundleVersions {
  const versions: BundleVersions = new Map();
  for (const bundle of bundles) {
    const version = versionOf(bundle);
    if (version !== undefined) {
      if (!versions.has(bundle.name)) versions.set(bundle.name, version);
      continue;
    }
    const text = versionTextOf(bundle);
    const what =
      text === undefined ? 'has no version (property olm.package)' : `has the version ${JSON.stringify(text)}`;
    problems.push(`operator bundle ${bundle.name} of package ${packageName} ${what}, which OLM can not use`);
  }
  return versions;
}

function filterChannel(
  channel: CatalogChannel,
  scope: PackageScope,
  isFull: boolean,
  findings: Findings,
): CatalogChannel[] {
  const range = rangeFor(channel, scope.selection);
  const what = `package ${channel.package}, channel ${channel.name}`;
  if (isFull) {
    if (isOpenRange(range)) return [channel];
    findings.problems.push(`${what}: "full: true" and ${formatRange(range)} exclude each other; remove one of them`);
    return [channel];
  }
  const exact = exactVersionOf(range);
  const result =
    exact !== undefined
      ? keptByExactVersion(channel, exact, scope.bundles)
      : filterByGraph(channel, range, scope.bundles);
  if ('problems' in result) {
    findings.problems.push(...result.problems.map((problem) => `${what}: ${problem}`));
    return [channel];
  }
  if (result.kept.size > 0) {
    return [{ ...channel, entries: channel.entries.filter(({ name }) => result.kept.has(name)) }];
  }
  reportEmptyChannel(channel, range, scope, findings);
  return [];
}

function filterByGraph(
  channel: CatalogChannel,
  range: VersionRange,
  versions: BundleVersions,
): { readonly kept: ReadonlySet<string> } | { readonly problems: readonly string[] } {
  const built = buildChannelGraph(channel.entries);
  if ('problems' in built) return built;
  if (isOpenRange(range)) return { kept: new Set([built.graph.head]) };
  return { kept: keptByRange(built.graph, range, versions) };
}

/** The range of the channel, else that of its package. */
function rangeFor(channel: CatalogChannel, selection: PackageSelection | undefined): VersionRange {
  const own: PackageChannel | undefined = selection?.channels?.find(({ name }) => name === channel.name);
  if (own !== undefined && !isOpenRange(own)) return own;
  return selection ?? {};
}

function reportEmptyChannel(
  channel: CatalogChannel,
  range: VersionRange,
  scope: PackageScope,
  findings: Findings,
): void {
  const isNeeded = channel.name === scope.defaultChannel || channel.name === scope.package.defaultChannel;
  const versions = [
    ...new Set(
      channel.entries.flatMap(({ name }) => scope.bundles.get(name) ?? []).map((version) => formatVersion(version)),
    ),
  ];
  const isPrerelease = (text: string) => /^[^+]*-/.test(text);
  const remark =
    versions.some(isPrerelease) && !isPrerelease(formatRange(range))
      ? ' (a "-" makes a pre-release, which is only found when minVersion or maxVersion has one too: X.Y.Z-0)'
      : '';
  const message = `package ${channel.package}, channel ${channel.name}: no version is in ${formatRange(range)}; ${theyAre('versions', versions)}${remark}`;
  if (isNeeded) {
    findings.problems.push(`${message}. It is the default channel and can not be left out${elsewhere(range, scope)}`);
  } else {
    findings.warnings.push(`${message}. The channel is left out`);
  }
}

/** Names another channel that has an exact version, which would do as default channel. */
function elsewhere(range: VersionRange, scope: PackageScope): string {
  const exact = exactVersionOf(range);
  if (exact === undefined) return '';
  const others = scope.channels.filter((channel) => {
    const result = keptByExactVersion(channel, exact, scope.bundles);
    return 'kept' in result && result.kept.size > 0;
  });
  if (others.length === 0) return '';
  const names = others.map(({ name }) => name);
  return `: add "defaultChannel: ${names[0]}", ${exact} is in ${names.join(', ')}, and list only channels that have it`;
}

function checkDefaultChannel(scope: PackageScope, { problems }: Findings): void {
  const { package: one, selection, defaultChannel } = scope;
  const names = scope.channels.map(({ name }) => name);
  if (selection === undefined || names.includes(defaultChannel)) return;
  if (selection.defaultChannel) {
    problems.push(
      `package ${one.name}: defaultChannel ${JSON.stringify(defaultChannel)} is not among the selected channels${didYouMean(defaultChannel, names)}; ${theyAre('selected channels', names)}`,
    );
  } else if (names.length === 0) {
    problems.push(`package ${one.name}: none of its channels is selected`);
  } else if (defaultChannel !== '') {
    problems.push(
      `package ${one.name}: its default channel ${JSON.stringify(defaultChannel)} is not selected: add "defaultChannel: ${names[0]}" to the package, or the channel ${defaultChannel} to its channels`,
    );
  }
}

function reduceDeprecations(
  deprecations: Deprecations,
  channels: readonly CatalogChannel[],
  keptBundles: ReadonlyMap<string, ReadonlySet<string>>,
): Deprecations {
  const packageName = deprecations.package;
  const isKept = (schema: string, name: string) => {
    if (schema === 'olm.bundle') return keptBundles.get(packageName)?.has(name) === true;
    if (schema !== 'olm.channel') return true;
    return channels.some((channel) => channel.package === packageName && channel.name === name);
  };
  const entries = deprecations.entries.filter(({ reference }) => isKept(reference.schema, reference.name));
  return { package: packageName, entries };
}

function failOn(findings: Findings, { catalogName }: FilterOptions): void {
  const { problems } = findings;
  if (problems.length === 0) return;
  const shown = problems.slice(0, MAX_PROBLEMS).map((problem) => `${catalogName}: ${problem}`);
  if (problems.length > shown.length) shown.push(`… and ${problems.length - shown.length} more`);
  throw new AirgapError('E_CONFIG', shown.join('\n'), {
    hint: 'correct mirror.operators in the image set',
    data: { problems },
  });
}
