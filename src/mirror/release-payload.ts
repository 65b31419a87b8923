import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { parseYaml } from '../core/yaml.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import { parseIndex, parseManifest } from '../oci/graph.ts';
import { readImageFiles } from '../oci/image-files.ts';
import { parseReference, type ImageRef } from '../oci/reference.ts';
import { isIndexType, MAX_MANIFEST_SIZE, type Descriptor, type Platform } from '../oci/types.ts';

/** An image a release consists of. */
export interface ReleaseComponent {
  readonly name: string;
  /** As the payload writes it. */
  readonly origin: string;
  readonly source: ImageRef;
}

/** A KubeVirt container disk of the release. */
export interface KubevirtDisk {
  /** Architecture as boot images name it: x86_64, s390x. */
  readonly architectureKey: string;
  /** Reference by digest, as the payload writes it. Not parsed yet: an entry nobody wants must not spoil the others. */
  readonly origin: string;
  /** Build of the operating system in it. */
  readonly build: string;
}

export interface ReleasePayload {
  readonly version: string | undefined;
  readonly components: readonly ReleaseComponent[];
  /** Versions that may be updated to this one, as the payload says. */
  readonly previous: readonly string[];
  /** Where the release is described, when the payload says so. */
  readonly url?: string | undefined;
  /** Every disk the payload names; empty when not asked for. */
  readonly disks: readonly KubevirtDisk[];
}

const REFERENCES = 'release-manifests/image-references';
const METADATA = 'release-manifests/release-metadata';
const BOOT_IMAGES = 'release-manifests/0000_50_installer_coreos-bootimages.yaml';
/** Real ones have a tenth of it. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

const ImageStreamSchema = z.looseObject({
  kind: z.literal('ImageStream').optional(),
  metadata: z.looseObject({ name: z.string().optional() }).nullish(),
  spec: z.looseObject({
    tags: z.array(
      z.looseObject({
        name: z.string(),
        from: z.looseObject({ kind: z.string().default('DockerImage'), name: z.string() }),
      }),
    ),
  }),
});

const MetadataSchema = z.looseObject({
  version: z.string().optional(),
  previous: z.array(z.string()).nullish(),
  metadata: z.looseObject({ url: z.string().optional() }).nullish(),
});

const BootImagesSchema = z.looseObject({ data: z.looseObject({ stream: z.string() }) });
const StreamSchema = z.looseObject({
  architectures: z.record(
    z.string(),
    z.looseObject({
      images: z
        .looseObject({
          kubevirt: z.looseObject({ release: z.string().nullish(), 'digest-ref': z.string().nullish() }).nullish(),
        })
        .nullish(),
    }),
  ),
});

/**
 * Reads what a release consists of from its payload image: streams the layers, keeps three small files. Of a payload for
 * several architectures the amd64 instance is read, or the first; all carry the same lists. Throws `E_OCI` naming the
 * release when the payload is none. (oc-mirror behaviour, "Payload and components".)
 */
export async function readReleasePayload(
  source: ContentSource,
  root: Descriptor,
  options: { readonly what: string; readonly withDisks: boolean; readonly signal: AbortSignal },
): Promise<ReleasePayload> {
  const { what, signal } = options;
  const layers = await instanceLayers(source, root, options);
  const paths = new Map(
    [REFERENCES, METADATA, ...(options.withDisks ? [BOOT_IMAGES] : [])].map((path) => [path, MAX_FILE_BYTES]),
  );
  const files = await readImageFiles(source, layers, { paths, what, signal });
  const references = files.get(REFERENCES);
  if (references === undefined) {
    throw new AirgapError('E_OCI', `${what}: no ${REFERENCES} in the image, so it is no release payload`, {
      hint: 'check the reference: a release image is expected',
    });
  }
  const stream = checked(
    ImageStreamSchema,
    parseJson(references.toString(), `${what}: ${REFERENCES}`),
    `${what}: ${REFERENCES}`,
  );
  const facts = readMetadata(files.get(METADATA));
  const bootImages = files.get(BOOT_IMAGES);
  return {
    version: stream.metadata?.name ?? facts.version,
    components: stream.spec.tags.map((tag) => toComponent(tag, what)),
    previous: facts.previous ?? [],
    url: facts.metadata?.url,
    disks: bootImages === undefined ? [] : readDisks(bootImages.toString(), `${what}: ${BOOT_IMAGES}`),
  };
}

/** Facts to show; what is mirrored does not depend on them, so a file that is not as usual only leaves them out. */
function readMetadata(content: Buffer | undefined): z.infer<typeof MetadataSchema> {
  try {
    return MetadataSchema.safeParse(JSON.parse(content?.toString() ?? '{}')).data ?? {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}

/** The disks in the boot image ConfigMap; architectures without one are left out. */
export function readDisks(text: string, what: string): KubevirtDisk[] {
  const { data } = checked(BootImagesSchema, parseYaml(text, what), what);
  const { architectures } = checked(
    StreamSchema,
    parseJson(data.stream, `${what}, data.stream`),
    `${what}, data.stream`,
  );
  return Object.entries(architectures).flatMap(([architectureKey, { images }]) => {
    const origin = images?.kubevirt?.['digest-ref'] ?? '';
    if (origin === '') return [];
    return [{ architectureKey, origin, build: images?.kubevirt?.release ?? '' }];
  });
}

async function instanceLayers(
  source: ContentSource,
  root: Descriptor,
  { what, signal }: { readonly what: string; readonly signal: AbortSignal },
): Promise<readonly Descriptor[]> {
  const content = await readContent(source, root, { signal, limit: MAX_MANIFEST_SIZE });
  if (!isIndexType(root.mediaType)) return parseManifest(content, root.mediaType, what).layers;
  const instances = parseIndex(content, root.mediaType, what).manifests as readonly Descriptor[];
  const isAmd64 = (platform: Platform | undefined) => platform?.os === 'linux' && platform.architecture === 'amd64';
  const instance = instances.find(({ platform }) => isAmd64(platform)) ?? instances[0];
  if (instance === undefined || isIndexType(instance.mediaType)) {
    throw new AirgapError('E_OCI', `${what}: the image index has no usable instance`);
  }
  return instanceLayers(source, instance, { what, signal });
}

function toComponent(tag: { name: string; from: { kind: string; name: string } }, what: string): ReleaseComponent {
  const place = `${what}: component ${quoteForeign(tag.name)}`;
  if (tag.from.kind !== 'DockerImage') {
    throw new AirgapError('E_OCI', `${place} is a ${quoteForeign(tag.from.kind)}, not an image`);
  }
  return { name: tag.name, origin: tag.from.name, source: parseReference(tag.from.name) };
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_OCI', `${what} is not JSON`, { cause: error });
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new AirgapError(
    'E_OCI',
    `${what} is not as expected at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? ''}`,
  );
}
