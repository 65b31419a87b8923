/** Builders for OCI image layouts as bundle files. */
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { blob, file, sha256, type TestFile } from './bundles.ts';

/** A descriptor as JSON; may hold members no honest one has. */
export type TestDescriptor = Record<string, unknown> & { mediaType: string; digest: string; size: number };

export function descriptorOf(content: TestFile, mediaType: string, more: Record<string, unknown> = {}): TestDescriptor {
  return { mediaType, digest: `sha256:${sha256(content.content)}`, size: content.content.length, ...more };
}

export function json(document: unknown): TestFile {
  return blob(JSON.stringify(document));
}

export const LAYER = blob('a layer');
export const CONFIG = blob('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');

/** An image manifest over `LAYER` and `CONFIG`, with members replaced. */
export function imageManifest(changes: Record<string, unknown> = {}): TestFile {
  return json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: descriptorOf(CONFIG, MEDIA_TYPE.ociConfig),
    layers: [descriptorOf(LAYER, MEDIA_TYPE.ociLayer)],
    ...changes,
  });
}

export function imageIndex(manifests: readonly TestDescriptor[], changes: Record<string, unknown> = {}): TestFile {
  return json({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, ...changes });
}

/** The files of a layout whose `index.json` lists `roots`, over these blobs (duplicates are left out). */
export function layoutFiles(roots: readonly TestDescriptor[], blobs: readonly TestFile[]): TestFile[] {
  const unique = new Map(blobs.map((content) => [content.path, content]));
  return [
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    file('index.json', JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: roots })),
    ...unique.values(),
  ];
}

/** A layout with one image under a name. */
export function oneImageLayout(name: string, image: TestFile = imageManifest()): TestFile[] {
  const annotations = { 'org.opencontainers.image.ref.name': name };
  return layoutFiles([descriptorOf(image, MEDIA_TYPE.ociManifest, { annotations })], [image, CONFIG, LAYER]);
}
