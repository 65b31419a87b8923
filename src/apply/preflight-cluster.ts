import { conditionsOf, listAt, textAt, valueAt } from './kube-object.ts';
import { errorFinding, warningFinding, type Finding, type PreflightQuestion } from './preflight-finding.ts';
import { describeCondition } from './wait.ts';

const CONFIG = 'config.openshift.io/v1';
const SUPPORTED_ARCHITECTURES = new Set(['amd64', 's390x']);
/** The first release with Kubernetes 1.27, which HyperShift asks of the cluster that runs the virtual machines. */
const OLDEST = '4.14';
/** Hosted control planes spread over this many nodes when they are highly available. */
const REPLICAS = 3;

/** An OpenShift, installed, new enough. */
export async function checkVersion({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const version = await client.get({ apiVersion: CONFIG, kind: 'ClusterVersion', name: 'version' });
  if (version === undefined)
    return [errorFinding('this is no OpenShift cluster: it has no ClusterVersion', 'check kubeconfig and context')];
  const completed = listAt(version, 'status', 'history').find((entry) => textAt(entry, 'state') === 'Completed');
  const number = textAt(completed, 'version');
  if (number === undefined)
    return [errorFinding('the cluster has not finished its own installation', 'wait until it has')];
  return [
    { level: 'information', message: `OpenShift ${number}` },
    ...(input.hosted !== undefined && isOlder(number, OLDEST)
      ? [
          errorFinding(
            `hosted clusters need OpenShift ${OLDEST} or newer, not ${number}`,
            'update the management cluster',
          ),
        ]
      : []),
    ...conditionsOf(version)
      .filter(({ type, status }) => (type === 'Progressing' || type === 'Failing') && status === 'True')
      .map((condition) => warningFinding(`ClusterVersion: ${describeCondition(condition)}`)),
  ];
}

/** The operators of the cluster itself. */
export async function checkOperators({ client }: PreflightQuestion): Promise<Finding[]> {
  const operators = await client.list({ apiVersion: CONFIG, kind: 'ClusterOperator' });
  return operators.flatMap((operator) =>
    conditionsOf(operator)
      .filter(
        ({ type, status }) =>
          (type === 'Available' && status === 'False') || (type === 'Degraded' && status === 'True'),
      )
      .map((condition) => warningFinding(`ClusterOperator/${operator.metadata.name}: ${describeCondition(condition)}`)),
  );
}

/** Architectures that can run hosted clusters, and enough nodes for what is asked. */
export async function checkNodes({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
  const architectures = new Set(nodes.map(({ metadata }) => metadata.labels?.['kubernetes.io/arch'] ?? 'unknown'));
  const wrong = [...architectures].filter((name) => !SUPPORTED_ARCHITECTURES.has(name));
  const schedulable = nodes.filter(
    (node) =>
      valueAt(node, 'spec', 'unschedulable') !== true &&
      conditionsOf(node).some(({ type, status }) => type === 'Ready' && status === 'True') &&
      !listAt(node, 'spec', 'taints').some((taint) =>
        ['NoSchedule', 'NoExecute'].includes(textAt(taint, 'effect') ?? ''),
      ),
  );
  return [
    ...(wrong.length === 0
      ? []
      : [errorFinding(`hosted clusters on virtual machines do not run on ${wrong.join(', ')} nodes`)]),
    ...(input.hosted?.isHighlyAvailable === true && schedulable.length < REPLICAS
      ? [
          errorFinding(
            `a highly available control plane needs ${REPLICAS} ready, schedulable nodes; the cluster has ${schedulable.length}`,
            'use controllerAvailabilityPolicy: SingleReplica, or add nodes',
          ),
        ]
      : []),
  ];
}

/** Whether virtual machines can be expected to start. */
export async function checkPlatform({ client }: PreflightQuestion): Promise<Finding[]> {
  const infrastructure = await client.get({ apiVersion: CONFIG, kind: 'Infrastructure', name: 'cluster' });
  const type = textAt(infrastructure, 'status', 'platformStatus', 'type');
  if (type === undefined || type === 'BareMetal' || type === 'None') return [];
  return [
    warningFinding(`the platform is ${type}: virtual machines need bare metal, or nested virtualization in a lab`),
  ];
}

/** Nodes that wait for their certificates look like nodes that never come back from a drain. */
export async function checkSigningRequests({ client }: PreflightQuestion): Promise<Finding[]> {
  const requests = await client.list({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' });
  const pending = requests.filter((request) => listAt(request, 'status', 'conditions').length === 0);
  if (pending.length === 0) return [];
  return [
    warningFinding(`${pending.length} certificate signing requests wait for approval`, 'look at them: oc get csr'),
  ];
}

/** Things that another run or person left in the middle. */
export async function checkHalfDone({ client }: PreflightQuestion): Promise<Finding[]> {
  const engines = await client.list({ apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' });
  const clusters = await client.list({ apiVersion: 'hypershift.openshift.io/v1beta1', kind: 'HostedCluster' });
  const csvs = await client.list({ apiVersion: 'operators.coreos.com/v1alpha1', kind: 'ClusterServiceVersion' });
  const failed = csvs.filter(
    (csv) => textAt(csv, 'status', 'phase') === 'Failed' && textAt(csv, 'status', 'reason') !== 'Copied',
  );
  const leaving = [...engines, ...clusters].filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  return [
    ...leaving.map((object) =>
      errorFinding(`${object.kind}/${object.metadata.name} is being deleted`, 'wait until it is gone'),
    ),
    ...failed.map(({ metadata }) =>
      warningFinding(`ClusterServiceVersion/${metadata.namespace}/${metadata.name} has failed`),
    ),
  ];
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
