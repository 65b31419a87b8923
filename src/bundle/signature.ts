import { X509Certificate } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError } from '../core/errors.ts';
import { unsupportedAlgorithm } from './keys.ts';
import type { BundleIdentity } from './manifest.ts';
import { quoteForeign } from '../core/quote.ts';
import { describeFailure, envelopeOf, NotAccepted, parseSignature } from './signature-file.ts';
import { readStatement, type StatementKind } from './statement.ts';
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

/** Extended key usage "code signing" (RFC 5280, section 4.2.1.12). */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

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
  const none = count === 0 ? 'the bundle manifest has no signature' : 'there is no other signature';
  const why = reasons.length === 0 ? none : reasons.join('; ');
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

function judgeParsed({ manifest, kind }: Signed, bundle: Bundle, trust: Trust): Verdict | string {
  const envelope = envelopeOf(bundle);
  if (typeof envelope === 'string') return envelope;
  const who =
    bundle.verificationMaterial.content.$case === 'publicKey' ? byKey(bundle, trust) : byIdentity(bundle, trust);
  if (typeof who === 'string') return who;
  const stated = readStatement(envelope.payload, manifest, kind);
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
