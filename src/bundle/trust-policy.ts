import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { AirgapError, syscallOf } from '../core/errors.ts';
import { loadPublicKey } from './keys.ts';
import { createTrust } from './trust.ts';
import type { IdentityRule, PinnedKey, TextRule, Trust } from './trust.ts';
import { loadTrustedRoot } from './trusted-root.ts';

/** Where the policy is looked for when none is named. */
export const DEFAULT_TRUST_POLICY = '/etc/airgap/trust.json';

const MAX_POLICY_BYTES = 1024 * 1024;
const GROUP_OR_WORLD_WRITABLE = 0o022;

const hex = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
/** A key is pinned by the digest of its SPKI, with or without the prefix that key names have. */
const keyDigest = z.string().regex(/^(sha256:)?[0-9a-f]{64}$/, 'expected a key name, sha256:<64 hex digits>');
const moment = z.iso.datetime();

const identitySchema = z
  .strictObject({
    identity: z.string().min(1).optional(),
    identityRegexp: z.string().min(1).optional(),
    issuer: z.string().min(1).optional(),
    issuerRegexp: z.string().min(1).optional(),
  })
  .refine((entry) => (entry.identity === undefined) !== (entry.identityRegexp === undefined), {
    message: 'expected either identity or identityRegexp',
  })
  .refine((entry) => (entry.issuer === undefined) !== (entry.issuerRegexp === undefined), {
    message: 'expected either issuer or issuerRegexp',
  });

const streamSchema = z.strictObject({
  threshold: z.int().min(1).optional(),
  keys: z
    .array(
      z.strictObject({
        file: z.string().min(1),
        sha256: keyDigest,
        validFrom: moment.optional(),
        validUntil: moment.optional(),
      }),
    )
    .optional(),
  identities: z.array(identitySchema).optional(),
  trustedRoot: z.strictObject({ file: z.string().min(1), sha256: hex }).optional(),
  requireTlog: z.boolean().optional(),
  requireTimestamp: z.boolean().optional(),
});

const policySchema = z.strictObject({
  version: z.literal(1),
  streams: z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'not a stream name'), streamSchema),
});

/** Who may sign the bundles of each stream (signing, section 7.5). File names are relative to the policy's folder. */
export interface TrustPolicy {
  readonly path: string;
  readonly streams: z.infer<typeof policySchema>['streams'];
}

/** The trust for one stream. The caller must refuse a bundle of any other stream (`E_NAME`): its signers may differ. */
export interface StreamTrust {
  readonly stream: string;
  readonly trust: Trust;
}

/**
 * Reads a trust policy file. Throws `E_USAGE` when it can not be read, when others than its owner can write it, when its
 * owner is neither root nor the user of this process, and, naming the path of the field, when it is not as specified.
 */
export async function loadTrustPolicy(path: string): Promise<TrustPolicy> {
  const text = await readPolicyFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_USAGE', `${path}: not JSON: ${error.message}`, {
      hint: 'correct the trust policy at that place',
      cause: error,
    });
  }
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || '(top)'}: ${message}`);
    throw new AirgapError('E_USAGE', `${path}: not a trust policy: ${problems.join('; ')}`, {
      hint: 'correct the named fields',
    });
  }
  return { path, streams: parsed.data.streams };
}

/**
 * The trust for `stream`, or for the only stream of the policy when none is named. Key and trusted root files are read and
 * compared with their digests. Throws `E_USAGE` when the stream is not in the policy or not unique, or a file differs.
 */
export async function trustForStream(policy: TrustPolicy, stream: string | undefined): Promise<StreamTrust> {
  const names = Object.keys(policy.streams);
  const name = stream ?? (names.length === 1 ? names[0] : undefined);
  const entry = name === undefined || !Object.hasOwn(policy.streams, name) ? undefined : policy.streams[name];
  if (name === undefined || entry === undefined) {
    const problem =
      stream === undefined ? 'does not have exactly one stream' : `has no stream ${JSON.stringify(stream)}`;
    throw new AirgapError('E_USAGE', `${policy.path} ${problem}`, {
      hint: `name one with --bundle-name: ${names.join(', ') || '(none)'}`,
    });
  }
  const fileAt = (file: string): string => resolve(dirname(policy.path), file);
  const keys = await Promise.all((entry.keys ?? []).map((key) => loadPinnedKey(fileAt(key.file), key)));
  const { trustedRoot: pinned } = entry;
  const trustedRoot =
    pinned === undefined ? undefined : (await loadTrustedRoot(fileAt(pinned.file), pinned.sha256)).root;
  const trust = createTrust({
    keys,
    identities: (entry.identities ?? []).map(toIdentityRule),
    ...(entry.threshold === undefined ? {} : { threshold: entry.threshold }),
    ...(trustedRoot === undefined ? {} : { trustedRoot }),
    ...(entry.requireTlog === undefined ? {} : { requireTlog: entry.requireTlog }),
    ...(entry.requireTimestamp === undefined ? {} : { requireTimestamp: entry.requireTimestamp }),
  });
  return { stream: name, trust };
}

async function loadPinnedKey(
  path: string,
  entry: { readonly sha256: string; readonly validFrom?: string | undefined; readonly validUntil?: string | undefined },
): Promise<PinnedKey> {
  const publicKey = await loadPublicKey(path);
  if (publicKey.name !== `sha256:${entry.sha256.replace(/^sha256:/, '')}`) {
    throw new AirgapError('E_USAGE', `${path}: this is the key ${publicKey.name}, not the one the trust policy names`, {
      hint: 'put the right key file there; change the digest only if the owner of the key confirms it',
    });
  }
  if (entry.validFrom === undefined && entry.validUntil === undefined) return { publicKey };
  const validity = {
    ...(entry.validFrom === undefined ? {} : { from: new Date(entry.validFrom) }),
    ...(entry.validUntil === undefined ? {} : { until: new Date(entry.validUntil) }),
  };
  return { publicKey, validity };
}

function toIdentityRule(entry: z.infer<typeof identitySchema>): IdentityRule {
  return {
    identity: toTextRule(entry.identity, entry.identityRegexp),
    issuer: toTextRule(entry.issuer, entry.issuerRegexp),
  };
}

/** The schema made sure that exactly one of the two is there. */
function toTextRule(exact: string | undefined, regexp: string | undefined): TextRule {
  return exact === undefined ? { regexp: regexp ?? '' } : { exact };
}

async function readPolicyFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    // Of the opened file, so that nobody can put another one in its place between the check and the reading.
    const { mode, uid, size } = await file.stat();
    if ((mode & GROUP_OR_WORLD_WRITABLE) !== 0) {
      throw new AirgapError('E_USAGE', `${path}: others than its owner may write this trust policy`, {
        hint: `chmod go-w ${path}`,
      });
    }
    if (uid !== 0 && uid !== process.getuid?.()) {
      throw new AirgapError('E_USAGE', `${path}: this trust policy belongs to another user`, {
        hint: `chown root ${path}`,
      });
    }
    if (size > MAX_POLICY_BYTES)
      throw new AirgapError('E_USAGE', `${path}: too large for a trust policy`, {
        hint: 'check that this is the file that is meant',
      });
    return await file.readFile('utf8');
  } catch (error) {
    if (syscallOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path}: the trust policy can not be read`, {
      hint: 'check the path and its permissions',
      cause: error,
    });
  }
}
