import {
  BLOCK_RANKS,
  HOSTED_CLUSTER_CONDITIONS,
  NODE_POOL_CONDITIONS,
  type BlockRank,
  type ConditionMeaning,
} from './hosted-conditions.ts';
import { podProblem } from './pod-problem.ts';
import { conditionsOf, listAt, numberAt, textAt, valueAt, type Condition, type KubeObject } from './kube-object.ts';

/** Everything known about one hosted cluster, as read from the clusters. */
export interface HostedClusterObjects {
  readonly hostedCluster: KubeObject;
  readonly nodePools: readonly KubeObject[];
  /** Pods of the control plane's namespace. */
  readonly pods: readonly KubeObject[];
  readonly components: readonly KubeObject[];
  readonly machines: readonly KubeObject[];
  readonly virtualMachines: readonly KubeObject[];
  readonly virtualMachineInstances: readonly KubeObject[];
  readonly dataVolumes: readonly KubeObject[];
  /** Routes of the control plane's namespace. */
  readonly routes: readonly KubeObject[];
  /** Inside the hosted cluster; absent while its API server does not answer. */
  readonly guest?: GuestObjects;
}

export interface GuestObjects {
  readonly clusterVersion?: KubeObject;
  readonly nodes: readonly KubeObject[];
  readonly clusterOperators: readonly KubeObject[];
}

/** What keeps a hosted cluster from being complete. */
export interface Blocker {
  readonly rank: BlockRank;
  /** What is waited for, as the cluster says it. */
  readonly waitingFor: string;
  readonly cause: string;
  /** A command that shows more. */
  readonly look: string;
}

export interface HostedClusterVerdict {
  readonly state: 'completed' | 'partial' | 'failed';
  /** All of them, the one to settle first in front. What a completed cluster has here does not keep it from working. */
  readonly blockers: readonly Blocker[];
}

/** The namespace of the control plane of a hosted cluster. */
export function controlPlaneNamespace(namespace: string, name: string): string {
  return `${namespace}-${name.replaceAll('.', '-')}`;
}

/** State of the newest entry of the version history: `Partial`, `Completed` or empty. */
export function progressOf(hostedCluster: KubeObject): string {
  return textAt(hostedCluster, 'status', 'version', 'history', 0, 'state') ?? '';
}

/** The newest version that was completed; empty when there is none yet. */
export function versionOf(hostedCluster: KubeObject): string {
  const completed = listAt(hostedCluster, 'status', 'version', 'history').find(
    (entry) => textAt(entry, 'state') === 'Completed',
  );
  return textAt(completed, 'version') ?? '';
}

/**
 * Whether a hosted cluster is complete, and otherwise what is waited for, the most likely cause and where to look, most
 * important first: terminal conditions, infrastructure, etcd, API server, image pulls, disk imports, nodes, ingress and
 * DNS, other operators. Pure.
 */
export function judgeHostedCluster(objects: HostedClusterObjects): HostedClusterVerdict {
  const { hostedCluster } = objects;
  const found = [
    ...hostedClusterBlockers(hostedCluster),
    ...podBlockers(objects),
    ...dataVolumeBlockers(objects),
    ...nodePoolBlockers(objects),
    ...routeBlockers(objects),
    ...guestBlockers(objects),
  ];
  const blockers = BLOCK_RANKS.flatMap((rank) => found.filter((blocker) => blocker.rank === rank));
  if (blockers.some(({ rank }) => rank === 'terminal')) return { state: 'failed', blockers };
  if (progressOf(hostedCluster) === 'Completed') return { state: 'completed', blockers };
  return { state: 'partial', blockers: blockers.length > 0 ? blockers : [rolloutBlocker(hostedCluster)] };
}

function hostedClusterBlockers(hostedCluster: KubeObject): Blocker[] {
  const { namespace = '', name } = hostedCluster.metadata;
  const look = `oc -n ${namespace} describe hostedcluster ${name}`;
  const conditions = conditionsOf(hostedCluster);
  if (conditions.length === 0) {
    return [
      {
        rank: 'infrastructure',
        waitingFor: 'HyperShift operator: no condition reported yet',
        cause: 'the operator does not run or has not seen the hosted cluster',
        look: 'oc -n hypershift get pods; oc -n hypershift logs deployment/operator',
      },
    ];
  }
  return badConditions(hostedCluster, HOSTED_CLUSTER_CONDITIONS)
    .filter(({ meaning, condition }) => !isExpected(meaning, condition))
    .map(({ meaning, condition }) => ({
      rank: meaning.rank,
      waitingFor: describe(condition),
      cause: meaning.cause,
      look: meaning.rank === 'etcd' ? `oc -n ${controlPlaneNamespace(namespace, name)} get pods,pvc` : look,
    }));
}

/** A condition nobody has an opinion about yet blocks nothing by itself. */
function isExpected(meaning: ConditionMeaning, condition: Condition): boolean {
  return condition.status === 'Unknown' && !['infrastructure', 'etcd', 'apiServer'].includes(meaning.rank);
}

function podBlockers({ hostedCluster, pods }: HostedClusterObjects): Blocker[] {
  const { namespace = '', name } = hostedCluster.metadata;
  return pods.flatMap((pod): Blocker | [] => {
    const problem = podProblem(pod);
    if (problem === undefined) return [];
    return {
      rank: 'images',
      waitingFor: problem,
      cause: /CrashLoop/.test(problem)
        ? 'the container ends again and again'
        : 'mirror, CA or credentials of the image',
      look: `oc -n ${controlPlaneNamespace(namespace, name)} describe pod ${pod.metadata.name}`,
    };
  });
}

