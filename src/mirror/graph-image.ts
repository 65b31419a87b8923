import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import { digestOf, type Digest } from '../oci/digest.ts';
import { parseIndex, parseManifest } from '../oci/graph.ts';
import { buildLayer, layerFiles, readEntry, type BuiltLayer, type NewLayerEntry } from '../oci/layer.ts';
import { atDigest, parseReference } from '../oci/reference.ts';
import {
  ImageConfigSchema,
  isIndexType,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
  type Descriptor,
  type ImageManifest,
} from '../oci/types.ts';
import type { GeneratedBlob, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { GRAPH_TARGET } from './target-name.ts';

/** The image the graph data is put on; must be an index. */
const BASE_IMAGE = 'registry.access.redhat.com/ubi9/ubi:latest';
const GRAPH_DATA_URL = 'https://api.openshift.com/api/upgrades_info/graph-data';
const DATA_FOLDER = 'var/lib/cincinnati-graph-data';
/** What the update service operator runs to hand the data to its graph builder. */
const COMMAND = ['/bin/bash', '-c', `exec cp -rp /${DATA_FOLDER}/* /var/lib/cincinnati/graph-data`];
const MAX_DATA_BYTES = 128 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const LAYER_TYPE_OF: Readonly<Record<string, string>> = {
  [MEDIA_TYPE.ociManifest]: MEDIA_TYPE.ociLayerGzip,
  [MEDIA_TYPE.dockerManifest]: MEDIA_TYPE.dockerLayerGzip,
};

/**
 * The graph-data image of the update service operator: the base image, all instances, with one more layer (oc-mirror
 * behaviour, "Graph-data image"). The same data and base give the same digest. Throws `E_OCI` when one of them is not
 * what it should be.
 *
 * With another update service (`endpoint`) the data comes from the same place relative to it as for the public one:
 * `…/v1/graph` and `…/graph` become `…/graph-data`. The vendor tool builds nothing in this case and expects an image
 * from an earlier run; a bundle tool has none.
 */
export async function requestGraphImage(ctx: MirrorContext, endpoint: string | undefined): Promise<ImageRequest> {
  const url = graphDataUrl(endpoint);
  const data = await graphLayerEntries(await fetchGraphData(url, ctx), url);
  const layer = buildLayer(data, MEDIA_TYPE.ociLayerGzip);
  const baseRef = parseReference(BASE_IMAGE);
  const source = ctx.openSource(baseRef);
  const root = await source.resolve(baseRef.tag ?? '', ctx.signal);
  return {
    kind: 'graphData',
    origin: `${GRAPH_TARGET.repository}:${GRAPH_TARGET.tag}`,
    source: atDigest(baseRef, root.digest),
    target: GRAPH_TARGET,
    because: ['platform.graph', `graph data of ${url} on ${BASE_IMAGE}`],
    generated: await appendToIndex(source, root, { layer, signal: ctx.signal }),
  };
}

/** Where the graph data of an update service is. */
export function graphDataUrl(endpoint: string | undefined): string {
  if (endpoint === undefined) return GRAPH_DATA_URL;
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/(?:\/v1)?\/graph$/, '')}/graph-data`;
  return url.href;
}

async function fetchGraphData(url: string, ctx: MirrorContext): Promise<Buffer> {
  try {
    return await ctx.fetchDocument(url, { limit: MAX_DATA_BYTES });
  } catch (error) {
    if (!isAirgapError(error, 'E_NOT_FOUND')) throw error;
    throw new AirgapError('E_NOT_FOUND', `the update service has no graph data at ${url}`, {
      hint: 'set graph: false, or ask a service that offers it',
      cause: error,
    });
  }
}

async function graphLayerEntries(archive: Buffer, url: string): Promise<NewLayerEntry[]> {
  const entries = new Map<string, NewLayerEntry>();
  const limits = { maxBytes: MAX_UNPACKED_BYTES };
  for await (const entry of layerFiles(Readable.from([archive]), MEDIA_TYPE.ociLayerGzip, url, limits)) {
    if (entry.type !== 'file' && entry.type !== 'directory') {
      throw new AirgapError('E_OCI', `${url}: ${quoteForeign(entry.path)} is neither file nor directory`);
    }
    const path = posix.join(DATA_FOLDER, entry.path);
    const content = entry.type === 'file' ? await readEntry(entry, MAX_UNPACKED_BYTES, url) : undefined;
    entries.set(path, {
      path,
      type: entry.type,
      mode: entry.mode,
      modifiedAt: entry.modifiedAt,
      ...(content === undefined ? {} : { content }),
    });
  }
  if (![...entries.values()].some(({ type }) => type === 'file')) {
    throw new AirgapError('E_OCI', `${url}: no graph data in the archive`, {
      hint: 'check the address of the update service, or set graph: false',
    });
  }
  return [...entries.values()];
}

interface Appended {
  readonly manifest: Descriptor;
  readonly config: GeneratedBlob;
  readonly layer: GeneratedBlob;
  readonly content: Buffer;
}

async function appendToIndex(
  source: ContentSource,
  root: Descriptor,
  { layer, signal }: { readonly layer: BuiltLayer; readonly signal: AbortSignal },
): Promise<NonNullable<ImageRequest['generated']>> {
  if (!isIndexType(root.mediaType)) {
    throw new AirgapError('E_OCI', `${BASE_IMAGE} is a single image (${root.mediaType}), an image index is expected`);
  }
  const index = parseIndex(
    await readContent(source, root, { signal, limit: MAX_MANIFEST_SIZE }),
    root.mediaType,
    BASE_IMAGE,
  );
  const instances: Appended[] = [];
  for (const instance of index.manifests as readonly Descriptor[]) {
    // Attestations describe the base image, not what is made of it.
    if (instance.platform?.os === 'unknown') continue;
    instances.push(await appendToInstance(source, instance, { layer, signal }));
  }
  const content = Buffer.from(JSON.stringify({ ...index, manifests: instances.map(({ manifest }) => manifest) }));
  const rootDescriptor = { mediaType: root.mediaType, digest: digestOf(content), size: content.length };
  const blobs = instances.flatMap((instance) => [instance.config, instance.layer]);
  return {
    root: rootDescriptor,
    manifests: new Map<Digest, Uint8Array>([
      [rootDescriptor.digest, content],
      ...instances.map((instance) => [instance.manifest.digest, instance.content] as const),
    ]),
    blobs: new Map(blobs.map((blob) => [blob.descriptor.digest, blob])),
  };
}

async function appendToInstance(
  source: ContentSource,
  instance: Descriptor,
  { layer, signal }: { readonly layer: BuiltLayer; readonly signal: AbortSignal },
): Promise<Appended> {
  const what = `${BASE_IMAGE}, instance ${instance.digest}`;
  const layerType = LAYER_TYPE_OF[instance.mediaType];
  if (layerType === undefined) throw new AirgapError('E_OCI', `${what}: unexpected ${instance.mediaType}`);
  const manifest = parseManifest(
    await readContent(source, instance, { signal, limit: MAX_MANIFEST_SIZE }),
    instance.mediaType,
    what,
  );
  const config = await appendedConfig(source, manifest, { layer, signal, what });
  const layerBlob = blobOf(layer.content, layerType);
  const content = Buffer.from(
    JSON.stringify({ ...manifest, config: config.descriptor, layers: [...manifest.layers, layerBlob.descriptor] }),
  );
  return {
    manifest: { ...instance, digest: digestOf(content), size: content.length },
    config,
    layer: layerBlob,
    content,
  };
}

/** Everything of the base stays, its creation time too: a time of ours would change the digest at every run. */
async function appendedConfig(
  source: ContentSource,
  manifest: ImageManifest,
  { layer, signal, what }: { readonly layer: BuiltLayer; readonly signal: AbortSignal; readonly what: string },
): Promise<GeneratedBlob> {
  const descriptor = manifest.config as Descriptor;
  const text = (await readContent(source, descriptor, { signal, limit: MAX_CONFIG_BYTES })).toString();
  const result = ImageConfigSchema.safeParse(JSON.parse(text));
  if (!result.success || result.data.rootfs === undefined) {
    throw new AirgapError('E_OCI', `${what}: the image config has no root file system`);
  }
  const config = result.data;
  const appended = {
    ...config,
    config: { ...config.config, Cmd: COMMAND },
    rootfs: { ...result.data.rootfs, diff_ids: [...result.data.rootfs.diff_ids, layer.diffId] },
    history: [...(config.history ?? []), { created: '0001-01-01T00:00:00Z' }],
  };
  return blobOf(Buffer.from(JSON.stringify(appended)), descriptor.mediaType);
}

function blobOf(content: Buffer, mediaType: string): GeneratedBlob {
  return {
    descriptor: { mediaType, digest: digestOf(content), size: content.length },
    open: () => Promise.resolve(Readable.from([content])),
  };
}
