import type { BundleIdentity } from '../bundle/manifest.ts';
import { openBundle, type BundleReader } from '../bundle/reader.ts';
import type { CertificateFacts } from '../core/certificates.ts';
import type { Trust } from '../bundle/trust.ts';
import { diffPlans, type PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { readPlanFile } from './bundle-policy.ts';
import { caBundlesOf } from './ca-bundles.ts';
import { acceptFor } from './signer.ts';

export interface InspectOptions {
  readonly paths: readonly string[];
  /** Whose signature makes the contents `verified`; absent: nothing is claimed. */
  readonly trust?: Trust;
  readonly detached: readonly Uint8Array[];
  /** Another bundle, to show what is different. */
  readonly against?: string;
}

export interface InspectResult {
  readonly ok: true;
  /** True when a signature of a given key was accepted. Contents are not read: `verify` does that. */
  readonly verified: boolean;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly signatures: number;
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly certificates: readonly (CertificateFacts & { readonly path: string; readonly registry?: string })[];
  readonly plan?: PlanFile;
  readonly difference?: PlanDiff;
}

/** What a bundle holds and why, from its bundle manifest and plan; no blob is read and no socket opened. */
export async function inspectBundle(options: InspectOptions): Promise<InspectResult> {
  const reader = await openBundle(options.paths, {
    accept: acceptFor(options.trust ?? 'unsigned'),
    detachedSignatures: options.detached,
  });
  try {
    const plan = await readPlanFile(reader);
    const difference = options.against === undefined ? undefined : await differenceTo(options.against, plan);
    return {
      ok: true,
      verified: options.trust !== undefined,
      bundle: reader.manifest.bundle,
      manifestSha256: reader.manifestSha256,
      signatures: reader.signatures.length,
      files: reader.manifest.files.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
      certificates: await certificatesOf(reader),
      ...(plan === undefined ? {} : { plan }),
      ...(difference === undefined ? {} : { difference }),
    };
  } finally {
    reader.close();
  }
}

async function certificatesOf(reader: BundleReader): Promise<InspectResult['certificates']> {
  const paths = reader.manifest.files.map((file) => file.path);
  const bundles = await caBundlesOf(paths, (path) => reader.readFile(path));
  return bundles.flatMap(({ certificates, path, registry }) =>
    certificates.map((certificate) => ({ ...certificate, path, ...(registry === undefined ? {} : { registry }) })),
  );
}

async function differenceTo(path: string, plan: PlanFile | undefined): Promise<PlanDiff> {
  const reader = await openBundle([path], { accept: acceptFor('unsigned') });
  try {
    return diffPlans((await readPlanFile(reader))?.images ?? [], plan?.images ?? []);
  } finally {
    reader.close();
  }
}
