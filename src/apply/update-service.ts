import { formatReference, parseReference, repositoryName } from '../oci/reference.ts';
import type { Annotations, Resource } from './resource-file.ts';

export interface UpdateServiceImages {
  /** The graph-data image on the target registry, with its tag. */
  readonly graphDataImage: string;
  /** Any release payload on the target registry; only its repository counts. */
  readonly releaseImage: string;
}

/** The `UpdateService` that offers the mirrored releases (oc-mirror behaviour, "UpdateService"). */
export function updateService(images: UpdateServiceImages, annotations: Annotations): Resource {
  return {
    apiVersion: 'updateservice.operator.openshift.io/v1',
    kind: 'UpdateService',
    metadata: { name: 'update-service-oc-mirror', namespace: 'openshift-update-service', annotations },
    spec: {
      graphDataImage: formatReference(parseReference(images.graphDataImage)),
      releases: repositoryName(parseReference(images.releaseImage)),
      replicas: 2,
    },
  };
}
