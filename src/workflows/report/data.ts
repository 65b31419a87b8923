import type { BundleIdentity } from '../../bundle/manifest.ts';
import type { Signer } from '../../bundle/signature.ts';
import type { CertificateFacts } from '../../core/certificates.ts';
import type { PlanDiff } from '../../mirror/plan-diff.ts';
import type { PlanFile } from '../../mirror/plan-file.ts';
import type { VersionChange } from '../../mirror/version-changes.ts';
import type { ContentSizes } from '../../mirror/plan-groups.ts';

/** Everything a report says; the page is a function of this and of nothing else. */
export interface ReportData {
  readonly bundle: BundleIdentity;
  /** Absent when the bundle carries no plan (made by other means). */
  readonly plan?: PlanFile;
  readonly sizes: ContentSizes;
  /** Files of the bundle that are no image content. Without size and sum: the report itself, inside its bundle. */
  readonly files: readonly { readonly path: string; readonly size?: number; readonly sha256?: string }[];
  /** Set when the bundle holds only what differs from an earlier one. */
  readonly base?: ReportBase;
  readonly certificates: readonly ReportCertificate[];
  /** The configuration as the user wrote it. */
  readonly imageSet?: string;
  /** The moment at which dates are judged. */
  readonly nowMs: number;
  readonly seal: Seal;
  readonly against?: ReportDifference;
}

interface ReportBase {
  readonly serial: number;
  readonly manifestSha256: string;
  /** What is left to the base: files, and their bytes. */
  readonly files: number;
  readonly bytes: number;
}

export type ReportCertificate = CertificateFacts & { readonly path: string; readonly registry?: string };

/** What is known about who made the bundle. */
export type Seal =
  /** The report travels in the bundle: it can say nothing of the signature over itself. */
  | { readonly state: 'inside' }
  /** Signatures were not looked at. */
  | { readonly state: 'unverified'; readonly manifestSha256: string; readonly signatures: number }
  | { readonly state: 'accepted'; readonly manifestSha256: string; readonly signers: readonly Signer[] };

/** What is different from another bundle, whose signature was not checked. */
interface ReportDifference {
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly images: PlanDiff;
  readonly versions: readonly VersionChange[];
}
