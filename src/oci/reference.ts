import { AirgapError } from '../core/errors.ts';
import { hexOf, isDigest, type Digest } from './digest.ts';

/** Where an image is: a registry's repository (`docker`) or an OCI layout directory (`oci`, path in `repository`). */
export interface ImageRef {
  readonly transport: 'docker' | 'oci';
  /** Host with optional port; empty when the reference has only one path component, and for `oci`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;

/**
 * Parses a reference the way the vendor tool does: the first path component is always the registry, nothing is
 * implied (no `latest`, no default registry). `docker://` needs a tag or a digest unless `allowBare` is set.
 * Throws `E_CONFIG` that names the text and the fix. (oc-mirror behaviour, "Image reference grammar".)
 */
export function parseReference(text: string, options: { readonly allowBare?: boolean } = {}): ImageRef {
  const { transport, rest } = splitTransport(text);
  if (transport === 'oci') return parseLayoutReference(text, rest);

  const at = rest.indexOf('@');
  const digest = at < 0 ? undefined : rest.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw referenceError(text, `${JSON.stringify(digest)} is not a digest`, 'write "@sha256:" and 64 hex digits');
  }
  const nameAndTag = at < 0 ? rest : rest.slice(0, at);
  const colon = nameAndTag.lastIndexOf(':');
  const hasTag = colon >= 0 && colon > nameAndTag.indexOf('/');
  const name = hasTag ? nameAndTag.slice(0, colon) : nameAndTag;
  const tag = hasTag ? nameAndTag.slice(colon + 1) : undefined;

  if (name === '') throw referenceError(text, 'the name is empty', 'write registry/path:tag');
  if (tag !== undefined && !isTag(tag)) {
    throw referenceError(
      text,
      `${JSON.stringify(tag)} is not a tag`,
      'a tag has letters, digits, ".", "_" and "-", 128 at most',
    );
  }
  if (tag === undefined && digest === undefined && options.allowBare !== true) {
    throw referenceError(text, 'neither tag nor digest', 'add ":tag" or "@sha256:…"; no tag is implied');
  }
  const slash = name.indexOf('/');
  const repository = slash < 0 ? name : name.slice(slash + 1);
  assertRepository(text, repository);
  return {
    transport,
    registry: slash < 0 ? '' : name.slice(0, slash),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The reference as text without transport; the inverse of {@link parseReference}. */
export function formatReference(ref: ImageRef): string {
  if (ref.transport === 'oci') return `oci://${ref.repository}`;
  const tag = ref.tag === undefined ? '' : `:${ref.tag}`;
  const digest = ref.digest === undefined ? '' : `@${ref.digest}`;
  return `${repositoryName(ref)}${tag}${digest}`;
}

/** Registry and repository, without tag and digest. */
export function repositoryName(ref: Pick<ImageRef, 'registry' | 'repository'>): string {
  return ref.registry === '' ? ref.repository : `${ref.registry}/${ref.repository}`;
}

/** What is asked of the registry: the digest where there is one, the tag otherwise. */
export function selectorOf(ref: ImageRef): string {
  const selector = ref.digest ?? ref.tag;
  if (selector === undefined) throw referenceError(formatReference(ref), 'neither tag nor digest', 'add one of them');
  return selector;
}

/** The same image by digest. */
export function atDigest(ref: ImageRef, digest: Digest): ImageRef {
  return { ...ref, digest };
}

/**
 * The reference under which the network finds it, as container engines read it: a first component that is no host name
 * belongs to Docker Hub (`library/nginx` → `docker.io/library/nginx`), whose official images are below `library`
 * (`nginx`, `docker.io/nginx` → `docker.io/library/nginx`). One with upper-case letters is a host: no path has them.
 */
export function networkReference(ref: ImageRef): ImageRef {
  if (ref.transport !== 'docker') return ref;
  const isHost = ref.registry === 'localhost' || /[.:A-Z]/.test(ref.registry);
  const registry = !isHost || ref.registry === 'index.docker.io' ? 'docker.io' : ref.registry;
  const path = isHost ? ref.repository : repositoryName(ref);
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  return { ...ref, registry, repository };
}

/** The tag form of a digest, `sha256-<hex>`, as mirrors use it for images known by digest alone. */
export function digestTag(digest: Digest): string {
  return `${digest.slice(0, digest.indexOf(':'))}-${hexOf(digest)}`;
}

/** True when `text` can be a tag in any registry. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True when `path` can be a repository in any registry. */
export function isRepositoryPath(path: string): boolean {
  return path.length <= 255 && path.split('/').every((component) => PATH_COMPONENT.test(component));
}

function splitTransport(text: string): { transport: ImageRef['transport']; rest: string } {
  const parts = text.split('://');
  if (parts.length === 1) return { transport: 'docker', rest: text };
  const [transport, rest] = parts;
  if (parts.length > 2 || rest === undefined)
    throw referenceError(text, 'more than one "://"', 'write the transport once');
  if (transport === 'docker' || transport === 'oci') return { transport, rest };
  throw referenceError(text, `unknown transport ${JSON.stringify(transport)}`, 'use docker:// or oci://');
}

function parseLayoutReference(text: string, rest: string): ImageRef {
  const at = rest.indexOf('@');
  const path = at < 0 ? rest : rest.slice(0, at);
  const digest = at < 0 ? undefined : rest.slice(at + 1);
  if (path === '')
    throw referenceError(text, 'the path is empty', 'write oci:// and the path of an OCI layout directory');
  if (digest !== undefined && !isDigest(digest)) {
    throw referenceError(text, `${JSON.stringify(digest)} is not a digest`, 'write "@sha256:" and 64 hex digits');
  }
  return { transport: 'oci', registry: '', repository: path, ...(digest === undefined ? {} : { digest }) };
}

function assertRepository(text: string, repository: string): void {
  if (isRepositoryPath(repository)) return;
  throw referenceError(
    text,
    `${JSON.stringify(repository)} is not a repository path`,
    'use lower-case letters, digits and the separators ".", "_", "-" and "/"',
  );
}

function referenceError(text: string, problem: string, hint: string): AirgapError {
  return new AirgapError('E_CONFIG', `image reference ${JSON.stringify(text.slice(0, 200))}: ${problem}`, { hint });
}
