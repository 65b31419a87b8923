import { parseYaml } from '../core/yaml.ts';
import { compareText, valueText, versionTextOf, type Fields } from './catalog.ts';
import type { Catalog, CatalogChannel, CatalogPackage, ChannelEntry, OperatorBundle, Property } from './catalog.ts';
import { cacheDigest } from './catalog-cache-digest.ts';
import { buildChannelGraph } from './catalog-graph.ts';
import { compactValue } from './catalog-json.ts';
import { bundleKey, restoreBundle, type StoredDocument } from './catalog-read.ts';

/** `opm` may have to replace its cache as a user that only shares the group 0 with the owner. */
export const CACHE_FOLDER_MODE = 0o775;
export const CACHE_FILE_MODE = 0o664;

const CSV_KIND = 'ClusterServiceVersion';
const CSV_VERSION = 'operators.coreos.com/v1alpha1';
/** What `opm` leaves out of the properties it serves: their content is served as objects. */
const SERVED_AS_OBJECT: readonly string[] = ['olm.bundle.object', 'olm.csv.metadata'];

/**
 * The cache that `opm serve` makes for a catalog (its format "json", which every opm since 1.27 reads), relative to the
 * cache folder: an image whose command enforces the cache's integrity starts with it as with the original one. Files are
 * made when they are asked for. `files` are those of the catalog, as they will be in the image with these modes.
 * Undefined when a channel has no graph, or names are no file names. (operator-registry, package cache.)
 */
export function cacheFiles(
  catalog: Catalog,
  stored: ReadonlyMap<string, StoredDocument>,
  files: ReadonlyMap<string, () => Buffer>,
): Map<string, () => Buffer> | undefined {
  const index = packageIndex(catalog);
  if (index === undefined) return undefined;
  const content = new Map<string, () => Buffer>([['packages.json', () => Buffer.from(JSON.stringify(index))]]);
  const packages = new Map(catalog.packages.map((one) => [one.name, one]));
  const bundles = new Map(catalog.bundles.map((bundle) => [bundleKey(bundle), bundle]));
  for (const channel of catalog.channels) {
    for (const entry of channel.entries) {
      const name = `${channel.package}_${channel.name}_${entry.name}.json`;
      const document = stored.get(bundleKey({ package: channel.package, name: entry.name }));
      const owner = packages.get(channel.package);
      if (!/^[\w.+-]{1,255}$/.test(name) || document === undefined || owner === undefined) return undefined;
      if (!bundles.has(bundleKey({ package: channel.package, name: entry.name }))) return undefined;
      const context = { catalog, channel, entry, owner };
      content.set(name, () => Buffer.from(JSON.stringify(servedBundle(restoreBundle(document), context))));
    }
  }
  const digest = () =>
    cacheDigest([
      { files, folderMode: 0o755, fileMode: 0o644 },
      { files: content, folderMode: CACHE_FOLDER_MODE, fileMode: CACHE_FILE_MODE },
    ]);
  return new Map([
    ...[...content].map(([path, make]) => [`cache/${path}`, make] as const),
    ['digest', () => Buffer.from(digest())],
  ]);
}

function packageIndex(catalog: Catalog): Fields | undefined {
  const packages: [string, Fields][] = [];
  for (const one of catalog.packages.toSorted((a, b) => compareText(a.name, b.name))) {
    const channels: [string, Fields][] = [];
    for (const channel of catalog.channels.filter((candidate) => candidate.package === one.name)) {
      const built = buildChannelGraph(channel.entries);
      if ('problems' in built) return undefined;
      const bundles = channel.entries.map(({ name, replaces = '', skips = null }): [string, Fields] => [
        name,
        { package: one.name, channel: channel.name, name, replaces, skips },
      ]);
      const deprecation = deprecationOf(catalog, one.name, 'olm.channel', channel.name);
      const Bundles = Object.fromEntries(bundles);
      channels.push([channel.name, { Name: channel.name, Head: built.graph.head, Bundles, ...deprecation }]);
    }
    const { name, description, icon = null, defaultChannel } = one;
    const deprecation = deprecationOf(catalog, one.name, 'olm.package', '');
    packages.push([
      name,
      { name, description, icon, defaultChannel, Channels: Object.fromEntries(channels), ...deprecation },
    ]);
  }
  return Object.fromEntries(packages);
}

