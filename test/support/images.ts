/**
 * Images for tests, built by code so that a reader sees their shape:
 *
 *     const app = image().layer('etc/x', 'y').label('version', '1').build();
 *     const both = index([app, image().platform('linux/arm64').layer('etc/x', 'z').build()]).build();
 *     await pushContent(repository, both, 'v1');            // our own client
 *     const source = sourceOf(both);                        // a ContentSource in memory
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { ContentSource } from '../../src/oci/content.ts';
import { digestOf, type Digest } from '../../src/oci/digest.ts';
import { isManifestType, MEDIA_TYPE, type Descriptor } from '../../src/oci/types.ts';
import type { Repository } from '../../src/registry/repository.ts';
import { AirgapError } from '../../src/core/errors.ts';

/** A root with everything below it, children before parents. */
export interface BuiltContent {
  readonly root: Descriptor;
  readonly contents: readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[];
}

export interface ImageBuilder {
  /** A layer with one file, or with several (path → content). */
  layer(path: string, content: string | Buffer): ImageBuilder;
  layer(files: Readonly<Record<string, string | Buffer>>): ImageBuilder;
  /** A layer of exactly these bytes. */
  rawLayer(bytes: Buffer, mediaType: string, annotations?: Readonly<Record<string, string>>): ImageBuilder;
  label(name: string, value: string): ImageBuilder;
  /** `os/architecture[/variant]`; `linux/amd64` by default. */
  platform(platform: string): ImageBuilder;
  annotation(name: string, value: string): ImageBuilder;
  artifactType(type: string): ImageBuilder;
  subject(subject: Descriptor): ImageBuilder;
  /** Docker schema 2 instead of OCI. */
  docker(): ImageBuilder;
  build(): BuiltContent;
}

interface Layer {
  readonly bytes: Buffer;
  readonly mediaType: string | undefined;
  readonly diffId: Digest;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface ImageState {
  readonly layers: readonly Layer[];
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly isDocker: boolean;
}

export function image(): ImageBuilder {
  return imageBuilder({ layers: [], labels: {}, platform: 'linux/amd64', extra: {}, annotations: {}, isDocker: false });
}

function imageBuilder(state: ImageState): ImageBuilder {
  const next = (change: Partial<ImageState>) => imageBuilder({ ...state, ...change });
  return {
    layer(pathOrFiles: string | Readonly<Record<string, string | Buffer>>, content?: string | Buffer) {
      const tar = tarOf(typeof pathOrFiles === 'string' ? { [pathOrFiles]: content ?? '' } : pathOrFiles);
      return next({ layers: [...state.layers, { bytes: gzipSync(tar), mediaType: undefined, diffId: digestOf(tar) }] });
    },
    rawLayer: (bytes, mediaType, annotations) =>
      next({
        layers: [
          ...state.layers,
          { bytes, mediaType, diffId: digestOf(bytes), ...(annotations === undefined ? {} : { annotations }) },
        ],
      }),
    label: (name, value) => next({ labels: { ...state.labels, [name]: value } }),
    platform: (platform) => next({ platform }),
    annotation: (name, value) => next({ annotations: { ...state.annotations, [name]: value } }),
    artifactType: (artifactType) => next({ extra: { ...state.extra, artifactType } }),
    subject: (subject) => next({ extra: { ...state.extra, subject } }),
    docker: () => next({ isDocker: true }),
    build: () => buildImage(state),
  };
}

function buildImage(state: ImageState): BuiltContent {
  const [os = '', architecture = '', variant] = state.platform.split('/');
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const config = contentOf(
    JSON.stringify({
      ...platform,
      config: Object.keys(state.labels).length === 0 ? {} : { Labels: state.labels },
      rootfs: { type: 'layers', diff_ids: state.layers.map(({ diffId }) => diffId) },
    }),
    state.isDocker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.ociConfig,
  );
  const layerType = state.isDocker ? MEDIA_TYPE.dockerLayerGzip : MEDIA_TYPE.ociLayerGzip;
  const layers = state.layers.map(({ bytes, mediaType, annotations }) => {
    const { descriptor } = contentOf(bytes, mediaType ?? layerType);
    return { descriptor: annotations === undefined ? descriptor : { ...descriptor, annotations }, bytes };
  });
  const mediaType = state.isDocker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest;
  const manifest = contentOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      ...state.extra,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      ...(Object.keys(state.annotations).length === 0 ? {} : { annotations: state.annotations }),
    }),
    mediaType,
  );
  return { root: { ...manifest.descriptor, platform }, contents: unique([config, ...layers, manifest]) };
}

