import { AirgapError } from '../core/errors.ts';
import { digestTag, formatReference, isRepositoryPath, isTag, type ImageRef } from '../oci/reference.ts';
import { hexOf, type Digest } from '../oci/digest.ts';
import type { TargetName } from './mirror-plan.ts';

/** Every name below is relative to the target registry and its prefix (oc-mirror behaviour, "Destination naming"). */

const RELEASE_REPOSITORY = 'openshift/release-images';
const COMPONENT_REPOSITORY = 'openshift/release';

/** The registry the vendor tool mirrors to on its way to the disk. */
export const VENDOR_CACHE = 'localhost:55000';

/** The graph-data image always has this name. */
export const GRAPH_TARGET: TargetName = { repository: 'openshift/graph-image', tag: 'latest' };

/** A release payload; `releaseTag` as in {@link releaseTagOf}. */
export function releaseTarget(releaseTag: string): TargetName {
  return checked(RELEASE_REPOSITORY, releaseTag, `release ${releaseTag}`);
}

/** A component image, and the KubeVirt disk with its component name of {@link kubevirtComponentName}. */
export function componentTarget(releaseTag: string, component: string): TargetName {
  return checked(COMPONENT_REPOSITORY, `${releaseTag}-${component}`, `component ${component} of ${releaseTag}`);
}

/**
 * What names a release in the target registry: the tag of its identity reference (`4.17.3-x86_64`), or the bare hex of
 * its digest where there is no tag.
 */
export function releaseTagOf(identity: ImageRef): string {
  if (identity.tag !== undefined) return identity.tag;
  if (identity.digest !== undefined) return hexOf(identity.digest);
  throw new AirgapError('E_CONFIG', `release ${formatReference(identity)} has neither tag nor digest`, {
    hint: 'add ":tag" or "@sha256:…"',
  });
}

/** Component name of a KubeVirt disk: plain when one architecture was asked for, with its key when several were. */
export function kubevirtComponentName(architectureKey: string, requestedKeys: number): string {
  return requestedKeys > 1 ? `kube-virt-container-${architectureKey}` : 'kube-virt-container';
}

/**
 * Operator bundles, related images and Helm images: the path without its registry; the tag where there is one, else
 * `sha256-<hex>`.
 */
export function imageTarget(ref: ImageRef): TargetName {
  return renamedTarget(ref, {});
}

/**
 * Additional images: as {@link imageTarget}, with `targetRepo` in place of the path and `targetTag` in place of the tag.
 * An OCI layout (`oci://`) is named by its directory path and `latest`. Throws `E_CONFIG` when that gives no valid name.
 */
export function renamedTarget(
  ref: ImageRef,
  names: { readonly targetRepo?: string | undefined; readonly targetTag?: string | undefined },
): TargetName {
  const path = ref.transport === 'oci' ? ref.repository.replace(/^\/+|\/+$/g, '') : ref.repository;
  const repository = nonEmpty(names.targetRepo) ?? path;
  return checked(repository, nonEmpty(names.targetTag) ?? tagOf(ref), formatReference(ref), 'targetRepo or targetTag');
}

/**
 * Catalogs: `targetCatalog`, else for an OCI layout the last directory name, else the path; tagged with `targetTag`, else
 * the tag, else for a digest `sha256-<hex>`: of the rebuilt index when the catalog was filtered, of the catalog
 * itself otherwise. OCI layouts are `latest`.
 */
export function catalogTarget(
  ref: ImageRef,
  names: {
    readonly targetCatalog?: string | undefined;
    readonly targetTag?: string | undefined;
    /** Digest of the rebuilt index; absent when the catalog travels untouched. */
    readonly rebuilt?: Digest | undefined;
  },
): TargetName {
  const path = ref.transport === 'oci' ? (ref.repository.replace(/\/+$/, '').split('/').at(-1) ?? '') : ref.repository;
  const repository = nonEmpty(names.targetCatalog) ?? path;
  const isDigestOnly = ref.transport === 'docker' && ref.tag === undefined;
  const ownTag = isDigestOnly && names.rebuilt !== undefined ? digestTag(names.rebuilt) : tagOf(ref);
  return checked(repository, nonEmpty(names.targetTag) ?? ownTag, formatReference(ref), 'targetCatalog or targetTag');
}

/**
 * Registries that allow few path components: `path` (everything after the host, a namespace of the target included)
 * keeps its first `limit - 1` components, the others are joined with `-`. `limit` 0 means no limit.
 */
export function limitNesting(path: string, limit: number): string {
  const components = path.split('/');
  if (limit <= 0 || components.length <= limit) return path;
  return [...components.slice(0, limit - 1), components.slice(limit - 1).join('-')].join('/');
}

function tagOf(ref: ImageRef): string {
  if (ref.transport === 'oci') return 'latest';
  if (ref.tag !== undefined) return ref.tag;
  if (ref.digest !== undefined) return digestTag(ref.digest);
  throw new AirgapError('E_CONFIG', `image reference ${formatReference(ref)}: neither tag nor digest`, {
    hint: 'add ":tag" or "@sha256:…"; no tag is implied',
  });
}

function checked(repository: string, tag: string, what: string, remedy?: string): TargetName {
  const hint =
    remedy === undefined ? 'this name can not be pushed to any registry' : `choose a valid name with ${remedy}`;
  if (!isRepositoryPath(repository)) {
    throw new AirgapError('E_CONFIG', `${what}: ${JSON.stringify(repository)} is no repository path`, { hint });
  }
  if (!isTag(tag)) throw new AirgapError('E_CONFIG', `${what}: ${JSON.stringify(tag)} is no tag`, { hint });
  return { repository, tag };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
