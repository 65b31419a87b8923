import { bundleFromJSON, BUNDLE_V03_MEDIA_TYPE } from '@sigstore/bundle';
import type { Bundle } from '@sigstore/bundle';
import type { Envelope } from '@sigstore/protobuf-specs';
import { VerificationError } from '@sigstore/verify';
import { quoteForeign } from '../core/quote.ts';
import { PAYLOAD_TYPE } from './statement.ts';

/** Largest signature that is looked at (signing, section 4). */
const MAX_SIGNATURE_BYTES = 1024 * 1024;

/** How the library reports a certificate, timestamp or log that leads to nothing in the trusted root. */
const UNKNOWN_AUTHORITY = /certificate chain|timestamp could not be verified|SCT verification failed/;

/** Refuses a signature; becomes the reason in the message. */
export class NotAccepted extends Error {}

/** A signature file as the library's Sigstore bundle. Throws {@link NotAccepted}, and anything on malformed input. */
export function parseSignature(bytes: Uint8Array): Bundle {
  if (bytes.byteLength > MAX_SIGNATURE_BYTES) throw new NotAccepted('it is larger than 1 MiB');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new NotAccepted('it is not JSON');
  }
  const mediaType = typeof json === 'object' && json !== null && 'mediaType' in json ? json.mediaType : undefined;
  // The library would take older and unknown versions too, with weaker checks (signing, section 7.4).
  if (mediaType !== BUNDLE_V03_MEDIA_TYPE) {
    throw new NotAccepted(`its media type is ${quoteForeign(String(mediaType))}, not ${BUNDLE_V03_MEDIA_TYPE}`);
  }
  return bundleFromJSON(json);
}

/** The signed statement of a signature, or why there is none of ours. */
export function envelopeOf({ content }: Bundle): Envelope | string {
  if (content.$case !== 'dsseEnvelope') return 'it is a bare message signature, not a signed statement';
  const { payloadType } = content.dsseEnvelope;
  if (payloadType !== PAYLOAD_TYPE) return `its payload type is ${quoteForeign(payloadType)}, not ${PAYLOAD_TYPE}`;
  return content.dsseEnvelope;
}

/** Whatever was thrown over a signature as the reason why it does not count. */
export function describeFailure(error: unknown): string {
  if (error instanceof NotAccepted) return error.message;
  if (error instanceof VerificationError) {
    const older = UNKNOWN_AUTHORITY.test(error.message) ? '; the trusted root may be older than the bundle' : '';
    return `${error.code}: ${quoteForeign(error.message).slice(1, -1)}${older}`;
  }
  return `it is malformed (${quoteForeign(error instanceof Error ? error.message : String(error))})`;
}
