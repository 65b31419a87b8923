import type { TrustedRoot } from '@sigstore/protobuf-specs';
import { AirgapError } from '../core/errors.ts';
import type { PublicKey } from './keys.ts';
import { quoteForeign } from '../core/quote.ts';

/** A public key whose signatures count. */
export interface PinnedKey {
  readonly publicKey: PublicKey;
  /** When signatures of this key were valid. Needs a time source: {@link Trust.requireTlog} or `requireTimestamp`. */
  readonly validity?: { readonly from?: Date; readonly until?: Date };
}

/** Text that must be equal, or a regular expression (`u` flag) that must match the whole text. */
export type TextRule = { readonly exact: string } | { readonly regexp: string };

/** A certificate identity whose signatures count: both rules must hold (signing, section 7.3). */
export interface IdentityRule {
  readonly identity: TextRule;
  readonly issuer: TextRule;
}

/**
 * Who may sign a bundle, chosen by the verifier and never by the bundle. Every entry of `keys` and `identities` is one
 * possible signer; `threshold` of them must have signed. Made by {@link createTrust} only.
 */
export interface Trust {
  readonly keys: readonly PinnedKey[];
  readonly identities: readonly IdentityRule[];
  readonly threshold: number;
  /** Authorities and logs; needed for identities, and for keys when a log entry or timestamp is required. */
  readonly trustedRoot?: TrustedRoot;
  /**
   * Demand an entry in a transparency log, of signatures by key and by identity. Where it is not demanded log entries of key
   * signatures are not looked at.
   */
  readonly requireTlog: { readonly keys: boolean; readonly identities: boolean };
  /** Demand the token of a timestamp authority. Without it tokens of key signatures are not looked at. */
  readonly requireTimestamp: boolean;
  /** Accept certificates that carry no proof of having been logged. */
  readonly ignoreSct: boolean;
}

export interface TrustOptions {
  readonly keys?: readonly PinnedKey[];
  readonly identities?: readonly IdentityRule[];
  /** Default 1. */
  readonly threshold?: number;
  readonly trustedRoot?: TrustedRoot;
  /** Default: of signatures by identity, not of those by key. */
  readonly requireTlog?: boolean;
  readonly requireTimestamp?: boolean;
  readonly ignoreSct?: boolean;
}

/** Longer patterns are a mistake, or an attempt to make matching slow. */
const MAX_PATTERN_CHARACTERS = 512;

/**
 * Checks a choice of trust and completes it with defaults. Throws `E_USAGE` when nobody is trusted, when the threshold can
 * not be reached, when something is demanded that needs a trusted root and none is given, and for a bad pattern
 * (signing, sections 7.1 step 0, 7.2 and 7.3).
 */
export function createTrust(options: TrustOptions): Trust {
  const { keys = [], identities = [], threshold = 1, trustedRoot } = options;
  const { requireTlog, requireTimestamp = false, ignoreSct = false } = options;
  const signers = new Set(keys.map(({ publicKey }) => publicKey.name)).size + identities.length;
  if (signers === 0) {
    throw new AirgapError('E_USAGE', 'nothing says whose signature is to be accepted', {
      hint: 'give --key, --certificate-identity with --certificate-oidc-issuer, or a trust policy',
    });
  }
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > signers) {
    throw new AirgapError('E_USAGE', `a threshold of ${threshold} can not be met by ${signers} possible signers`, {
      hint: 'give more keys or identities, or a threshold from 1 to their number',
    });
  }
  const needsTime = keys.some(({ validity }) => validity !== undefined);
  if (needsTime && requireTlog !== true && !requireTimestamp) {
    throw new AirgapError('E_USAGE', 'a key with a validity period needs a proof of the time of signing', {
      hint: 'demand a log entry or a timestamp (requireTlog, requireTimestamp)',
    });
  }
  if (trustedRoot === undefined && (identities.length > 0 || requireTlog === true || requireTimestamp)) {
    throw new AirgapError('E_USAGE', 'certificate identities, log entries and timestamps need a trusted root', {
      hint: 'give --trusted-root; "airgap trust export" writes one on a connected machine',
    });
  }
  for (const rule of identities.flatMap(({ identity, issuer }) => [identity, issuer])) compileRule(rule);
  return {
    keys,
    identities,
    threshold,
    ...(trustedRoot === undefined ? {} : { trustedRoot }),
    requireTlog: { keys: requireTlog ?? false, identities: requireTlog ?? true },
    requireTimestamp,
    ignoreSct,
  };
}

/** True when a rule holds for a text. Patterns match the whole text, never a part of it. */
export function ruleMatches(rule: TextRule, text: string): boolean {
  return compileRule(rule)(text);
}

function compileRule(rule: TextRule): (text: string) => boolean {
  if ('exact' in rule) {
    if (rule.exact === '')
      throw new AirgapError('E_USAGE', 'an identity or issuer must not be empty', {
        hint: 'give the identity and the issuer as the certificate of the signer has them',
      });
    return (text) => text === rule.exact;
  }
  if (rule.regexp.length > MAX_PATTERN_CHARACTERS) {
    throw new AirgapError('E_USAGE', `a pattern is longer than ${MAX_PATTERN_CHARACTERS} characters`, {
      hint: 'write a shorter pattern, or several identities in a trust policy',
    });
  }
  try {
    // On its own first: "a)|(?:b" is no pattern, but would become one inside the group below.
    const { source } = new RegExp(rule.regexp, 'u');
    const whole = new RegExp(`^(?:${source})$`, 'u');
    return (text) => whole.test(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_USAGE', `not a regular expression: ${quoteForeign(rule.regexp)}`, {
      hint: 'write a JavaScript regular expression that matches the whole text',
      cause: error,
    });
  }
}
