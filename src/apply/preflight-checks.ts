import { heldAddresses } from './address-pool.ts';
import type { KubeClient } from './kube-client.ts';
import { conditionsOf, listAt, textAt, valueAt, type KubeObject } from './kube-object.ts';
import type { ManagementInput } from './management-input.ts';
import { isMirrorKind, lintMirrorSets, missingReleaseSources } from './mirror-rules.ts';
import { SUBSCRIPTIONS } from './olm.ts';
import { wantedPackages } from './operator-packages.ts';
import { listPackages } from './package-manifest.ts';
import { describePermissions, missingPermissions, neededPermissions } from './permissions.ts';
import { showsLoadBalancer } from './steps/load-balancer.ts';
import { existingSets, setsAfter } from './steps/mirror-sets.ts';
import { defaultStorageClasses } from './steps/storage.ts';
import { describeCondition } from './wait.ts';

/** One result of the checks before the first write. */
export interface Finding {
  readonly level: 'error' | 'warning' | 'information';
  readonly message: string;
  readonly hint?: string;
}

export interface PreflightQuestion {
  readonly client: KubeClient;
  readonly input: ManagementInput;
  readonly resources: readonly KubeObject[];
}

const CONFIG = 'config.openshift.io/v1';
const SUPPORTED_ARCHITECTURES = new Set(['amd64', 's390x']);
/** The first release with Kubernetes 1.27, which HyperShift asks of the cluster that runs the virtual machines. */
const OLDEST = '4.14';
/** Hosted control planes spread over this many nodes when they are highly available. */
const REPLICAS = 3;

type Check = (question: PreflightQuestion) => Promise<Finding[]>;

/** All checks of the management cluster, in the order in which their results are shown. Nothing is written. */
export async function checkManagementCluster(question: PreflightQuestion): Promise<Finding[]> {
  const version = await checkVersion(question);
  // On anything but OpenShift every other check would only repeat that.
  if (version.some(({ level }) => level === 'error')) return version;
  const checks: Check[] = [
    checkPermissions,
    checkOperators,
    checkNodes,
    checkPlatform,
    checkPools,
    checkImageConfig,
    checkMirrorSets,
    checkPackages,
    checkStorage,
    checkLoadBalancer,
    checkSigningRequests,
    checkHalfDone,
  ];
  const results = await Promise.all(checks.map((check) => check(question)));
  return [...version, ...results.flat()];
}

async function checkVersion({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const version = await client.get({ apiVersion: CONFIG, kind: 'ClusterVersion', name: 'version' });
  if (version === undefined)
    return [error('this is no OpenShift cluster: it has no ClusterVersion', 'check kubeconfig and context')];
  const completed = listAt(version, 'status', 'history').find((entry) => textAt(entry, 'state') === 'Completed');
  const number = textAt(completed, 'version');
  if (number === undefined) return [error('the cluster has not finished its own installation', 'wait until it has')];
  return [
    { level: 'information', message: `OpenShift ${number}` },
    ...(input.hosted !== undefined && isOlder(number, OLDEST)
      ? [error(`hosted clusters need OpenShift ${OLDEST} or newer, not ${number}`, 'update the management cluster')]
      : []),
    ...conditionsOf(version)
      .filter(({ type, status }) => (type === 'Progressing' || type === 'Failing') && status === 'True')
      .map((condition) => warning(`ClusterVersion: ${describeCondition(condition)}`)),
  ];
}

async function checkPermissions({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const missing = await missingPermissions(client, neededPermissions(input));
  if (missing.length === 0) return [];
  return [
    error(
      `the user of the kubeconfig may not: ${describePermissions(missing).join('; ')}`,
      'use a kubeconfig of a cluster administrator',
    ),
  ];
}

async function checkOperators({ client }: PreflightQuestion): Promise<Finding[]> {
  const operators = await client.list({ apiVersion: CONFIG, kind: 'ClusterOperator' });
  return operators.flatMap((operator) =>
    conditionsOf(operator)
      .filter(
        ({ type, status }) =>
          (type === 'Available' && status === 'False') || (type === 'Degraded' && status === 'True'),
      )
      .map((condition) => warning(`ClusterOperator/${operator.metadata.name}: ${describeCondition(condition)}`)),
  );
}

async function checkNodes({ client, input }: PreflightQuestion): Promise<Finding[]> {
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
      : [error(`hosted clusters on virtual machines do not run on ${wrong.join(', ')} nodes`)]),
    ...(input.hosted?.isHighlyAvailable === true && schedulable.length < REPLICAS
      ? [
          error(
            `a highly available control plane needs ${REPLICAS} ready, schedulable nodes; the cluster has ${schedulable.length}`,
            'use controllerAvailabilityPolicy: SingleReplica, or add nodes',
          ),
        ]
      : []),
  ];
}

