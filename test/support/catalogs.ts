/**
 * Operator catalogs for tests, built by code so that a reader sees their shape:
 *
 *     const small = catalog()
 *       .package('alpha', { defaultChannel: 'stable' })
 *       .channel('stable', ['a2 replaces a1', 'a1 skips s1', 's1'])
 *       .bundles({ a1: '1.0.0', s1: '1.0.1', a2: '2.0.0' });
 *     small.model();                       // as the product reads it
 *     small.files();                       // <package>/catalog.json → text
 *     catalogImage(small.files()).source   // a catalog image in memory
 */
import { Readable } from 'node:stream';
import { AirgapError } from '../../src/core/errors.ts';
import { digestOf, type Digest } from '../../src/oci/digest.ts';
import type { ContentSource } from '../../src/oci/content.ts';
import { buildLayer, type NewLayerEntry } from '../../src/oci/layer.ts';
import { isIndexType, isManifestType, MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import { valueText } from '../../src/mirror/catalog.ts';
import type { CatalogFiles } from '../../src/mirror/catalog-files.ts';
import { readCatalog, type CatalogContent, type ReadOptions } from '../../src/mirror/catalog-read.ts';
import type { BuiltContent } from './images.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface CatalogBuilder {
  /** What follows belongs to this package. */
  package(name: string, fields?: Fields): CatalogBuilder;
  /** Entries as text: `a2 replaces a1 skips s1,s2`; names alone are enough. */
  channel(name: string, entries: readonly string[], fields?: Fields): CatalogBuilder;
  bundle(name: string, version: string, fields?: BundleFields): CatalogBuilder;
  /** Operator bundle name → version. */
  bundles(versions: Readonly<Record<string, string>>): CatalogBuilder;
  /** `olm.bundle a1`, `olm.channel stable`, `olm.package`. */
  deprecate(...references: readonly string[]): CatalogBuilder;
  /** Any other document, as it is. */
  document(fields: Fields): CatalogBuilder;
  documents(): readonly Fields[];
  files(): Map<string, string>;
  content(options?: Partial<ReadOptions>): Promise<CatalogContent>;
}

export interface BundleFields {
  readonly image?: string;
  readonly properties?: readonly { readonly type: string; readonly value: unknown }[];
  readonly relatedImages?: readonly { readonly name: string; readonly image: string }[];
  /** Replaces everything the builder would write. */
  readonly exactly?: Fields;
}

export function catalog(): CatalogBuilder {
  return builder('', []);
}

/** A reference by digest that is always the same for the same name. */
export function imageNamed(repository: string): string {
  return `registry.example.com/${repository}@${digestOf(repository)}`;
}

function builder(current: string, documents: readonly Fields[]): CatalogBuilder {
  const add = (...more: readonly Fields[]) => builder(current, [...documents, ...more]);
  const files = () => filesOf(documents);
  return {
    package: (name, fields = {}) => builder(name, [...documents, { schema: 'olm.package', name, ...fields }]),
    channel: (name, entries, fields = {}) =>
      add({
        schema: 'olm.channel',
        package: current,
        name,
        entries: entries.map((entry) => readEntry(entry)),
        ...fields,
      }),
    bundle: (name, version, fields = {}) => add(bundleDocument(current, name, version, fields)),
    bundles: (versions) =>
      add(...Object.entries(versions).map(([name, version]) => bundleDocument(current, name, version, {}))),
    deprecate: (...references) =>
      add({
        schema: 'olm.deprecations',
        package: current,
        entries: references.map((reference) => {
          const [schema, name] = reference.split(' ');
          return { reference: { schema, ...(name === undefined ? {} : { name }) }, message: `${reference} is old` };
        }),
      }),
    document: (fields) => add(fields),
    documents: () => documents,
    files,
    content: (options = {}) =>
      readCatalog(treeFiles(files()), {
        catalogName: 'the catalog',
        isWanted: () => true,
        isKept: () => true,
        ...options,
      }),
  };
}

function readEntry(text: string): Fields {
  const [name, ...words] = text.split(' ');
  const after = (word: string) => words[words.indexOf(word) + 1];
  return {
    name,
    ...(words.includes('replaces') ? { replaces: after('replaces') } : {}),
    ...(words.includes('skips') ? { skips: after('skips')!.split(',') } : {}),
    ...(words.includes('skipRange') ? { skipRange: after('skipRange') } : {}),
  };
}

function bundleDocument(packageName: string, name: string, version: string, fields: BundleFields): Fields {
  if (fields.exactly !== undefined) return fields.exactly;
  const image = fields.image ?? imageNamed(`${packageName}/${name}-bundle`);
  return {
    schema: 'olm.bundle',
    package: packageName,
    name,
    image,
    properties: [{ type: 'olm.package', value: { packageName, version } }, ...(fields.properties ?? [])],
    relatedImages: fields.relatedImages ?? [
      { name: 'operator', image: imageNamed(`${packageName}/${name}`) },
      { name: '', image },
    ],
  };
}

function filesOf(documents: readonly Fields[]): Map<string, string> {
  const packageOf = (one: Fields) => valueText(one, one['schema'] === 'olm.package' ? 'name' : 'package');
  const groups = Map.groupBy(documents, packageOf);
  return new Map(
    [...groups].map(([name, list]) => [
      name === '' ? 'catalog.json' : `${name}/catalog.json`,
      list.map((one) => `${JSON.stringify(one, null, 2)}\n`).join(''),
    ]),
  );
}

