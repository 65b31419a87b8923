import { sign, verify, X509Certificate } from 'node:crypto';
import { bundleFromJSON, bundleToJSON, BUNDLE_V03_MEDIA_TYPE, toDSSEBundle } from '@sigstore/bundle';
import type { Bundle } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError } from '../core/errors.ts';
import { unsupportedAlgorithm } from './keys.ts';
import type { SigningKey } from './keys.ts';
import type { BundleIdentity } from './manifest.ts';
import { quoteForeign } from '../core/quote.ts';
import { PAYLOAD_TYPE, readStatement, statementFor, type StatementKind } from './statement.ts';
import { ruleMatches } from './trust.ts';
import type { PinnedKey, Trust } from './trust.ts';

/** Somebody whose signature was accepted, as `--json` shows it. */
export type Signer =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'identity'; readonly identity: string; readonly issuer: string };

export interface AcceptedSignatures {
  /** Distinct signers, in the order of the signatures; at least as many as the threshold. */
  readonly signers: readonly Signer[];
  /** What all of them state about the bundle. The bundle manifest must say the same (signing, section 7.1, step 4). */
  readonly bundle: BundleIdentity;
}

/** Largest signature that is looked at (signing, section 4). */
const MAX_SIGNATURE_BYTES = 1024 * 1024;

/** How the library reports a certificate, timestamp or log that leads to nothing in the trusted root. */
const UNKNOWN_AUTHORITY = /certificate chain|timestamp could not be verified|SCT verification failed/;

const NO_STATEMENT = 'it is a bare message signature, not a signed statement';

/** Extended key usage "code signing" (RFC 5280, section 4.2.1.12). */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/**
 * Signs a bundle manifest: a Sigstore bundle v0.3 (JSON) with a DSSE envelope over {@link statementFor}'s bytes, verifiable
 * with the public key alone, by this tool and by cosign (signing, section 6).
 */
export function signManifest(manifest: Uint8Array, identity: BundleIdentity, key: SigningKey): Uint8Array {
  return signStatement(statementFor(manifest, identity), key);
}

/** Signs an in-toto statement the same way. */
export function signStatement(statement: Uint8Array, key: SigningKey): Uint8Array {
  const payload = Buffer.from(statement);
  // Ed25519 hashes by itself; both other algorithms are used with SHA-256.
  const hash = key.key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(hash, dsse.preAuthEncoding(PAYLOAD_TYPE, payload), key.key);
  const bundle = toDSSEBundle({ artifact: payload, artifactType: PAYLOAD_TYPE, signature, certificateChain: false });
  // The hint goes here only: cosign skips envelope signatures whose keyid is neither empty nor its own fingerprint.
  bundle.verificationMaterial.content = { $case: 'publicKey', publicKey: { hint: key.publicKey.hint } };
  return Buffer.from(JSON.stringify(bundleToJSON(bundle)), 'utf8');
}

/**
 * Decides whether enough of the trusted signers signed exactly these manifest bytes. `signatures` are Sigstore bundles as
 * found in the bundle and given separately; the same signer counts once, however often it signed. Nothing of the manifest
 * is parsed. With `kind` the bytes are those of another document. Throws `E_SIGNATURE`, saying for every signature why it does not count (signing, sections 7.2 to 7.4).
 */
export function acceptSignatures(
  manifest: Uint8Array,
  signatures: readonly Uint8Array[],
  trust: Trust,
  kind?: StatementKind,
): AcceptedSignatures {
  const accepted = new Map<string, Signer>();
  const reasons: string[] = [];
  let bundle: BundleIdentity | undefined;
  for (const [index, bytes] of signatures.entries()) {
    const result = judge({ manifest, kind }, bytes, trust);
    if (typeof result === 'string') {
      reasons.push(`signature ${index + 1}: ${result}`);
    } else if (bundle !== undefined && canonicalJson(bundle) !== canonicalJson(result.bundle)) {
      reasons.push(`signature ${index + 1}: it states another name, serial or time than a signature before it`);
    } else if (accepted.has(result.entry)) {
      reasons.push(`signature ${index + 1}: ${describeSigner(result.signer)} is counted already`);
    } else {
      accepted.set(result.entry, result.signer);
      bundle = result.bundle;
    }
  }
  if (bundle === undefined || accepted.size < trust.threshold) throw notEnough(accepted.size, trust, reasons);
  return { signers: [...accepted.values()], bundle };
}

/**
 * Whether every signature, and there is at least one, is of the form the far side will look for and states exactly this
 * manifest: a Sigstore bundle v0.3 whose DSSE envelope the key of its one certificate signed. Who issued the certificate is
 * not known here, so this proves nobody's identity: it is a check of what was just made, not of what was found. Throws
 * `E_SIGNATURE` (signing, sections 6 and 8).
 */
