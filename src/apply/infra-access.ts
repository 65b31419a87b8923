import type { KubeClient } from './kube-client.ts';
import { describePermissions, missingPermissions, type Permission } from './permissions.ts';

const ALL = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** What the operators need on the cluster that runs the machines, in the namespace of the machines. */
const NEEDED: readonly (readonly [string, string, readonly string[], string?])[] = [
  ['kubevirt.io', 'virtualmachines', ALL],
  ['kubevirt.io', 'virtualmachineinstances', ALL],
  ['cdi.kubevirt.io', 'datavolumes', ALL],
  ['', 'services', ALL],
  ['', 'secrets', ALL],
  ['', 'events', ALL],
  ['route.openshift.io', 'routes', ALL],
  ['route.openshift.io', 'routes', ['create'], 'custom-host'],
  ['discovery.k8s.io', 'endpointslices', ALL],
  ['discovery.k8s.io', 'endpointslices', ['create'], 'restricted'],
  ['networking.k8s.io', 'networkpolicies', ALL],
  ['snapshot.storage.k8s.io', 'volumesnapshots', ALL],
  ['', 'persistentvolumeclaims', ['get', 'list', 'watch']],
];

/**
 * Permissions that the credentials for the infra cluster lack, as people read them; empty when all are there. Asked by
 * SelfSubjectAccessReview, which needs no permission itself.
 */
export async function missingInfraAccess(infra: KubeClient, namespace: string): Promise<string[]> {
  const needed = NEEDED.flatMap(([group, resource, verbs, subresource]) =>
    verbs.map((verb) => ({
      group,
      resource,
      verb,
      namespace,
      ...(subresource === undefined ? {} : { subresource }),
    })),
  );
  const network: Permission = { group: 'config.openshift.io', resource: 'networks', verb: 'get' };
  return describePermissions(await missingPermissions(infra, [...needed, network]));
}
