import { generateKeyPair, randomBytes, randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { AirgapError } from '../core/errors.ts';
import type { SshKey } from './hosted-cluster-render.ts';

/** No vowels and no digits that look like letters, so that no words come out (Kubernetes' generated names). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const RANDOM_LENGTH = 5;
const MAX_BASE_LENGTH = 21;
const SSH_KEY_BITS = 4096;

/** A new infrastructure id: the name, shortened to 21 characters, a dash and five random characters. */
export function generateInfraId(name: string): string {
  const base = name
    .replace(/[^A-Za-z0-9-]/g, '-')
    .replace(/-{2,}/g, '-')
    .slice(0, MAX_BASE_LENGTH)
    .replace(/-+$/, '');
  return `${base}-${Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;
}

/** A new key for the encryption of etcd. To be made once per hosted cluster: with another one its data can not be read. */
export function generateEncryptionKey(): Uint8Array {
  return randomBytes(32);
}

/** A new RSA key pair: the public half as an OpenSSH line, the private one as PKCS #1 PEM. */
export async function generateSshKey(): Promise<SshKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: SSH_KEY_BITS });
  const { e, n } = publicKey.export({ format: 'jwk' });
  const fields = [Buffer.from('ssh-rsa'), sshInteger(e!), sshInteger(n!)];
  const blob = Buffer.concat(fields.flatMap((field) => [lengthOf(field), field]));
  return {
    publicKey: Buffer.from(`ssh-rsa ${blob.toString('base64')}\n`),
    privateKey: Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs1' })),
  };
}

/** Throws `E_CONFIG` unless the content is a public SSH key. */
export function assertPublicSshKey(content: Uint8Array, file: string): void {
  const text = Buffer.from(content).toString('utf8');
  if (text.includes('PRIVATE KEY')) {
    throw new AirgapError('E_CONFIG', `sshKeyFile (--ssh-key): ${file} holds a private key`, {
      hint: 'name the file that ends in .pub',
    });
  }
  if (/^(?:ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/]+={0,3}(?:\s|$)/m.test(text)) return;
  throw new AirgapError('E_CONFIG', `sshKeyFile (--ssh-key): ${file} holds no public SSH key`, {
    hint: 'name a file with a line such as "ssh-ed25519 AAAA… comment"',
  });
}

/**
 * Throws `E_CONFIG` unless the content is a docker configuration with credentials for every one of `registries`
 * (host with optional port, and optional path). Credentials of a shorter path serve longer ones.
 */
export function assertPullSecret(content: Uint8Array, file: string, registries: readonly string[]): void {
  const auths = parseAuths(content);
  const label = 'pullSecretFile (--pull-secret)';
  if (auths === undefined || Object.keys(auths).length === 0) {
    throw new AirgapError('E_CONFIG', `${label}: ${file} is no docker configuration with "auths"`, {
      hint: 'give a JSON file {"auths": {"<registry>": {"auth": "…"}}}',
    });
  }
  const missing = registries.filter((registry) => !prefixesOf(registry).some((prefix) => prefix in auths));
  if (missing.length === 0) return;
  const hosts = [...new Set(missing.map((registry) => registry.split('/')[0]))];
  throw new AirgapError('E_CONFIG', `${label}: ${file} has no credentials for ${hosts.join(', ')}`, {
    hint: 'add an entry for this registry under "auths"; hosted nodes pull from it',
  });
}

function parseAuths(content: Uint8Array): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(Buffer.from(content).toString('utf8'));
    if (typeof document !== 'object' || document === null || !('auths' in document)) return undefined;
    const { auths } = document;
    return typeof auths === 'object' && auths !== null ? (auths as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `host/a/b` → `host/a/b`, `host/a`, `host`. */
function prefixesOf(registry: string): string[] {
  const parts = registry.split('/');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

/** RFC 4251 "mpint": a leading zero byte keeps the number positive. */
function sshInteger(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return bytes[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

function lengthOf(field: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(field.length);
  return length;
}
