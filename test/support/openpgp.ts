/**
 * An OpenPGP key for tests and the signature files it makes, byte for byte in the form release signatures have:
 *
 *     const key = createTestKey();
 *     const file = key.sign(signaturePayload('quay.io/o/r:4.17.3-x86_64', digest));
 *     key.armoured                                  // the public key, as `gpg --armor --export` writes it
 *
 * Every deviation a hostile file could have is an option.
 */
import { constants, createHash, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { type TrustedKey } from '../../src/mirror/openpgp-keys.ts';
import { readArmouredKeys } from '../../src/mirror/openpgp-keys.ts';

export interface SignOptions {
  readonly version?: 3 | 4;
  readonly hash?: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  readonly compression?: 'none' | 'zip' | 'zlib' | 'bzip2' | 'stored';
  /** Packet headers of the newer form. */
  readonly newFormat?: boolean;
  readonly literalFormat?: 'b' | 't' | 'u';
  /** OpenPGP signature type; 0 is binary. */
  readonly type?: number;
  /** Type in the one-pass packet, when it shall differ. */
  readonly announcedType?: number;
  /** Instead of the first two bytes of the hash. */
  readonly checkBytes?: Buffer;
  /** More hashed subpackets: type byte with critical bit, then data. */
  readonly subpackets?: readonly Buffer[];
  /** Which parts the message has, in order. */
  readonly parts?: readonly ('onePass' | 'literal' | 'signature')[];
  /** Claims to be made by this key. */
  readonly keyId?: string;
  /** Adds an issuer fingerprint subpacket. */
  readonly fingerprint?: string;
  /** What the literal holds instead of the signed content. */
  readonly shown?: Buffer;
}

export interface TestKey {
  readonly fingerprint: string;
  readonly armoured: string;
  readonly trusted: TrustedKey;
  sign(content: Buffer | string, options?: SignOptions): Buffer;
}

const HASH_IDS = { sha1: 2, sha256: 8, sha384: 9, sha512: 10 } as const;
const COMPRESSION_IDS = { none: 0, zip: 1, zlib: 2, bzip2: 3, stored: 1 } as const;
/** 2024-02-26, when the signature of 4.15.0 was made. */
const SIGNED_AT = 0x65dcb58c;

/** A new RSA key. Keys are the slow part of these tests: make one per file. */
export function createTestKey(bits = 2048): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const body = Buffer.concat([
    Buffer.from([4]),
    uint32(SIGNED_AT),
    Buffer.from([1]),
    integer(Buffer.from(n, 'base64url')),
    integer(Buffer.from(e, 'base64url')),
  ]);
  const fingerprint = createHash('sha1')
    .update(Buffer.from([0x99, body.length >> 8, body.length & 0xff]))
    .update(body)
    .digest('hex')
    .toUpperCase();
  const userId = Buffer.from('Test Release Key <test@example.com>');
  const armoured = armour(Buffer.concat([packet(6, body), packet(13, userId)]));
  const [trusted] = bits < 2048 ? [] : readArmouredKeys(armoured, 'test key');
  return {
    fingerprint,
    armoured,
    trusted: trusted!,
    sign: (content, options = {}) => signMessage(Buffer.from(content), { privateKey, fingerprint, options }),
  };
}

/** The JSON that is signed for a release. */
export function signaturePayload(reference: string, digest: string): string {
  return JSON.stringify({
    critical: {
      image: { 'docker-manifest-digest': digest },
      type: 'atomic container signature',
      identity: { 'docker-reference': reference },
    },
    optional: { creator: 'airgap tests' },
  });
}

interface Signer {
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  readonly options: SignOptions;
}

