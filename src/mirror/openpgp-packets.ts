import { AirgapError } from '../core/errors.ts';

/** One OpenPGP packet (RFC 9580, section 4). */
export interface Packet {
  readonly tag: number;
  readonly body: Buffer;
}

export const PACKET = {
  signature: 2,
  onePassSignature: 4,
  publicKey: 6,
  compressed: 8,
  literal: 11,
} as const;

/**
 * Cuts a sequence of packets. Only a compressed packet may have an indeterminate length; partial lengths are refused, no
 * signature in question has them. Throws `E_SIGNATURE`.
 */
export function readPackets(bytes: Buffer, what: string): Packet[] {
  const packets: Packet[] = [];
  const cursor = new Cursor(bytes, what);
  while (!cursor.atEnd) {
    const first = cursor.byte();
    if ((first & 0x80) === 0) throw refused(what, 'not an OpenPGP packet');
    const isNewFormat = (first & 0x40) !== 0;
    const tag = isNewFormat ? first & 0x3f : (first >> 2) & 0x0f;
    const length = isNewFormat ? newFormatLength(cursor, what) : oldFormatLength(cursor, { tag, first }, what);
    packets.push({ tag, body: cursor.take(length) });
  }
  return packets;
}

/** Reads bytes front to back; going beyond the end is `E_SIGNATURE`. */
export class Cursor {
  readonly bytes: Buffer;
  private readonly what: string;
  private at = 0;

  constructor(bytes: Buffer, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  get position(): number {
    return this.at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw refused(this.what, 'truncated');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  number(bytes: 2 | 4): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  /** A multiprecision integer: its length in bits, then its bytes. */
  integer(): Buffer {
    return this.take(Math.ceil(this.number(2) / 8));
  }
}

/** The error of a signature that is not accepted. */
export function refused(what: string, reason: string, hint?: string): AirgapError {
  return new AirgapError('E_SIGNATURE', `${what}: ${reason}`, hint === undefined ? {} : { hint });
}

function newFormatLength(cursor: Cursor, what: string): number {
  const first = cursor.byte();
  if (first < 192) return first;
  if (first < 224) return ((first - 192) << 8) + cursor.byte() + 192;
  if (first === 255) return cursor.number(4);
  throw refused(what, 'partial packet lengths are not accepted');
}

function oldFormatLength(
  cursor: Cursor,
  { tag, first }: { readonly tag: number; readonly first: number },
  what: string,
): number {
  const kind = first & 0x03;
  if (kind === 0) return cursor.byte();
  if (kind === 1) return cursor.number(2);
  if (kind === 2) return cursor.number(4);
  if (tag === PACKET.compressed) return cursor.left;
  throw refused(what, 'a packet of indeterminate length is not accepted');
}