interface Place {
  readonly catalog: Catalog;
  readonly channel: CatalogChannel;
  readonly entry: ChannelEntry;
  readonly owner: CatalogPackage;
}

/** An operator bundle as the registry API hands it out; empty fields are left out. */
function servedBundle(bundle: OperatorBundle, { catalog, channel, entry, owner }: Place): Fields {
  const objects = valuesOf(bundle, 'olm.bundle.object').map((value) => objectText(value, bundle));
  const metadata = valuesOf(bundle, 'olm.csv.metadata')[0];
  const csv = objects.find((text) => valueText(JSON.parse(text), 'kind') === CSV_KIND);
  const csvJson =
    csv ?? (metadata === undefined ? '' : JSON.stringify(serviceVersion(bundle, owner, metadata as Fields)));
  return withoutEmpty({
    csvName: bundle.name,
    packageName: bundle.package,
    channelName: channel.name,
    csvJson,
    object: objects.length === 0 && csvJson !== '' ? [csvJson] : objects,
    bundlePath: bundle.image,
    providedApis: valuesOf(bundle, 'olm.gvk').map((value) => kindFields(value)),
    requiredApis: valuesOf(bundle, 'olm.gvk.required').map((value) => kindFields(value)),
    version: versionTextOf(bundle) ?? '',
    skipRange: entry.skipRange ?? '',
    dependencies: bundle.properties.flatMap((property) => dependencyOf(property)),
    properties: bundle.properties
      .filter(({ type }) => !SERVED_AS_OBJECT.includes(type))
      .map(({ type, value }) => ({ type, value: compactValue(value) })),
    replaces: entry.replaces ?? '',
    skips: entry.skips ?? [],
    ...deprecationOf(catalog, bundle.package, 'olm.bundle', bundle.name),
  });
}

/** The ClusterServiceVersion that stands for one whose full text is not in the catalog. */
function serviceVersion(bundle: OperatorBundle, owner: CatalogPackage, metadata: Fields): Fields {
  const { annotations, labels, crdDescriptions, apiServiceDefinitions, ...spec } = metadata;
  const icon = owner.icon && [{ base64data: owner.icon.base64data ?? '', mediatype: owner.icon.mediatype }];
  return {
    kind: CSV_KIND,
    apiVersion: CSV_VERSION,
    metadata: { name: bundle.name, annotations, labels, creationTimestamp: null },
    spec: {
      displayName: '',
      ...spec,
      description: valueText(metadata, 'description') || owner.description || undefined,
      customresourcedefinitions: crdDescriptions,
      apiservicedefinitions: apiServiceDefinitions,
      icon,
      // Without a strategy the package server of OLM fails.
      install: { strategy: 'deployment', spec: { deployments: null } },
      version: versionTextOf(bundle),
      cleanup: { enabled: false },
      relatedImages: bundle.relatedImages,
    },
  };
}

/** The object in the base64 text of a property: as it is when it is JSON, converted when it is YAML. */
function objectText(value: unknown, bundle: OperatorBundle): string {
  const text = Buffer.from(valueText(value, 'data'), 'base64').toString('utf8');
  if (isJson(text)) return text;
  return JSON.stringify(parseYaml(text, `an object in operator bundle ${bundle.name} of package ${bundle.package}`));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

function dependencyOf({ type, value }: Property): Fields[] {
  if (type === 'olm.gvk.required') return [{ type: 'olm.gvk', value: compactValue(value) }];
  if (type !== 'olm.package.required') return [];
  const required = { packageName: valueText(value, 'packageName'), version: valueText(value, 'versionRange') };
  return [{ type: 'olm.package', value: JSON.stringify(required) }];
}

function kindFields(value: unknown): Fields {
  const [group, version, kind] = ['group', 'version', 'kind'].map((name) => valueText(value, name));
  return withoutEmpty({ group, version, kind });
}

function deprecationOf(catalog: Catalog, packageName: string, schema: string, name: string): Fields {
  const found = catalog.deprecations
    .filter((one) => one.package === packageName)
    .flatMap(({ entries }) => entries)
    .find(({ reference }) => reference.schema === schema && reference.name === name);
  return found === undefined ? {} : { deprecation: { message: found.message } };
}

function valuesOf(bundle: OperatorBundle, type: string): unknown[] {
  return bundle.properties.filter((property) => property.type === type).map(({ value }) => value);
}

function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0)),
  );
}
