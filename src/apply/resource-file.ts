import { formatKubernetesYaml, formatKubernetesYamlStream } from '../core/kubernetes-yaml.ts';

/** A Kubernetes resource we generate: only fields we own, never `status` or a creation time. */
export type Resource = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ResourceMetadata;
  readonly [field: string]: unknown;
};

type ResourceMetadata = {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Annotations;
  readonly annotations: Annotations;
};

export type Annotations = Readonly<Record<string, string>>;

/** A file of resources, ready for `oc apply -f`. */
export interface ResourceFile {
  /** File name without folder. */
  readonly name: string;
  readonly content: string;
}

/** Who made the generated resources, and when. */
export interface Provenance {
  /** RFC 3339, UTC, whole seconds. Comes from the caller, so that the same plan gives the same bytes. */
  readonly createdAt: string;
  /** Version of this tool. */
  readonly version: string;
}

/**
 * The annotations all generated resources carry: the vendor tool's `createdAt` and `createdBy` under their names, and
 * our own version under ours, so that nobody takes the objects for the vendor's. They are no part of the desired state.
 */
export function provenanceAnnotations(provenance: Provenance): Annotations {
  return { airgap_version: provenance.version, createdAt: provenance.createdAt, createdBy: 'airgap' };
}

/** One resource, no document marker. */
export function resourceFile(name: string, resource: Resource): ResourceFile {
  return { name, content: formatKubernetesYaml(resource) };
}

/** Several resources, each introduced by `---`; no file without resources. */
export function resourceStreamFile(name: string, resources: readonly Resource[]): readonly ResourceFile[] {
  return resources.length === 0 ? [] : [{ name, content: formatKubernetesYamlStream(resources) }];
}
