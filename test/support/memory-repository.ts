/** Repositories in memory: content sources for unit tests of the planners. */
import { Readable } from 'node:stream';
import { AirgapError } from '../../src/core/errors.ts';
import { digestOf, type Digest } from '../../src/oci/digest.ts';
import type { ReferrerSource } from '../../src/oci/content.ts';
import { repositoryName, type ImageRef } from '../../src/oci/reference.ts';
import { MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';

export interface MemoryRepository extends ReferrerSource {
  /** Stores a blob. */
  blob(content: string, mediaType: string): Descriptor;
  /** Stores an image manifest with these layers, under a tag when one is given. */
  image(
    layers: readonly string[],
    options?: { tag?: string; subject?: Descriptor; artifactType?: string; layerType?: string },
  ): Descriptor;
  /** Stores an image index over stored images. */
  index(children: readonly Descriptor[], options?: { tag?: string }): Descriptor;
}

/** Repositories by name; `open` has the shape the planners want. */
export function memoryRegistry(): { repository(name: string): MemoryRepository; open(ref: ImageRef): ReferrerSource } {
  const repositories = new Map<string, MemoryRepository>();
  return {
    repository(name) {
      const known = repositories.get(name) ?? memoryRepository(name);
      repositories.set(name, known);
      return known;
    },
    open(ref) {
      const known = repositories.get(repositoryName(ref));
      if (known === undefined) throw new AirgapError('E_NOT_FOUND', `no repository ${repositoryName(ref)}`);
      return known;
    },
  };
}

function memoryRepository(name: string): MemoryRepository {
  const contents = new Map<Digest, { descriptor: Descriptor; bytes: Buffer }>();
  const tags = new Map<string, Digest>();
  const referrers = new Map<Digest, Descriptor[]>();

  function store(bytes: Buffer, mediaType: string): Descriptor {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    contents.set(descriptor.digest, { descriptor, bytes });
    return descriptor;
  }

  return {
    blob: (content, mediaType) => store(Buffer.from(content), mediaType),
    image(layers, options = {}) {
      const config = store(
        Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', layers })),
        MEDIA_TYPE.ociConfig,
      );
      const layerType = options.layerType ?? MEDIA_TYPE.ociLayerGzip;
      const document = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
        config,
        layers: layers.map((layer) => store(Buffer.from(layer), layerType)),
        ...(options.subject === undefined ? {} : { subject: options.subject }),
      };
      const descriptor = store(Buffer.from(JSON.stringify(document)), MEDIA_TYPE.ociManifest);
      if (options.tag !== undefined) tags.set(options.tag, descriptor.digest);
      if (options.subject !== undefined) {
        const list = referrers.get(options.subject.digest) ?? [];
        referrers.set(options.subject.digest, [...list, descriptor]);
      }
      return descriptor;
    },
    index(children, options = {}) {
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: children };
      const descriptor = store(Buffer.from(JSON.stringify(document)), MEDIA_TYPE.ociIndex);
      if (options.tag !== undefined) tags.set(options.tag, descriptor.digest);
      return descriptor;
    },
    async resolve(reference) {
      const found = contents.get(tags.get(reference) ?? (reference as Digest));
      if (found === undefined) throw new AirgapError('E_NOT_FOUND', `${name}: no ${reference}`);
      return found.descriptor;
    },
    async fetch(descriptor) {
      const found = contents.get(descriptor.digest);
      if (found === undefined) throw new AirgapError('E_NOT_FOUND', `${name}: no ${descriptor.digest}`);
      return Readable.from([found.bytes], { objectMode: false });
    },
    referrers: async (digest) => referrers.get(digest) ?? [],
  };
}
