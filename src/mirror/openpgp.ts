import { constants, createHash, verify } from 'node:crypto';
import { inflateRawSync, inflateSync, type InflateRaw } from 'node:zlib';
import { systemCodeOf } from '../core/errors.ts';
import { keyIdOf, type TrustedKey } from './openpgp-keys.ts';
import { Cursor, PACKET, readPackets, refused, type Packet } from './openpgp-packets.ts';

/** Largest signature file, packed and unpacked; real ones have about a kilobyte. */
const MAX_BYTES = 64 * 1024;
const BINARY_SIGNATURE = 0x00;
const RSA_ALGORITHMS: readonly number[] = [1, 3];
/** Hash algorithms of OpenPGP that are safe for signatures. */
const HASHES: Readonly<Record<number, string>> = { 8: 'sha256', 9: 'sha384', 10: 'sha512' };
const COMPRESSION = { none: 0, zip: 1, zlib: 2 } as const;
const SUBPACKET = { created: 2, expires: 3, issuer: 16, issuerFingerprint: 33 } as const;
const KNOWN_SUBPACKETS: readonly number[] = Object.values(SUBPACKET);
const CRITICAL_BIT = 0x80;

interface OnePass {
  readonly hash: number;
  readonly algorithm: number;
  readonly keyId: string;
}

interface SignaturePacket {
  readonly type: number;
  readonly hash: number;
  readonly algorithm: number;
  /** What is hashed behind the data. */
  readonly trailer: Buffer;
  readonly checkBytes: Buffer;
  readonly value: Buffer;
  /** Present where the packet names its key itself. */
  readonly keyId?: string | undefined;
  readonly fingerprint?: string | undefined;
}

export interface VerifiedMessage {
  readonly content: Buffer;
  readonly key: TrustedKey;
}

/**
 * The signed content of an OpenPGP message, if one of `keys` signed it. Accepts exactly the form release signatures
 * have (signing, section 12.3): optionally compressed, one one-pass packet, one binary literal, one RSA signature of
 * version 3 or 4 over SHA-2. Everything else throws `E_SIGNATURE`: unsigned, armoured, clear-signed or detached input,
 * several signatures, weak hashes, unknown critical subpackets, signatures that expire, keys that are not trusted.
 */
export function verifyMessage(bytes: Buffer, keys: readonly TrustedKey[], what: string): VerifiedMessage {
  if (bytes.length > MAX_BYTES) throw refused(what, `larger than ${MAX_BYTES} bytes`);
  if (bytes.subarray(0, 5).toString('latin1') === '-----') {
    throw refused(what, 'armoured or clear-signed text is not accepted', 'release signatures are binary files');
  }
  const [onePassPacket, literal, signaturePacket] = signedPackets(bytes, what);
  const onePass = readOnePass(onePassPacket, what);
  const content = readLiteral(literal, what);
  const signature = readSignature(signaturePacket, what);
  if (signature.type !== BINARY_SIGNATURE) throw refused(what, `signature type ${signature.type} is not accepted`);
  if (signature.hash !== onePass.hash || signature.algorithm !== onePass.algorithm) {
    throw refused(what, 'the signature contradicts its announcement');
  }
  const key = keys.find((candidate) => keyIdOf(candidate) === onePass.keyId);
  if (key === undefined) {
    throw refused(what, `signed by key ${onePass.keyId}, which is not trusted`, trustedHint(keys));
  }
  const isOtherKey =
    (signature.keyId !== undefined && signature.keyId !== onePass.keyId) ||
    (signature.fingerprint !== undefined && signature.fingerprint !== key.fingerprint);
  if (isOtherKey) throw refused(what, `signed by another key than ${key.fingerprint}`, trustedHint(keys));
  checkValue(signature, content, { key, what });
  return { content, key };
}

function signedPackets(bytes: Buffer, what: string): readonly [Packet, Packet, Packet] {
  const outer = readPackets(bytes, what);
  const packets =
    outer[0]?.tag === PACKET.compressed && outer.length === 1 ? readPackets(unpack(outer[0].body, what), what) : outer;
  const [first, second, third] = packets;
  const tags = packets.map(({ tag }) => tag);
  const expected = [PACKET.onePassSignature, PACKET.literal, PACKET.signature];
  if (first !== undefined && second !== undefined && third !== undefined && tags.join() === expected.join()) {
    return [first, second, third];
  }
  throw refused(
    what,
    `packets ${tags.join(', ')} instead of one-pass signature, literal, signature (${expected.join(', ')})`,
  );
}

function unpack(body: Buffer, what: string): Buffer {
  const algorithm = body[0];
  const packed = body.subarray(1);
  if (algorithm === COMPRESSION.none) return packed;
  if (algorithm !== COMPRESSION.zip && algorithm !== COMPRESSION.zlib) {
    throw refused(what, `compression ${algorithm ?? 'none'} is not accepted`);
  }
  try {
    const inflate = algorithm === COMPRESSION.zip ? inflateRawSync : inflateSync;
    const result = inflate(packed, { maxOutputLength: MAX_BYTES, info: true }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: InflateRaw;
    };
    if (result.engine.bytesWritten !== packed.length) throw refused(what, 'bytes behind the compressed data');
    return result.buffer;
  } catch (error) {
    const code = systemCodeOf(error) ?? '';
    if (code === 'ERR_BUFFER_TOO_LARGE') throw refused(what, `unpacks to more than ${MAX_BYTES} bytes`);
    if (code.startsWith('Z_')) throw refused(what, 'damaged compression');
    throw error;
  }
}

