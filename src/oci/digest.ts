import { createHash, type Hash } from 'node:crypto';

/** Algorithm plus lower-case hex (OCI image-spec, "Digests"). */
export type Digest = `sha256:${string}` | `sha512:${string}`;

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
const PATTERN = /^(sha256|sha512):([0-9a-f]+)$/;

/** True for a complete digest of a known algorithm. */
export function isDigest(text: string): text is Digest {
  const match = PATTERN.exec(text);
  return match !== null && match[2]!.length === HEX_LENGTH[match[1] as keyof typeof HEX_LENGTH];
}

/** The part after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** sha256 digest of bytes. */
export function digestOf(content: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A running hash of the algorithm that `digest` uses. */
export function hasherFor(digest: Digest): Hash {
  return createHash(digest.slice(0, digest.indexOf(':')));
}
