import { verifyOpened } from '../bundle/checks.ts';
import type { BundleReader } from '../bundle/reader.ts';
import { formatBytes } from '../core/bytes.ts';
import type { RunContext } from '../core/events.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { ociExpectations, policyFor, type AcceptanceOptions } from './bundle-policy.ts';
import { acceptFor } from './signer.ts';
import { stage } from './stage.ts';

/**
 * The stage before anything of an open bundle is used: signatures, policy, layout and image closure, on the descriptors
 * the reader has. Contents are hashed later, while they are sent. Throws the errors of `verifyOpened`.
 */
export async function verifyStage(
  { reader, plan }: { readonly reader: BundleReader; readonly plan: PlanFile },
  options: AcceptanceOptions,
  ctx: RunContext,
): Promise<void> {
  await stage('verify', ctx, async () => {
    const { bundle, bytes } = await verifyOpened(reader, {
      ...ctx,
      accept: acceptFor(options.trust),
      detachedSignatures: options.detached,
      policy: policyFor(options, { isUsed: true }),
      oci: ociExpectations(plan),
    });
    return { result: undefined, detail: `${bundle.name} serial ${bundle.serial}, ${formatBytes(bytes)}` };
  });
}
