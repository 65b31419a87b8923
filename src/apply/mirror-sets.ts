import type { CategorizedMirrors } from './mirror-entry.ts';
import type { Annotations, Resource } from './resource-file.ts';

/** One `ImageDigestMirrorSet` per category, named as the vendor tool names them (oc-mirror behaviour, "IDMS and ITMS"). */
export function imageDigestMirrorSets(mirrors: CategorizedMirrors, annotations: Annotations): readonly Resource[] {
  return [...mirrors].map(([category, imageDigestMirrors]) => ({
    apiVersion: 'config.openshift.io/v1',
    kind: 'ImageDigestMirrorSet',
    metadata: { name: `idms-${category}-0`, annotations },
    spec: { imageDigestMirrors },
  }));
}

/** One `ImageTagMirrorSet` per category. */
export function imageTagMirrorSets(mirrors: CategorizedMirrors, annotations: Annotations): readonly Resource[] {
  return [...mirrors].map(([category, imageTagMirrors]) => ({
    apiVersion: 'config.openshift.io/v1',
    kind: 'ImageTagMirrorSet',
    metadata: { name: `itms-${category}-0`, annotations },
    spec: { imageTagMirrors },
  }));
}

/**
 * The digest mirrors as `ImageContentSourcePolicy`, for clusters before 4.13, which do not know mirror sets. There is no
 * such form for pulls by tag.
 */
export function imageContentSourcePolicies(mirrors: CategorizedMirrors, annotations: Annotations): readonly Resource[] {
  return [...mirrors].map(([category, repositoryDigestMirrors]) => ({
    apiVersion: 'operator.openshift.io/v1alpha1',
    kind: 'ImageContentSourcePolicy',
    metadata: { name: `icsp-${category}-0`, annotations },
    spec: { repositoryDigestMirrors },
  }));
}
