import { Readable } from 'node:stream';
import { digestOf, type Digest } from '../oci/digest.ts';
import { buildLargeLayer, buildLayer, type BuiltLayer, type NewLayerEntry } from '../oci/layer.ts';
import { MEDIA_TYPE, type Descriptor, type ImageConfig } from '../oci/types.ts';
import { CACHE_FILE_MODE, CACHE_FOLDER_MODE } from './catalog-cache.ts';
import { CONFIGS_LABEL, type CatalogImage, type CatalogInstance } from './catalog-image.ts';
import type { GeneratedBlob, GeneratedImage } from './mirror-plan.ts';

/** Folder of the catalog in every rebuilt image. */
const CONFIGS = 'configs';
/** Where the catalog images of Red Hat keep the cache that `opm` made for the whole catalog. */
const USUAL_CACHE = 'tmp/cache';
/**
 * Without an entry of its own, /tmp would come out of a layer with whatever mode the container engine gives parents; but
 * `opm` runs as an arbitrary user and makes its cache there.
 */
const TMP: NewLayerEntry = { path: 'tmp', type: 'directory', mode: 0o1777 };
/** The time of history entries, so that the same content gives the same digest. */
const NO_TIME = '0001-01-01T00:00:00Z';

/**
 * The image of a filtered catalog: every instance of the original with two layers on top, the first hiding the original
 * catalog and its cache, the second holding the filtered ones, and `serve /configs` as command. Always an OCI index, the
 * same bytes for the same input. Only what is new is in the result; all other layers are those of the original.
 * (oc-mirror behaviour, "Rebuilding the filtered catalog"; without its build times, with fixed modes, and without the
 * original cache, which fits the unfiltered catalog only: `opm serve` started with the original command would refuse it.
 * `cache` takes its place; without one that command fails, as the vendor tool's images do.)
 */
export async function rebuildCatalog(
  image: CatalogImage,
  files: ReadonlyMap<string, () => Buffer>,
  cache: ReadonlyMap<string, () => Buffer> | undefined,
): Promise<GeneratedImage> {
  const manifests = new Map<Digest, Uint8Array>();
  const blobs = new Map<Digest, GeneratedBlob>();
  const folders = [...new Set([USUAL_CACHE, ...image.instances.flatMap(({ config }) => cacheFolders(config))])];
  const whiteouts = buildLayer(whiteoutEntries(folders));
  const content = await buildLargeLayer([
    { path: CONFIGS, type: 'directory' },
    ...[...files].map(([path, make]) => ({ path: `${CONFIGS}/${path}`, content: make })),
    ...(cache === undefined ? [] : [TMP, ...folders.flatMap((folder) => cacheEntries(folder, cache))]),
  ]);
  const entries = image.instances.map((instance) => {
    const config = documentOf(rebuiltConfig(instance.config, [whiteouts, content]), MEDIA_TYPE.ociConfig);
    const manifest = documentOf(
      rebuiltManifest(instance, config.descriptor, [whiteouts, content]),
      MEDIA_TYPE.ociManifest,
    );
    for (const layer of [whiteouts, content]) blobs.set(layer.digest, blobOf(layerDescriptor(layer), layer.content));
    blobs.set(config.descriptor.digest, blobOf(config.descriptor, config.bytes));
    manifests.set(manifest.descriptor.digest, manifest.bytes);
    return { ...manifest.descriptor, platform: instance.platform };
  });
  const index = documentOf(
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: entries },
    MEDIA_TYPE.ociIndex,
  );
  manifests.set(index.descriptor.digest, index.bytes);
  return { root: index.descriptor, manifests, blobs };
}

/** Whiteouts only reach layers below, so they need a layer of their own under the new content. */
function whiteoutEntries(caches: readonly string[]): NewLayerEntry[] {
  return [{ path: `.wh.${CONFIGS}` }, TMP, ...caches.map((path) => ({ path: path.replace(/([^/]+)$/, '.wh.$1') }))];
}

function cacheEntries(folder: string, cache: ReadonlyMap<string, () => Buffer>): NewLayerEntry[] {
  const folders = [folder, `${folder}/cache`];
  return [
    ...folders.map((path) => ({ path, type: 'directory' as const, mode: CACHE_FOLDER_MODE })),
    ...[...cache].map(([path, content]) => ({ path: `${folder}/${path}`, mode: CACHE_FILE_MODE, content })),
  ];
}

/** Folders that the original command names with `--cache-dir`. */
function cacheFolders(config: ImageConfig): string[] {
  const words = [...(config.config?.Entrypoint ?? []), ...(config.config?.Cmd ?? [])];
  return words.flatMap((word, index) => {
    const value = word.startsWith('--cache-dir=') ? word.slice('--cache-dir='.length) : undefined;
    const folder = (value ?? (word === '--cache-dir' ? words[index + 1] : '') ?? '').replace(/^\/+|\/+$/g, '');
    const isPath = /^[\w.-]+(?:\/[\w.-]+)*$/.test(folder) && !folder.split('/').some((part) => /^\.\.?$/.test(part));
    const isOther = folder !== TMP.path && !`${folder}/`.startsWith(`${CONFIGS}/`);
    return isPath && isOther ? [folder] : [];
  });
}

function rebuiltConfig(original: ImageConfig, layers: readonly BuiltLayer[]): ImageConfig {
  const settings = original.config ?? {};
  const hasLabel = settings.Labels?.[CONFIGS_LABEL] !== undefined;
  return {
    ...original,
    config: {
      ...settings,
      Cmd: ['serve', `/${CONFIGS}`],
      ...(hasLabel ? { Labels: { ...settings.Labels, [CONFIGS_LABEL]: `/${CONFIGS}` } } : {}),
    },
    rootfs: {
      ...(original.rootfs ?? { type: 'layers' }),
      diff_ids: [...(original.rootfs?.diff_ids ?? []), ...layers.map(({ diffId }) => diffId)],
    },
    history: [...(original.history ?? []), ...layers.map(() => ({ created: NO_TIME }))],
  };
}

function rebuiltManifest(instance: CatalogInstance, config: Descriptor, layers: readonly BuiltLayer[]): object {
  const { annotations, layers: original } = instance.manifest;
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config,
    layers: [
      ...original.map((layer) => ({ ...layer, mediaType: ociLayerType(layer.mediaType) })),
      ...layers.map((layer) => layerDescriptor(layer)),
    ],
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** The same layer under its OCI name. */
function ociLayerType(mediaType: string): string {
  const match = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(?:[.+](gzip|zstd))?$/.exec(mediaType);
  if (match === null) return mediaType;
  const [, foreign, compression] = match;
  const kind = foreign === undefined ? '' : 'nondistributable.';
  return `application/vnd.oci.image.layer.${kind}v1.tar${compression === undefined ? '' : `+${compression}`}`;
}

function layerDescriptor({ mediaType, digest, size }: BuiltLayer): Descriptor {
  return { mediaType, digest, size };
}

function documentOf(value: object, mediaType: string): { descriptor: Descriptor; bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

function blobOf(descriptor: Descriptor, bytes: Buffer): GeneratedBlob {
  return { descriptor, open: () => Promise.resolve(Readable.from([bytes])) };
}