export function acceptWellFormed(manifest: Uint8Array, signatures: readonly Uint8Array[]): AcceptedSignatures {
  const verdicts = signatures.map((bytes) => {
    try {
      return judgeForm(manifest, parseSignature(bytes));
    } catch (error) {
      // As in judge.
      return describeFailure(error);
    }
  });
  const reasons = verdicts.flatMap((one, index) => (typeof one === 'string' ? [`signature ${index + 1}: ${one}`] : []));
  const [bundle] = verdicts;
  if (bundle !== undefined && typeof bundle !== 'string' && reasons.length === 0) return { signers: [], bundle };
  const why = reasons.length === 0 ? 'the bundle manifest has no signature' : reasons.join('; ');
  throw new AirgapError('E_SIGNATURE', `the signature is not usable: ${why}`, {
    hint: 'the certificate authority answered with something unexpected; check --fulcio-url and try again',
    data: { reasons },
  });
}

function judgeForm(manifest: Uint8Array, bundle: Bundle): BundleIdentity | string {
  const { content } = bundle.verificationMaterial;
  if (content.$case !== 'certificate') return 'it carries no certificate';
  if (bundle.content.$case !== 'dsseEnvelope') return NO_STATEMENT;
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  if (payloadType !== PAYLOAD_TYPE) return `its payload type is ${quoteForeign(payloadType)}, not ${PAYLOAD_TYPE}`;
  const { publicKey } = new X509Certificate(content.certificate.rawBytes);
  const hash = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const [first, ...others] = signatures;
  const isSigned =
    first !== undefined &&
    others.length === 0 &&
    verify(hash, dsse.preAuthEncoding(payloadType, payload), publicKey, first.sig);
  return isSigned ? readStatement(payload, manifest) : 'the key of its certificate did not make it';
}

/** The document a signature has to be about. */
interface Signed {
  readonly manifest: Uint8Array;
  readonly kind: StatementKind | undefined;
}

interface Verdict {
  readonly signer: Signer;
  /** Names the entry of the trust that the signer is; two signatures with the same entry are one signer's. */
  readonly entry: string;
  readonly bundle: BundleIdentity;
}

function notEnough(count: number, trust: Trust, reasons: readonly string[]): AirgapError {
  const what =
    trust.threshold === 1 ? 'no signature is accepted' : `${count} of ${trust.threshold} required signers signed`;
  const why = reasons.length === 0 ? 'the bundle manifest has no signature' : reasons.join('; ');
  return new AirgapError('E_SIGNATURE', `${what}: ${why}`, {
    hint: 'do not use this bundle unless its sender confirms the key or identity, and that you have the right one',
    data: { reasons },
  });
}

/** The verdict on one signature, or the reason against it. Never throws: its input is chosen by an attacker. */
function judge(about: Signed, bytes: Uint8Array, trust: Trust): Verdict | string {
  try {
    return judgeParsed(about, parseSignature(bytes), trust);
  } catch (error) {
    // Deliberately everything: on malformed certificates and ASN.1 the libraries throw TypeError, RangeError and plain
    // Error as well as their own, and each of them means that this signature does not count.
    return describeFailure(error);
  }
}

/** Refuses a signature; becomes the reason in the message. */
class NotAccepted extends Error {}