/** Without a base domain the applications hang on a wildcard route of the management cluster. */
function routeBlockers({ hostedCluster, routes }: HostedClusterObjects): Blocker[] {
  const { namespace = '', name } = hostedCluster.metadata;
  return routes.flatMap((route): Blocker | [] => {
    const refused = listAt(route, 'status', 'ingress')
      .flatMap((ingress) => listAt(ingress, 'conditions'))
      .find((entry) => textAt(entry, 'type') === 'Admitted' && textAt(entry, 'status') === 'False');
    if (refused === undefined) return [];
    return {
      rank: 'ingress',
      waitingFor: `Route ${route.metadata.name}: ${describe(refused as Condition)}`,
      cause: 'wildcard routes are not allowed on the management cluster (step ingress-policy)',
      look: `oc -n ${controlPlaneNamespace(namespace, name)} describe route ${route.metadata.name}`,
    };
  });
}

function dataVolumeBlockers({ hostedCluster, dataVolumes }: HostedClusterObjects): Blocker[] {
  const { namespace = '', name } = hostedCluster.metadata;
  return dataVolumes
    .filter((volume) => !['Succeeded', 'PVCBound'].includes(textAt(volume, 'status', 'phase') ?? ''))
    .map((volume) => ({
      rank: 'disks' as const,
      waitingFor: `DataVolume ${volume.metadata.name}: ${textAt(volume, 'status', 'phase') ?? 'not started'}`,
      cause: 'the disk image is being imported; when it stays, the mirror, its CA or the storage class is the cause',
      look: `oc -n ${controlPlaneNamespace(namespace, name)} describe datavolume ${volume.metadata.name}`,
    }));
}

function nodePoolBlockers({ hostedCluster, nodePools }: HostedClusterObjects): Blocker[] {
  const { namespace = '' } = hostedCluster.metadata;
  const nodes = nodePools.reduce((sum, pool) => sum + (numberAt(pool, 'spec', 'replicas') ?? 0), 0);
  const isAutomatic = nodePools.some((pool) => valueAt(pool, 'spec', 'autoScaling') !== undefined);
  if (nodes === 0 && !isAutomatic) {
    return [
      {
        rank: 'nodes',
        waitingFor: 'nodes: no node pool has any',
        cause: 'the hosted cluster was made without nodes; it stays Partial until it has some',
        look: `oc -n ${namespace} get nodepools`,
      },
    ];
  }
  return nodePools.flatMap((pool) => {
    const look = `oc -n ${namespace} describe nodepool ${pool.metadata.name}`;
    const bad = badConditions(pool, NODE_POOL_CONDITIONS).map(({ meaning, condition }) => ({
      rank: meaning.rank,
      waitingFor: `NodePool ${pool.metadata.name}: ${describe(condition)}`,
      cause: meaning.cause,
      look,
    }));
    const wanted = numberAt(pool, 'spec', 'replicas') ?? 0;
    const have = numberAt(pool, 'status', 'replicas') ?? 0;
    if (bad.length > 0 || wanted === have || isAutomatic) return bad;
    const cause = 'machines are being made';
    return [
      { rank: 'nodes' as const, waitingFor: `NodePool ${pool.metadata.name}: ${have} of ${wanted} nodes`, cause, look },
    ];
  });
}

/** Operators of the hosted cluster. Before DNS answers, console and ingress are expected to wait for it. */
function guestBlockers({ guest }: HostedClusterObjects): Blocker[] {
  return (guest?.clusterOperators ?? []).flatMap((operator): Blocker | [] => {
    const bad = conditionsOf(operator).find(
      ({ type, status }) => (type === 'Available' && status !== 'True') || (type === 'Degraded' && status === 'True'),
    );
    if (bad === undefined) return [];
    const { name } = operator.metadata;
    const look = `oc get clusteroperator ${name} -o yaml (with the kubeconfig of the hosted cluster)`;
    const waitingFor = `ClusterOperator ${name}: ${describe(bad)}`;
    if (!['console', 'ingress'].includes(name)) {
      return { rank: 'operators', waitingFor, cause: 'see the message', look };
    }
    return {
      rank: 'ingress',
      waitingFor: `DNS of the applications: ${waitingFor}`,
      cause: 'the wildcard record does not resolve inside the hosted cluster, or its address is not reached',
      look,
    };
  });
}

function rolloutBlocker(hostedCluster: KubeObject): Blocker {
  const { namespace = '', name } = hostedCluster.metadata;
  return {
    rank: 'operators',
    waitingFor: 'the hosted cluster to finish its release',
    cause: 'the roll-out goes on',
    look: `oc -n ${namespace} get hostedcluster ${name}`,
  };
}

function badConditions(object: KubeObject, meanings: readonly ConditionMeaning[]) {
  return meanings
    .filter((meaning) => meaning.isInformational === undefined)
    .flatMap((meaning) => {
      const condition = conditionsOf(object).find(({ type }) => type === meaning.type);
      if (condition === undefined || condition.status === meaning.good) return [];
      return [{ meaning, condition }];
    });
}

function describe({ type, status, reason, message }: Condition): string {
  const why = reason === undefined || reason === '' ? '' : ` (${reason})`;
  return `${type}=${status}${why}${message === undefined || message === '' ? '' : `: ${message}`}`;
}
