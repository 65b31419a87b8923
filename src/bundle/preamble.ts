import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { firstDifference } from './entry-check.ts';
import { failureError, type VolumeAt } from './failure.ts';
import { FOREIGN_HEAD_BYTES, recognizeForeign } from './foreign-file.ts';
import { BLOCK, headerOf, paddedSize, planLayout, sizeInHeader, type BundleLayout } from './layout.ts';
import { parseManifest, type BundleIdentity } from './manifest.ts';
import type { OrderedInput } from './ordered-input.ts';
import { MANIFEST_PATH, MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, signaturePath } from './paths.ts';

/**
 * Decides whether signatures are good enough for a bundle manifest, and says who signed and which bundle the signed
 * statements speak of. Throws `E_SIGNATURE`. Given by the caller: keys and policy are never the bundle's business.
 */
export type AcceptSignatures<Signer = unknown> = (
  manifest: Uint8Array,
  signatures: readonly Uint8Array[],
) => { readonly bundle: BundleIdentity; readonly signers: readonly Signer[] };

/** The bytes in front of the first carried file, not yet trusted. */
export interface Preamble {
  readonly manifestBytes: Buffer;
  readonly signatures: readonly Buffer[];
}

/** A bundle manifest whose signatures were accepted, and where everything lies. */
export interface AcceptedBundle<Signer = unknown> {
  readonly manifestBytes: Buffer;
  readonly manifestSha256: string;
  readonly signatures: readonly Buffer[];
  readonly signers: readonly Signer[];
  readonly layout: BundleLayout;
}

export interface AcceptOptions<Signer> {
  readonly accept: AcceptSignatures<Signer>;
  /** Signatures that came beside the bundle; counted like the embedded ones. */
  readonly detachedSignatures?: readonly Uint8Array[];
  readonly volumeAt?: VolumeAt;
}

/**
 * Steps 1 and 2 of signing, section 7.1: the bundle manifest and the signature entries, by fixed-size comparisons and
 * two capped buffers. Leaves the input at the first carried file. Throws `E_LAYOUT`, `E_LIMIT`, `E_TRUNCATED`.
 */
export async function readPreamble(input: OrderedInput, volumeAt?: VolumeAt): Promise<Preamble> {
  const header = await input.read(BLOCK);
  const size = header.length === BLOCK ? sizeInHeader(header) : undefined;
  const expected = headerOf(MANIFEST_PATH, size ?? 0);
  // Of a header that is cut, or has no size, the name alone decides whether this is a bundle at all.
  const compared = size === undefined ? Math.min(header.length, 100) : BLOCK;
  const difference = firstDifference(header.subarray(0, compared), expected.subarray(0, compared));
  if (difference >= 0) throw await notABundle(input, header, { offset: difference, volumeAt });
  if (size === undefined && header.length === BLOCK) {
    const message = 'the size of the bundle manifest is not written in the canonical form';
    throw failureError({ code: 'E_LAYOUT', message, at: MANIFEST_PATH, offset: 124 }, volumeAt);
  }
  const manifestBytes = await readCapped(input, MANIFEST_PATH, size ?? 0, {
    headerLength: header.length,
    limit: MAX_MANIFEST_BYTES,
    volumeAt,
  });

  const signatures: Buffer[] = [];
  for (;;) {
    const path = signaturePath(signatures.length + 1);
    const next = await input.read(BLOCK);
    const length = next.length === BLOCK ? sizeInHeader(next) : undefined;
    if (length === undefined || !headerOf(path, length).equals(next)) {
      input.unread(next);
      return { manifestBytes, signatures };
    }
    if (signatures.length === MAX_SIGNATURES) {
      const message = `the bundle has more than ${MAX_SIGNATURES} signatures`;
      throw failureError({ code: 'E_LIMIT', message, at: path, offset: input.position - BLOCK }, volumeAt);
    }
    signatures.push(
      await readCapped(input, path, length, { headerLength: BLOCK, limit: MAX_SIGNATURE_BYTES, volumeAt }),
    );
  }
}

