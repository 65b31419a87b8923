import { createHash, hash, type Hash } from 'node:crypto';
import { quoteForeign } from '../core/quote.ts';
import type { BundleFailure } from './failure.ts';
import { BLOCK, END_BYTES, entryEnd, headerOf, paddedSize, type LayoutEntry } from './layout.ts';

/** Checks bytes that arrive in order against what must be there. */
export interface OrderedCheck {
  /** The next bytes; a failure, once there is one, ends the check. */
  push(chunk: Buffer): BundleFailure | undefined;
  /** The input is over. */
  end(): BundleFailure | undefined;
}

export interface EntriesCheckOptions {
  /** Called with the index (in the given list) of each entry that was found good. */
  readonly onEntry?: (index: number) => void;
  /** Called with each piece of a content, before its digest is known. */
  readonly onBody?: (index: number, piece: Buffer) => void;
}

/**
 * Steps 6 of signing, section 7.1, for consecutive entries: 512 bytes equal to the expected header, exactly `size` bytes of
 * content, zero padding, digest. Bytes are compared, never parsed. Pushing more than the entries hold is a defect.
 */
export function checkEntries(entries: readonly LayoutEntry[], options: EntriesCheckOptions = {}): OrderedCheck {
  let index = 0;
  /** Bytes of the current entry seen, its header included. */
  let seen = 0;
  let header: Buffer | undefined;
  let running: Hash | undefined;
  let digest: string | undefined;

  const next = (entry: LayoutEntry): BundleFailure | undefined => {
    const hex = digest ?? (running ?? createHash('sha256')).digest('hex');
    if (hex !== entry.sha256) {
      const message = `the content of ${quoteForeign(entry.path)} is not what the bundle manifest says`;
      return { code: 'E_DIGEST', message, at: entry.path, offset: entry.bodyAt };
    }
    options.onEntry?.(index);
    index += 1;
    seen = 0;
    header = running = digest = undefined;
    return undefined;
  };

  /** Consumes bytes of the current entry; returns how many, or the failure. */
  const take = (entry: LayoutEntry, bytes: Buffer): number | BundleFailure => {
    if (seen < BLOCK) {
      header ??= headerOf(entry.path, entry.size);
      const piece = bytes.subarray(0, BLOCK - seen);
      const difference = firstDifference(piece, header.subarray(seen, seen + piece.length));
      if (difference >= 0) return layoutFailure(entry, entry.headerAt + seen + difference, 'header');
      return piece.length;
    }
    const inBody = seen - BLOCK;
    if (inBody < entry.size) {
      const piece = bytes.subarray(0, entry.size - inBody);
      options.onBody?.(index, piece);
      // The one-shot hash costs half of a Hash object, which shows with many small blobs.
      if (piece.length === entry.size) digest = hash('sha256', piece, 'hex');
      else running = (running ?? createHash('sha256')).update(piece);
      return piece.length;
    }
    const piece = bytes.subarray(0, paddedSize(entry.size) - inBody);
    const difference = piece.findIndex((byte) => byte !== 0);
    if (difference >= 0) return layoutFailure(entry, entry.headerAt + seen + difference, 'padding');
    return piece.length;
  };

  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        const entry = entries[index];
        if (entry === undefined) throw new Error('more bytes than the entries hold');
        const taken = take(entry, chunk.subarray(at));
        if (typeof taken !== 'number') return taken;
        at += taken;
        seen += taken;
        if (seen === BLOCK + paddedSize(entry.size)) {
          const failure = next(entry);
          if (failure !== undefined) return failure;
        }
      }
      return undefined;
    },
    end() {
      const entry = entries[index];
      if (entry === undefined) return undefined;
      return truncated(entry.path, entry.headerAt + seen, quoteForeign(entry.path));
    },
  };
}

/** Step 7: 1024 zero bytes at `endAt`, then nothing. */
export function checkEnd(endAt: number): OrderedCheck {
  let seen = 0;
  return {
    push(chunk) {
      const blocks = chunk.subarray(0, END_BYTES - seen);
      const difference = blocks.findIndex((byte) => byte !== 0);
      if (difference >= 0) {
        const message = 'something else follows the last listed file where the archive must end';
        return { code: 'E_LAYOUT', message, at: 'end', offset: endAt + seen + difference };
      }
      seen += blocks.length;
      if (chunk.length > blocks.length) {
        return { code: 'E_TRAILING', message: 'bytes follow the end of the archive', at: 'end', offset: endAt + seen };
      }
      return undefined;
    },
    end: () => (seen === END_BYTES ? undefined : truncated('end', endAt + seen, 'the end blocks')),
  };
}

/** Steps 6 and 7 for everything from the first carried file to the end of the input. */
export function checkRest(
  entries: readonly LayoutEntry[],
  endAt: number,
  options: EntriesCheckOptions = {},
): OrderedCheck {
  const files = checkEntries(entries, options);
  const end = checkEnd(endAt);
  let position = entries[0]?.headerAt ?? endAt;
  return {
    push(chunk) {
      const inFiles = chunk.subarray(0, Math.max(0, endAt - position));
      position += chunk.length;
      const failure = files.push(inFiles);
      if (failure !== undefined || inFiles.length === chunk.length) return failure;
      return end.push(chunk.subarray(inFiles.length));
    },
    end: () => files.end() ?? end.end(),
  };
}

/** Bytes from the first header to the end of the last entry. */
export function lengthOf(entries: readonly LayoutEntry[]): number {
  const first = entries[0];
  const last = entries.at(-1);
  return first === undefined || last === undefined ? 0 : entryEnd(last) - first.headerAt;
}

/** Index of the first differing byte of two equally long pieces, −1 when they are equal. */
export function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  return a.findIndex((byte, index) => byte !== b[index]);
}

function layoutFailure(entry: LayoutEntry, offset: number, part: 'header' | 'padding'): BundleFailure {
  const message =
    part === 'header'
      ? `here must be the entry ${quoteForeign(entry.path)} of the bundle manifest, but the archive holds another one`
      : `the padding after ${quoteForeign(entry.path)} is not zero`;
  return { code: 'E_LAYOUT', message, at: entry.path, offset };
}

function truncated(at: string, offset: number, what: string): BundleFailure {
  return { code: 'E_TRUNCATED', message: `the input ends within ${what}`, at, offset };
}
