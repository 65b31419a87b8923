import { z } from 'zod';
import { checkBaseFiles } from '../bundle/base-files.ts';
import type { BundleReader } from '../bundle/reader.ts';
import { formatBytes } from '../core/bytes.ts';
import { parseJson } from '../core/json.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { ContentSource } from '../oci/content.ts';
import { hexOf, type Digest } from '../oci/digest.ts';
import { isRepositoryPath } from '../oci/reference.ts';
import type { RegistryClient } from '../registry/client.ts';
import { isInBase, type Base } from './base-receipt.ts';
import { blobPath, type BundleEntry, type ExtraFile } from './bundle-content.ts';
import type { PushTarget } from './push-target.ts';
import { stage } from './stage.ts';

/** Where a bundle says what it leaves out. */
const BASE_PATH = 'base.json';

const BaseFileSchema = z.strictObject({
  registry: z.string(),
  /** sha256 in hex → repository of that registry. */
  blobs: z.record(z.string().regex(/^[0-9a-f]{64}$/), z.string().refine(isRepositoryPath)),
});

/** Content of the base, on the far side. */
export interface BaseContent {
  /** The bundle, and for what it leaves out the target registry. */
  readonly source: ContentSource;
  /** Repository of the target that holds a blob. */
  readonly heldAt: ReadonlyMap<Digest, string>;
}

/** `base.json` of a bundle: where on the far side each file is that it leaves out. */
export function baseFile(entries: readonly BundleEntry[], base: Base): ExtraFile {
  const blobs = Object.fromEntries(
    entries.filter((entry) => isInBase(entry, base)).map(({ sha256 }) => [sha256, base.blobs.get(sha256)!.repository]),
  );
  return { path: BASE_PATH, content: Buffer.from(`${JSON.stringify({ registry: base.registry, blobs }, null, 2)}\n`) };
}

/**
 * Hashes everything again that a bundle leaves to its base, in the registry it is in. Undefined for a complete bundle. Throws
 * `E_BASE` with the list of what is missing or differs.
 */
export async function openBase(
  reader: BundleReader,
  client: RegistryClient,
  target: PushTarget,
  ctx: RunContext,
): Promise<BaseContent | undefined> {
  const { base, files } = reader.manifest;
  if (base === undefined) return undefined;
  const { registry, blobs } = await readBaseFile(reader);
  if (registry !== target.registry) {
    throw new AirgapError('E_BASE', `the base of this bundle is on ${registry}, not on ${target.registry}`, {
      hint: 'unpack to that registry, or ask for a full bundle',
    });
  }
  const open = (hex: string) => client.openRepository({ registry, repository: blobs[hex] ?? '' });
  const left = files.filter((file) => file.base === true);
  const bytes = left.reduce((sum, { size }) => sum + size, 0);
  return stage('base', ctx, async () => {
    ctx.report({ type: 'total', images: 0, blobs: left.length, bytes });
    await checkBaseFiles(
      reader.manifest,
      async ({ path, sha256, size }) => {
        if (path !== blobPath(`sha256:${sha256}`) || blobs[sha256] === undefined) return undefined;
        const descriptor = { mediaType: 'application/octet-stream', digest: `sha256:${sha256}`, size } as const;
        if (!(await open(sha256).hasBlob(descriptor, ctx.signal))) return undefined;
        const body = await open(sha256).fetchBody(descriptor, { signal: ctx.signal });
        return counted(body, (count) =>
          ctx.report({ type: 'blob', digest: descriptor.digest, size, bytes: count, done: false }),
        );
      },
      ctx.signal,
    );
    const source: ContentSource = {
      resolve: (reference, signal) => reader.resolve(reference, signal),
      fetch: (descriptor, options) => {
        const hex = hexOf(descriptor.digest);
        const isLeft = reader.find(blobPath(descriptor.digest))?.base === true;
        return isLeft ? open(hex).fetch(descriptor, options) : reader.fetch(descriptor, options);
      },
    };
    const heldAt = new Map(left.map(({ sha256 }) => [`sha256:${sha256}` as const, blobs[sha256]!]));
    return {
      result: { source, heldAt },
      detail: `${left.length} files of serial ${base.serial}, ${formatBytes(bytes)}`,
    };
  });
}

async function readBaseFile(reader: BundleReader): Promise<z.infer<typeof BaseFileSchema>> {
  const text = reader.find(BASE_PATH) === undefined ? 'null' : (await reader.readFile(BASE_PATH)).toString('utf8');
  const parsed = BaseFileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new AirgapError('E_MANIFEST', `the bundle leaves files to its base, and no ${BASE_PATH} says where they are`, {
    hint: 'use a bundle made by airgap pack, or ask for a full one',
  });
}

async function* counted(body: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    onBytes(chunk.length);
    yield chunk;
  }
}
