import { createHash } from 'node:crypto';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { entryEnd } from './layout.ts';
import { orderedBytes, type BundleParts, type OrderedOutputOptions } from './ordered-output.ts';
import { openPieces, type OpenPieces } from './pieces.ts';
import type { BundleFileWriter } from './writer.ts';

/**
 * Writes what is missing of a file that has to be written front to back. Bodies are opened in archive order, the first
 * one at the offset an earlier run reached. Throws `E_DIGEST` when a body is not what the layout says; the next run begins it anew.
 */
export async function writeInOrder(
  writer: BundleFileWriter,
  parts: BundleParts,
  options: OrderedOutputOptions,
): Promise<void> {
  const { entries, firstFile } = parts.layout;
  let index = firstFile;
  while (writer.complete.has(index)) index += 1;
  const entry = entries[index];
  const received = writer.progress.get(index) ?? 0;
  /** The body under way: unlike `index`, not moved on before its digest is known. */
  let body = index;
  const data = openPieces(writer.pieces, 'r+');
  try {
    let at = entry === undefined ? parts.layout.endAt : received > 0 ? entry.bodyAt + received : entry.headerAt;
    data.truncate(at);
    const hash = createHash('sha256');
    if (entry !== undefined) hashRange(data, entry.bodyAt, received, (piece) => hash.update(piece));
    const onEntry = (done: number): void => {
      writer.completed(done);
      body = done + 1;
      options.onEntry?.(done);
    };
    const bytes = orderedBytes(parts, { ...options, onEntry }, { index, received, hash });
    for await (const chunk of bytes) {
      data.writeSync(chunk, at);
      at += chunk.length;
      while (index < entries.length && at >= entryEnd(entries[index]!)) index += 1;
      const current = entries[index];
      if (current !== undefined && at > current.bodyAt) {
        writer.progressed(index, Math.min(at - current.bodyAt, current.size));
      }
    }
  } catch (error) {
    // What is there of it is wrong somewhere: continued, it would fail in every run.
    if (isAirgapError(error, 'E_DIGEST')) writer.restarted(body);
    throw error;
  } finally {
    data.close();
  }
}

function hashRange(data: OpenPieces, start: number, length: number, update: (piece: Buffer) => void): void {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (let done = 0; done < length;) {
    const count = data.readSync(buffer.subarray(0, Math.min(buffer.length, length - done)), start + done);
    if (count === 0) throw new AirgapError('E_TRUNCATED', 'the unfinished bundle is shorter than its journal says');
    update(buffer.subarray(0, count));
    done += count;
  }
}
