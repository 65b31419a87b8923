import { createHash } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../core/canonical-json.ts';
import { MANIFEST_MEDIA_TYPE, MANIFEST_PATH } from './manifest.ts';
import type { BundleIdentity } from './manifest.ts';
import { quoteForeign } from '../core/quote.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** What a statement is about. A statement of one kind says nothing about a document of another. */
export interface StatementKind {
  readonly predicateType: string;
  /** Name of the one subject, and of the member of the predicate that describes it. */
  readonly subject: string;
  readonly member: string;
  readonly mediaType: string;
  /** In messages. */
  readonly noun: string;
}

/** A bundle manifest. */
const BUNDLE_STATEMENT: StatementKind = {
  predicateType: 'urn:airgap:attestation:bundle:v1',
  subject: MANIFEST_PATH,
  member: 'manifest',
  mediaType: MANIFEST_MEDIA_TYPE,
  noun: 'bundle manifest',
};

/** What the far side says it has of a bundle. */
export const RECEIPT_STATEMENT: StatementKind = {
  predicateType: 'urn:airgap:attestation:receipt:v1',
  subject: 'airgap-receipt.json',
  member: 'receipt',
  mediaType: 'application/vnd.airgap.receipt.v1+json',
  noun: 'receipt',
};

/**
 * The bytes that are signed for a bundle: an in-toto Statement v1 in canonical JSON, whose one subject is the bundle
 * manifest and whose predicate repeats the bundle's identity (signing, section 6). No trailing newline. For another `kind`
 * the subject is that document.
 */
export function statementFor(
  manifest: Uint8Array,
  identity: BundleIdentity,
  kind: StatementKind = BUNDLE_STATEMENT,
): Buffer {
  const { name, serial, createdAt, expiresAt } = identity;
  const statement = {
    _type: STATEMENT_TYPE,
    predicate: {
      bundle: { name, serial, createdAt, expiresAt },
      [kind.member]: { mediaType: kind.mediaType, size: manifest.byteLength },
    },
    predicateType: kind.predicateType,
    subject: [{ digest: { sha256: sha256(manifest) }, name: kind.subject }],
  };
  return Buffer.from(canonicalJson(statement), 'utf8');
}

/**
 * The bundle identity a signed payload states about exactly these manifest bytes, or the reason as text why the payload is
 * no such statement. Everything but the identity is known beforehand, so the whole payload is compared with the one
 * expected: this refuses other members, subjects, digests and types, duplicate members and white space alike
 * (signing, section 7.2, step 6).
 */
export function readStatement(
  payload: Buffer,
  manifest: Uint8Array,
  kind: StatementKind = BUNDLE_STATEMENT,
): BundleIdentity | string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return 'the signed payload is not JSON';
  }
  const stated = statedSchema.safeParse(json);
  if (!stated.success) return whyNotOurs(json, manifest, kind);
  const { name, serial, createdAt, expiresAt } = stated.data.predicate.bundle;
  const identity = { name, serial, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
  return statementFor(manifest, identity, kind).equals(payload) ? identity : whyNotOurs(json, manifest, kind);
}

/** Only what can not be known beforehand; the comparison of bytes takes care of the rest. */
const statedSchema = z.object({
  predicate: z.object({
    bundle: z.object({
      name: z.string(),
      serial: z.int().min(1),
      createdAt: z.string(),
      expiresAt: z.string().optional(),
    }),
  }),
});

const typesSchema = z.object({ _type: z.string(), predicateType: z.string() });
const subjectsSchema = z.object({ subject: z.array(z.unknown()) });
const subjectSchema = z.strictObject({
  name: z.string(),
  digest: z.strictObject({ sha256: z.string() }),
});

/** Finds words for a payload that is already known not to be the expected one. Decides nothing. */
function whyNotOurs(json: unknown, manifest: Uint8Array, kind: StatementKind): string {
  const types = typesSchema.safeParse(json);
  if (!types.success) return 'the signed payload is not an in-toto statement';
  const { _type, predicateType } = types.data;
  if (_type !== STATEMENT_TYPE) return `the statement is of type ${quoteForeign(_type)}, not ${STATEMENT_TYPE}`;
  if (predicateType !== kind.predicateType)
    return `it states ${quoteForeign(predicateType)}, not ${kind.predicateType}`;
  const subjects = subjectsSchema.safeParse(json);
  if (!subjects.success) return 'the statement has no subject';
  const [first, ...others] = subjects.data.subject;
  if (others.length > 0) return `the statement has ${others.length + 1} subjects, not one`;
  const subject = subjectSchema.safeParse(first);
  if (!subject.success) return 'the subject of the statement is not a name with one sha256 digest';
  if (subject.data.name !== kind.subject) return `the statement is about ${quoteForeign(subject.data.name)}`;
  if (subject.data.digest.sha256 !== sha256(manifest)) {
    return `the statement is about another ${kind.noun}, or the ${kind.noun} was changed`;
  }
  return 'the statement is not in the canonical form, or its predicate has other members';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
