import {
  readBoolean,
  readClassMapping,
  readCommaList,
  readCommaPairs,
  readHostDevice,
  readInteger,
  readNetwork,
  readPairs,
  readToleration,
} from './hosted-cluster-flag-values.ts';
import type { HostedClusterInput } from './hosted-cluster-schema.ts';

/** How the text of a flag becomes a value. */
export type FlagKind =
  | 'text'
  | 'file'
  | 'integer'
  | 'boolean'
  | 'list'
  | 'commaList'
  | 'pairs'
  | 'commaPairs'
  | 'toleration'
  | 'classMapping'
  | 'network'
  | 'hostDevice';

/** One flag of the vendor tool's `create cluster kubevirt` and the field of the site file that means the same. */
export interface HostedClusterFlag {
  readonly flag: string;
  readonly field: keyof HostedClusterInput;
  readonly kind: FlagKind;
  readonly summary: string;
}

const FLAGS = [
  ['name', 'name', 'text', 'name of the hosted cluster'],
  ['namespace', 'namespace', 'text', 'namespace of the hosted cluster and node pool objects (clusters)'],
  ['pull-secret', 'pullSecretFile', 'file', 'file with the registry credentials of the hosted cluster'],
  ['release-image', 'releaseImage', 'text', 'release image (the newest release of the bundle)'],
  ['base-domain', 'baseDomain', 'text', 'base domain; without it the management cluster serves the applications'],
  ['base-domain-prefix', 'baseDomainPrefix', 'text', 'first label below the base domain (the name); "none": no label'],
  ['node-pool-replicas', 'nodePoolReplicas', 'integer', 'nodes of the first pool (0); negative: no pool'],
  ['arch', 'arch', 'text', 'architecture of the nodes: amd64 or s390x (amd64)'],
  ['infra-id', 'infraId', 'text', 'infrastructure id (generated)'],
  ['control-plane-availability-policy', 'controlPlaneAvailabilityPolicy', 'text', 'HighlyAvailable or SingleReplica'],
  ['infra-availability-policy', 'infraAvailabilityPolicy', 'text', 'the same for routers, console and the like'],
  ['cluster-cidr', 'clusterCidrs', 'list', 'network of the pods (10.132.0.0/14)'],
  ['service-cidr', 'serviceCidrs', 'list', 'network of the services (172.31.0.0/16)'],
  ['machine-cidr', 'machineCidrs', 'list', 'network of the machines'],
  ['default-dual', 'defaultDual', 'boolean', 'IPv4 and IPv6 networks with default ranges'],
  ['network-type', 'networkType', 'text', 'OVNKubernetes, OpenShiftSDN, Calico or Other (OVNKubernetes)'],
  ['disable-multi-network', 'disableMultiNetwork', 'boolean', 'no Multus; only with network type Other'],
  ['allocate-node-cidrs', 'allocateNodeCidrs', 'boolean', 'a pod range per node; only with network type Other'],
  ['ovn-kubernetes-mtu', 'ovnKubernetesMtu', 'integer', 'MTU of the pod network, 576 to 9216'],
  ['ssh-key', 'sshKeyFile', 'file', 'file with the public SSH key for the nodes'],
  ['generate-ssh', 'generateSsh', 'boolean', 'make an SSH key pair'],
  ['additional-trust-bundle', 'additionalTrustBundleFile', 'file', 'file with CA certificates to trust'],
  ['image-content-sources', 'imageContentSourcesFile', 'file', 'file with a list of sources and their mirrors'],
  ['olm-catalog-placement', 'olmCatalogPlacement', 'text', 'where the operator catalogs run: management or guest'],
  ['olm-disable-default-sources', 'olmDisableDefaultSources', 'boolean', 'no default operator catalogs'],
  ['annotations', 'annotations', 'pairs', 'annotation of the hosted cluster, key=value'],
  ['labels', 'labels', 'pairs', 'label of the hosted cluster, key=value'],
  ['pods-labels', 'podsLabels', 'commaPairs', 'labels of the control plane pods, k=v,k=v'],
  ['node-selector', 'nodeSelector', 'commaPairs', 'nodes for the control plane pods, k=v,k=v'],
  ['toleration', 'tolerations', 'toleration', 'toleration of the control plane pods, key=…,operator=…,effect=…'],
  ['etcd-storage-class', 'etcdStorageClass', 'text', 'storage class of the etcd volumes'],
  ['etcd-storage-size', 'etcdStorageSize', 'text', 'size of an etcd volume (8Gi)'],
  ['fips', 'fips', 'boolean', 'FIPS mode'],
  ['feature-set', 'featureSet', 'text', 'TechPreviewNoUpgrade or DevPreviewNoUpgrade'],
  ['disable-cluster-capabilities', 'disableClusterCapabilities', 'commaList', 'capabilities to leave out'],
  ['enable-cluster-capabilities', 'enableClusterCapabilities', 'commaList', 'capabilities to add'],
  ['kas-dns-name', 'kasDnsName', 'text', 'own DNS name of the API server'],
  ['auto-repair', 'autoRepair', 'boolean', 'replace machines that fail their health check'],
  ['node-upgrade-type', 'nodeUpgradeType', 'text', 'Replace or InPlace (Replace)'],
  ['node-drain-timeout', 'nodeDrainTimeout', 'text', 'longest drain of a node, 0s: no limit (0s)'],
  ['node-volume-detach-timeout', 'nodeVolumeDetachTimeout', 'text', 'longest wait for volumes, 0s: no limit (0s)'],
  ['pausedUntil', 'pausedUntil', 'text', 'true or a date (RFC 3339): nothing is reconciled until then'],
  ['wait', 'wait', 'boolean', 'wait until the cluster is complete; needs nodes'],
  ['timeout', 'timeout', 'text', 'longest wait, for example 90m'],
  ['memory', 'memory', 'text', 'memory of a node (4Gi)'],
  ['cores', 'cores', 'integer', 'cores of a node (2)'],
  ['root-volume-size', 'rootVolumeSize', 'integer', 'root volume of a node in GiB, 16 at least (32)'],
  ['root-volume-storage-class', 'rootVolumeStorageClass', 'text', 'storage class of the root volumes'],
  ['root-volume-access-modes', 'rootVolumeAccessModes', 'commaList', 'access modes of the root volumes'],
  ['root-volume-volume-mode', 'rootVolumeVolumeMode', 'text', 'Block or Filesystem'],
  ['root-volume-cache-strategy', 'rootVolumeCacheStrategy', 'text', 'None or PVC'],
  ['network-multiqueue', 'networkMultiqueue', 'text', 'Enable or Disable (Enable)'],
  ['qos-class', 'qosClass', 'text', 'Burstable or Guaranteed (Burstable)'],
  ['additional-network', 'additionalNetworks', 'network', 'further network of the nodes, name:<namespace>/<name>'],
  ['attach-default-network', 'attachDefaultNetwork', 'boolean', 'attach the pod network to the nodes (true)'],
  ['vm-node-selector', 'vmNodeSelector', 'commaPairs', 'nodes for the virtual machines, k=v,k=v'],
  ['host-device-name', 'hostDevices', 'hostDevice', 'host device of the nodes, <device>[,count:N]'],
  ['infra-kubeconfig-file', 'infraKubeconfigFile', 'file', 'kubeconfig of another cluster that runs the machines'],
  ['infra-namespace', 'infraNamespace', 'text', 'namespace of the machines on that cluster'],
  ['infra-storage-class-mapping', 'infraStorageClassMappings', 'classMapping', 'infra/guest[,group=G]'],
  ['infra-volumesnapshot-class-mapping', 'infraVolumeSnapshotClassMappings', 'classMapping', 'infra/guest[,group=G]'],
] as const satisfies readonly (readonly [string, keyof HostedClusterInput, FlagKind, string])[];

