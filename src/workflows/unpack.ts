import { verifyBundle } from '../bundle/checks.ts';
import type { BundleIdentity } from '../bundle/manifest.ts';
import { openBundle } from '../bundle/reader.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { createRegistryClient } from '../registry/client.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { ociExpectations, policyFor, readPlanFile, type AcceptanceOptions } from './bundle-policy.ts';
import { caBundlesOf, type NamedCaBundle } from './ca-bundles.ts';
import { describePush, pushImages, type PushResult, type PushTarget } from './push.ts';
import { acceptFor } from './signer.ts';
import { stage } from './stage.ts';

export interface UnpackOptions extends AcceptanceOptions {
  /** Bundle file or its volumes. */
  readonly paths: readonly string[];
  readonly target: PushTarget;
  readonly registry: RegistryOptions;
}

export interface UnpackResult {
  readonly ok: true;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly registry: string;
  readonly push: PushResult;
  /** Images the sender left out. */
  readonly gaps: number;
}

/**
 * Brings a bundle to the far side: signatures, layout and image closure are checked before anything is sent, every blob is
 * hashed while it is sent, and nothing is tagged before all of its content is there. Running it again is the resume.
 */
export async function unpackBundle(options: UnpackOptions, ctx: RunContext): Promise<UnpackResult> {
  const accept = acceptFor(options.trust);
  const reader = await openBundle(options.paths, { accept, detachedSignatures: options.detached });
  try {
    const plan = await readPlanFile(reader);
    if (plan === undefined) {
      throw new AirgapError('E_MANIFEST', 'the bundle has no plan.json and nothing says where its images go', {
        hint: 'use a bundle made by airgap pack',
      });
    }
    await stage('verify', ctx, async () => {
      const verified = await verifyBundle(
        { paths: options.paths },
        {
          ...ctx,
          accept,
          detachedSignatures: options.detached,
          policy: policyFor(options),
          contents: 'as-used',
          oci: ociExpectations(plan),
        },
      );
      const { bundle } = verified;
      return { result: verified, detail: `${bundle.name} serial ${bundle.serial}, ${formatBytes(verified.bytes)}` };
    });
    const paths = reader.manifest.files.map((file) => file.path);
    const caBundles = await caBundlesOf(paths, (path) => reader.readFile(path));
    const client = createRegistryClient(withCaBundles(options.registry, caBundles), ctx);
    try {
      const { registry, prefix } = options.target;
      await client.ping({ registry, repository: prefix }, ctx.signal);
      const push = await stage('push', ctx, async () => {
        const concurrency = options.registry.maxConnections ?? 8;
        const result = await pushImages(reader, plan.images, client, { target: options.target, concurrency }, ctx);
        return { result, detail: describePush(result) };
      });
      return {
        ok: true,
        bundle: reader.manifest.bundle,
        manifestSha256: reader.manifestSha256,
        registry: prefix === '' ? registry : `${registry}/${prefix}`,
        push,
        gaps: plan.gaps.length,
      };
    } finally {
      client.close();
    }
  } finally {
    reader.close();
  }
}

/** The CA certificates of the bundle are trusted for the push, beside the system's and the user's. */
function withCaBundles(registry: RegistryOptions, bundles: readonly NamedCaBundle[]): RegistryOptions {
  const hostCa: Record<string, readonly string[]> = { ...registry.hostCa };
  const extraCa = [...(registry.extraCa ?? [])];
  for (const bundle of bundles) {
    if (bundle.registry === undefined) extraCa.push(bundle.pem);
    else hostCa[bundle.registry] = [...(hostCa[bundle.registry] ?? []), bundle.pem];
  }
  return { ...registry, extraCa, hostCa };
}
