/**
 * Content for measurements, made once into a registry: seeded and reproducible, incompressible. Sizes are a fraction of the
 * real thing by default; `scale` 1 is 3 GB.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { MEDIA_TYPE, type Descriptor } from '../src/oci/types.ts';
import type { RegistryClient } from '../src/registry/client.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;

export interface BenchImage {
  readonly repository: string;
  readonly tag: string;
}

/** Pushes one kind of content to a registry and returns the images to mirror. */
export type MakeContent = (client: RegistryClient, host: string, scale: number) => Promise<BenchImage[]>;

/** Like an OpenShift release: many images over shared base layers, own layers of 1 to 300 MB (scaled). */
export const releaseLike: MakeContent = async (client, host, scale) => {
  const repository = client.openRepository({ registry: host, repository: 'bench/release' });
  const bases = await pushLayers(repository, 'base', sizes(12, 20 * MIB, 120 * MIB, scale));
  const own = await pushLayers(repository, 'own', sizes(64, 1 * MIB, 70 * MIB, scale));
  const images: BenchImage[] = [];
  for (const [index, layer] of own.entries()) {
    const shared = [bases[index % 4]!, bases[4 + (index % 8)]!];
    images.push(await pushImage(repository, 'bench/release', `v${index}`, [...shared, layer]));
  }
  return images;
};

/** Like operator catalogs and their bundles: very many small blobs. */
export const smallBlobs: MakeContent = async (client, host, scale) => {
  const repository = client.openRepository({ registry: host, repository: 'bench/small' });
  const images: BenchImage[] = [];
  const count = Math.round(50_000 * scale);
  const perImage = 100;
  for (let image = 0; image < count / perImage; image += 1) {
    const layers = await pushLayers(
      repository,
      `small-${image}`,
      Array.from({ length: perImage - 2 }, (_, at) => 1024 + ((at * 37) % 3072)),
    );
    images.push(await pushImage(repository, 'bench/small', `v${image}`, layers));
  }
  return images;
};

/** One layer of 9 GiB (scaled). */
export const oneHuge: MakeContent = async (client, host, scale) => {
  const repository = client.openRepository({ registry: host, repository: 'bench/huge' });
  const layers = await pushLayers(repository, 'huge', [Math.round(9 * 1024 * MIB * scale)]);
  return [await pushImage(repository, 'bench/huge', 'v0', layers)];
};

type Repository = ReturnType<RegistryClient['openRepository']>;

async function pushLayers(repository: Repository, seed: string, layerSizes: readonly number[]): Promise<Descriptor[]> {
  const layers: Descriptor[] = [];
  for (const [index, size] of layerSizes.entries()) {
    const name = `${seed}-${index}`;
    const hash = createHash('sha256');
    for await (const chunk of noise(name, size)) hash.update(chunk as Buffer);
    const descriptor = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: `sha256:${hash.digest('hex')}` as const, size };
    await repository.pushBlob(descriptor, async () => noise(name, size), { signal });
    layers.push(descriptor);
  }
  return layers;
}

async function pushImage(
  repository: Repository,
  name: string,
  tag: string,
  layers: readonly Descriptor[],
): Promise<BenchImage> {
  const configBytes = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      name: tag,
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const config = { mediaType: MEDIA_TYPE.ociConfig, digest: digestOfBytes(configBytes), size: configBytes.length };
  await repository.pushBlob(config, configBytes, { signal });
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers };
  await repository.pushManifest(Buffer.from(JSON.stringify(manifest)), MEDIA_TYPE.ociManifest, tag, signal);
  return { repository: name, tag };
}

function digestOfBytes(bytes: Buffer): Descriptor['digest'] {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Sizes spread evenly between two bounds, scaled. */
function sizes(count: number, smallest: number, largest: number, scale: number): number[] {
  return Array.from({ length: count }, (_, at) => Math.round((smallest + ((largest - smallest) * at) / count) * scale));
}

/** The key stream of AES in counter mode: looks random, is the same for the same seed, and is fast. */
function noise(seed: string, size: number): Readable {
  const key = createHash('sha256').update(seed).digest();
  const zeros = Buffer.alloc(MIB);
  return Readable.from(
    (function* () {
      const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
      for (let left = size; left > 0; left -= MIB) yield cipher.update(zeros.subarray(0, Math.min(left, MIB)));
    })(),
    { objectMode: false, highWaterMark: MIB },
  );
}
