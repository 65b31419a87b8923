/** The only importer of the TUF client. Loaded by {@link fetchTrustedRoot} alone, never on the disconnected side. */
import type { TrustedRoot } from '@sigstore/protobuf-specs';
import { getTrustedRoot, TUFError } from '@sigstore/tuf';
import { AirgapError } from '../core/errors.ts';

const TIMEOUT_MS = 30_000;

/**
 * The public Sigstore trusted root after a TUF refresh over the network. Throws `E_UNREACHABLE` when the repository can not
 * be reached or its metadata is not accepted.
 */
export async function getPublicTrustedRoot(options: { readonly cacheDir?: string }): Promise<TrustedRoot> {
  try {
    return await getTrustedRoot({
      timeout: TIMEOUT_MS,
      ...(options.cacheDir === undefined ? {} : { cachePath: options.cacheDir }),
    });
  } catch (error) {
    if (!(error instanceof TUFError)) throw error;
    throw new AirgapError('E_UNREACHABLE', `the public trusted root can not be fetched: ${error.message}`, {
      hint: 'run this on a connected machine, or give the trusted root of a private deployment with --from',
      cause: error,
    });
  }
}
