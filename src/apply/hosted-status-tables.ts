import { progressOf, versionOf, type GuestObjects, type HostedClusterObjects } from './hosted-status.ts';
import { conditionsOf, listAt, numberAt, textAt, textMapAt, valueAt, type KubeObject } from './kube-object.ts';

/** A table as data; how it looks is not decided here. */
export interface StatusTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The columns `oc get hostedclusters` shows. */
export function hostedClusterTable(clusters: readonly KubeObject[]): StatusTable {
  return {
    title: 'Hosted clusters',
    columns: ['NAMESPACE', 'NAME', 'VERSION', 'KUBECONFIG', 'PROGRESS', 'AVAILABLE', 'PROGRESSING', 'MESSAGE'],
    rows: clusters.map((cluster) => [
      cluster.metadata.namespace ?? '',
      cluster.metadata.name,
      versionOf(cluster),
      textAt(cluster, 'status', 'kubeconfig', 'name') ?? '',
      progressOf(cluster),
      condition(cluster, 'Available')?.status ?? '',
      condition(cluster, 'Progressing')?.status ?? '',
      condition(cluster, 'Available')?.message ?? '',
    ]),
  };
}

/** Control plane view of one hosted cluster: pools, machines, disks, pods that are not well, components. */
export function controlPlaneTables(objects: HostedClusterObjects): StatusTable[] {
  const tables: StatusTable[] = [
    {
      title: 'Node pools',
      columns: ['NAME', 'DESIRED', 'CURRENT', 'VERSION', 'READY', 'MESSAGE'],
      rows: objects.nodePools.map((pool) => [
        pool.metadata.name,
        String(numberAt(pool, 'spec', 'replicas') ?? ''),
        String(numberAt(pool, 'status', 'replicas') ?? 0),
        textAt(pool, 'status', 'version') ?? '',
        condition(pool, 'Ready')?.status ?? '',
        condition(pool, 'Ready')?.message ?? '',
      ]),
    },
    {
      title: 'Machines',
      columns: ['NAME', 'PHASE', 'NODE'],
      rows: objects.machines.map((machine) => [
        machine.metadata.name,
        textAt(machine, 'status', 'phase') ?? '',
        textAt(machine, 'status', 'nodeRef', 'name') ?? '',
      ]),
    },
    {
      title: 'Virtual machines',
      columns: ['NAME', 'STATUS', 'READY', 'HOST', 'ADDRESS'],
      rows: objects.virtualMachines.map((machine) => {
        const instance = objects.virtualMachineInstances.find(
          ({ metadata }) => metadata.name === machine.metadata.name,
        );
        return [
          machine.metadata.name,
          textAt(machine, 'status', 'printableStatus') ?? '',
          valueAt(machine, 'status', 'ready') === true ? 'True' : 'False',
          textAt(instance, 'status', 'nodeName') ?? '',
          textAt(instance, 'status', 'interfaces', 0, 'ipAddress') ?? '',
        ];
      }),
    },
    {
      title: 'Disk imports',
      columns: ['NAME', 'PHASE', 'PROGRESS'],
      rows: objects.dataVolumes.map((volume) => [
        volume.metadata.name,
        textAt(volume, 'status', 'phase') ?? '',
        textAt(volume, 'status', 'progress') ?? '',
      ]),
    },
    podTable('Control plane pods', objects.pods),
    {
      title: 'Control plane components',
      columns: ['NAME', 'AVAILABLE', 'ROLLED OUT', 'MESSAGE'],
      rows: objects.components.map((component) => [
        component.metadata.name,
        condition(component, 'Available')?.status ?? '',
        condition(component, 'RolloutComplete')?.status ?? '',
        condition(component, 'Available')?.message ?? '',
      ]),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** Data plane view, from inside the hosted cluster. */
export function dataPlaneTables(guest: GuestObjects): StatusTable[] {
  const { clusterVersion, nodes, clusterOperators } = guest;
  const tables: StatusTable[] = [
    {
      title: 'Cluster version',
      columns: ['VERSION', 'AVAILABLE', 'PROGRESSING', 'SINCE', 'STATUS'],
      rows: clusterVersion === undefined ? [] : [clusterVersionRow(clusterVersion)],
    },
    {
      title: 'Nodes',
      columns: ['NAME', 'STATUS', 'ROLES', 'VERSION'],
      rows: nodes.map((node) => [
        node.metadata.name,
        nodeStatus(node),
        rolesOf(node),
        textAt(node, 'status', 'nodeInfo', 'kubeletVersion') ?? '',
      ]),
    },
    {
      title: 'Cluster operators',
      columns: ['NAME', 'VERSION', 'AVAILABLE', 'PROGRESSING', 'DEGRADED', 'SINCE', 'MESSAGE'],
      rows: clusterOperators.map((operator) => [
        operator.metadata.name,
        operatorVersion(operator),
        condition(operator, 'Available')?.status ?? '',
        condition(operator, 'Progressing')?.status ?? '',
        condition(operator, 'Degraded')?.status ?? '',
        condition(operator, 'Available')?.lastTransitionTime ?? '',
        operatorMessage(operator),
      ]),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** Pods in the columns of `oc get pods`. */
export function podTable(title: string, pods: readonly KubeObject[]): StatusTable {
  return {
    title,
    columns: ['NAME', 'READY', 'STATUS', 'RESTARTS'],
    rows: pods.map((pod) => {
      const containers = listAt(pod, 'status', 'containerStatuses');
      const ready = containers.filter((status) => valueAt(status, 'ready') === true).length;
      const restarts = containers.reduce<number>((sum, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0);
      const waiting = containers.map((status) => textAt(status, 'state', 'waiting', 'reason')).find(Boolean);
      return [
        pod.metadata.name,
        `${ready}/${listAt(pod, 'spec', 'containers').length}`,
        waiting ?? textAt(pod, 'status', 'phase') ?? '',
        String(restarts),
      ];
    }),
  };
}

function clusterVersionRow(clusterVersion: KubeObject): string[] {
  const failing = condition(clusterVersion, 'Failing');
  const progressing = condition(clusterVersion, 'Progressing');
  return [
    versionOf({ ...clusterVersion, status: { version: valueAt(clusterVersion, 'status') } }),
    condition(clusterVersion, 'Available')?.status ?? '',
    progressing?.status ?? '',
    progressing?.lastTransitionTime ?? '',
    (failing?.status === 'True' ? failing.message : progressing?.message) ?? '',
  ];
}

function nodeStatus(node: KubeObject): string {
  const ready = condition(node, 'Ready')?.status === 'True' ? 'Ready' : 'NotReady';
  return valueAt(node, 'spec', 'unschedulable') === true ? `${ready},SchedulingDisabled` : ready;
}

function rolesOf(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const labels = Object.keys(textMapAt(node, 'metadata', 'labels'));
  return labels
    .filter((label) => label.startsWith(prefix))
    .map((label) => label.slice(prefix.length))
    .toSorted()
    .join(',');
}

function operatorVersion(operator: KubeObject): string {
  const version = listAt(operator, 'status', 'versions').find((entry) => textAt(entry, 'name') === 'operator');
  return textAt(version, 'version') ?? '';
}

/** The message of what is wrong, else of what goes on. */
function operatorMessage(operator: KubeObject): string {
  const degraded = condition(operator, 'Degraded');
  const available = condition(operator, 'Available');
  const progressing = condition(operator, 'Progressing');
  if (degraded?.status === 'True') return degraded.message ?? '';
  if (available?.status !== 'True') return available?.message ?? '';
  return progressing?.status === 'True' ? (progressing.message ?? '') : '';
}

function condition(object: KubeObject, type: string) {
  return conditionsOf(object).find((entry) => entry.type === type);
}
