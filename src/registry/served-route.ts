import { isDigest, type Digest } from '../oci/digest.ts';

/** What a request asks for. */
export type ServedRoute =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly name: string }
  | { readonly kind: 'manifest'; readonly name: string; readonly reference: string }
  | { readonly kind: 'blob' | 'referrers'; readonly name: string; readonly digest: Digest }
  /** A place of the protocol with something that is no digest. */
  | { readonly kind: 'badDigest'; readonly text: string };

/** Part of a blob: the positions of its first and last byte. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const BY_REFERENCE = /^\/v2\/(.+)\/(manifests|blobs|referrers)\/([^/]+)$/;
const TAGS = /^\/v2\/(.+)\/tags\/list$/;
const RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/;

/** The endpoint a path belongs to (distribution-spec, "Endpoints"), or undefined. */
export function routeOf(path: string): ServedRoute | undefined {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const tags = TAGS.exec(path);
  if (tags !== null) return { kind: 'tags', name: tags[1]! };
  const match = BY_REFERENCE.exec(path);
  if (match === null) return undefined;
  const [, name, kind, text] = match as unknown as [string, string, string, string];
  // Some clients encode the colon of a digest.
  const reference = text.replace(/%3a/i, ':');
  if (kind === 'manifests' && !reference.includes(':')) return { kind: 'manifest', name, reference };
  if (!isDigest(reference)) return { kind: 'badDigest', text: reference };
  if (kind === 'manifests') return { kind: 'manifest', name, reference };
  return { kind: kind === 'blobs' ? 'blob' : 'referrers', name, digest: reference };
}

/**
 * The one range a `Range` header asks for (RFC 9110, section 14). Everything (undefined) for headers of other units,
 * several ranges or bad syntax, which a server may ignore; `unsatisfiable` for a range outside of `size`.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = RANGE.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'unsatisfiable' : { first: size - length, last: size - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < first) return undefined;
  return first >= size ? 'unsatisfiable' : { first, last };
}

/** One page of a sorted list, and the `last` of the next one (distribution-spec, "Listing Tags"); undefined: a bad `n`. */
export function pageOf(
  names: readonly string[],
  query: URLSearchParams,
): { readonly page: readonly string[]; readonly next?: string } | undefined {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n)) return undefined;
  const last = query.get('last');
  const rest = last === null ? names : names.filter((name) => name > last);
  const limit = n === null ? rest.length : Number(n);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  return end === undefined || rest.length <= limit ? { page } : { page, next: end };
}
