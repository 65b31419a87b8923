import type { KubeObject } from '../../src/apply/kube-object.ts';

/**
 * CRDs for kinds whose real API is aggregated or made at run time by an operator, so that nobody publishes a CRD file: any
 * content is accepted. Tests that use them prove how we read these kinds, never that a schema accepts what we write.
 */
export function standInCrds(): KubeObject[] {
  return [
    standInCrd('packages.operators.coreos.com/v1', 'PackageManifest', 'packagemanifests'),
    standInCrd('operator.open-cluster-management.io/v1', 'MultiClusterHub', 'multiclusterhubs'),
    standInCrd('kubevirt.io/v1', 'VirtualMachine', 'virtualmachines'),
    standInCrd('kubevirt.io/v1', 'VirtualMachineInstance', 'virtualmachineinstances'),
    standInCrd('cdi.kubevirt.io/v1beta1', 'DataVolume', 'datavolumes'),
  ];
}

function standInCrd(apiVersion: string, kind: string, plural: string): KubeObject {
  const [group, version] = apiVersion.split('/');
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}
