import { AirgapError } from '../core/errors.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import { parseIndex, parseManifest } from '../oci/graph.ts';
import { formatPlatform, matchesPlatform } from '../oci/platform.ts';
import {
  ImageConfigSchema,
  isIndexType,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  type Platform,
} from '../oci/types.ts';

/** One image of a catalog, for one platform. */
export interface CatalogInstance {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly platform: Platform;
}

export interface CatalogImage {
  /** The instances to take, in the order of the index. Never empty. */
  readonly instances: readonly CatalogInstance[];
  /** Folder of the catalog inside the image, without slashes at its ends (`configs`). */
  readonly configs: string;
}

export interface CatalogImageOptions {
  readonly catalogName: string;
  readonly signal: AbortSignal;
  /** Only these; absent or empty: all. */
  readonly platforms?: readonly Platform[] | undefined;
}

export const CONFIGS_LABEL = 'operators.operatorframework.io.index.configs.v1';
const DATABASE_LABEL = 'operators.operatorframework.io.index.database.v1';
/** Indexes in indexes are followed this far. */
const MAX_INDEX_DEPTH = 5;
const IMAGE_CONFIG_TYPES: readonly string[] = [MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig];

/**
 * Reads manifests and configs of a catalog image (oc-mirror behaviour, "Fetching and extracting"). Throws `E_CONFIG` for
 * an image that is no file-based catalog or has none of the wanted platforms, `E_OCI` for a broken one.
 */
export async function readCatalogImage(
  source: ContentSource,
  root: Descriptor,
  options: CatalogImageOptions,
): Promise<CatalogImage> {
  const { catalogName, platforms } = options;
  const all = await readInstances(source, root, options, 0);
  const instances = platforms?.length
    ? all.filter(({ platform }) => platforms.some((wanted) => matchesPlatform(platform, wanted)))
    : all;
  if (instances.length === 0) {
    const there = all.map(({ platform }) => formatPlatform(platform)).join(', ');
    throw new AirgapError('E_CONFIG', `${catalogName} has no image for the platforms asked for`, {
      hint: there === '' ? 'it holds no container image at all' : `it has ${there}: correct "platforms"`,
    });
  }
  return { instances, configs: configsFolder(instances[0]!.config, catalogName) };
}

async function readInstances(
  source: ContentSource,
  descriptor: Descriptor,
  options: CatalogImageOptions,
  depth: number,
): Promise<CatalogInstance[]> {
  const what = `${options.catalogName} (${descriptor.digest})`;
  const content = await readContent(source, descriptor, { signal: options.signal, limit: MAX_MANIFEST_SIZE });
  if (!isIndexType(descriptor.mediaType)) {
    const instance = await readInstance(source, content, descriptor, options);
    return instance === undefined ? [] : [instance];
  }
  if (depth >= MAX_INDEX_DEPTH) throw new AirgapError('E_OCI', `${what}: indexes nested deeper than ${depth}`);
  const children = parseIndex(content, descriptor.mediaType, what).manifests as readonly Descriptor[];
  // Attestations of build tools are listed beside the images, for the platform "unknown".
  const images = children.filter((child) => !isIndexType(child.mediaType) && child.platform?.os !== 'unknown');
  const instances: CatalogInstance[] = [];
  for (const child of [...images, ...children.filter((one) => isIndexType(one.mediaType))]) {
    instances.push(...(await readInstances(source, child, options, depth + 1)));
  }
  return instances;
}

async function readInstance(
  source: ContentSource,
  content: Buffer,
  descriptor: Descriptor,
  options: CatalogImageOptions,
): Promise<CatalogInstance | undefined> {
  const what = `${options.catalogName} (${descriptor.digest})`;
  const manifest = parseManifest(content, descriptor.mediaType, what);
  if (!IMAGE_CONFIG_TYPES.includes(manifest.config.mediaType)) return undefined;
  const limit = { signal: options.signal, limit: MAX_MANIFEST_SIZE };
  const config = parseConfig(await readContent(source, manifest.config, limit), what);
  return { manifest, config, platform: descriptor.platform ?? platformOf(config) };
}

function parseConfig(content: Buffer, what: string): ImageConfig {
  let document: unknown;
  try {
    document = JSON.parse(content.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_OCI', `${what}: the image config is not JSON`, { cause: error });
  }
  const { data, error } = ImageConfigSchema.safeParse(document);
  if (data !== undefined) return data;
  const issue = error.issues[0];
  throw new AirgapError('E_OCI', `${what}: invalid image config at ${issue?.path.join('.')}: ${issue?.message}`);
}

function platformOf(config: ImageConfig): Platform {
  const { variant } = config;
  return {
    os: config.os || 'linux',
    architecture: config.architecture || 'amd64',
    ...(typeof variant === 'string' && variant !== '' ? { variant } : {}),
  };
}

function configsFolder(config: ImageConfig, catalogName: string): string {
  const labels = config.config?.Labels ?? {};
  const folder = labels[CONFIGS_LABEL]?.replace(/^\/+|\/+$/g, '');
  if (folder) return folder;
  if (labels[DATABASE_LABEL] !== undefined) {
    throw new AirgapError('E_CONFIG', `${catalogName} is an SQLite catalog, which can not be filtered`, {
      hint: 'take a newer version of the catalog, or convert it once with "opm migrate" and build an image from the result',
    });
  }
  throw new AirgapError('E_CONFIG', `${catalogName} is no operator catalog: it has no label ${CONFIGS_LABEL}`, {
    hint: 'name a catalog image under mirror.operators; other images belong under mirror.additionalImages',
  });
}
