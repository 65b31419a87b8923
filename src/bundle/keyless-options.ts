/** What `pack` and `sign` need to know about keyless signing before they load it. */
import { readFile } from 'node:fs/promises';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

export const DEFAULT_FULCIO_URL = 'https://fulcio.sigstore.dev';
export const DEFAULT_REKOR_URL = 'https://rekor.sigstore.dev';

/** Shown in `--help` and before signing: what is published can not be taken back. */
export const KEYLESS_PRIVACY =
  'Keyless signing sends your identity (e-mail address or workflow) and the digest of the signed statement to a certificate ' +
  'authority and a transparency log. A public one publishes both for ever. Use --sign-key or a private deployment when ' +
  'that must not be known.';

export interface KeylessOptions {
  /** An OpenID Connect token; without it the CI environment (GitHub Actions, Buildkite, SIGSTORE_ID_TOKEN) is asked. */
  readonly identityToken?: string;
  /** Default: the public certificate authority. */
  readonly fulcioUrl?: string;
  /** Default `{version: 1}` with the public log. Logs of version 2 change their address yearly, so that has no default. */
  readonly rekor?:
    { readonly version: 1; readonly url?: string } | { readonly version: 2; readonly url: string } | 'none';
  /** A Sigstore timestamp authority. Needed with Rekor 2 and with no log: they give no time of signing. */
  readonly tsaUrl?: string;
}

/** Reads `--identity-token FILE`. Throws `E_USAGE` when there is none; the token is in no message. */
export async function readIdentityToken(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path}: the identity token can not be read`, { cause: error });
  }
  if (text.trim() === '') throw new AirgapError('E_USAGE', `${path}: the identity token is empty`);
  return text.trim();
}
