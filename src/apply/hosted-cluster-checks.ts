import { parseCidr } from './cidr.ts';
import { checkAgainstManagementCluster } from './hosted-cluster-networks.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { controlPlaneNamespace } from './hosted-status.ts';
import { conditionsOf, listAt, numberAt, textAt, textMapAt, valueAt, type KubeObject } from './kube-object.ts';
import { parseQuantity } from './quantity.ts';

/** What was read from the management cluster before a hosted cluster is made. Absent: the cluster does not serve the kind. */
export interface ManagementFacts {
  readonly hostedClusters: readonly KubeObject[];
  readonly managedClusters: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
  readonly nodes: readonly KubeObject[];
  readonly storageClasses: readonly KubeObject[];
  readonly network?: KubeObject;
  readonly ingressController?: KubeObject;
  readonly virtualizations: readonly KubeObject[];
  readonly isHyperShiftServed: boolean;
}

export interface Findings {
  /** Each keeps the hosted cluster from working. */
  readonly problems: readonly { readonly problem: string; readonly fix: string }[];
  readonly warnings: readonly string[];
}

const MANAGED_CLUSTER_LABEL = 'cluster.open-cluster-management.io/managedCluster';
const HOSTING_ANNOTATION = 'import.open-cluster-management.io/hosting-cluster-name';
const DEPLOY_MODE_ANNOTATION = 'import.open-cluster-management.io/klusterlet-deploy-mode';
const DEFAULT_CLASS_ANNOTATION = 'storageclass.kubernetes.io/is-default-class';
/** A highly available control plane has three etcd members that never share a node. */
const MEMBERS = 3;
/** What the control plane of one hosted cluster asks for. */
const CONTROL_PLANE = { cores: 5, bytes: 20n * 2n ** 30n };
/** Bytes a packet of the hosted network needs around it on the machine network. */
const OVERLAY_BYTES = 100;

/** Everything about the management cluster that would keep a hosted cluster from working. Pure. */
export function checkForHostedCluster(options: HostedClusterOptions, facts: ManagementFacts): Findings {
  return {
    problems: [
      ...checkUniqueName(options, facts),
      ...checkNamespaces(options, facts),
      ...checkStorageClasses(options, facts),
      ...checkNodes(options, facts),
      ...checkCidrs(options, facts),
      ...checkVirtualization(options, facts),
    ],
    warnings: [...checkIngress(options, facts), ...checkCapacity(options, facts), ...checkMtu(options, facts)],
  };
}

/** Names are unique over all namespaces: every hosted cluster becomes a managed cluster of its name. */
function checkUniqueName({ name, namespace }: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  const twin = facts.hostedClusters.find(({ metadata }) => metadata.name === name && metadata.namespace !== namespace);
  if (twin !== undefined) {
    const place = twin.metadata.namespace ?? '';
    return [{ problem: `a hosted cluster ${name} exists in namespace ${place}`, fix: 'choose another name' }];
  }
  const managed = facts.managedClusters.find(({ metadata }) => metadata.name === name);
  if (managed === undefined) return [];
  const annotations = textMapAt(managed, 'metadata', 'annotations');
  const isOwn =
    exists(name, namespace, facts) &&
    annotations[HOSTING_ANNOTATION] !== undefined &&
    annotations[DEPLOY_MODE_ANNOTATION] === 'Hosted';
  return isOwn ? [] : [{ problem: `a managed cluster ${name} exists`, fix: 'choose another name' }];
}

