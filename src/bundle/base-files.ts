import { createHash } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import type { BundleFile, BundleManifest } from './manifest.ts';

/** Opens the content of a file that the bundle leaves to its base; undefined when it is not there. */
export type OpenBaseFile = (file: BundleFile) => Promise<AsyncIterable<Uint8Array> | undefined>;

const MOST_LISTED = 10;

/**
 * Hashes every base file again at its place (signing, section 9). Throws `E_BASE` with the list of what is missing or
 * differs; all of them are looked at, so that one journey can bring everything.
 */
export async function checkBaseFiles(manifest: BundleManifest, open: OpenBaseFile, signal: AbortSignal): Promise<void> {
  const lacking: string[] = [];
  for (const file of manifest.files) {
    if (file.base === undefined) continue;
    signal.throwIfAborted();
    if (!(await isIntact(file, await open(file)))) lacking.push(file.path);
  }
  if (lacking.length === 0) return;
  const listed = lacking
    .slice(0, MOST_LISTED)
    .map((path) => quoteForeign(path))
    .join(', ');
  const more = lacking.length > MOST_LISTED ? ` and ${lacking.length - MOST_LISTED} more` : '';
  throw new AirgapError('E_BASE', `content of the base bundle is missing or altered: ${listed}${more}`, {
    hint: 'ask for a full bundle, or for one against what this site really has',
    data: { at: lacking[0], offset: 0, files: lacking },
  });
}

async function isIntact(file: BundleFile, content: AsyncIterable<Uint8Array> | undefined): Promise<boolean> {
  if (content === undefined) return false;
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > file.size) return false;
    hash.update(chunk);
  }
  return size === file.size && hash.digest('hex') === file.sha256;
}
