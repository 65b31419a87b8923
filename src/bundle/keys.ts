import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { chmod, open, rm } from 'node:fs/promises';
import { AirgapError, syscallOf, systemCodeOf } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { createFile, outputError } from './file-system.ts';
import { KEY_BOX_LABELS, openKeyBox, parseKeyBox, sealKeyBox } from './key-box.ts';
import { quoteForeign } from '../core/quote.ts';

/** A public key of an algorithm this tool signs and verifies with (signing, section 3.1). */
export interface PublicKey {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo in DER, in its normal form: one key has one encoding, however its file was written. */
  readonly spki: Buffer;
  /** The name shown to people: `sha256:` and the hex digest of `spki`. */
  readonly name: string;
  /** The same digest in base64, as the Sigstore bundle's public key hint. */
  readonly hint: string;
}

export interface SigningKey {
  readonly key: KeyObject;
  readonly publicKey: PublicKey;
  /** `W_PLAIN_KEY` when the key lay unencrypted in its file. */
  readonly warnings: readonly Warning[];
}

/** Asked once, and only when the key file is encrypted. An empty password is a legal one. */
export type PasswordProvider = () => Promise<string>;

export type KeyType = 'p256' | 'rsa3072';

export interface KeyPairText {
  readonly privateKey: string;
  readonly publicKey: string;
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;
/** No key file comes near this; it keeps a wrong argument (a bundle, a device) from being read into memory. */
const MAX_KEY_FILE_BYTES = 64 * 1024;
const PEM_COLUMNS = 64;
const PLAIN_LABELS: readonly string[] = ['PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY'];

/** Reads a private key file; see {@link parsePrivateKey}. Throws `E_USAGE` also when the file can not be read. */
export async function loadPrivateKey(path: string, password: PasswordProvider): Promise<SigningKey> {
  return parsePrivateKey(await readKeyFile(path), password, path);
}

/**
 * The signing key in a PEM text: a cosign key box, PKCS#8 encrypted with PBES2, or unencrypted PKCS#8, SEC 1 or PKCS#1
 * (signing, section 3.2). `origin` names the file in messages.
 * Throws `E_USAGE` for an unknown form, a wrong password or damaged file, and an algorithm that is not signed with.
 */
export async function parsePrivateKey(text: string, password: PasswordProvider, origin: string): Promise<SigningKey> {
  const block = pemBlocks(text).find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block === undefined) {
    throw new AirgapError('E_USAGE', `${origin}: no private key in PEM form`, {
      hint: 'make a key pair with "airgap keygen" or "cosign generate-key-pair"',
    });
  }
  if (KEY_BOX_LABELS.some((label) => label === block.label)) {
    const box = parseKeyBox(block.body);
    if (typeof box === 'string')
      throw new AirgapError('E_USAGE', `${origin}: not a key file cosign writes: ${box}`, {
        hint: 'compare the file with its backup, or make a new key pair with "airgap keygen"',
      });
    const pkcs8 = openKeyBox(box, await password());
    if (pkcs8 === undefined) throw unreadable(origin);
    return toSigningKey(importPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }, origin), origin, []);
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY') {
    const passphrase = await password();
    return toSigningKey(importPrivateKey({ key: block.text, passphrase }, origin), origin, []);
  }
  if (!PLAIN_LABELS.includes(block.label) || block.text.includes('Proc-Type:')) {
    throw new AirgapError('E_USAGE', `${origin}: a key file of this form is not supported`, {
      hint: 'convert it with "openssl pkcs8 -topk8 -in FILE -out NEW"',
    });
  }
  const warning: Warning = { code: 'W_PLAIN_KEY', message: `${origin}: the private key is not encrypted` };
  return toSigningKey(importPrivateKey({ key: block.text }, origin), origin, [warning]);
}

/** Reads a public key file; see {@link parsePublicKey}. Throws `E_USAGE` also when the file can not be read. */
export async function loadPublicKey(path: string): Promise<PublicKey> {
  return parsePublicKey(await readKeyFile(path), path);
}

/**
 * The one public key (SPKI, PEM) in a text. Throws `E_USAGE` when there is none or more than one, when the file holds a
 * private key or certificate instead, and for an algorithm that is not verified with.
 */
export function parsePublicKey(text: string, origin: string): PublicKey {
  const [block, ...others] = pemBlocks(text);
  if (block === undefined)
    throw new AirgapError('E_USAGE', `${origin}: no public key in PEM form`, {
      hint: 'give the .pub file that was written beside the private key',
    });
  if (others.length > 0) {
    throw new AirgapError('E_USAGE', `${origin}: more than one PEM block`, {
      hint: 'give every public key its own file',
    });
  }
  if (block.label !== 'PUBLIC KEY') {
    throw new AirgapError('E_USAGE', `${origin}: expected a public key, found ${quoteForeign(block.label)}`, {
      hint: 'give the .pub file that was written beside the private key',
    });
  }
  let key: KeyObject;
  try {
    key = createPublicKey(block.text);
  } catch (error) {
    // OpenSSL's reasons come as errors with many different codes; all of them mean the same here.
    if (!(error instanceof Error)) throw error;
    throw new AirgapError('E_USAGE', `${origin}: the public key can not be read`, {
      hint: 'the file is damaged: get it again from the owner of the key',
      cause: error,
    });
  }
  return toPublicKey(key, origin);
}

