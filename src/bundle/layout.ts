import { createHash } from 'node:crypto';
import type { BundleManifest } from './manifest.ts';
import { MANIFEST_PATH, signaturePath } from './paths.ts';

/** Size of a tar block in bytes: headers are one, contents are padded to whole ones (POSIX ustar). */
export const BLOCK = 512;
/** The two zero blocks after the last entry. */
export const END_BYTES = 2 * BLOCK;
/** From here on a size no longer fits eleven octal digits. */
const FIRST_BINARY_SIZE = 8 ** 11;
const SIZE_AT = 124;
const SIZE_LENGTH = 12;

/** One tar entry and where it lies: offsets and sizes are bytes from the start of the bundle. */
export interface LayoutEntry {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly headerAt: number;
  readonly bodyAt: number;
}

/** Every byte outside file contents, as positions: a function of the bundle manifest and the signatures alone. */
export interface BundleLayout {
  readonly manifest: BundleManifest;
  /** In archive order: the bundle manifest, the signatures, then the carried files. */
  readonly entries: readonly LayoutEntry[];
  /** Index of the first carried file in `entries`. */
  readonly firstFile: number;
  /** Where the two zero blocks at the end begin. */
  readonly endAt: number;
  /** Length of the whole bundle. */
  readonly size: number;
}

/** Where everything lies (signing, section 4). Pure; `manifest` is what `manifestBytes` say. */
export function planLayout(
  manifestBytes: Uint8Array,
  signatures: readonly Uint8Array[],
  manifest: BundleManifest,
): BundleLayout {
  const entries: LayoutEntry[] = [];
  let at = 0;
  const place = (path: string, size: number, sha256: string): void => {
    entries.push({ path, size, sha256, headerAt: at, bodyAt: at + BLOCK });
    at += BLOCK + paddedSize(size);
  };
  place(MANIFEST_PATH, manifestBytes.length, sha256Of(manifestBytes));
  for (const [index, signature] of signatures.entries()) {
    place(signaturePath(index + 1), signature.length, sha256Of(signature));
  }
  const firstFile = entries.length;
  for (const file of manifest.files) {
    if (file.base === undefined) place(file.path, file.size, file.sha256);
  }
  return { manifest, entries, firstFile, endAt: at, size: at + END_BYTES };
}

/** The size of a content with its zero padding. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Where the entry ends, its padding included: the next header or the end blocks. */
export function entryEnd(entry: LayoutEntry): number {
  return entry.bodyAt + paddedSize(entry.size);
}

/** The canonical 512-byte header of an entry (signing, section 4). */
export function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 'latin1');
  header.write('0000644\x000000000\x000000000', 100, 'latin1'); // mode, uid, gid
  if (size < FIRST_BINARY_SIZE) {
    header.write(size.toString(8).padStart(SIZE_LENGTH - 1, '0'), SIZE_AT, 'latin1');
  } else {
    header[SIZE_AT] = 0x80;
    header.writeBigUInt64BE(BigInt(size), SIZE_AT + 4);
  }
  header.write('00000000000', 136, 'latin1');
  header.write('        0', 148, 'latin1'); // the checksum counts as spaces while it is computed; type '0'
  header.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/**
 * The size a header states, or undefined when its size field is neither eleven octal digits nor a 64-bit number.
 * Says nothing about the rest: compare with {@link headerOf}.
 */
export function sizeInHeader(header: Uint8Array): number | undefined {
  const field = Buffer.from(header.buffer, header.byteOffset + SIZE_AT, SIZE_LENGTH);
  if (field[0] === 0x80) {
    const size = field.readBigUInt64BE(4);
    return size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : undefined;
  }
  const match = /^([0-7]{11})\0$/.exec(field.toString('latin1'));
  return match === null ? undefined : Number.parseInt(match[1]!, 8);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