async function checkPlatform({ client }: PreflightQuestion): Promise<Finding[]> {
  const infrastructure = await client.get({ apiVersion: CONFIG, kind: 'Infrastructure', name: 'cluster' });
  const type = textAt(infrastructure, 'status', 'platformStatus', 'type');
  if (type === undefined || type === 'BareMetal' || type === 'None') return [];
  return [warning(`the platform is ${type}: virtual machines need bare metal, or nested virtualization in a lab`)];
}

async function checkPools({ client, resources }: PreflightQuestion): Promise<Finding[]> {
  if (!resources.some(({ kind }) => isMirrorKind(kind))) return [];
  const pools = await client.list({ apiVersion: 'machineconfiguration.openshift.io/v1', kind: 'MachineConfigPool' });
  return pools.flatMap((pool) => {
    const name = `MachineConfigPool/${pool.metadata.name}`;
    const has = (wanted: string) => conditionsOf(pool).find(({ type, status }) => type === wanted && status === 'True');
    const degraded = has('Degraded');
    return [
      ...(valueAt(pool, 'spec', 'paused') === true
        ? [error(`${name} is paused: mirror sets would never reach its nodes`, 'resume it')]
        : []),
      ...(degraded === undefined ? [] : [warning(`${name}: ${describeCondition(degraded)}`)]),
      ...(has('Updating') === undefined ? [] : [warning(`${name} is in the middle of a roll-out`)]),
    ];
  });
}

