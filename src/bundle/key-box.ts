import { randomBytes, scryptSync } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import * as z from 'zod';

/** What cosign writes today, and the label it wrote before. */
export const KEY_BOX_LABELS = ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY'] as const;

/** A key file must not choose the work factor: these are all the parameters cosign has ever written (N, with r = 8 and p = 1). */
const ALLOWED_COSTS: readonly number[] = [32_768, 65_536, 131_072];
const WRITTEN_COST = 65_536;
const BLOCK_SIZE = 8;
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const KEY_BYTES = 32;
/** scrypt needs 128·N·r bytes; Node refuses more than 32 MiB unless told otherwise. */
const memoryFor = (cost: number): number => 160 * cost * BLOCK_SIZE;

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));
const boxSchema = z.object({
  kdf: z.object({
    name: z.literal('scrypt'),
    params: z.object({
      N: z.literal(ALLOWED_COSTS),
      r: z.literal(BLOCK_SIZE),
      p: z.literal(1),
    }),
    salt: base64,
  }),
  cipher: z.object({
    name: z.literal('nacl/secretbox'),
    nonce: base64.refine((nonce) => nonce.length === NONCE_BYTES, `the nonce is not ${NONCE_BYTES} bytes long`),
  }),
  ciphertext: base64,
});

/** A key box whose form is right; whether the password fits is known only after {@link openKeyBox}. */
export type KeyBox = z.infer<typeof boxSchema>;

/**
 * Reads the body of a cosign key file (JSON inside the PEM block). Returns the reason as text when it is not a box with
 * the scrypt parameters cosign uses and a 24-byte nonce (signing, section 3.2).
 */
export function parseKeyBox(body: Buffer): KeyBox | string {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return 'its body is not JSON';
  }
  const parsed = boxSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`;
}

/** The PKCS#8 DER inside, or undefined when the password is wrong or the box is damaged (the two can not be told apart). */
export function openKeyBox(box: KeyBox, password: string): Buffer | undefined {
  const key = deriveKey(password, box.kdf.salt, box.kdf.params.N);
  try {
    return Buffer.from(xsalsa20poly1305(key, box.cipher.nonce).decrypt(box.ciphertext));
  } catch (error) {
    // The cipher reports a wrong tag, and a box too short to hold one, as plain errors without a code.
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

/** Encrypts PKCS#8 DER with a password (which may be empty) into the body of a cosign key file. */
export function sealKeyBox(pkcs8: Uint8Array, password: string): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const ciphertext = xsalsa20poly1305(deriveKey(password, salt, WRITTEN_COST), nonce).encrypt(pkcs8);
  return Buffer.from(
    JSON.stringify({
      kdf: { name: 'scrypt', params: { N: WRITTEN_COST, r: BLOCK_SIZE, p: 1 }, salt: salt.toString('base64') },
      cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
      ciphertext: Buffer.from(ciphertext).toString('base64'),
    }),
  );
}

function deriveKey(password: string, salt: Buffer, cost: number): Buffer {
  return scryptSync(Buffer.from(password, 'utf8'), salt, KEY_BYTES, {
    N: cost,
    r: BLOCK_SIZE,
    p: 1,
    maxmem: memoryFor(cost),
  });
}
