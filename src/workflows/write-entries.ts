import type { LayoutEntry } from '../bundle/layout.ts';
import { writeInOrder } from '../bundle/write-in-order.ts';
import { openBodyWriter, type BundleFileWriter, type BundleParts, type OpenBody } from '../bundle/writer.ts';
import type { Salvage } from '../bundle/salvage.ts';
import { formatBytes } from '../core/bytes.ts';
import { isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { openLayout } from '../oci/layout-source.ts';
import type { PlannedBlob } from '../mirror/mirror-plan.ts';
import { createRegistryClient, type RegistryClient } from '../registry/client.ts';
import type { RegistryOptions } from '../registry/options.ts';
import type { BundleEntry } from './bundle-content.ts';
import { openContent } from './bundle-content.ts';
import type { FetchTask } from './fetch-body.ts';
import { transferBlobs } from './transfer.ts';

/** What is to be written and where: the files of a bundle, and its layout with the signed bundle manifest in front. */
export interface BundleDraft {
  readonly entries: readonly BundleEntry[];
  readonly parts: BundleParts;
  /** Bodies of an interrupted run that made another bundle. */
  readonly salvage?: Salvage | undefined;
}

/** An entry with its place in the layout. */
interface Placed {
  readonly index: number;
  readonly entry: BundleEntry;
  readonly place: LayoutEntry;
}

/**
 * Brings every body of an unfinished bundle file to its place: what is in memory or made by us from here, blobs from their
 * registries by `transferBlobs`. What an earlier run completed is left alone. Returns the bytes that were kept.
 */
export async function writeEntries(
  draft: BundleDraft,
  file: BundleFileWriter,
  registry: RegistryOptions,
  ctx: RunContext,
): Promise<{ result: number; detail: string }> {
  const { parts } = draft;
  const placed = placeEntries(draft);
  const bytes = placed.reduce((sum, { place }) => sum + place.size, 0);
  ctx.report({ type: 'total', images: 0, blobs: placed.length, bytes });
  let kept = 0;
  const open: Placed[] = [];
  for (const item of placed) {
    const there = file.complete.has(item.index) ? item.place.size : (file.progress.get(item.index) ?? 0);
    kept += there;
    if (there > 0) ctx.report({ type: 'skipped', digest: `sha256:${item.place.sha256}`, size: there, reason: 'kept' });
    if (!file.complete.has(item.index)) open.push(item);
  }

  if (file.mode === 'ordered') {
    const source = openEntry(draft, registry, ctx);
    try {
      await writeInOrder(file, parts, { open: source.body, signal: ctx.signal, onBody: reportBody(parts, ctx) });
    } finally {
      source.close();
    }
  } else {
    await writeLocal(
      open.filter(({ entry }) => isLocal(entry)),
      file,
      ctx,
    );
    const remote = open.filter(({ entry }) => !isLocal(entry));
    const salvaged = draft.salvage === undefined ? [] : await writeSalvaged(remote, draft.salvage, file, ctx);
    kept += salvaged.reduce((sum, { place }) => sum + place.size, 0);
    const tasks = remote.filter((item) => !salvaged.includes(item)).map((item) => fetchTask(item, file));
    await transferBlobs(tasks, file, registry, ctx);
  }
  const keptText = kept === 0 ? '' : `, ${formatBytes(kept)} of it kept from an interrupted run`;
  return { result: kept, detail: `${placed.length} files, ${formatBytes(bytes)}${keptText}` };
}

/** Opens any body of the layout from an offset on, for writing in order. */
export function openEntry(
  draft: BundleDraft,
  registry: RegistryOptions,
  ctx: RunContext,
): { readonly body: OpenBody; close(): void } {
  const byPath = new Map(placeEntries(draft).map((item) => [item.place.path, item.entry]));
  const client = createRegistryClient(registry, ctx);
  return {
    async body(place, offset) {
      const entry = byPath.get(place.path)!;
      if ('content' in entry) return openContent(entry.content.subarray(offset));
      return openBlob(entry.blob, client, offset, ctx);
    },
    close: () => client.close(),
  };
}

function placeEntries({ entries, parts: { layout } }: BundleDraft): Placed[] {
  return entries.map((entry, position) => {
    const index = layout.firstFile + position;
    return { index, entry, place: layout.entries[index]! };
  });
}

function isLocal(entry: BundleEntry): boolean {
  return 'content' in entry || entry.blob.generated !== undefined || isOnDisk(entry.blob);
}

function isOnDisk(blob: PlannedBlob): boolean {
  return blob.sources.every((source) => source.transport === 'oci');
}

async function writeLocal(items: readonly Placed[], file: BundleFileWriter, ctx: RunContext): Promise<void> {
  const writer = openBodyWriter(file.pieces, { direct: false });
  try {
    for (const { entry, index, place } of items) {
      ctx.signal.throwIfAborted();
      const body = 'content' in entry ? openContent(entry.content) : await openBlob(entry.blob, undefined, 0, ctx);
      file.restarted(index);
      await writer.write(place, body);
      file.completed(index);
      ctx.report({ type: 'blob', digest: `sha256:${place.sha256}`, size: place.size, bytes: place.size, done: true });
    }
  } finally {
    writer.close();
  }
}

/** Takes what an interrupted run has; what turns out to be damaged there is fetched. Returns what was written. */
async function writeSalvaged(
  items: readonly Placed[],
  salvage: Salvage,
  file: BundleFileWriter,
  ctx: RunContext,
): Promise<Placed[]> {
  const writer = openBodyWriter(file.pieces, { direct: true });
  const written: Placed[] = [];
  try {
    for (const item of items) {
      const { index, place } = item;
      if (!salvage.has(place.sha256)) continue;
      ctx.signal.throwIfAborted();
      file.restarted(index);
      try {
        await writer.write(place, salvage.open(place.sha256));
      } catch (error) {
        if (!isAirgapError(error, 'E_DIGEST', 'E_TRUNCATED')) throw error;
        file.restarted(index);
        continue;
      }
      file.completed(index);
      written.push(item);
      ctx.report({ type: 'skipped', digest: `sha256:${place.sha256}`, size: place.size, reason: 'kept' });
    }
  } finally {
    writer.close();
  }
  return written;
}

async function openBlob(
  blob: PlannedBlob,
  client: RegistryClient | undefined,
  offset: number,
  ctx: RunContext,
): Promise<AsyncIterable<Uint8Array>> {
  if (blob.generated !== undefined) return skip(await blob.generated.open(), offset);
  const source = blob.sources[0]!;
  const content = source.transport === 'oci' ? openLayout(source.repository) : client!.openSource(source);
  return content.fetch(blob.descriptor, { offset, signal: ctx.signal });
}

async function* skip(stream: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of stream) {
    const dropped = Math.min(left, chunk.length);
    left -= dropped;
    if (dropped < chunk.length) yield chunk.subarray(dropped);
  }
}

function fetchTask({ entry, index, place }: Placed, file: BundleFileWriter): FetchTask {
  if (!('blob' in entry)) throw new Error(`${place.path} is not fetched`);
  const { path, size, sha256, bodyAt } = place;
  return {
    index,
    place: { path, size, sha256, bodyAt },
    descriptor: entry.blob.descriptor,
    sources: entry.blob.sources.filter((source) => source.transport === 'docker'),
    received: Math.min(file.progress.get(index) ?? 0, size),
  };
}

/** Tells how much of a body was written, for writing in order. */
export function reportBody({ layout }: BundleParts, ctx: RunContext): (index: number, bytes: number) => void {
  return (index, bytes) => {
    const { sha256, size } = layout.entries[index]!;
    ctx.report({ type: 'blob', digest: `sha256:${sha256}`, size, bytes, done: false });
  };
}
