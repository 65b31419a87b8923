import type { KubeClient } from './kube-client.ts';
import { valueAt, type KubeObject } from './kube-object.ts';
import type { ManagementInput } from './management-input.ts';

/** Something a run must be allowed to do. */
export interface Permission {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespace?: string;
}

const READ = ['get', 'list', 'watch'];
const WRITE = ['get', 'list', 'watch', 'create', 'patch'];

/** What the steps of a run need, by the sections of the site file that are in use. */
export function neededPermissions(input: ManagementInput): Permission[] {
  const { cluster } = input;
  const operators = [cluster.virtualization, cluster.loadBalancer, cluster.multiclusterEngine, cluster.updateService];
  const installsStorage =
    cluster.storage !== undefined && cluster.storage.kind !== 'existing' && cluster.storage.install;
  const installsOperators = installsStorage || operators.some((choice) => choice?.install === true);
  return [
    ...permissions('config.openshift.io', ['clusterversions', 'clusteroperators', 'infrastructures', 'networks'], READ),
    ...permissions('config.openshift.io', ['images', 'proxies', 'operatorhubs'], ['get', 'patch']),
    ...permissions('config.openshift.io', ['imagedigestmirrorsets', 'imagetagmirrorsets'], WRITE),
    ...permissions(
      'machineconfiguration.openshift.io',
      ['machineconfigpools', 'machineconfigs', 'controllerconfigs'],
      READ,
    ),
    ...permissions('', ['nodes'], READ),
    ...permissions('', ['secrets'], ['get', 'patch'], 'openshift-config'),
    ...permissions('', ['configmaps'], WRITE, 'openshift-config'),
    ...permissions('operators.coreos.com', ['catalogsources'], WRITE, 'openshift-marketplace'),
    ...permissions('packages.operators.coreos.com', ['packagemanifests'], ['get', 'list'], 'openshift-marketplace'),
    ...(installsOperators
      ? [
          ...permissions('', ['namespaces'], WRITE),
          ...permissions('operators.coreos.com', ['operatorgroups', 'subscriptions', 'installplans'], WRITE),
          ...permissions('operators.coreos.com', ['clusterserviceversions'], READ),
        ]
      : []),
    ...(cluster.virtualization?.install === true ? permissions('hco.kubevirt.io', ['hyperconvergeds'], WRITE) : []),
    ...(cluster.loadBalancer?.install === true
      ? permissions('metallb.io', ['metallbs', 'ipaddresspools', 'l2advertisements'], WRITE)
      : []),
    ...(cluster.multiclusterEngine?.install === true
      ? [
          ...permissions('multicluster.openshift.io', ['multiclusterengines'], WRITE),
          ...permissions('cluster.open-cluster-management.io', ['managedclusters'], READ),
          ...permissions('addon.open-cluster-management.io', ['managedclusteraddons'], READ),
          ...permissions('apps', ['deployments'], ['get', 'list', 'watch', 'patch'], 'hypershift'),
        ]
      : []),
    ...(cluster.ingress?.wildcardRoutes === true
      ? permissions('operator.openshift.io', ['ingresscontrollers'], ['get', 'patch'], 'openshift-ingress-operator')
      : []),
    ...(input.hosted === undefined
      ? []
      : [
          ...permissions('hypershift.openshift.io', ['hostedclusters', 'nodepools'], WRITE),
          ...permissions('', ['secrets', 'configmaps', 'services', 'namespaces'], WRITE),
        ]),
  ];
}

/**
 * The permissions that the user lacks (Kubernetes API, SelfSubjectAccessReview). A cluster administrator is recognised by one
 * question; everybody else is asked about each.
 */
export async function missingPermissions(client: KubeClient, needed: readonly Permission[]): Promise<Permission[]> {
  if (await isAllowed(client, { group: '*', resource: '*', verb: '*' })) return [];
  const answers = await Promise.all(
    needed.map(async (permission) => ({ permission, isAllowed: await isAllowed(client, permission) })),
  );
  return answers.filter((answer) => !answer.isAllowed).map(({ permission }) => permission);
}

/** Missing permissions as people read them: one line per resource with its verbs. */
export function describePermissions(missing: readonly Permission[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { group, resource, verb, namespace } of missing) {
    const name = `${resource}${group === '' ? '' : `.${group}`}${namespace === undefined ? '' : ` in ${namespace}`}`;
    lines.set(name, [...(lines.get(name) ?? []), verb]);
  }
  return [...lines].map(([name, verbs]) => `${[...new Set(verbs)].join(', ')} ${name}`);
}

async function isAllowed(client: KubeClient, attributes: Permission): Promise<boolean> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    metadata: {},
    spec: { resourceAttributes: attributes },
  } as unknown as KubeObject;
  return valueAt(await client.create(review), 'status', 'allowed') === true;
}

function permissions(
  group: string,
  resources: readonly string[],
  verbs: readonly string[],
  namespace?: string,
): Permission[] {
  return resources.flatMap((resource) =>
    verbs.map((verb) => ({ group, resource, verb, ...(namespace === undefined ? {} : { namespace }) })),
  );
}
