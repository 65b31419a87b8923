import { AirgapError } from '../core/errors.ts';
import { MAX_MANIFEST_SIZE } from '../oci/types.ts';
import type { EntriesCheckOptions } from './entry-check.ts';
import type { LayoutEntry } from './layout.ts';
import type { BundleManifest } from './manifest.ts';
import { filesByPath, LAYOUT_INDEX_PATH, LAYOUT_MARKER_PATH, MAX_INDEX_BYTES, type LayoutFiles } from './oci-checks.ts';

/** What is kept of a piped bundle at most: more than the image manifests of the largest bundles have. */
const MOST_KEPT_BYTES = 256 * 1024 * 1024;
const BRACE = 0x7b;

/**
 * A pipe can not be read twice, so the documents that the OCI checks look at are kept while they pass by: the layout's
 * own two files, those named in `also`, and everything that looks like an image manifest or index. The check throws `E_LIMIT` when they are too large
 * together.
 */
export function keepDocuments(
  manifest: BundleManifest,
  entries: readonly LayoutEntry[],
  also: readonly string[] = [],
): LayoutFiles & Required<EntriesCheckOptions> {
  const files = filesByPath(manifest);
  const named = new Set([LAYOUT_MARKER_PATH, LAYOUT_INDEX_PATH, ...also]);
  const kept = new Map<string, Buffer>();
  let keptBytes = 0;
  let pieces: Buffer[] = [];

  return {
    find: (path) => files.get(path),
    read: (path) => Promise.resolve(kept.get(path)),
    onBody(index, piece) {
      const entry = entries[index]!;
      if (entry.size > (named.has(entry.path) ? MAX_INDEX_BYTES : MAX_MANIFEST_SIZE)) return;
      if (pieces.length === 0 && piece[0] !== BRACE) return;
      pieces.push(Buffer.from(piece));
    },
    onEntry(index) {
      const entry = entries[index]!;
      const content = Buffer.concat(pieces);
      pieces = [];
      if (content.length !== entry.size || content.length === 0) return;
      if (!named.has(entry.path) && !content.includes('"schemaVersion"')) return;
      keptBytes += content.length;
      if (keptBytes > MOST_KEPT_BYTES) {
        throw new AirgapError('E_LIMIT', `the image manifests have more than ${MOST_KEPT_BYTES} bytes together`, {
          hint: 'store the bundle in a file and verify that: a file needs no memory for this',
          data: { at: entry.path, offset: entry.headerAt },
        });
      }
      kept.set(entry.path, content);
    },
  };
}