function readOnePass({ body }: Packet, what: string): OnePass {
  const cursor = new Cursor(body, what);
  const [version, type, hash, algorithm] = [cursor.byte(), cursor.byte(), cursor.byte(), cursor.byte()];
  const keyId = cursor.take(8).toString('hex').toUpperCase();
  const isLast = cursor.byte();
  if (version !== 3 || type !== BINARY_SIGNATURE || isLast === 0 || !cursor.atEnd) {
    throw refused(what, 'unknown form of one-pass signature');
  }
  return { hash, algorithm, keyId };
}

function readLiteral({ body }: Packet, what: string): Buffer {
  const cursor = new Cursor(body, what);
  if (cursor.byte() !== 'b'.charCodeAt(0)) throw refused(what, 'the signed data is not marked as binary');
  cursor.take(cursor.byte());
  cursor.number(4);
  return cursor.take(cursor.left);
}

function readSignature({ body }: Packet, what: string): SignaturePacket {
  const version = body[0];
  if (version === 3) return readVersion3(body, what);
  if (version === 4) return readVersion4(body, what);
  throw refused(what, `signature version ${version ?? 'none'} is not accepted`);
}

function readVersion3(body: Buffer, what: string): SignaturePacket {
  const cursor = new Cursor(body, what);
  cursor.byte();
  if (cursor.byte() !== 5) throw refused(what, 'unknown form of signature');
  const trailer = cursor.take(5);
  const keyId = cursor.take(8).toString('hex').toUpperCase();
  const [algorithm, hash] = [cursor.byte(), cursor.byte()];
  return { type: trailer[0]!, algorithm, hash, trailer, keyId, ...readValue(cursor, what) };
}

function readVersion4(body: Buffer, what: string): SignaturePacket {
  const cursor = new Cursor(body, what);
  cursor.byte();
  const [type, algorithm, hash] = [cursor.byte(), cursor.byte(), cursor.byte()];
  const hashed = readSubpackets(cursor.take(cursor.number(2)), what);
  const signedLength = cursor.position;
  const unhashed = readSubpackets(cursor.take(cursor.number(2)), what);
  for (const { type: subpacket, isCritical, data } of hashed) {
    if (isCritical && !KNOWN_SUBPACKETS.includes(subpacket)) {
      throw refused(what, `unknown critical subpacket ${subpacket}`);
    }
    if (subpacket === SUBPACKET.expires && data.some((byte) => byte !== 0))
      throw refused(what, 'the signature expires');
  }
  if (!hashed.some(({ type: subpacket }) => subpacket === SUBPACKET.created)) {
    throw refused(what, 'the signature has no creation time');
  }
  const all = [...hashed, ...unhashed];
  const issuer = all.find(({ type: subpacket }) => subpacket === SUBPACKET.issuer);
  const fingerprint = all.find(({ type: subpacket }) => subpacket === SUBPACKET.issuerFingerprint);
  const lengthBytes = Buffer.alloc(4);
  lengthBytes.writeUInt32BE(signedLength);
  return {
    type,
    algorithm,
    hash,
    trailer: Buffer.concat([body.subarray(0, signedLength), Buffer.from([4, 0xff]), lengthBytes]),
    keyId: issuer?.data.toString('hex').toUpperCase(),
    // The first byte is the version of the key.
    fingerprint: fingerprint?.data.subarray(1).toString('hex').toUpperCase(),
    ...readValue(cursor, what),
  };
}

function readValue(cursor: Cursor, what: string): Pick<SignaturePacket, 'checkBytes' | 'value'> {
  const checkBytes = cursor.take(2);
  const value = cursor.integer();
  if (!cursor.atEnd) throw refused(what, 'bytes behind the signature');
  return { checkBytes, value };
}

interface Subpacket {
  readonly type: number;
  readonly isCritical: boolean;
  readonly data: Buffer;
}

function readSubpackets(area: Buffer, what: string): Subpacket[] {
  const subpackets: Subpacket[] = [];
  const cursor = new Cursor(area, what);
  while (!cursor.atEnd) {
    const first = cursor.byte();
    let length = first;
    if (first === 255) length = cursor.number(4);
    else if (first >= 192) length = ((first - 192) << 8) + cursor.byte() + 192;
    const body = cursor.take(length);
    if (body.length === 0) throw refused(what, 'an empty subpacket');
    const isCritical = (body[0]! & CRITICAL_BIT) !== 0;
    subpackets.push({ type: body[0]! & ~CRITICAL_BIT, isCritical, data: body.subarray(1) });
  }
  return subpackets;
}

function checkValue(
  signature: SignaturePacket,
  content: Buffer,
  { key, what }: { readonly key: TrustedKey; readonly what: string },
): void {
  const hash = HASHES[signature.hash];
  if (hash === undefined) throw refused(what, `hash algorithm ${signature.hash} is not accepted`);
  if (!RSA_ALGORITHMS.includes(signature.algorithm)) {
    throw refused(what, `key algorithm ${signature.algorithm} is not accepted`);
  }
  const signed = Buffer.concat([content, signature.trailer]);
  const start = createHash(hash).update(signed).digest().subarray(0, 2);
  if (signature.value.length > key.modulusBytes || !start.equals(signature.checkBytes)) {
    throw refused(what, `the signature of ${key.name} does not match the content`);
  }
  const padded = Buffer.concat([Buffer.alloc(key.modulusBytes - signature.value.length), signature.value]);
  if (!verify(hash, signed, { key: key.key, padding: constants.RSA_PKCS1_PADDING }, padded)) {
    throw refused(what, `the signature of ${key.name} does not match the content`);
  }
}

function trustedHint(keys: readonly TrustedKey[]): string {
  return `trusted: ${keys.map(({ name, fingerprint }) => `${name} ${fingerprint}`).join(', ')}; give another public key if the publisher uses one`;
}