function checkNamespaces({ name, namespace }: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  const problems = [];
  const own = facts.namespaces.find(({ metadata }) => metadata.name === namespace);
  const isManaged =
    facts.managedClusters.some(({ metadata }) => metadata.name === namespace) ||
    own?.metadata.labels?.[MANAGED_CLUSTER_LABEL] !== undefined;
  if (isManaged) {
    problems.push({
      problem: `namespace ${namespace} belongs to a managed cluster`,
      fix: 'use another namespace for hosted clusters',
    });
  }
  if (exists(name, namespace, facts)) return problems;
  for (const taken of [name, controlPlaneNamespace(namespace, name)]) {
    if (!facts.namespaces.some(({ metadata }) => metadata.name === taken)) continue;
    problems.push({
      problem: `namespace ${taken} exists and is used for something else`,
      fix: 'choose another name, or remove the namespace if it is left over from an earlier cluster',
    });
  }
  return problems;
}

function checkStorageClasses(options: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  const names = facts.storageClasses.map(({ metadata }) => metadata.name);
  const isInfraExternal = options.infraNamespace !== undefined;
  const pools = [options.nodePool, ...options.additionalNodePools];
  const rootClasses = isInfraExternal ? [] : pools.map((pool) => pool.rootVolumeStorageClass);
  const mapped = isInfraExternal ? [] : options.infraStorageClassMappings.map(({ infra }) => infra);
  const named = new Set([options.etcdStorageClass, ...rootClasses, ...mapped].filter((name) => name !== undefined));
  const missing = [...named].filter((name) => !names.includes(name));
  const problems = missing.map((name) => ({
    problem: `storage class ${name} does not exist`,
    fix: names.length === 0 ? 'install a storage operator first' : `use one of ${names.join(', ')}`,
  }));
  const defaults = facts.storageClasses.filter(
    ({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true',
  );
  const needsDefault = options.etcdStorageClass === undefined || rootClasses.includes(undefined);
  if (!needsDefault || defaults.length === 1) return problems;
  return [
    ...problems,
    {
      problem: `${defaults.length} storage classes are the default one`,
      fix: 'make exactly one the default, or name etcdStorageClass (--etcd-storage-class) and rootVolumeStorageClass (--root-volume-storage-class)',
    },
  ];
}

function checkNodes(options: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  const usable = usableNodes(facts);
  if (options.controlPlaneAvailabilityPolicy !== 'HighlyAvailable' || usable.length >= MEMBERS) return [];
  return [
    {
      problem: `a highly available control plane needs ${MEMBERS} nodes that take work, there are ${usable.length}`,
      fix: 'set controlPlaneAvailabilityPolicy (--control-plane-availability-policy) to SingleReplica, or add nodes',
    },
  ];
}

function checkCidrs(options: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  const taken = [
    ...listAt(facts.network, 'spec', 'clusterNetwork').map((entry) => ({
      name: 'pod network of the management cluster',
      cidr: textAt(entry, 'cidr') ?? '',
    })),
    ...listAt(facts.network, 'spec', 'serviceNetwork').map((cidr) => ({
      name: 'service network of the management cluster',
      cidr: String(cidr),
    })),
    ...facts.nodes.flatMap((node) =>
      listAt(node, 'status', 'addresses')
        .filter((address) => textAt(address, 'type') === 'InternalIP')
        .map((address) => textAt(address, 'address') ?? '')
        .map((address) => ({
          name: `node ${node.metadata.name}`,
          cidr: `${address}/${address.includes(':') ? 128 : 32}`,
        })),
    ),
  ];
  return checkAgainstManagementCluster(options, taken).map(({ field, problem, fix }) => ({
    problem: `${field}: ${problem}`,
    fix,
  }));
}

function checkVirtualization(options: HostedClusterOptions, facts: ManagementFacts): Findings['problems'] {
  if (options.infraNamespace !== undefined) return [];
  const isReady = facts.virtualizations.some((object) =>
    conditionsOf(object).some(({ type, status }) => type === 'Available' && status === 'True'),
  );
  return isReady
    ? []
    : [{ problem: 'OpenShift Virtualization is not ready', fix: 'install it first (step virtualization)' }];
}

/** Without a base domain the management cluster routes the applications, below its own wildcard name. */
function checkIngress(options: HostedClusterOptions, facts: ManagementFacts): string[] {
  if (options.baseDomain !== '' || options.infraNamespace !== undefined || facts.ingressController === undefined)
    return [];
  const policy = textAt(facts.ingressController, 'spec', 'routeAdmission', 'wildcardPolicy');
  if (policy === 'WildcardsAllowed') return [];
  return [
    `hosted cluster ${options.name} waits for its applications until wildcard routes are allowed on the management cluster (IngressController default, routeAdmission.wildcardPolicy: WildcardsAllowed)`,
  ];
}

function checkCapacity(options: HostedClusterOptions, facts: ManagementFacts): string[] {
  if (options.infraNamespace !== undefined || exists(options.name, options.namespace, facts)) return [];
  const pools = [options.nodePool, ...options.additionalNodePools].filter(({ replicas }) => (replicas ?? 0) > 0);
  const cores = pools.reduce((sum, pool) => sum + pool.replicas! * pool.cores, CONTROL_PLANE.cores);
  const bytes = pools.reduce((sum, pool) => sum + BigInt(pool.replicas!) * bytesOf(pool.memory), CONTROL_PLANE.bytes);
  const usable = usableNodes(facts);
  const haveCores = usable.reduce(
    (sum, node) => sum + Number(bytesOf(textAt(node, 'status', 'allocatable', 'cpu') ?? '0', 1_000n)) / 1000,
    0,
  );
  const haveBytes = usable.reduce(
    (sum, node) => sum + bytesOf(textAt(node, 'status', 'allocatable', 'memory') ?? '0'),
    0n,
  );
  if (usable.length === 0 || (cores <= haveCores && bytes <= haveBytes)) return [];
  const gib = (value: bigint) => value / 2n ** 30n;
  return [
    `hosted cluster ${options.name} asks for ${cores} cores and ${gib(bytes)} GiB, the nodes have ${Math.floor(haveCores)} cores and ${gib(haveBytes)} GiB`,
  ];
}

function checkMtu(options: HostedClusterOptions, facts: ManagementFacts): string[] {
  const uplink = numberAt(facts.network, 'status', 'clusterNetworkMTU');
  const mtu = options.ovnKubernetesMtu;
  if (mtu === undefined || uplink === undefined || mtu <= uplink - OVERLAY_BYTES) return [];
  return [
    `hosted cluster ${options.name}: ovnKubernetesMtu ${mtu} leaves no room for the overlay; the management cluster has ${uplink}, use ${uplink - OVERLAY_BYTES} at most`,
  ];
}

/** Ranges of the management cluster that the machines can not reach. */
export function unreachableRanges(facts: ManagementFacts): string[] {
  const pods = listAt(facts.network, 'spec', 'clusterNetwork').map((entry) => textAt(entry, 'cidr') ?? '');
  const services = listAt(facts.network, 'spec', 'serviceNetwork').map(String);
  return [...pods, ...services].filter((cidr) => parseCidr(cidr) !== undefined);
}

/** Architectures of the nodes of the management cluster. */
export function nodeArchitectures(facts: ManagementFacts): string[] {
  const labels = facts.nodes.map((node) => node.metadata.labels?.['kubernetes.io/arch']);
  return [...new Set(labels.filter((label) => label !== undefined))];
}

function usableNodes(facts: ManagementFacts): KubeObject[] {
  return facts.nodes.filter(
    (node) =>
      valueAt(node, 'spec', 'unschedulable') !== true &&
      !listAt(node, 'spec', 'taints').some((taint) =>
        ['NoSchedule', 'NoExecute'].includes(textAt(taint, 'effect') ?? ''),
      ) &&
      conditionsOf(node).some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
}

function exists(name: string, namespace: string, facts: ManagementFacts): boolean {
  return facts.hostedClusters.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
}

/** A quantity in whole units, or in `perUnit` parts of one. */
function bytesOf(text: string, perUnit = 1n): bigint {
  return ((parseQuantity(text)?.nano ?? 0n) * perUnit) / 10n ** 9n;
}
