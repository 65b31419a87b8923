import { z } from 'zod';
import { isAirgapError, type AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { printableMessage, quoteForeign } from '../core/quote.ts';
import { hexOf, type Digest } from '../oci/digest.ts';
import { parseReference, type ImageRef } from '../oci/reference.ts';
import type { ReleaseChannel } from './image-set.ts';
import type { MirrorContext } from './mirror-plan.ts';
import { publishedKey, readArmouredKeys, type TrustedKey } from './openpgp-keys.ts';
import { refused } from './openpgp-packets.ts';
import { verifyMessage } from './openpgp.ts';
import { RED_HAT_BETA_KEY, RED_HAT_RELEASE_KEY } from './release-keys.ts';

/** A signature that was checked. */
export interface ReleaseSignature {
  readonly digest: Digest;
  /** Who the signer says the payload is, always with a tag: `quay.io/openshift-release-dev/ocp-release:4.17.3-x86_64`. */
  readonly identity: ImageRef;
  readonly signedBy: string;
  /** The file as it was published. */
  readonly content: Buffer;
}

export interface SignatureOptions {
  /** Where signatures are published. Absent: the vendor's place for the kind of release. */
  readonly signatureBaseUrl?: string | undefined;
  /** ASCII-armoured keys that replace the built-in one. */
  readonly verificationKeys?:
    { readonly text: string; readonly origin: string; readonly fingerprints?: readonly string[] } | undefined;
  /** Also accept the beta key, which signs early builds. */
  readonly trustBetaKey?: boolean | undefined;
}

const OCP_BASE = 'https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release/';
const OKD_BASE = 'https://storage.googleapis.com/openshift-ci-release/releases/signatures/openshift/release/';
const SIGNATURE_TYPE = 'atomic container signature';
const MAX_SIGNATURE_BYTES = 64 * 1024;
/** Stores number their signatures from 1; nobody has more than a few. */
const MAX_SIGNATURES = 8;

const PayloadSchema = z.strictObject({
  critical: z.strictObject({
    identity: z.strictObject({ 'docker-reference': z.string() }),
    image: z.strictObject({ 'docker-manifest-digest': z.string() }),
    type: z.literal(SIGNATURE_TYPE),
  }),
  optional: z.unknown(),
});

/** The keys release signatures are checked with. Throws `E_CONFIG` for a key file without usable keys. */
export function signatureKeys(options: SignatureOptions): TrustedKey[] {
  const { verificationKeys } = options;
  if (verificationKeys !== undefined) {
    return readArmouredKeys(verificationKeys.text, verificationKeys.origin, verificationKeys.fingerprints);
  }
  return [RED_HAT_RELEASE_KEY, ...(options.trustBetaKey === true ? [RED_HAT_BETA_KEY] : [])].map(publishedKey);
}

/** Where signatures of a kind of release are; an address that is no URL is replaced by the default, with a warning. */
export function signatureBase(
  type: ReleaseChannel['type'],
  options: SignatureOptions,
): { readonly url: string; readonly warnings: readonly Warning[] } {
  const fallback = type === 'okd' ? OKD_BASE : OCP_BASE;
  const given = options.signatureBaseUrl ?? '';
  if (given === '') return { url: fallback, warnings: [] };
  if (/^https?:$/.test(URL.parse(given)?.protocol ?? '')) return { url: given.replace(/\/*$/, '/'), warnings: [] };
  const message = `signature address ${JSON.stringify(given)} is no URL and not used, ${fallback} is`;
  return { url: fallback, warnings: [{ code: 'W_CONFIG', message }] };
}

/**
 * Fetches and checks the signature of a payload (oc-mirror behaviour, "Release signatures"). Undefined when none is
 * published. A signature by a key that is not trusted gives way to the next one of the same payload; `E_SIGNATURE` when
 * none is accepted.
 */
export async function fetchReleaseSignature(
  digest: Digest,
  from: { readonly base: string; readonly keys: readonly TrustedKey[]; readonly what: string },
  ctx: MirrorContext,
): Promise<ReleaseSignature | undefined> {
  let firstRefusal: AirgapError | undefined;
  for (let number = 1; number <= MAX_SIGNATURES; number += 1) {
    const content = await signatureFile(`${from.base}sha256=${hexOf(digest)}/signature-${number}`, ctx);
    if (content === undefined) break;
    try {
      return checkReleaseSignature(content, digest, { keys: from.keys, what: `signature of ${from.what}` });
    } catch (error) {
      if (!isAirgapError(error, 'E_SIGNATURE')) throw error;
      firstRefusal ??= error;
    }
  }
  if (firstRefusal !== undefined) throw firstRefusal;
  return undefined;
}

/**
 * Checks a signature file: signed by one of the keys, for exactly this digest. Its JSON is not looked at before the
 * signature is good. Throws `E_SIGNATURE` (signing, section 12.3).
 */
export function checkReleaseSignature(
  content: Buffer,
  digest: Digest,
  { keys, what }: { readonly keys: readonly TrustedKey[]; readonly what: string },
): ReleaseSignature {
  const message = verifyMessage(content, keys, what);
  const payload = PayloadSchema.safeParse(parseJson(message.content, what));
  if (!payload.success || !('optional' in (payload.data as object))) {
    const issue = payload.error?.issues[0];
    throw refused(
      what,
      `unexpected content at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? '"optional" is missing'}`,
    );
  }
  const { identity, image } = payload.data.critical;
  const signedDigest = image['docker-manifest-digest'];
  if (signedDigest !== digest) throw refused(what, `signed for ${printableMessage(signedDigest)}, not for ${digest}`);
  return {
    digest,
    identity: identityRef(identity['docker-reference'], what),
    signedBy: message.key.fingerprint,
    content,
  };
}

async function signatureFile(url: string, ctx: MirrorContext): Promise<Buffer | undefined> {
  try {
    // The content type of the request is what the vendor tool sends; some stores look at it.
    const headers = { 'Content-Type': 'application/json' };
    const content = await ctx.fetchDocument(url, { limit: MAX_SIGNATURE_BYTES, headers });
    return content.length === 0 ? undefined : content;
  } catch (error) {
    // Object stores that can not be listed answer "forbidden" for what is not there.
    if (isAirgapError(error, 'E_NOT_FOUND', 'E_UNAUTHORIZED')) return undefined;
    throw error;
  }
}

function identityRef(text: string, what: string): ImageRef {
  try {
    const ref = parseReference(text);
    if (ref.transport === 'docker' && ref.tag !== undefined) return ref;
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
  }
  throw refused(what, `the signed identity ${quoteForeign(text)} is no reference with a tag`);
}

function parseJson(content: Buffer, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
    throw refused(what, 'the signed content is not JSON');
  }
}
