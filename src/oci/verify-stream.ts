import { Transform, type TransformCallback } from 'node:stream';
import type { Hash } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';
import { hasherFor, hexOf } from './digest.ts';
import type { Descriptor } from './types.ts';

/**
 * Passes bytes through and fails with `E_DIGEST` unless they are exactly what the descriptor says: too many bytes
 * fail at once, too few or other bytes at the end. `what` names the content in the message.
 */
export function verifyStream(descriptor: Descriptor, what: string): Transform {
  return new VerifyTransform(descriptor, what);
}

/** Checks content that is already in memory; throws `E_DIGEST`. */
export function verifyBytes(descriptor: Descriptor, content: Uint8Array, what: string): void {
  if (content.length !== descriptor.size) throw sizeError(descriptor, content.length, what);
  const hex = hasherFor(descriptor.digest).update(content).digest('hex');
  if (hex !== hexOf(descriptor.digest)) throw digestError(descriptor, hex, what);
}

/**
 * False when a descriptor embeds content (`data`, OCI image-spec, "Content Descriptors") that is not what it describes. Such
 * a descriptor must not be followed: readers that take the embedded bytes see something else than those that fetch.
 */
export function hasOwnData(descriptor: Descriptor & { readonly data?: unknown }): boolean {
  const { data, digest, size } = descriptor;
  if (data === undefined) return true;
  if (typeof data !== 'string') return false;
  const content = Buffer.from(data, 'base64');
  return content.length === size && hasherFor(digest).update(content).digest('hex') === hexOf(digest);
}

class VerifyTransform extends Transform {
  private readonly hash: Hash;
  private received = 0;
  private readonly descriptor: Descriptor;
  private readonly what: string;

  constructor(descriptor: Descriptor, what: string) {
    super();
    this.descriptor = descriptor;
    this.what = what;
    this.hash = hasherFor(descriptor.digest);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.received += chunk.length;
    if (this.received > this.descriptor.size) {
      callback(sizeError(this.descriptor, this.received, this.what));
      return;
    }
    this.hash.update(chunk);
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    if (this.received !== this.descriptor.size) {
      callback(sizeError(this.descriptor, this.received, this.what));
      return;
    }
    const hex = this.hash.digest('hex');
    callback(hex === hexOf(this.descriptor.digest) ? null : digestError(this.descriptor, hex, this.what));
  }
}

/** The error of content with another length than promised. */
export function sizeError(descriptor: Descriptor, received: number, what: string): AirgapError {
  const amount = received > descriptor.size ? 'more' : `${received}`;
  return new AirgapError(
    'E_DIGEST',
    `${what}: ${descriptor.digest} should have ${descriptor.size} bytes, got ${amount}`,
  );
}

/** The error of content with another digest than promised. */
export function digestError(descriptor: Descriptor, hex: string, what: string): AirgapError {
  return new AirgapError('E_DIGEST', `${what}: content does not match ${descriptor.digest}, it is ${hex}`);
}
