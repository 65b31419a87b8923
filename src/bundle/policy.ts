import { AirgapError, type ErrorCode } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { quoteForeign } from '../core/quote.ts';
import type { BundleLayout } from './layout.ts';
import type { BundleManifest } from './manifest.ts';
import { MANIFEST_PATH } from './paths.ts';
import { decideSerial, type AppliedState } from './state.ts';

/** What the verifier demands of an authentic bundle (signing, sections 7.1 step 5 and 9). Absent members demand nothing. */
export interface BundlePolicy {
  /** The only stream that is taken. */
  readonly name?: string;
  readonly minSerial?: number;
  /** The bundle of this stream that was applied last. */
  readonly applied?: AppliedState;
  /** The one lower serial that is taken all the same. */
  readonly allowRollback?: number;
  /** sha256 of the bundle manifests that can be a base: everything applied here. Absent: a base is not asked for. */
  readonly knownBases?: readonly string[];
  /** The time `expiresAt` is compared with, in milliseconds since 1970. Absent: expiry is not looked at. */
  readonly nowMs?: number;
  /** An expired bundle is refused, not only warned about. */
  readonly enforceExpiry?: boolean;
  /** Bytes free at the place the whole bundle goes to. */
  readonly freeBytes?: number;
}

/**
 * Step 5 in the order of signing, section 7.1. Returns what is worth a warning. Throws `E_NAME`, `E_ROLLBACK`,
 * `E_EQUIVOCATION`, `E_EXPIRED`, `E_BASE`, `E_SPACE`.
 */
export function checkPolicy(layout: BundleLayout, manifestSha256: string, policy: BundlePolicy): readonly Warning[] {
  const { manifest } = layout;
  checkName(manifest, policy);
  decideSerial(policy.applied, manifest.bundle, { manifestSha256, ...policy });
  const warnings = checkExpiry(manifest, policy);
  checkBase(manifest, policy);
  if (policy.freeBytes !== undefined && layout.size > policy.freeBytes) {
    throw refuse('E_SPACE', `the bundle needs ${layout.size} bytes, ${policy.freeBytes} are free`, 'make room first');
  }
  return warnings;
}

function checkName({ bundle }: BundleManifest, { name }: BundlePolicy): void {
  if (name === undefined || name === bundle.name) return;
  const message = `this is a bundle of the stream ${quoteForeign(bundle.name)}, wanted is ${quoteForeign(name)}`;
  throw refuse('E_NAME', message, 'take the bundle made for this site');
}

function checkExpiry({ bundle }: BundleManifest, policy: BundlePolicy): readonly Warning[] {
  if (bundle.expiresAt === undefined || policy.nowMs === undefined) return [];
  if (policy.nowMs < Date.parse(bundle.expiresAt)) return [];
  const message = `the bundle expired at ${bundle.expiresAt}`;
  if (policy.enforceExpiry === true) throw refuse('E_EXPIRED', message, 'take a newer bundle, or check the clock');
  return [{ code: 'W_EXPIRED', message }];
}

function checkBase({ base }: BundleManifest, { knownBases }: BundlePolicy): void {
  if (base === undefined || knownBases === undefined || knownBases.includes(base.manifestSha256)) return;
  throw refuse(
    'E_BASE',
    `the bundle builds on serial ${base.serial} (bundle manifest ${base.manifestSha256}), which was never applied here`,
    'apply the bundles in between first, or ask for a full one',
  );
}

function refuse(code: ErrorCode, message: string, hint: string): AirgapError {
  return new AirgapError(code, message, { hint, data: { at: MANIFEST_PATH, offset: 0 } });
}