/** Every flag of `hcp create cluster kubevirt` that has a meaning across an air gap, in the order of its documentation. */
export const HOSTED_CLUSTER_FLAGS: readonly HostedClusterFlag[] = FLAGS.map(([flag, field, kind, summary]) => ({
  flag,
  field,
  kind,
  summary,
}));

/** What a command parser hands over for one flag. */
export type FlagValue = string | boolean | number | readonly string[];

/** True for flags that may be given more than once. */
export function isRepeatable(kind: FlagKind): boolean {
  return !['text', 'file', 'integer', 'boolean'].includes(kind);
}

/** The fields that a set of flags means. Flags that are not in the table are passed over. Throws `E_CONFIG` naming the flag. */
export function readHostedClusterFlags(
  values: Readonly<Record<string, FlagValue | undefined>>,
): Partial<HostedClusterInput> {
  const fields: Record<string, unknown> = {};
  for (const { flag, field, kind } of HOSTED_CLUSTER_FLAGS) {
    const value = values[flag];
    if (value !== undefined) fields[field] = readFlag(flag, kind, value);
  }
  return fields;
}

/** A field as users know it: its name in the site file and the flag. */
export function labelOf(field: string): string {
  const flag = HOSTED_CLUSTER_FLAGS.find((entry) => entry.field === field)?.flag;
  return flag === undefined || flag === field ? field : `${field} (--${flag})`;
}

function readFlag(flag: string, kind: FlagKind, value: FlagValue): unknown {
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  switch (kind) {
    case 'text':
    case 'file':
      return texts.at(-1);
    case 'integer':
      return readInteger(texts.at(-1)!, flag);
    case 'boolean':
      return readBoolean(texts.at(-1)!, flag);
    case 'list':
      return texts;
    case 'commaList':
      return readCommaList(texts, flag);
    case 'pairs':
      return readPairs(texts, flag);
    case 'commaPairs':
      return readCommaPairs(texts, flag);
    case 'toleration':
      return texts.map((text) => readToleration(text, flag));
    case 'classMapping':
      return texts.map((text) => readClassMapping(text, flag));
    case 'network':
      return texts.map((text) => readNetwork(text, flag));
    case 'hostDevice':
      return texts.map((text) => readHostDevice(text, flag));
  }
}
