import type { KubeClient } from './kube-client.ts';
import { listAt, textAt, valueAt } from './kube-object.ts';

/**
 * Whether the cluster's version of a custom kind has a field, by the schema it serves (`spec.featureGates.x` as path segments). An
 * older operator lacks fields; undefined while the CRD is not there.
 */
export async function servesField(
  client: KubeClient,
  crd: { readonly name: string; readonly version: string },
  ...path: readonly string[]
): Promise<boolean | undefined> {
  const found = await client.get({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    name: crd.name,
  });
  if (found === undefined) return undefined;
  const version = listAt(found, 'spec', 'versions').find((entry) => textAt(entry, 'name') === crd.version);
  const keys = path.flatMap((segment) => ['properties', segment]);
  return valueAt(version, 'schema', 'openAPIV3Schema', ...keys) !== undefined;
}
