import { quoteForeign } from '../core/quote.ts';
import { checkEnd, firstDifference } from './entry-check.ts';
import type { BundleFailure } from './failure.ts';
import { BLOCK, END_BYTES, entryEnd, headerOf, type BundleLayout } from './layout.ts';
import type { Volumes } from './volumes.ts';

/**
 * Everything of steps 6 and 7 of signing, section 7.1, but the contents: each header, each padding, the end blocks and the
 * end of the input, by one small read per entry. For a reader that hashes each content when it is used. Returns the first
 * failure in the archive.
 */
export function checkStructure(volumes: Volumes, layout: BundleLayout): BundleFailure | undefined {
  const { entries, firstFile, endAt } = layout;
  const buffer = Buffer.alloc(2 * BLOCK);
  let paddingAt = firstFile < entries.length ? entries[firstFile]!.headerAt : endAt;
  for (let index = firstFile; index < entries.length; index += 1) {
    const entry = entries[index]!;
    // The padding of the entry before and this header are neighbours.
    const wanted = entry.headerAt + BLOCK - paddingAt;
    const piece = buffer.subarray(0, volumes.readSync(buffer.subarray(0, wanted), paddingAt));
    const before = entries[index - 1];
    const expected = Buffer.concat([Buffer.alloc(wanted - BLOCK), headerOf(entry.path, entry.size)]);
    const difference = firstDifference(piece, expected.subarray(0, piece.length));
    if (difference >= 0) {
      const isPadding = difference < wanted - BLOCK && before !== undefined;
      return {
        code: 'E_LAYOUT',
        message: isPadding
          ? `the padding after ${quoteForeign(before.path)} is not zero`
          : `here must be the entry ${quoteForeign(entry.path)} of the bundle manifest, but the archive holds another one`,
        at: isPadding ? before.path : entry.path,
        offset: paddingAt + difference,
      };
    }
    if (piece.length < wanted) return cut(entry.path, paddingAt + piece.length);
    paddingAt = entry.bodyAt + entry.size;
  }
  return checkTail(volumes, layout, paddingAt);
}

/** The padding of the last entry, the end blocks, and that nothing follows. */
function checkTail(volumes: Volumes, { entries, endAt }: BundleLayout, paddingAt: number): BundleFailure | undefined {
  const last = entries.at(-1)!;
  const buffer = Buffer.alloc(entryEnd(last) - Math.min(paddingAt, endAt) + END_BYTES + 1);
  const start = Math.min(paddingAt, endAt);
  const piece = buffer.subarray(0, volumes.readSync(buffer, start));
  const padding = piece.subarray(0, endAt - start);
  const difference = padding.findIndex((byte) => byte !== 0);
  if (difference >= 0) {
    const message = `the padding after ${quoteForeign(last.path)} is not zero`;
    return { code: 'E_LAYOUT', message, at: last.path, offset: start + difference };
  }
  if (piece.length < endAt - start) return cut(last.path, start + piece.length);
  const check = checkEnd(endAt);
  return check.push(piece.subarray(endAt - start)) ?? check.end();
}

function cut(at: string, offset: number): BundleFailure {
  return { code: 'E_TRUNCATED', message: `the input ends within ${quoteForeign(at)}`, at, offset };
}
