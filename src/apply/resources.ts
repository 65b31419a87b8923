import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { catalogSource, clusterCatalog, type MirroredCatalog } from './catalog-sources.ts';
import {
  hostSourceWarnings,
  mergeCategories,
  mirrorEntries,
  type CategorizedMirrors,
  type MirroredImage,
  type MirrorOptions,
} from './mirror-entry.ts';
import { imageContentSourcePolicies, imageDigestMirrorSets, imageTagMirrorSets } from './mirror-sets.ts';
import {
  resourceFile,
  resourceStreamFile,
  type Annotations,
  type Resource,
  type ResourceFile,
} from './resource-file.ts';
import { signatureConfigMap, signatureConfigMapFiles, type ReleaseSignature } from './signature-config-map.ts';
import { updateService, type UpdateServiceImages } from './update-service.ts';

export interface ClusterResourcesInput {
  /** Everything on the target registry. Catalogs and the graph-data image may be among it, they get no mirror entry. */
  readonly images: readonly MirroredImage[];
  readonly catalogs: readonly MirroredCatalog[];
  readonly signatures: readonly ReleaseSignature[];
  /** Present when the image set asks for the update graph. */
  readonly updateService?: UpdateServiceImages;
  readonly mirrors: MirrorOptions;
  /** `policies`: ImageContentSourcePolicy instead of the mirror sets, for clusters before 4.13. */
  readonly mirrorForm: 'sets' | 'policies';
  readonly annotations: Annotations;
}

export interface ClusterResources {
  /** In the order they are applied. */
  readonly resources: readonly Resource[];
  /** The same resources as files; the signature ConfigMap is there twice, as YAML and as JSON. */
  readonly files: readonly ResourceFile[];
  readonly warnings: readonly Warning[];
}

interface Part {
  readonly resources: readonly Resource[];
  readonly files: readonly ResourceFile[];
  readonly warnings: readonly Warning[];
}

/**
 * All resources a cluster needs to use what was mirrored, with the names, entries and byte forms of the vendor tool
 * (oc-mirror behaviour, "Generated cluster resources"); order and content depend on the input alone. Throws `E_CONFIG`
 * for a reference that can not be parsed and for a catalog whose name gives no object name.
 */
export function buildClusterResources(input: ClusterResourcesInput): ClusterResources {
  const parts = [
    mirrorPart(input),
    catalogSourcePart(input),
    ...input.catalogs.map((catalog) => single(clusterCatalog(catalog, input.annotations))),
    signaturePart(input),
    input.updateService === undefined
      ? NOTHING
      : { ...single(updateService(input.updateService, input.annotations), 'updateService.yaml') },
  ];
  return {
    resources: parts.flatMap((part) => part.resources),
    files: parts.flatMap((part) => part.files),
    warnings: parts.flatMap((part) => part.warnings),
  };
}

const NOTHING: Part = { resources: [], files: [], warnings: [] };

function mirrorPart(input: ClusterResourcesInput): Part {
  const byDigest = mirrorEntries(input.images, 'digest', input.mirrors);
  const byTag = mirrorEntries(input.images, 'tag', input.mirrors);
  const warnings = hostSourceWarnings(mergeCategories(byDigest, byTag));
  if (input.mirrorForm === 'policies') {
    const policies = imageContentSourcePolicies(byDigest, input.annotations);
    return {
      resources: policies,
      files: resourceStreamFile('icsp-oc-mirror.yaml', policies),
      warnings: [...warnings, ...tagWarnings(byTag)],
    };
  }
  const digestSets = imageDigestMirrorSets(byDigest, input.annotations);
  const tagSets = imageTagMirrorSets(byTag, input.annotations);
  return {
    resources: [...digestSets, ...tagSets],
    files: [
      ...resourceStreamFile('idms-oc-mirror.yaml', digestSets),
      ...resourceStreamFile('itms-oc-mirror.yaml', tagSets),
    ],
    warnings,
  };
}

function tagWarnings(byTag: CategorizedMirrors): readonly Warning[] {
  const sources = mergeCategories(byTag).map((entry) => entry.source);
  if (sources.length === 0) return [];
  return [
    {
      code: 'W_CLUSTER',
      message: `an ImageContentSourcePolicy redirects no pull by tag: ${sources.join(', ')} must be asked for by digest`,
    },
  ];
}

function catalogSourcePart(input: ClusterResourcesInput): Part {
  const targetOf = new Map<string, string>();
  const built = input.catalogs.map((catalog) => {
    const { resource, warnings } = catalogSource(catalog, input.annotations);
    const other = targetOf.get(resource.metadata.name);
    if (other !== undefined) throw sameName(resource.metadata.name, other, catalog.target);
    targetOf.set(resource.metadata.name, catalog.target);
    return { ...single(resource), warnings };
  });
  return {
    resources: built.flatMap((part) => part.resources),
    files: built.flatMap((part) => part.files),
    warnings: built.flatMap((part) => part.warnings),
  };
}

/** Two catalogs under one name would silently become one. */
function sameName(name: string, first: string, second: string): AirgapError {
  return new AirgapError('E_CONFIG', `the catalogs ${first} and ${second} would both be ${name} on the cluster`, {
    hint: 'give one of them another targetCatalog or targetTag',
  });
}

function signaturePart(input: ClusterResourcesInput): Part {
  const configMap = signatureConfigMap(input.signatures, input.annotations);
  if (configMap === undefined) return NOTHING;
  return { resources: [configMap], files: signatureConfigMapFiles(configMap), warnings: [] };
}

function single(resource: Resource, fileName = `${resource.metadata.name}.yaml`): Part {
  return { resources: [resource], files: [resourceFile(fileName, resource)], warnings: [] };
}
