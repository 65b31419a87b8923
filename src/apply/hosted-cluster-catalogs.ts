import { AirgapError } from '../core/errors.ts';
import { parseReference, repositoryName } from '../oci/reference.ts';
import { catalogAnnotations, CATALOG_OVERRIDES, catalogImageAnnotation } from './hosted-cluster-annotations.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { minorOf } from './hosted-cluster-release.ts';
import type { HostedCatalogDecision } from './hosted-cluster-render.ts';

/** An operator catalog the target registry holds. */
export interface BundleCatalog {
  /** The reference it was mirrored from, for example `registry.redhat.io/redhat/redhat-operator-index:v4.20`. */
  readonly source: string;
  /** On the target registry, by digest. */
  readonly image: string;
}

/** The default catalogs of a hosted cluster and the index images they come from. */
const INDEXES: Readonly<Record<string, string>> = {
  'certified-operators': 'registry.redhat.io/redhat/certified-operator-index',
  'community-operators': 'registry.redhat.io/redhat/community-operator-index',
  'redhat-marketplace': 'registry.redhat.io/redhat/redhat-marketplace-index',
  'redhat-operators': 'registry.redhat.io/redhat/redhat-operator-index',
};
/** The marketplace catalog is gone from this minor version on (from some patch release of it). */
const FIRST_WITHOUT_MARKETPLACE = 22;

export type CatalogPlan = HostedCatalogDecision & { readonly warnings: readonly string[] };

/**
 * Where the operator catalogs of a hosted cluster run and which images they use, so that nothing is looked for outside:
 * what the user states is kept; otherwise catalogs of the bundle run inside the hosted cluster with the default ones off.
 * In `management` placement the default catalogs are redirected by digest when the bundle holds all of them.
 * Throws `E_CONFIG` when annotations of the user name only some of the catalogs the release has.
 */
export function planCatalogs(
  options: Pick<HostedClusterOptions, 'name' | 'olmCatalogPlacement' | 'olmDisableDefaultSources' | 'annotations'>,
  catalogs: readonly BundleCatalog[],
  version: string | undefined,
): CatalogPlan {
  const stated = catalogAnnotations(options.annotations);
  const unstated = catalogs.length > 0 && stated.length === 0 ? 'guest' : 'management';
  const placement = options.olmCatalogPlacement ?? unstated;
  const isOff = options.olmDisableDefaultSources ?? (placement === 'guest' && catalogs.length > 0);
  const plan = { placement, disableDefaultSources: isOff, annotations: {}, warnings: [] };
  if (placement === 'guest') return plan;

  assertComplete(stated, options.name, version);
  if (isOff || stated.length > 0 || catalogs.length === 0) return plan;
  const images = imagesByCatalog(catalogs);
  const missing = requiredCatalogs(version).filter((catalog) => !(catalog in images));
  if (missing.length > 0) {
    const warning = `hosted cluster ${options.name}: the bundle has no ${missing.join(', ')}: these default catalogs can not be pulled; use olmCatalogPlacement guest or olmDisableDefaultSources`;
    return { ...plan, warnings: [warning] };
  }
  const annotations = Object.entries(images).map(([catalog, image]) => [catalogImageAnnotation(catalog), image]);
  return { ...plan, annotations: Object.fromEntries(annotations) };
}

/** Catalogs whose images must all be named, or none. Unknown version: the larger set. */
function requiredCatalogs(version: string | undefined): string[] {
  const isWithout = version !== undefined && minorOf(version) >= FIRST_WITHOUT_MARKETPLACE;
  return Object.keys(INDEXES).filter((catalog) => !(isWithout && catalog === 'redhat-marketplace'));
}

function assertComplete(stated: readonly string[], cluster: string, version: string | undefined): void {
  if (stated.length === 0 || stated.includes(CATALOG_OVERRIDES)) return;
  const missing = requiredCatalogs(version)
    .map(catalogImageAnnotation)
    .filter((key) => !stated.includes(key));
  if (missing.length === 0) return;
  throw new AirgapError('E_CONFIG', `hosted cluster ${cluster}: annotations: ${missing.join(', ')} missing`, {
    hint: 'give the image of every default catalog, or of none',
  });
}

function imagesByCatalog(catalogs: readonly BundleCatalog[]): Record<string, string> {
  const images: Record<string, string> = {};
  for (const { source, image } of catalogs) {
    const name = repositoryName(parseReference(source, { allowBare: true }));
    const catalog = Object.keys(INDEXES).find((key) => INDEXES[key] === name);
    if (catalog !== undefined) images[catalog] ??= image;
  }
  return images;
}
