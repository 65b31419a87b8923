/** The stream, number and times of a bundle, as its bundle manifest and its signatures state them (signing, section 5). */
export interface BundleIdentity {
  readonly name: string;
  readonly serial: number;
  readonly createdAt: string;
  readonly expiresAt?: string;
}

export const MANIFEST_PATH = 'airgap-manifest.json';
export const MANIFEST_MEDIA_TYPE = 'application/vnd.airgap.bundle.manifest.v1+json';
