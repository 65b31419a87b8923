import assert from 'node:assert/strict';
import { it } from 'node:test';
import { provenanceAnnotations, resourceFile } from '../../../src/apply/resource-file.ts';
import { updateService } from '../../../src/apply/update-service.ts';

it('updateService names the repository of the releases and the graph-data image, in the common form', () => {
  const annotations = provenanceAnnotations({ createdAt: '2026-08-21T12:41:51Z', version: '1.2.3' });
  const resource = updateService(
    {
      graphDataImage: 'registry.lab:8443/ocp/openshift/graph-image:latest',
      releaseImage: 'registry.lab:8443/ocp/openshift/release-images:4.17.3-x86_64',
    },
    annotations,
  );
  assert.equal(
    resourceFile('updateService.yaml', resource).content,
    `apiVersion: updateservice.operator.openshift.io/v1
kind: UpdateService
metadata:
  annotations:
    airgap_version: 1.2.3
    createdAt: "2026-08-21T12:41:51Z"
    createdBy: airgap
  name: update-service-oc-mirror
  namespace: openshift-update-service
spec:
  graphDataImage: registry.lab:8443/ocp/openshift/graph-image:latest
  releases: registry.lab:8443/ocp/openshift/release-images
  replicas: 2
`,
  );
});
