/** Signed bundles of images built by code, and `serve` running on them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { signManifest } from '../../src/bundle/make-signature.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import type { PlanFile } from '../../src/mirror/plan-file.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { serveBundle, type ServeOptions, type ServeResult } from '../../src/workflows/serve.ts';
import { archive, blob, buildBundle, file, TEST_IDENTITY, temporaryFolder, type TestBundle } from './bundles.ts';
import type { BuiltContent } from './images.ts';
import { newKey, trustIn } from './signing.ts';

export interface NamedImage {
  readonly content: BuiltContent;
  readonly repository: string;
  /** Absent for referrers. */
  readonly tag?: string;
  /** Set when not all instances of an index are there. */
  readonly platforms?: PlanFile['images'][number]['platforms'];
}

const key = newKey();
export const trust = trustIn([key]);

/** A bundle as `pack` lays it out: OCI layout, `plan.json`, signed. */
export function bundleOf(images: readonly NamedImage[], { serial } = TEST_IDENTITY): TestBundle {
  const manifests = images.map(({ content: { root }, repository, tag }) => ({
    mediaType: root.mediaType,
    digest: root.digest,
    size: root.size,
    ...(tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': `${repository}:${tag}` } }),
  }));
  const plan: PlanFile = {
    schemaVersion: 1,
    releases: [],
    catalogs: [],
    images: images.map(({ content: { root }, repository, tag, platforms }) => ({
      kind: tag === undefined ? 'signature' : 'additional',
      origin: `registry.example/${repository}:${tag ?? ''}`,
      source: `registry.example/${repository}`,
      digest: root.digest,
      mediaType: root.mediaType,
      size: root.size,
      target: { repository, ...(tag === undefined ? {} : { tag }) },
      because: ['test'],
      ...(platforms === undefined ? {} : { platforms }),
      bytes: 0,
    })),
    gaps: [],
    warnings: [],
    totalBytes: 0,
  };
  const contents = new Map(
    images.flatMap(({ content }) => content.contents).map(({ descriptor, bytes }) => [descriptor.digest, blob(bytes)]),
  );
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
  const files = [
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    file('index.json', JSON.stringify(index)),
    file('plan.json', JSON.stringify(plan)),
    ...contents.values(),
  ];
  return buildBundle(files, {
    identity: { ...TEST_IDENTITY, serial },
    sign: (manifest, identity) => [Buffer.from(signManifest(manifest, identity, key))],
  });
}

/** Writes a bundle as one file, or in volumes of `volumeSize` bytes; returns the paths in order. */
export function writeBundle(t: TestContext, bytes: Buffer, volumeSize?: number): string[] {
  const folder = join(temporaryFolder(t), 'medium');
  mkdirSync(folder);
  const path = join(folder, 'trip.tar');
  if (volumeSize === undefined) {
    writeFileSync(path, bytes);
    return [path];
  }
  const count = Math.ceil(bytes.length / volumeSize);
  return Array.from({ length: count }, (_, index) => {
    const part = `${path}.${String(index + 1).padStart(3, '0')}`;
    writeFileSync(part, bytes.subarray(index * volumeSize, (index + 1) * volumeSize));
    return part;
  });
}

export interface RunningServe {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  readonly events: readonly ProgressEvent[];
  stop(): Promise<ServeResult>;
}

/** Starts `serve` on a free loopback port; it ends with the test. */
export async function startServe(
  t: TestContext,
  paths: readonly string[],
  more: Partial<ServeOptions> & { readonly onEvent?: (event: ProgressEvent) => void } = {},
): Promise<RunningServe> {
  const stop = new AbortController();
  const events: ProgressEvent[] = [];
  const report = (event: ProgressEvent): void => {
    events.push(event);
    more.onEvent?.(event);
  };
  const { promise: listening, resolve } = Promise.withResolvers<string>();
  const result = serveBundle(
    { trust, detached: [], enforceExpiry: false, host: '127.0.0.1', port: 0, paths, onListening: resolve, ...more },
    { signal: stop.signal, report },
  );
  // A failure before it listens is the test's; one later shows in stop().
  const url = await Promise.race([listening, result.then(({ url }) => url)]);
  t.after(() => stop.abort());
  return {
    host: url.replace(/^https?:\/\//, ''),
    url,
    events,
    async stop() {
      stop.abort();
      return result;
    },
  };
}

/** All bytes of a bundle. */
export function bytesOfBundle(bundle: TestBundle): Buffer {
  return archive(bundle);
}