function signMessage(content: Buffer, signer: Signer): Buffer {
  const { options } = signer;
  const keyId = Buffer.from(options.keyId ?? signer.fingerprint.slice(-16), 'hex');
  const hash = HASH_IDS[options.hash ?? 'sha256'];
  const newFormat = options.newFormat === true;
  const name = Buffer.from('release.json');
  const parts = {
    onePass: packet(
      4,
      Buffer.concat([Buffer.from([3, options.announcedType ?? options.type ?? 0, hash, 1]), keyId, Buffer.from([1])]),
      newFormat,
    ),
    literal: packet(
      11,
      Buffer.concat([
        Buffer.from(options.literalFormat ?? 'b'),
        Buffer.from([name.length]),
        name,
        uint32(SIGNED_AT),
        options.shown ?? content,
      ]),
      newFormat,
    ),
    signature: packet(2, signaturePacket(content, signer, keyId), newFormat),
  };
  const message = Buffer.concat((options.parts ?? ['onePass', 'literal', 'signature']).map((part) => parts[part]));
  return compressed(message, options.compression ?? 'zip');
}

function signaturePacket(content: Buffer, { privateKey, options }: Signer, keyId: Buffer): Buffer {
  const hash = options.hash ?? 'sha256';
  const type = options.type ?? 0;
  const time = uint32(SIGNED_AT);
  let head: Buffer;
  let trailer: Buffer;
  if (options.version === 3) {
    trailer = Buffer.concat([Buffer.from([type]), time]);
    head = Buffer.concat([Buffer.from([3, 5]), trailer, keyId, Buffer.from([1, HASH_IDS[hash]])]);
  } else {
    const claimed = options.fingerprint === undefined ? [] : [Buffer.from(`2104${options.fingerprint}`, 'hex')];
    const hashed = [Buffer.concat([Buffer.from([2]), time]), ...claimed, ...(options.subpackets ?? [])];
    const area = Buffer.concat(hashed.map((data) => Buffer.concat([Buffer.from([data.length]), data])));
    head = Buffer.concat([Buffer.from([4, type, 1, HASH_IDS[hash]]), uint16(area.length), area]);
    trailer = Buffer.concat([head, Buffer.from([4, 0xff]), uint32(head.length)]);
    const issuer = Buffer.concat([Buffer.from([9, 16]), keyId]);
    head = Buffer.concat([head, uint16(issuer.length), issuer]);
  }
  const signed = Buffer.concat([content, trailer]);
  const value = signBytes(hash, signed, { key: privateKey, padding: constants.RSA_PKCS1_PADDING });
  const start = createHash(hash).update(signed).digest().subarray(0, 2);
  return Buffer.concat([head, options.checkBytes ?? start, integer(value)]);
}

function compressed(message: Buffer, compression: NonNullable<SignOptions['compression']>): Buffer {
  if (compression === 'none') return message;
  const packed =
    compression === 'zlib'
      ? deflateSync(message)
      : deflateRawSync(message, { level: compression === 'stored' ? 0 : 6 });
  // Tag 8 in the old form with the length left open, as GnuPG writes it.
  return Buffer.concat([Buffer.from([0xa3, COMPRESSION_IDS[compression]]), packed]);
}

/** One packet with a two-byte length. */
export function packet(tag: number, body: Buffer, newFormat = false): Buffer {
  if (!newFormat) return Buffer.concat([Buffer.from([0x80 | (tag << 2) | 1]), uint16(body.length), body]);
  const length =
    body.length < 192
      ? Buffer.from([body.length])
      : Buffer.from([((body.length - 192) >> 8) + 192, (body.length - 192) & 0xff]);
  return Buffer.concat([Buffer.from([0xc0 | tag]), length, body]);
}

function armour(content: Buffer): string {
  const lines = content.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${lines}\n=${crc24(content)}\n-----END PGP PUBLIC KEY BLOCK-----\n`;
}

function crc24(content: Buffer): string {
  let crc = 0xb704ce;
  for (const byte of content) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ ((crc & 0x800000) === 0 ? 0 : 0x1864cfb);
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff]).toString('base64');
}

function integer(value: Buffer): Buffer {
  const start = value.findIndex((byte) => byte !== 0);
  const bytes = value.subarray(start);
  return Buffer.concat([uint16(bytes.length * 8 - Math.clz32(bytes[0]!) + 24), bytes]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
