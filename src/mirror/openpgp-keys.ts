import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';
import { Cursor, PACKET, readPackets } from './openpgp-packets.ts';
import type { PublishedKey } from './release-keys.ts';

/** An RSA key that may sign releases. */
export interface TrustedKey {
  readonly name: string;
  /** 40 upper-case hex digits. */
  readonly fingerprint: string;
  readonly modulusBytes: number;
  readonly key: KeyObject;
}

const RSA_ALGORITHMS: readonly number[] = [1, 3];
const MIN_MODULUS_BITS = 2048;
const HINT = 'give the public key as an ASCII-armoured file (gpg --armor --export KEY)';

/** A key that ships with the tool. A fingerprint that does not belong to the numbers is a defect. */
export function publishedKey({ name, fingerprint, created, modulus, exponent }: PublishedKey): TrustedKey {
  const body = keyPacketBody(created, Buffer.from(modulus, 'base64'), exponentBytes(exponent));
  const key = readKeyPacket(body, name);
  if (key === undefined || key.fingerprint !== fingerprint)
    throw new Error(`${name}: fingerprint does not match the key`);
  return { ...key, name };
}

/**
 * The RSA keys of an ASCII-armoured file (RFC 9580, section 6). With `fingerprints` only those are taken, and each must be
 * there. Throws `E_CONFIG` when the file has no usable key.
 */
export function readArmouredKeys(text: string, origin: string, fingerprints: readonly string[] = []): TrustedKey[] {
  const blocks = [
    ...text.matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g),
  ];
  const packets = blocks.flatMap((block) => readPackets(dearmour(block[1]!, origin), origin));
  const keys = packets
    .filter(({ tag }) => tag === PACKET.publicKey)
    .map(({ body }) => readKeyPacket(body, origin))
    .filter((key) => key !== undefined);
  if (keys.length === 0) {
    throw new AirgapError('E_CONFIG', `${origin}: no RSA public key of OpenPGP version 4 in it`, { hint: HINT });
  }
  if (fingerprints.length === 0) return keys;
  return fingerprints.map((fingerprint) => {
    const wanted = fingerprint.replaceAll(' ', '').toUpperCase();
    const key = keys.find((candidate) => candidate.fingerprint === wanted);
    if (key !== undefined) return key;
    throw new AirgapError('E_CONFIG', `${origin}: no key with fingerprint ${wanted}`, {
      hint: `it has ${keys.map((candidate) => candidate.fingerprint).join(', ')}`,
    });
  });
}

/** The id by which signatures name a key: the last eight bytes of the fingerprint. */
export function keyIdOf(key: Pick<TrustedKey, 'fingerprint'>): string {
  return key.fingerprint.slice(-16);
}

/** Undefined for anything but an RSA key of version 4 with at least 2048 bits. */
function readKeyPacket(body: Buffer, name: string): TrustedKey | undefined {
  const cursor = new Cursor(body, name);
  if (cursor.byte() !== 4) return undefined;
  cursor.number(4);
  if (!RSA_ALGORITHMS.includes(cursor.byte())) return undefined;
  const [modulus, exponent] = [cursor.integer(), cursor.integer()];
  if (!cursor.atEnd || modulus.length * 8 < MIN_MODULUS_BITS) return undefined;
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
  return {
    name,
    fingerprint: fingerprintOf(body),
    modulusBytes: modulus.length,
    key: createPublicKey({ key: jwk, format: 'jwk' }),
  };
}

function fingerprintOf(body: Buffer): string {
  const prefix = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(prefix).update(body).digest('hex').toUpperCase();
}

function keyPacketBody(created: number, modulus: Buffer, exponent: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head[0] = 4;
  head.writeUInt32BE(created, 1);
  head[5] = RSA_ALGORITHMS[0]!;
  return Buffer.concat([head, integerBytes(modulus), integerBytes(exponent)]);
}

function integerBytes(value: Buffer): Buffer {
  const bits = value.length * 8 - Math.clz32(value[0]!) + 24;
  return Buffer.concat([Buffer.from([bits >> 8, bits & 0xff]), value]);
}

function exponentBytes(exponent: number): Buffer {
  const hex = exponent.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function dearmour(block: string, origin: string): Buffer {
  const lines = block.split(/\r?\n/).map((line) => line.trim());
  const blank = lines.indexOf('');
  const data = lines.slice(blank + 1).filter((line) => line !== '');
  const checksum = data.find((line) => /^=[A-Za-z0-9+/]{4}$/.test(line));
  const body = data.filter((line) => line !== checksum).join('');
  const content = Buffer.from(body, 'base64');
  const isComplete = blank >= 0 && content.length > 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(body);
  const isIntact =
    checksum === undefined || Buffer.from(checksum.slice(1), 'base64').readUIntBE(0, 3) === crc24(content);
  if (isComplete && isIntact) return content;
  throw new AirgapError('E_CONFIG', `${origin}: damaged ASCII armour`, { hint: HINT });
}

/** RFC 9580, section 6.1. */
function crc24(content: Buffer): number {
  let crc = 0xb704ce;
  for (const byte of content) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}
