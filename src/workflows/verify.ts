import type { BundleIdentity } from '../bundle/manifest.ts';
import { verifyBundle, type BundleInput } from '../bundle/checks.ts';
import type { Signer } from '../bundle/signature.ts';
import { formatBytes } from '../core/bytes.ts';
import type { RunContext } from '../core/events.ts';
import { blameVolumes } from './blame-volumes.ts';
import { planExpectations, policyFor, type AcceptanceOptions } from './bundle-policy.ts';
import { acceptFor } from './signer.ts';
import { stage } from './stage.ts';

export interface VerifyOptions extends AcceptanceOptions {
  /** Bundle file or volumes, or a stream that is read once. */
  readonly input: BundleInput;
  /** Signature, bundle manifest and policy only; contents are not read. */
  readonly manifestOnly: boolean;
  /** Also check that the OCI layout is complete and consistent. */
  readonly deep: boolean;
}

export interface VerifyResult {
  readonly ok: true;
  readonly manifestSha256: string;
  readonly bundle: BundleIdentity;
  /** `none` when the user accepted an unsigned bundle. */
  readonly signature: 'accepted' | 'none';
  readonly signers: readonly Signer[];
  readonly files: number;
  readonly bytes: number;
}

/**
 * Checks a bundle without any network, in the order of signing, section 7.1. Throws the error of the first thing that is
 * not as it must be, with place and offset in its data.
 */
export async function verifyBundleFile(options: VerifyOptions, ctx: RunContext): Promise<VerifyResult> {
  return stage('verify', ctx, async () => {
    const accept = acceptFor(options.trust);
    const paths = 'paths' in options.input ? options.input.paths : [];
    const verified = await blameVolumes(paths, ctx, () =>
      verifyBundle<Signer>(options.input, {
        ...ctx,
        accept: accept as never,
        detachedSignatures: options.detached,
        policy: policyFor(options, { isUsed: false }),
        manifestOnly: options.manifestOnly,
        ...(options.deep ? { oci: planExpectations } : {}),
      }),
    );
    const signature = options.trust === 'unsigned' ? ('none' as const) : ('accepted' as const);
    const result = { ok: true as const, ...verified, signature };
    const what = options.manifestOnly
      ? 'signature and bundle manifest'
      : `${result.files} files, ${formatBytes(result.bytes)}`;
    return { result, detail: `${result.bundle.name} serial ${result.bundle.serial}, ${what}` };
  });
}
