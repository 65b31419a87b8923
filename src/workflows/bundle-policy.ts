import type { OciExpectations } from '../bundle/checks.ts';
import type { BundlePolicy } from '../bundle/policy.ts';
import type { BundleIdentity } from '../bundle/manifest.ts';
import { listApplied, readState } from '../bundle/state.ts';
import type { Trust } from '../bundle/trust.ts';
import type { BundleReader } from '../bundle/reader.ts';
import type { OciCheckOptions } from '../bundle/oci-checks.ts';
import { parsePlanFile, PLAN_PATH, type PlanFile } from '../mirror/plan-file.ts';
import { layoutName } from './bundle-content.ts';

/** Which bundles are acceptable, as the user said it. */
export interface AcceptanceOptions {
  readonly trust: Trust | 'unsigned';
  /** Signatures that came beside the bundle. */
  readonly detached: readonly Uint8Array[];
  /** The only stream that is taken. */
  readonly bundleName?: string;
  readonly minSerial?: number;
  /** Where the applied serials are recorded; absent: not looked at. */
  readonly stateDir?: string;
  readonly allowRollback?: number;
  readonly enforceExpiry: boolean;
}

/**
 * The policy of step 5 (signing, section 7.1) for the stream of a bundle, with what was applied of it before. Its base is asked for
 * where it is used, and where anything of the stream was applied: a sender checks its own bundles, too.
 */
export function policyFor(
  options: AcceptanceOptions,
  { isUsed }: { readonly isUsed: boolean },
): (bundle: BundleIdentity) => Promise<BundlePolicy> {
  return async (bundle) => {
    const { stateDir } = options;
    const applied = stateDir === undefined ? undefined : await readState(stateDir, bundle.name);
    return {
      nowMs: Date.now(),
      enforceExpiry: options.enforceExpiry,
      ...(options.bundleName === undefined ? {} : { name: options.bundleName }),
      ...(options.minSerial === undefined ? {} : { minSerial: options.minSerial }),
      ...(options.allowRollback === undefined ? {} : { allowRollback: options.allowRollback }),
      ...(applied === undefined ? {} : { applied }),
      ...(stateDir === undefined || !(isUsed || applied !== undefined)
        ? {}
        : { knownBases: await listApplied(stateDir, bundle.name) }),
    };
  };
}

/** `plan.json` of an open bundle; undefined when it carries none (a bundle made by other means). */
export async function readPlanFile(reader: BundleReader): Promise<PlanFile | undefined> {
  if (reader.find(PLAN_PATH) === undefined) return undefined;
  return parsePlanFile(await reader.readFile(PLAN_PATH));
}

/**
 * What the OCI checks may expect of a bundle: every name in `index.json` is the target of a planned image, and only images
 * taken for some platforms lack instances (signing, section 11.1).
 */
export function ociExpectations(plan: PlanFile | undefined): OciCheckOptions {
  if (plan === undefined) return {};
  const names = new Set(plan.images.map((image) => layoutName(image)));
  const sparse = new Set(plan.images.filter((image) => image.platforms !== undefined).map((image) => image.digest));
  return { isAllowedReference: (name) => names.has(name), isSparse: (index) => sparse.has(index) };
}

/** {@link ociExpectations} of the plan a bundle carries, for a check that has not read it yet. */
export const planExpectations: OciExpectations = {
  path: PLAN_PATH,
  optionsOf: (content) => ociExpectations(content === undefined ? undefined : parsePlanFile(content)),
};