/** Files in memory as the reader wants them, cut into small chunks. */
export function treeFiles(files: ReadonlyMap<string, string>, chunkSize = 100): CatalogFiles {
  return async (visit) => {
    for (const [path, text] of files) await visit(path, chunksOf(Buffer.from(text), chunkSize));
  };
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface CatalogImageFields {
  /** Layers under and over the one with the catalog. */
  readonly below?: readonly (readonly NewLayerEntry[])[];
  readonly above?: readonly (readonly NewLayerEntry[])[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly platforms?: readonly string[];
  /** Docker media types, as most registries still serve catalogs. */
  readonly isDocker?: boolean;
}

export interface BuiltCatalogImage {
  readonly root: Descriptor;
  readonly source: ContentSource;
  /** How often a layer was fetched, by digest. */
  readonly fetched: Map<Digest, number>;
  readonly content: ReadonlyMap<Digest, Buffer>;
}

/** A catalog image as `opm` makes them, for one platform or several. Every tag is answered with the root. */
export function catalogImage(files: ReadonlyMap<string, string>, fields: CatalogImageFields = {}): BuiltCatalogImage {
  const content = new Map<Digest, Buffer>();
  const types = fields.isDocker === true ? DOCKER : OCI;
  const keep = (bytes: Buffer, mediaType: string): Descriptor => {
    const digest = digestOf(bytes);
    content.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const document = (value: object, mediaType: string) => keep(Buffer.from(JSON.stringify(value)), mediaType);
  const configs = [...files].map(([path, text]) => ({ path: `configs/${path}`, content: Buffer.from(text) }));
  const cache = [{ path: 'tmp', type: 'directory' as const, mode: 0o1777 }, { path: 'tmp/cache/digest' }];
  const layers = [[{ path: 'bin/opm', mode: 0o755 }], ...(fields.below ?? []), configs, cache, ...(fields.above ?? [])];
  const built = layers.map((entries) => buildLayer(entries, types.layer));
  const manifests = (fields.platforms ?? ['linux/amd64']).map((text) => {
    const [os = '', architecture = ''] = text.split('/');
    const config = document(
      {
        os,
        architecture,
        created: '2023-11-14T22:13:20Z',
        config: {
          Entrypoint: ['/bin/opm'],
          Cmd: fields.command ?? ['serve', '/configs', '--cache-dir=/tmp/cache', '--cache-enforce-integrity'],
          Labels: fields.labels ?? { 'operators.operatorframework.io.index.configs.v1': '/configs', vendor: 'test' },
        },
        rootfs: { type: 'layers', diff_ids: built.map(({ diffId }) => diffId) },
        history: built.map(() => ({ created: '2023-11-14T22:13:20Z' })),
      },
      types.config,
    );
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config,
      layers: built.map((one) => keep(one.content, types.layer)),
    };
    return { ...document(manifest, types.manifest), platform: { os, architecture } };
  });
  const root =
    fields.platforms === undefined
      ? { mediaType: types.manifest, digest: manifests[0]!.digest, size: manifests[0]!.size }
      : document({ schemaVersion: 2, mediaType: types.index, manifests }, types.index);
  const fetched = new Map<Digest, number>();
  return { root, content, fetched, source: memorySource(root, content, fetched) };
}

/** A catalog image as it is pushed to a registry: blobs before the manifests that name them, the root last. */
export function catalogContent(built: BuiltCatalogImage): BuiltContent {
  const descriptors = new Map<Digest, Descriptor>();
  const visit = (descriptor: Descriptor): void => {
    if (isManifestType(descriptor.mediaType)) {
      const { manifests, config, layers } = JSON.parse(built.content.get(descriptor.digest)!.toString()) as {
        readonly manifests?: readonly Descriptor[];
        readonly config?: Descriptor;
        readonly layers?: readonly Descriptor[];
      };
      const blobs = isIndexType(descriptor.mediaType) ? [] : [config!, ...(layers ?? [])];
      for (const next of [...(manifests ?? []), ...blobs]) visit(next);
    }
    const { mediaType, digest, size } = descriptor;
    descriptors.set(digest, { mediaType, digest, size });
  };
  visit(built.root);
  return {
    root: built.root,
    contents: [...descriptors.values()].map((descriptor) => ({
      descriptor,
      bytes: built.content.get(descriptor.digest)!,
    })),
  };
}

const OCI = {
  manifest: MEDIA_TYPE.ociManifest,
  index: MEDIA_TYPE.ociIndex,
  config: MEDIA_TYPE.ociConfig,
  layer: MEDIA_TYPE.ociLayerGzip,
};
const DOCKER = {
  manifest: MEDIA_TYPE.dockerManifest,
  index: MEDIA_TYPE.dockerList,
  config: MEDIA_TYPE.dockerConfig,
  layer: MEDIA_TYPE.dockerLayerGzip,
};

function memorySource(
  root: Descriptor,
  content: ReadonlyMap<Digest, Buffer>,
  fetched: Map<Digest, number>,
): ContentSource {
  return {
    resolve: () => Promise.resolve(root),
    fetch(descriptor) {
      const bytes = content.get(descriptor.digest);
      if (bytes === undefined) throw new AirgapError('E_NOT_FOUND', `${descriptor.digest} is not there`);
      fetched.set(descriptor.digest, (fetched.get(descriptor.digest) ?? 0) + 1);
      return Promise.resolve(Readable.from([bytes]));
    },
  };
}