export interface IndexBuilder {
  annotation(name: string, value: string): IndexBuilder;
  /** A Docker manifest list instead of an OCI index. */
  docker(): IndexBuilder;
  build(): BuiltContent;
}

export function index(children: readonly BuiltContent[]): IndexBuilder {
  return indexBuilder(children, {}, false);
}

function indexBuilder(
  children: readonly BuiltContent[],
  annotations: Readonly<Record<string, string>>,
  isDocker: boolean,
): IndexBuilder {
  return {
    annotation: (name, value) => indexBuilder(children, { ...annotations, [name]: value }, isDocker),
    docker: () => indexBuilder(children, annotations, true),
    build() {
      const mediaType = isDocker ? MEDIA_TYPE.dockerList : MEDIA_TYPE.ociIndex;
      const own = contentOf(
        JSON.stringify({
          schemaVersion: 2,
          mediaType,
          manifests: children.map(({ root }) => root),
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
        }),
        mediaType,
      );
      return { root: own.descriptor, contents: unique([...children.flatMap(({ contents }) => contents), own]) };
    },
  };
}

/** The content as a source: tags are unknown, digests are found. */
export function sourceOf(...built: readonly BuiltContent[]): ContentSource {
  const byDigest = new Map(
    built.flatMap(({ contents }) => contents.map((content) => [content.descriptor.digest as string, content])),
  );
  const find = (digest: string) => {
    const content = byDigest.get(digest);
    if (content === undefined) throw new AirgapError('E_NOT_FOUND', `no ${digest}`);
    return content;
  };
  return {
    resolve: async (reference) => find(reference).descriptor,
    fetch: async (descriptor, { offset = 0 }) =>
      Readable.from([find(descriptor.digest).bytes.subarray(offset)], { objectMode: false }),
  };
}

/** Pushes everything, children first, and tags the root. */
export async function pushContent(repository: Repository, built: BuiltContent, tag?: string): Promise<Descriptor> {
  const { signal } = new AbortController();
  for (const { descriptor, bytes } of built.contents) {
    if (isManifestType(descriptor.mediaType)) {
      await repository.pushManifest(bytes, descriptor.mediaType, descriptor.digest, signal);
    } else {
      await repository.pushBlob(descriptor, bytes, { signal });
    }
  }
  const root = built.contents.at(-1)!;
  if (tag !== undefined) await repository.pushManifest(root.bytes, root.descriptor.mediaType, tag, signal);
  return built.root;
}

/** A reproducible tar (ustar, no owner, no time) with the given files. */
export function tarOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const bytes = Buffer.from(content);
    return [tarHeader(path, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function tarHeader(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} does not fit a plain tar header`);
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function contentOf(content: string | Buffer, mediaType: string): { descriptor: Descriptor; bytes: Buffer } {
  const bytes = Buffer.from(content);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function unique<T extends { readonly descriptor: Descriptor }>(contents: readonly T[]): T[] {
  return [...new Map(contents.map((content) => [content.descriptor.digest, content])).values()];
}

/** Writes an OCI image layout with one root, as `skopeo copy … oci:FOLDER` does. */
export function writeOciLayout(folder: string, built: BuiltContent): void {
  for (const { descriptor, bytes } of built.contents) {
    const path = join(folder, 'blobs', ...descriptor.digest.split(':'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  const { mediaType, digest, size } = built.root;
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size }] }),
  );
}