function parseSignature(bytes: Uint8Array): Bundle {
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

function judgeParsed({ manifest, kind }: Signed, bundle: Bundle, trust: Trust): Verdict | string {
  if (bundle.content.$case !== 'dsseEnvelope') return NO_STATEMENT;
  const { payload, payloadType } = bundle.content.dsseEnvelope;
  if (payloadType !== PAYLOAD_TYPE) return `its payload type is ${quoteForeign(payloadType)}, not ${PAYLOAD_TYPE}`;
  const who =
    bundle.verificationMaterial.content.$case === 'publicKey' ? byKey(bundle, trust) : byIdentity(bundle, trust);
  if (typeof who === 'string') return who;
  const stated = readStatement(payload, manifest, kind);
  return typeof stated === 'string' ? stated : { ...who, bundle: stated };
}

type Who = Omit<Verdict, 'bundle'>;

function byKey(bundle: Bundle, trust: Trust): Who | string {
  if (trust.keys.length === 0) return 'it was made with a key, and a certificate identity is demanded';
  if (trust.requireTlog.keys && trust.trustedRoot !== undefined) refuseUnknownLogs(bundle, trust.trustedRoot);
  if (trust.requireTimestamp && !hasTimestamp(bundle)) return 'it has no timestamp of a timestamp authority';
  // The hint is not looked at: only the pinned keys are tried, and it is the signer's to choose.
  const entity = toSignedEntity(withDemandedProofs(bundle, trust));
  const failures = new Set<string>();
  for (const pinned of trust.keys) {
    try {
      verifierFor(pinned, trust).verify(entity);
      const { name } = pinned.publicKey;
      return { entry: `key ${name}`, signer: { kind: 'key', key: name } };
    } catch (error) {
      // As in judge: whatever is thrown, this key did not make the signature. Worth telling is only another reason.
      if (!(error instanceof VerificationError && error.code === 'SIGNATURE_ERROR'))
        failures.add(describeFailure(error));
    }
  }
  return failures.size === 0 ? 'no trusted key made it' : [...failures].join(', ');
}

function verifierFor({ publicKey, validity }: PinnedKey, trust: Trust): Verifier {
  const material = toTrustMaterial(trust.trustedRoot ?? TrustedRoot.fromJSON({}), () => ({
    publicKey: publicKey.key,
    validFor: (date) =>
      (validity?.from === undefined || validity.from <= date) &&
      (validity?.until === undefined || date < validity.until),
  }));
  return new Verifier(material, {
    tlogThreshold: trust.requireTlog.keys ? 1 : 0,
    ctlogThreshold: 0,
    // A validity period is looked at only when a proven time is there.
    timestampThreshold: trust.requireTimestamp || validity !== undefined ? 1 : 0,
  });
}

/** Without the proofs nobody asked for: the library checks all it sees, and fails without authorities to check against. */
function withDemandedProofs(bundle: Bundle, trust: Trust): Bundle {
  const material = bundle.verificationMaterial;
  return {
    ...bundle,
    verificationMaterial: {
      ...material,
      tlogEntries: trust.requireTlog.keys ? material.tlogEntries : [],
      timestampVerificationData: trust.requireTimestamp ? material.timestampVerificationData : undefined,
    },
  };
}

function byIdentity(bundle: Bundle, trust: Trust): Who | string {
  const { content } = bundle.verificationMaterial;
  if (trust.identities.length === 0 || trust.trustedRoot === undefined) {
    return 'it was made with a certificate, and a pinned key is demanded';
  }
  if (content.$case !== 'certificate') return 'it carries a certificate chain instead of one certificate';
  refuseUnknownLogs(bundle, trust.trustedRoot);
  if (trust.requireTimestamp && !hasTimestamp(bundle)) return 'it has no timestamp of a timestamp authority';
  const verifier = new Verifier(toTrustMaterial(trust.trustedRoot), {
    tlogThreshold: trust.requireTlog.identities ? 1 : 0,
    ctlogThreshold: trust.ignoreSct ? 0 : 1,
    // Never 0: a certificate is checked for the time of signing, and the local clock is not asked.
    timestampThreshold: 1,
  });
  const { identity: proven } = verifier.verify(toSignedEntity(bundle));
  refuseOtherUsage(new X509Certificate(content.certificate.rawBytes));
  // Compared here and not by the library, whose policy takes the text as a pattern that may match anywhere in it.
  const identity = proven?.subjectAlternativeName;
  const issuer = proven?.extensions?.issuer;
  if (identity === undefined) return 'its certificate has no identity of the kinds URI or e-mail';
  if (issuer === undefined) return 'its certificate does not name the issuer of the identity';
  const index = trust.identities.findIndex(
    (rule) => ruleMatches(rule.identity, identity) && ruleMatches(rule.issuer, issuer),
  );
  if (index === -1) return `it was made by ${quoteForeign(identity)} of ${quoteForeign(issuer)}, who is not trusted`;
  return { entry: `identity ${index}`, signer: { kind: 'identity', identity, issuer } };
}

function refuseOtherUsage(certificate: X509Certificate): void {
  if (certificate.ca) throw new NotAccepted('its certificate is that of a certificate authority');
  if (!(certificate.keyUsage ?? []).includes(CODE_SIGNING)) {
    throw new NotAccepted('its certificate is not for signing code');
  }
  const reason = unsupportedAlgorithm(certificate.publicKey);
  if (reason !== undefined) throw new NotAccepted(reason);
}

function refuseUnknownLogs(bundle: Bundle, root: TrustedRoot): void {
  const known = root.tlogs.flatMap(({ logId, checkpointKeyId }) => [logId, checkpointKeyId]);
  for (const { logId } of bundle.verificationMaterial.tlogEntries) {
    if (known.some((id) => id?.keyId.equals(logId.keyId) === true)) continue;
    const id = logId.keyId.toString('hex').slice(0, 64);
    throw new NotAccepted(`the trusted root has no entry for log ${id}; it may be older than the bundle`);
  }
}

function hasTimestamp(bundle: Bundle): boolean {
  return (bundle.verificationMaterial.timestampVerificationData?.rfc3161Timestamps.length ?? 0) > 0;
}

function describeSigner(signer: Signer): string {
  return signer.kind === 'key' ? signer.key : `${quoteForeign(signer.identity)} of ${quoteForeign(signer.issuer)}`;
}

function describeFailure(error: unknown): string {
  if (error instanceof NotAccepted) return error.message;
  if (error instanceof VerificationError) {
    const older = UNKNOWN_AUTHORITY.test(error.message) ? '; the trusted root may be older than the bundle' : '';
    return `${error.code}: ${quoteForeign(error.message).slice(1, -1)}${older}`;
  }
  return `it is malformed (${quoteForeign(error instanceof Error ? error.message : String(error))})`;
}
