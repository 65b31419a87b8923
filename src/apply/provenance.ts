import type { KubeObject } from './kube-object.ts';

/** Annotations that say when and by what a resource was generated. */
const PROVENANCE: ReadonlySet<string> = new Set(['createdAt', 'createdBy', 'airgap_version', 'oc-mirror_version']);

/** A generated resource without those: they differ on every mirror run and must not count as a change. */
export function withoutProvenance(object: KubeObject): KubeObject {
  const { annotations, ...metadata } = object.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !PROVENANCE.has(key));
  return {
    ...object,
    metadata: { ...metadata, ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }) },
  };
}
