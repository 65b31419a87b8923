import { createFile } from '../bundle/file-system.ts';
import type { BundleBase, BundleIdentity, BundleManifest } from '../bundle/manifest.ts';
import { openBundle, type BundleReader } from '../bundle/reader.ts';
import type { Signer } from '../bundle/signature.ts';
import type { CertificateFacts } from '../core/certificates.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { Trust } from '../bundle/trust.ts';
import { diffPlans, type PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { versionChanges, type VersionChange } from '../mirror/version-changes.ts';
import { readPlanFile } from './bundle-policy.ts';
import { caBundlesOf } from './ca-bundles.ts';
import { unwritable } from './output-path.ts';
import { reportOfBundle } from './report/of-bundle.ts';
import { acceptFor } from './signer.ts';

export interface InspectOptions {
  readonly paths: readonly string[];
  /** Whose signature makes the contents `verified`; absent: nothing is claimed. */
  readonly trust?: Trust;
  readonly detached: readonly Uint8Array[];
  /** Another bundle, to show what is different. */
  readonly against?: string;
  /** Write the report for people to this file, which must not exist. */
  readonly report?: string;
}

export interface InspectResult {
  readonly ok: true;
  /** True when a signature of a given key was accepted. Contents are not read: `verify` does that. */
  readonly verified: boolean;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly signatures: number;
  /** Whose signatures were accepted; empty when none was checked. */
  readonly signers: readonly Signer[];
  /** The bundle this one is on top of, and what it leaves out because that brought it. */
  readonly base?: BundleBase & { readonly files: number; readonly bytes: number };
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly certificates: readonly (CertificateFacts & { readonly path: string; readonly registry?: string })[];
  readonly plan?: PlanFile;
  /** The other bundle, whose signature was not checked, and the releases and operators whose versions differ. */
  readonly against?: {
    readonly bundle: BundleIdentity;
    readonly manifestSha256: string;
    readonly versions: readonly VersionChange[];
  };
  readonly difference?: PlanDiff;
  /** The report that was written. */
  readonly report?: string;
}

/**
 * What a bundle holds and why, from its bundle manifest and plan (for a report also its image manifests); no layer is read
 * and no socket opened. Throws `E_USAGE` when the report can not be written; a file that exists is left as it is.
 */
export async function inspectBundle(options: InspectOptions): Promise<InspectResult> {
  const reader = await openBundle(options.paths, {
    accept: acceptFor(options.trust ?? 'unsigned'),
    detachedSignatures: options.detached,
  });
  try {
    const plan = await readPlanFile(reader);
    const result: InspectResult = {
      ok: true,
      verified: options.trust !== undefined,
      bundle: reader.manifest.bundle,
      manifestSha256: reader.manifestSha256,
      signatures: reader.signatures.length,
      signers: reader.signers as readonly Signer[],
      ...baseOf(reader.manifest),
      files: reader.manifest.files.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
      certificates: await certificatesOf(reader),
      ...(plan === undefined ? {} : { plan }),
      ...(options.against === undefined ? {} : await differenceTo(options.against, plan)),
    };
    if (options.report === undefined) return result;
    await writeReport(options.report, await reportOfBundle(reader, result, Date.now()));
    return { ...result, report: options.report };
  } finally {
    reader.close();
  }
}

function baseOf({ base, files }: BundleManifest): Pick<InspectResult, 'base'> {
  if (base === undefined) return {};
  const left = files.filter((file) => file.base === true);
  return { base: { ...base, files: left.length, bytes: left.reduce((sum, { size }) => sum + size, 0) } };
}

async function certificatesOf(reader: BundleReader): Promise<InspectResult['certificates']> {
  const paths = reader.manifest.files.map((file) => file.path);
  const bundles = await caBundlesOf(paths, (path) => reader.readFile(path));
  return bundles.flatMap(({ certificates, path, registry }) =>
    certificates.map((certificate) => ({ ...certificate, path, ...(registry === undefined ? {} : { registry }) })),
  );
}

async function differenceTo(
  path: string,
  plan: PlanFile | undefined,
): Promise<Required<Pick<InspectResult, 'against' | 'difference'>>> {
  const reader = await openBundle([path], { accept: acceptFor('unsigned') });
  try {
    const other = await readPlanFile(reader);
    return {
      against: {
        bundle: reader.manifest.bundle,
        manifestSha256: reader.manifestSha256,
        versions: versionChanges(other, plan),
      },
      difference: diffPlans(other?.images ?? [], plan?.images ?? []),
    };
  } finally {
    reader.close();
  }
}

async function writeReport(path: string, page: string): Promise<void> {
  try {
    await createFile(path, page);
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') {
      throw new AirgapError('E_USAGE', `--report: ${path} exists and is not overwritten`, {
        hint: 'give another name, or remove the file first',
        cause: error,
      });
    }
    throw unwritable(`--report: ${path}`, error);
  }
}