/**
 * Steps 3 and 4: counts the signatures through `accept`, then parses the bundle manifest strictly. Throws `E_SIGNATURE`
 * (also for whatever a library throws on malformed input), `E_MANIFEST`, and what `accept` throws on purpose.
 */
export function acceptPreamble<Signer>(preamble: Preamble, options: AcceptOptions<Signer>): AcceptedBundle<Signer> {
  const { manifestBytes, signatures } = preamble;
  const accepted = callAccept(preamble, options);
  const manifest = parseManifest(manifestBytes);
  if (canonicalJson(accepted.bundle) !== canonicalJson(manifest.bundle)) {
    throw signatureError('the signed statement speaks of another bundle than the bundle manifest does');
  }
  return {
    manifestBytes,
    manifestSha256: createHash('sha256').update(manifestBytes).digest('hex'),
    signatures,
    signers: accepted.signers,
    layout: planLayout(manifestBytes, signatures, manifest),
  };
}

function callAccept<Signer>(
  { manifestBytes, signatures }: Preamble,
  { accept, detachedSignatures = [] }: AcceptOptions<Signer>,
): ReturnType<AcceptSignatures<Signer>> {
  try {
    return accept(manifestBytes, [...signatures, ...detachedSignatures]);
  } catch (error) {
    if (isAirgapError(error)) {
      const { code, message, hint } = error;
      const data = { at: MANIFEST_PATH, offset: 0, ...error.data };
      throw new AirgapError(code, message, { data, cause: error, ...(hint === undefined ? {} : { hint }) });
    }
    // Signature libraries throw plain errors of many kinds on hostile certificates; none of them may pass as ours.
    throw signatureError('a signature can not be read', error);
  }
}

/** The refusal of a file that begins otherwise; says what it is where that can be seen. */
async function notABundle(
  input: OrderedInput,
  header: Buffer,
  { offset, volumeAt }: { readonly offset: number; readonly volumeAt: VolumeAt | undefined },
): Promise<AirgapError> {
  const head = Buffer.concat([header, await input.read(FOREIGN_HEAD_BYTES - header.length)]);
  const foreign = recognizeForeign(head);
  const message = foreign?.message ?? 'this is not an airgap bundle: it does not begin with the bundle manifest';
  return failureError({ code: 'E_LAYOUT', message, at: MANIFEST_PATH, offset }, volumeAt, foreign?.hint);
}

async function readCapped(
  input: OrderedInput,
  path: string,
  size: number,
  options: { readonly headerLength: number; readonly limit: number; readonly volumeAt: VolumeAt | undefined },
): Promise<Buffer> {
  const { limit, volumeAt } = options;
  const bodyAt = input.position;
  if (size > limit) {
    const message = `${path} claims ${size} bytes, at most ${limit} are read`;
    throw failureError({ code: 'E_LIMIT', message, at: path, offset: bodyAt - BLOCK }, volumeAt);
  }
  const content = options.headerLength < BLOCK ? Buffer.alloc(0) : await input.read(paddedSize(size));
  if (options.headerLength < BLOCK || content.length < paddedSize(size)) {
    const message = `the input ends within ${path}`;
    throw failureError({ code: 'E_TRUNCATED', message, at: path, offset: input.position }, volumeAt);
  }
  const stray = content.subarray(size).findIndex((byte) => byte !== 0);
  if (stray >= 0) {
    const message = `the padding after ${path} is not zero`;
    throw failureError({ code: 'E_LAYOUT', message, at: path, offset: bodyAt + size + stray }, volumeAt);
  }
  return content.subarray(0, size);
}

function signatureError(message: string, cause?: unknown): AirgapError {
  return new AirgapError('E_SIGNATURE', message, {
    hint: 'check that the public key is the one your sender gave you; do not use this bundle otherwise',
    data: { at: MANIFEST_PATH, offset: 0 },
    ...(cause === undefined ? {} : { cause }),
  });
}