/**
 * A public key after the algorithm check of signing, section 3.1. Throws `E_USAGE` with the reason for anything but
 * ECDSA P-256, RSA of 2048 to 4096 bits and Ed25519.
 */
export function toPublicKey(key: KeyObject, origin: string): PublicKey {
  const reason = unsupportedAlgorithm(key);
  if (reason !== undefined) {
    throw new AirgapError('E_USAGE', `${origin}: ${reason}`, {
      hint: 'use an ECDSA P-256 key ("airgap keygen"); RSA from 2048 to 4096 bits and Ed25519 work too',
    });
  }
  // By way of the JWK form, because a file may hold a compressed point or leave out parameters and be the same key.
  const normal = createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' });
  const spki = normal.export({ type: 'spki', format: 'der' });
  return { key: normal, spki, name: keyName(spki), hint: createHash('sha256').update(spki).digest('base64') };
}

/** Why a key's algorithm is not used here, or undefined when it is (signing, section 3.1). */
export function unsupportedAlgorithm(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return undefined;
      return `an ECDSA key on curve ${details?.namedCurve ?? 'with explicit parameters'} is not supported, only P-256`;
    case 'rsa': {
      const bits = details?.modulusLength ?? 0;
      if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return undefined;
      return `an RSA key of ${bits} bits is not supported, only ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`;
    }
    case 'ed25519':
      return undefined;
    default:
      return `a key of type ${key.asymmetricKeyType ?? 'unknown'} is not supported`;
  }
}

/** The name of a key shown to people and written into trust policies: `sha256:` and the hex digest of its SPKI. */
export function keyName(spki: Uint8Array): string {
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/**
 * A new key pair as PEM texts. The private key is a cosign key box encrypted with `password` (which may be empty), or
 * with `plain` unencrypted PKCS#8.
 */
export function generateKeyPair(
  options: { readonly type: KeyType } & ({ readonly password: string } | { readonly plain: true }),
): KeyPairText {
  const { privateKey, publicKey } =
    options.type === 'p256'
      ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      : generateKeyPairSync('rsa', { modulusLength: 3072 });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    privateKey:
      'plain' in options ? toPem('PRIVATE KEY', pkcs8) : toPem(KEY_BOX_LABELS[0], sealKeyBox(pkcs8, options.password)),
    publicKey: toPem('PUBLIC KEY', publicKey.export({ type: 'spki', format: 'der' })),
  };
}

/**
 * Writes `PREFIX.key` (0600) and `PREFIX.pub` (0644), whatever the umask. Never overwrites: throws `E_USAGE` when one of
 * them exists, and then leaves neither behind that was not there before.
 */
export async function writeKeyPair(
  prefix: string,
  pair: KeyPairText,
): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const paths = { privateKey: `${prefix}.key`, publicKey: `${prefix}.pub` };
  await writeNewFile(paths.privateKey, pair.privateKey, 0o600);
  try {
    await writeNewFile(paths.publicKey, pair.publicKey, 0o644);
  } catch (error) {
    await rm(paths.privateKey);
    throw error;
  }
  return paths;
}

interface PemBlock {
  readonly label: string;
  readonly body: Buffer;
  readonly text: string;
}

function pemBlocks(text: string): PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----\r?\n([\s\S]*?)-----END \1-----/g);
  return [...blocks].map(([whole, label = '', body = '']) => ({
    label,
    body: Buffer.from(body, 'base64'),
    text: whole,
  }));
}

function toPem(label: string, body: Buffer): string {
  const lines = body.toString('base64').match(new RegExp(`.{1,${PEM_COLUMNS}}`, 'g')) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function importPrivateKey(input: Parameters<typeof createPrivateKey>[0], origin: string): KeyObject {
  try {
    return createPrivateKey(input);
  } catch (error) {
    // OpenSSL reports a wrong password as one of many decoding errors: one message for all of them.
    if (!(error instanceof Error)) throw error;
    throw unreadable(origin, error);
  }
}

function toSigningKey(key: KeyObject, origin: string, warnings: readonly Warning[]): SigningKey {
  return { key, publicKey: toPublicKey(createPublicKey(key), origin), warnings };
}

/** One error for both causes: the encryption can not tell them apart, and an attacker must not learn which it was. */
function unreadable(origin: string, cause?: Error): AirgapError {
  return new AirgapError('E_USAGE', `${origin}: wrong password or damaged key`, {
    hint: 'check the password and compare the file with its backup',
    cause,
  });
}

async function readKeyFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_KEY_FILE_BYTES + 1), 0, MAX_KEY_FILE_BYTES + 1, 0);
    if (bytesRead > MAX_KEY_FILE_BYTES)
      throw new AirgapError('E_USAGE', `${path}: too large for a key file`, {
        hint: 'give the PEM file of the key alone',
      });
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    if (syscallOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path}: the key file can not be read`, {
      hint: 'check the path and its permissions',
      cause: error,
    });
  }
}

async function writeNewFile(path: string, text: string, mode: number): Promise<void> {
  try {
    await createFile(path, text, mode);
    await chmod(path, mode);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw outputError(path, error);
    throw new AirgapError('E_USAGE', `${path} exists and is not overwritten`, {
      hint: 'choose another --out-prefix or move the old key away',
      cause: error,
    });
  }
}
