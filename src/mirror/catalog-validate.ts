import type { Catalog, CatalogChannel, ChannelEntry, Deprecations, OperatorBundle } from './catalog.ts';
import { versionOf, versionTextOf } from './catalog.ts';

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * What `opm validate` finds wrong with a catalog, as text; empty for a valid one. Stricter in one point: every entry of
 * every channel must have its operator bundle (opm checks the last channel of a package only). Operator bundles may be
 * summaries. (operator-registry, file-based catalog model.)
 */
export function validateCatalog(catalog: Catalog): string[] {
  const names = new Set<string>();
  const channels = Map.groupBy(catalog.channels, (channel) => channel.package);
  const bundles = Map.groupBy(catalog.bundles, (bundle) => bundle.package);
  const problems: string[] = [];
  for (const { name, defaultChannel } of catalog.packages) {
    if (names.has(name)) problems.push(`package ${name} is there twice`);
    names.add(name);
    if (!LABEL.test(name)) problems.push(`${JSON.stringify(name)} can not be the name of a package`);
    problems.push(...channelsProblems(name, defaultChannel, channels.get(name) ?? []));
    problems.push(...bundlesProblems(name, bundles.get(name) ?? [], channels.get(name) ?? []));
  }
  const homeless = [...channels.keys(), ...bundles.keys()].filter((name) => !names.has(name));
  for (const name of new Set(homeless))
    problems.push(`package ${name} has channels or operator bundles but no olm.package`);
  return [...problems, ...deprecationsProblems(catalog, names)];
}

function channelsProblems(name: string, defaultChannel: string, channels: readonly CatalogChannel[]): string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  for (const channel of channels) {
    if (names.has(channel.name)) problems.push(`package ${name}: channel ${channel.name} is there twice`);
    names.add(channel.name);
    const found = channel.name === '' ? ['it has no name'] : entriesProblems(channel.entries);
    problems.push(...found.map((problem) => `package ${name}, channel ${channel.name}: ${problem}`));
  }
  if (channels.length === 0) problems.push(`package ${name} has no channel`);
  if (defaultChannel === '') problems.push(`package ${name} has no default channel`);
  else if (!names.has(defaultChannel)) problems.push(`package ${name}: default channel ${defaultChannel} is not there`);
  return problems;
}

/** One head, and every entry is on the chain of replacements from it or is skipped by another. */
function entriesProblems(entries: readonly ChannelEntry[]): string[] {
  if (entries.length === 0) return ['it has no entries'];
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (byName.size < entries.length) return ['an entry is there twice'];
  const replaced = new Set(entries.flatMap(({ replaces }) => (replaces === undefined ? [] : [replaces])));
  const skipped = new Set(entries.flatMap(({ skips }) => skips ?? []));
  const heads = entries.filter(({ name }) => !replaced.has(name) && !skipped.has(name));
  if (heads.length !== 1) {
    return [
      heads.length === 0
        ? 'it has no head'
        : `it has ${heads.length} heads: ${heads.map((one) => one.name).join(', ')}`,
    ];
  }
  const chain = new Set<string>();
  for (let entry = heads[0]; entry !== undefined; entry = byName.get(entry.replaces ?? '')) {
    if (chain.has(entry.name)) return [`${entry.name} is replaced by one it replaces`];
    chain.add(entry.name);
  }
  const stranded = entries.filter(({ name }) => !chain.has(name) && !skipped.has(name));
  return stranded.length === 0 ? [] : [`no update leads to ${stranded.map(({ name }) => name).join(', ')}`];
}

function bundlesProblems(
  name: string,
  bundles: readonly OperatorBundle[],
  channels: readonly CatalogChannel[],
): string[] {
  const problems: string[] = [];
  const inChannels = new Set(channels.flatMap(({ entries }) => entries.map((entry) => entry.name)));
  const names = new Set<string>();
  const byVersion = new Map<string, string>();
  for (const bundle of bundles) {
    const what = `package ${name}, operator bundle ${bundle.name}`;
    if (names.has(bundle.name)) problems.push(`${what} is there twice`);
    names.add(bundle.name);
    if (!inChannels.has(bundle.name)) problems.push(`${what} is in no channel`);
    if (bundle.image === '') problems.push(`${what} has no image`);
    const own = bundle.properties.filter(({ type }) => type === 'olm.package');
    if (own.length !== 1) problems.push(`${what} has ${own.length} properties olm.package, expected one`);
    const packageName = (own[0]?.value as { packageName?: unknown } | undefined)?.packageName;
    if (own.length === 1 && packageName !== name) problems.push(`${what} says it belongs to ${String(packageName)}`);
    const version = versionTextOf(bundle);
    if (versionOf(bundle) === undefined) problems.push(`${what}: ${String(version)} is not a version`);
    else if (byVersion.has(version!))
      problems.push(`${what} has the version of ${byVersion.get(version!)}, ${version}`);
    byVersion.set(version ?? '', bundle.name);
  }
  for (const entry of inChannels) {
    if (!names.has(entry)) problems.push(`package ${name}: a channel names ${entry}, which has no olm.bundle`);
  }
  return problems;
}

function deprecationsProblems(catalog: Catalog, packageNames: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const deprecations of catalog.deprecations) {
    const { package: name } = deprecations;
    if (!packageNames.has(name)) problems.push(`deprecations of a package ${name} that is not there`);
    if (seen.has(name)) problems.push(`package ${name} has two olm.deprecations`);
    seen.add(name);
    problems.push(...referenceProblems(deprecations, catalog).map((problem) => `deprecations of ${name}: ${problem}`));
  }
  return problems;
}

function referenceProblems({ package: packageName, entries }: Deprecations, catalog: Catalog): string[] {
  const seen = new Set<string>();
  return entries.flatMap(({ reference, message }) => {
    const { schema, name } = reference;
    const what = `${schema} ${name}`.trim();
    const found: string[] = [];
    if (seen.has(what)) found.push(`${what} is there twice`);
    seen.add(what);
    if (message === '') found.push(`${what} has no message`);
    const isThere = (list: readonly { readonly package: string; readonly name: string }[]) =>
      list.some((one) => one.package === packageName && one.name === name);
    if (schema === 'olm.bundle' && !isThere(catalog.bundles)) found.push(`${what} is not there`);
    else if (schema === 'olm.channel' && !isThere(catalog.channels)) found.push(`${what} is not there`);
    else if (schema === 'olm.package' && name !== '') found.push('olm.package must be named without a name');
    else if (!['olm.bundle', 'olm.channel', 'olm.package'].includes(schema))
      found.push(`${what} is of an unknown schema`);
    return found;
  });
}
