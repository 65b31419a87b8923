/** Name of the bundle manifest, the first entry of every bundle (signing, section 4). */
export const MANIFEST_PATH = 'airgap-manifest.json';

/** Largest bundle manifest, in bytes (signing, section 4). */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
/** Largest signature entry, in bytes (signing, section 4). */
export const MAX_SIGNATURE_BYTES = 1024 * 1024;
/** Most signature entries (signing, section 4). */
export const MAX_SIGNATURES = 8;

const LONGEST_PATH = 100;
const PATH = /^[A-Za-z0-9_][A-Za-z0-9._+@=-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._+@=-]*)*$/;
const BLOB_PATH = /blobs\/sha256\/([^/]+)$/;

/** Path of the n-th signature entry; `n` counts from 1. */
export function signaturePath(n: number): string {
  return `${MANIFEST_PATH}.${n}.sigstore.json`;
}

/** Path of a blob in the OCI image layout at the root of a bundle. */
export function blobPath(hex: string): string {
  return `blobs/sha256/${hex}`;
}

/**
 * Why `path` can not name a file of a bundle, or undefined when it can. Rules of signing, section 4: 1–100 bytes of a
 * small ASCII set, no way out of the folder, no name of ours, a blob is named by its own digest.
 */
export function pathProblem(path: string, sha256: string): string | undefined {
  if (path.length === 0 || path.length > LONGEST_PATH) return `has ${path.length} characters, 1 to 100 are allowed`;
  if (!PATH.test(path)) return 'has a segment that is empty, begins with a dot or dash, or holds a forbidden character';
  if (path.toLowerCase().startsWith(MANIFEST_PATH)) return 'is reserved for the bundle manifest and its signatures';
  const blob = BLOB_PATH.exec(path);
  if (blob !== null && blob[1] !== sha256) return `is a blob path but its content is ${sha256}`;
  return undefined;
}

/**
 * The first path of a list that can not stand beside the others, with the reason: equal ignoring case, or the folder
 * of another one ignoring case. Linear time for any number of paths.
 */
export function pathConflict(paths: Iterable<string>): { path: string; problem: string } | undefined {
  const files = new Set<string>();
  const folders = new Map<string, string>();
  for (const path of paths) {
    const folded = path.toLowerCase();
    if (files.has(folded)) return { path, problem: 'is listed twice (upper and lower case count as equal)' };
    files.add(folded);
    let slash = folded.lastIndexOf('/');
    while (slash > 0) {
      const folder = folded.slice(0, slash);
      if (folders.has(folder)) break;
      folders.set(folder, path);
      slash = folder.lastIndexOf('/');
    }
  }
  for (const [folder, path] of folders) {
    if (files.has(folder)) return { path, problem: 'lies below a path that is a file itself' };
  }
  return undefined;
}
