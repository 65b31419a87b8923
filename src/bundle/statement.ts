import { createHash } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../core/canonical-json.ts';
import { MANIFEST_MEDIA_TYPE, MANIFEST_PATH } from './manifest.ts';
import type { BundleIdentity } from './manifest.ts';
import { quoteForeign } from '../core/quote.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const BUNDLE_PREDICATE_TYPE = 'urn:airgap:attestation:bundle:v1';

/**
 * The bytes that are signed for a bundle: an in-toto Statement v1 in canonical JSON, whose one subject is the bundle
 * manifest and whose predicate repeats the bundle's identity (signing, section 6). No trailing newline.
 */
export function statementFor(manifest: Uint8Array, identity: BundleIdentity): Buffer {
  const { name, serial, createdAt, expiresAt } = identity;
  const statement = {
    _type: STATEMENT_TYPE,
    predicate: {
      bundle: { name, serial, createdAt, expiresAt },
      manifest: { mediaType: MANIFEST_MEDIA_TYPE, size: manifest.byteLength },
    },
    predicateType: BUNDLE_PREDICATE_TYPE,
    subject: [{ digest: { sha256: sha256(manifest) }, name: MANIFEST_PATH }],
  };
  return Buffer.from(canonicalJson(statement), 'utf8');
}

/**
 * The bundle identity a signed payload states about exactly these manifest bytes, or the reason as text why the payload is
 * no such statement. Everything but the identity is known beforehand, so the whole payload is compared with the one
 * expected: this refuses other members, subjects, digests and types, duplicate members and white space alike
 * (signing, section 7.2, step 6).
 */
export function readStatement(payload: Buffer, manifest: Uint8Array): BundleIdentity | string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return 'the signed payload is not JSON';
  }
  const stated = statedSchema.safeParse(json);
  if (!stated.success) return whyNotOurs(json, manifest);
  const { name, serial, createdAt, expiresAt } = stated.data.predicate.bundle;
  const identity = { name, serial, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
  return statementFor(manifest, identity).equals(payload) ? identity : whyNotOurs(json, manifest);
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
function whyNotOurs(json: unknown, manifest: Uint8Array): string {
  const types = typesSchema.safeParse(json);
  if (!types.success) return 'the signed payload is not an in-toto statement';
  const { _type, predicateType } = types.data;
  if (_type !== STATEMENT_TYPE) return `the statement is of type ${quoteForeign(_type)}, not ${STATEMENT_TYPE}`;
  if (predicateType !== BUNDLE_PREDICATE_TYPE)
    return `it states ${quoteForeign(predicateType)}, not ${BUNDLE_PREDICATE_TYPE}`;
  const subjects = subjectsSchema.safeParse(json);
  if (!subjects.success) return 'the statement has no subject';
  const [first, ...others] = subjects.data.subject;
  if (others.length > 0) return `the statement has ${others.length + 1} subjects, not one`;
  const subject = subjectSchema.safeParse(first);
  if (!subject.success) return 'the subject of the statement is not a name with one sha256 digest';
  if (subject.data.name !== MANIFEST_PATH) return `the statement is about ${quoteForeign(subject.data.name)}`;
  if (subject.data.digest.sha256 !== sha256(manifest)) {
    return 'the statement is about another bundle manifest, or the bundle manifest was changed';
  }
  return 'the statement is not in the canonical form, or its predicate has other members';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
