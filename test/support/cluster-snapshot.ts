/** What is on a cluster, to say that nothing changed. */
import { testClient } from './apiserver.ts';
import type { SharedServer } from './apiserver-shared.ts';

const BUILT_IN = [
  ['v1', 'Namespace'],
  ['v1', 'ConfigMap'],
  ['v1', 'Secret'],
  ['v1', 'Service'],
  ['v1', 'Node'],
  ['apps/v1', 'Deployment'],
  ['storage.k8s.io/v1', 'StorageClass'],
] as const;

/** `Kind/namespace/name` → resourceVersion of every object of the custom kinds and of the built-in ones the tool writes. */
export async function snapshot(server: SharedServer): Promise<Record<string, string>> {
  const client = testClient(server);
  const crds = await client.list({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
  const custom = crds.map((crd) => {
    const spec = crd['spec'] as {
      group: string;
      names: { kind: string };
      versions: { name: string; storage: boolean }[];
    };
    return [`${spec.group}/${spec.versions.find(({ storage }) => storage)!.name}`, spec.names.kind] as const;
  });
  const lists = await Promise.all(
    [...custom, ...BUILT_IN].map(async ([apiVersion, kind]) =>
      (await client.list({ apiVersion, kind })).map(
        ({ metadata }) => [`${kind}/${metadata.namespace ?? ''}/${metadata.name}`, metadata.resourceVersion!] as const,
      ),
    ),
  );
  return Object.fromEntries(lists.flat());
}
