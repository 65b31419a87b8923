import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { hexOf } from '../oci/digest.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { applyCatalogSourceTemplate, type CatalogSourceTemplate } from './catalog-source-template.ts';
import type { Annotations, Resource } from './resource-file.ts';

/** An operator catalog on the target registry. */
export interface MirroredCatalog {
  /** Reference on the target registry, host included. */
  readonly target: string;
  readonly template?: CatalogSourceTemplate;
}

/** Characters of a tag or digest that end up in an object name. */
const SUFFIX_LENGTH = 12;
const LONGEST_NAME = 63;
const OBJECT_NAME = /^[a-zA-Z0-9][-a-zA-Z0-9]*[a-zA-Z0-9]$/;

/**
 * The `CatalogSource` of a catalog, with the user's template under our name, image and type. A template that can not be
 * used is left out, with a warning that says why (oc-mirror behaviour, "CatalogSource").
 */
export function catalogSource(
  catalog: MirroredCatalog,
  annotations: Annotations,
): { readonly resource: Resource; readonly warnings: readonly Warning[] } {
  const plain: Resource = {
    apiVersion: 'operators.coreos.com/v1alpha1',
    kind: 'CatalogSource',
    metadata: { name: catalogResourceName('cs', catalog.target), namespace: 'openshift-marketplace', annotations },
    spec: { image: formatReference(parseReference(catalog.target)), sourceType: 'grpc' },
  };
  if (catalog.template === undefined) return { resource: plain, warnings: [] };
  return applyCatalogSourceTemplate(plain, catalog.template);
}

/** The `ClusterCatalog` (operator lifecycle v1, OpenShift 4.18 and newer) of a catalog. */
export function clusterCatalog(catalog: MirroredCatalog, annotations: Annotations): Resource {
  return {
    apiVersion: 'olm.operatorframework.io/v1',
    kind: 'ClusterCatalog',
    metadata: { name: catalogResourceName('cc', catalog.target), annotations },
    spec: { priority: 0, source: { image: { ref: formatReference(parseReference(catalog.target)) }, type: 'Image' } },
  };
}

/**
 * `cs-<last path component>-<begin of tag or digest>`, the same for `cc`. Throws `E_CONFIG` when that is no object name.
 * (oc-mirror behaviour, "CatalogSource and ClusterCatalog names".)
 */
export function catalogResourceName(prefix: 'cs' | 'cc', target: string): string {
  const reference = parseReference(target);
  const version = reference.tag ?? (reference.digest === undefined ? '' : hexOf(reference.digest));
  const suffix = version
    .slice(0, SUFFIX_LENGTH)
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
  const component = reference.repository.slice(reference.repository.lastIndexOf('/') + 1);
  const name = `${prefix}-${component}-${suffix}`.replaceAll('.', '-');
  if (name.length > LONGEST_NAME || !OBJECT_NAME.test(name)) {
    throw new AirgapError('E_CONFIG', `catalog ${target}: ${JSON.stringify(name)} can not be the name of a resource`, {
      hint: 'set targetCatalog and targetTag of this catalog so that they give a shorter name of letters, digits and "-"',
    });
  }
  return name;
}
