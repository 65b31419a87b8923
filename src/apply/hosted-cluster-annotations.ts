import { parseReference } from '../oci/reference.ts';
import { isAirgapError } from '../core/errors.ts';
import type { Problem } from './hosted-cluster-fields.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';

export const CATALOG_OVERRIDES = 'hypershift.openshift.io/olm-catalogs-is-registry-overrides';
export const VM_JSON_PATCH = 'hypershift.openshift.io/kubevirt-vm-jsonpatch';
export const RHCOS_VARIANTS = 'hypershift.openshift.io/allow-unsupported-kubevirt-rhcos-variants';
export const RESTART_DATE = 'hypershift.openshift.io/restart-date';
export const SKIP_RELEASE_VALIDATION = 'hypershift.openshift.io/skip-release-image-validation';
const MANAGEMENT_PLATFORM = 'hypershift.openshift.io/management-platform';
/** The only sources that the override annotation has an effect on. */
const HONOURED_SOURCES = ['registry.redhat.io', 'registry.redhat.io/redhat'];
const NEWEST_INDEX_MINOR = 22;
/** The default catalogs of a hosted cluster, oldest set first. */
const DEFAULT_CATALOGS = ['certified-operators', 'community-operators', 'redhat-marketplace', 'redhat-operators'];

/** The annotation that names the image of a default catalog. */
export function catalogImageAnnotation(catalog: string): string {
  return `hypershift.openshift.io/${catalog}-catalog-image`;
}

/** The catalog annotations that are present. */
export function catalogAnnotations(annotations: Readonly<Record<string, string>>): string[] {
  return [...DEFAULT_CATALOGS.map(catalogImageAnnotation), CATALOG_OVERRIDES].filter((key) => key in annotations);
}

/** Rules about annotations that HyperShift reads. (HyperShift API reference, annotations of HostedCluster.) */
export function checkAnnotations({ annotations, olmCatalogPlacement }: HostedClusterOptions): Problem[] {
  const problems: string[][] = [];
  if (MANAGEMENT_PLATFORM in annotations) {
    problems.push([`${MANAGEMENT_PLATFORM} belongs to the operator`, 'remove it']);
  }
  const patch = annotations[VM_JSON_PATCH];
  if (patch !== undefined && !isJsonList(patch)) {
    problems.push([`${VM_JSON_PATCH} is no JSON patch`, 'write a JSON list of patch operations']);
  }
  const catalogs = catalogAnnotations(annotations);
  if (catalogs.length > 0 && olmCatalogPlacement === 'guest') {
    problems.push([`${catalogs[0]} has no meaning with placement guest`, 'remove it or use placement management']);
  }
  if (catalogs.length > 1 && catalogs.includes(CATALOG_OVERRIDES)) {
    problems.push([`${CATALOG_OVERRIDES} and catalog images exclude each other`, 'use one of the two']);
  }
  for (const key of catalogs.filter((name) => name !== CATALOG_OVERRIDES)) {
    if (!isByDigest(annotations[key]!)) problems.push([`${key} is not by digest`, 'write repository@sha256:…']);
  }
  const overrides = annotations[CATALOG_OVERRIDES];
  if (overrides !== undefined) problems.push(...checkOverrides(overrides));
  return problems.map(([problem, fix]) => ({ field: 'annotations', problem: problem!, fix: fix! }));
}

/** The pairs of the override annotation: split at commas, each at its first `=`. */
function parseOverrides(text: string): { readonly source: string; readonly target: string }[] {
  return text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    return { source: at < 0 ? pair : pair.slice(0, at), target: at < 0 ? '' : pair.slice(at + 1) };
  });
}

/**
 * Index images of which one has to exist for an override annotation to work: the operator tries the minor version of the release
 * and up to three older ones, none newer than 4.22; to a bare host it adds `/redhat`. Empty when no source has an effect.
 */
export function overriddenIndexImages(text: string, minor: number): string[] {
  const honoured = parseOverrides(text).find(({ source }) => HONOURED_SOURCES.includes(source));
  if (honoured === undefined) return [];
  const place = honoured.source === HONOURED_SOURCES[0] ? `${honoured.target}/redhat` : honoured.target;
  const newest = Math.min(minor, NEWEST_INDEX_MINOR);
  return Array.from({ length: 4 }, (_, older) => `${place}/redhat-operator-index:v4.${newest - older}`);
}

function checkOverrides(text: string): string[][] {
  const pairs = parseOverrides(text);
  const problems: string[][] = [];
  const fix = `write ${HONOURED_SOURCES[1]}=<registry>/<path>`;
  if (pairs.some(({ target }) => target === '' || target.includes('://'))) {
    problems.push([`${CATALOG_OVERRIDES}: ${JSON.stringify(text)} has a pair without a plain target`, fix]);
  }
  if (!pairs.some(({ source }) => HONOURED_SOURCES.includes(source))) {
    problems.push([`${CATALOG_OVERRIDES}: none of its sources has an effect`, fix]);
  }
  return problems;
}

function isByDigest(text: string): boolean {
  try {
    return parseReference(text).digest !== undefined;
  } catch (error) {
    if (isAirgapError(error, 'E_CONFIG')) return false;
    throw error;
  }
}

function isJsonList(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