async function checkImageConfig({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const image = await client.get({ apiVersion: CONFIG, kind: 'Image', name: 'cluster' });
  const hosts = (field: string) => listAt(image, 'spec', 'registrySources', field).map(String);
  const covers = (pattern: string, host: string) =>
    pattern === host || host.startsWith(`${pattern}/`) || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
  return input.registries.flatMap(({ host, certificates }) => {
    const allowed = hosts('allowedRegistries');
    return [
      ...(allowed.length > 0 && !allowed.some((pattern) => covers(pattern, host))
        ? [
            error(
              `image.config allows only ${allowed.join(', ')}, not ${host}`,
              'add the registry to spec.registrySources.allowedRegistries',
            ),
          ]
        : []),
      ...(hosts('blockedRegistries').some((pattern) => covers(pattern, host))
        ? [error(`image.config blocks ${host}`, 'remove it from spec.registrySources.blockedRegistries')]
        : []),
      ...(certificates !== undefined && hosts('insecureRegistries').some((pattern) => covers(pattern, host))
        ? [warning(`image.config lists ${host} as insecure: its CA is not used`)]
        : []),
    ];
  });
}

async function checkMirrorSets({ client, input, resources }: PreflightQuestion): Promise<Finding[]> {
  const existing = await existingSets(client);
  const wanted = resources.filter(({ kind }) => isMirrorKind(kind));
  const all = setsAfter(existing, wanted);
  const policies = existing.filter(({ kind }) => kind === 'ImageContentSourcePolicy');
  const hasDigestSets = all.some(({ kind }) => kind === 'ImageDigestMirrorSet');
  const missing = input.hosted === undefined ? [] : missingReleaseSources(all);
  return [
    ...lintMirrorSets(all).map(({ level, message }) => ({ level, message })),
    ...(policies.length > 0 && hasDigestSets
      ? [
          warning(
            `${policies.map(({ metadata }) => metadata.name).join(', ')}: HyperShift before 4.16 ignores every ImageContentSourcePolicy beside an ImageDigestMirrorSet`,
            'convert the policies: oc adm migrate icsp, apply the result, then remove them',
          ),
        ]
      : []),
    ...(missing.length === 0
      ? []
      : [
          error(
            `no digest mirror for ${missing.join(' and ')}: HyperShift could not read the release`,
            'mirror a release, or write these two sources out',
          ),
        ]),
  ];
}

/** An operator that no catalog has would be found out only after the nodes have rolled out. */
async function checkPackages({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const known = new Set([
    ...input.packages.map(({ name }) => name),
    ...(await listPackages(client)).map(({ name }) => name),
    ...(await client.list(SUBSCRIPTIONS)).map((subscription) => textAt(subscription, 'spec', 'name')),
  ]);
  const missing = wantedPackages(input).filter((name) => !known.has(name));
  if (missing.length === 0) return [];
  return [
    error(
      `to be installed, but neither in the bundle nor in a catalog of the cluster: ${missing.join(', ')}`,
      'add the packages to the image set, or set install: false',
    ),
  ];
}

async function checkStorage({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const { storage } = input.cluster;
  const isBrought = storage !== undefined && storage.kind !== 'existing' && storage.install;
  const classes = await client.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' });
  const named = storage?.kind === 'existing' ? storage.storageClass : undefined;
  if (named !== undefined && !classes.some(({ metadata }) => metadata.name === named)) {
    return [error(`StorageClass/${named} of the site file does not exist`)];
  }
  if (isBrought || named !== undefined || input.hosted?.needsDefaultStorageClass !== true) return [];
  const defaults = defaultStorageClasses(classes);
  if (defaults.length === 1) return [];
  return [
    error(
      defaults.length === 0
        ? 'no StorageClass is the default'
        : `${defaults.join(', ')} are all marked as default StorageClass`,
      'mark one, or name the storage classes of etcd and root volumes in the site file',
    ),
  ];
}

/** Without a word about it in the site file nothing is installed; a probe would be a write, so the signs must do. */
async function checkLoadBalancer({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const { loadBalancer } = input.cluster;
  if (input.hosted === undefined) return [];
  if (loadBalancer?.install === true) {
    const pools = await client.list({ apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' });
    const own = new Set(loadBalancer.addressPools.map(({ name }) => name));
    const others = pools.filter(({ metadata }) => !own.has(metadata.name));
    const entries = [
      ...loadBalancer.addressPools.flatMap(({ addresses }) => addresses),
      ...others.flatMap((pool) => listAt(pool, 'spec', 'addresses').map(String)),
    ];
    return poolFindings(entries, input.hosted.addresses);
  }
  if (loadBalancer !== undefined || (await showsLoadBalancer(client))) return [];
  return [
    warning(
      'no sign of a load balancer: the API server of a hosted cluster is a Service of type LoadBalancer',
      'set loadBalancer in the site file',
    ),
  ];
}

function poolFindings(entries: readonly string[], needed: number): Finding[] {
  const held = heldAddresses(entries);
  if (held >= needed) return [];
  return [
    error(
      `the address pools hold ${held} addresses, the hosted clusters need ${needed}`,
      'one for each API server, and one more for each hosted cluster with a base domain',
    ),
  ];
}

/** Nodes that wait for their certificates look like nodes that never come back from a drain. */
async function checkSigningRequests({ client }: PreflightQuestion): Promise<Finding[]> {
  const requests = await client.list({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' });
  const pending = requests.filter((request) => listAt(request, 'status', 'conditions').length === 0);
  if (pending.length === 0) return [];
  return [warning(`${pending.length} certificate signing requests wait for approval`, 'look at them: oc get csr')];
}

/** Things that another run or person left in the middle. */
async function checkHalfDone({ client }: PreflightQuestion): Promise<Finding[]> {
  const engines = await client.list({ apiVersion: 'multicluster.openshift.io/v1', kind: 'MultiClusterEngine' });
  const clusters = await client.list({ apiVersion: 'hypershift.openshift.io/v1beta1', kind: 'HostedCluster' });
  const csvs = await client.list({ apiVersion: 'operators.coreos.com/v1alpha1', kind: 'ClusterServiceVersion' });
  const failed = csvs.filter(
    (csv) => textAt(csv, 'status', 'phase') === 'Failed' && textAt(csv, 'status', 'reason') !== 'Copied',
  );
  const leaving = [...engines, ...clusters].filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  return [
    ...leaving.map((object) =>
      error(`${object.kind}/${object.metadata.name} is being deleted`, 'wait until it is gone'),
    ),
    ...failed.map(({ metadata }) => warning(`ClusterServiceVersion/${metadata.namespace}/${metadata.name} has failed`)),
  ];
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function error(message: string, hint?: string): Finding {
  return { level: 'error', message, ...(hint === undefined ? {} : { hint }) };
}

function warning(message: string, hint?: string): Finding {
  return { level: 'warning', message, ...(hint === undefined ? {} : { hint }) };
}
