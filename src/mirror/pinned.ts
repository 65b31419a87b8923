import { formatKubernetesYaml } from '../core/kubernetes-yaml.ts';
import type { Digest } from '../oci/digest.ts';
import { parseReference, repositoryName } from '../oci/reference.ts';
import type {
  AdditionalImage,
  CatalogSelection,
  ChartSelection,
  HelmSelection,
  ImageSet,
  PackageSelection,
  PlatformSelection,
} from './image-set.ts';

const API_VERSION = 'mirror.openshift.io/v2alpha1';

/**
 * The image set with every catalog known by tag at its digest, and that tag kept as `targetTag`. `digests` is keyed by
 * the catalog as the image set writes it; a catalog that is not in it stays as it is, as do those with a digest and OCI
 * layouts (oc-mirror behaviour, "Which catalog digest").
 */
export function pinCatalogs(imageSet: ImageSet, digests: ReadonlyMap<string, Digest>): ImageSet {
  const operators = imageSet.operators.map((operator): CatalogSelection => {
    const ref = parseReference(operator.catalog);
    const digest = digests.get(operator.catalog);
    if (digest === undefined || ref.transport === 'oci' || ref.digest !== undefined) return operator;
    const targetTag = operator.targetTag === undefined || operator.targetTag === '' ? ref.tag : operator.targetTag;
    return { ...operator, catalog: `${repositoryName(ref)}@${digest}`, targetTag };
  });
  return { ...imageSet, operators };
}

/** The image set as `isc_pinned_….yaml`, byte for byte as the vendor tool writes it (≥ 4.22). */
export function formatPinnedImageSet(imageSet: ImageSet): string {
  const { blockedImages, samples } = imageSet;
  return formatKubernetesYaml({
    apiVersion: API_VERSION,
    kind: 'ImageSetConfiguration',
    archiveSize: nonEmpty(imageSet.archiveSize),
    mirror: { ...selections(imageSet), blockedImages: nonEmpty(blockedImages), samples: nonEmpty(samples) },
  });
}

/** The same selection as `disc_pinned_….yaml`, the configuration that deletes it. */
export function formatPinnedDeletion(imageSet: ImageSet): string {
  return formatKubernetesYaml({
    apiVersion: API_VERSION,
    kind: 'DeleteImageSetConfiguration',
    delete: selections(imageSet),
  });
}

function selections(imageSet: ImageSet): Readonly<Record<string, unknown>> {
  const { platform, helm, sectionsWithEmptyList = [] } = imageSet;
  const emptyOr = (name: string) => (sectionsWithEmptyList.includes(name) ? {} : undefined);
  return {
    platform: (platform && nonEmpty(platformOf(platform))) ?? emptyOr('platform'),
    operators: nonEmpty(imageSet.operators.map(operatorOf)),
    additionalImages: nonEmpty(imageSet.additionalImages.map(additionalImageOf)),
    helm: (helm && nonEmpty(helmOf(helm))) ?? emptyOr('helm'),
  };
}

function platformOf(platform: PlatformSelection): Readonly<Record<string, unknown>> {
  return {
    graph: nonEmpty(platform.graph),
    channels: nonEmpty(
      platform.channels.map((channel) => ({
        name: channel.name,
        type: channel.type,
        minVersion: nonEmpty(channel.minVersion),
        maxVersion: nonEmpty(channel.maxVersion),
        shortestPath: nonEmpty(channel.shortestPath),
        full: nonEmpty(channel.full),
      })),
    ),
    architectures: nonEmpty(platform.architectures),
    platforms: nonEmpty(platform.platforms),
    release: nonEmpty(platform.release),
    kubeVirtContainer: nonEmpty(platform.kubeVirtContainer),
  };
}

function operatorOf(operator: CatalogSelection): Readonly<Record<string, unknown>> {
  return {
    catalog: operator.catalog,
    // Always there: absent and empty mean different things.
    packages: operator.packages?.map(packageOf) ?? null,
    full: nonEmpty(operator.full),
    targetCatalog: nonEmpty(operator.targetCatalog),
    targetTag: nonEmpty(operator.targetTag),
    targetCatalogSourceTemplate: nonEmpty(operator.targetCatalogSourceTemplate),
    skipDependencies: nonEmpty(operator.skipDependencies),
    platforms: nonEmpty(operator.platforms),
  };
}

function packageOf(selection: PackageSelection): Readonly<Record<string, unknown>> {
  return {
    name: selection.name,
    channels: nonEmpty(
      selection.channels?.map((channel) => ({
        name: channel.name,
        minVersion: nonEmpty(channel.minVersion),
        maxVersion: nonEmpty(channel.maxVersion),
      })),
    ),
    defaultChannel: nonEmpty(selection.defaultChannel),
    minVersion: nonEmpty(selection.minVersion),
    maxVersion: nonEmpty(selection.maxVersion),
  };
}

function additionalImageOf(image: AdditionalImage): Readonly<Record<string, unknown>> {
  return {
    name: image.name,
    targetRepo: nonEmpty(image.targetRepo),
    targetTag: nonEmpty(image.targetTag),
    platforms: nonEmpty(image.platforms),
  };
}

function helmOf(helm: HelmSelection): Readonly<Record<string, unknown>> {
  return {
    repositories: nonEmpty(
      helm.repositories.map((repository) => ({
        url: repository.url,
        name: repository.name,
        // As for packages: absent means all charts.
        charts: repository.charts?.map(chartOf) ?? null,
      })),
    ),
    local: nonEmpty(helm.local.map(chartOf)),
  };
}

function chartOf(chart: ChartSelection): Readonly<Record<string, unknown>> {
  return {
    name: chart.name,
    version: nonEmpty(chart.version),
    path: nonEmpty(chart.path),
    imagePaths: nonEmpty(chart.imagePaths),
    platforms: nonEmpty(chart.platforms),
  };
}

/** Undefined, and so left out, for what the vendor tool takes for unset. */
function nonEmpty<T>(value: T): T | undefined {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return undefined;
  if (typeof value !== 'object') return value;
  return Object.values(value).every((member) => member === undefined) ? undefined : value;
}
