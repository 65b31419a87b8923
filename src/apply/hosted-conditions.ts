/** Where in the making of a hosted cluster a condition speaks; lower ranks explain higher ones. */
export type BlockRank =
  'terminal' | 'infrastructure' | 'etcd' | 'apiServer' | 'images' | 'disks' | 'nodes' | 'ingress' | 'operators';

/** First to last: the first blocker found in this order is the one to tell. */
export const BLOCK_RANKS: readonly BlockRank[] = [
  'terminal',
  'infrastructure',
  'etcd',
  'apiServer',
  'images',
  'disks',
  'nodes',
  'ingress',
  'operators',
];

export interface ConditionMeaning {
  readonly type: string;
  readonly good: 'True' | 'False';
  readonly rank: BlockRank;
  /** Most likely cause when it is not good. */
  readonly cause: string;
  /** Informational conditions never block. */
  readonly isInformational?: true;
}

/**
 * Conditions of a HostedCluster: what is good, and what it means when it is not. Types that are not listed are shown and not
 * interpreted. (HyperShift API reference, "HostedCluster conditions".)
 */
export const HOSTED_CLUSTER_CONDITIONS: readonly ConditionMeaning[] = [
  {
    type: 'ValidConfiguration',
    good: 'True',
    rank: 'terminal',
    cause:
      'a reference that does not exist, overlapping networks, a trust bundle without its key, or KubeVirt that is too old',
  },
  {
    type: 'ValidReleaseImage',
    good: 'True',
    rank: 'terminal',
    cause:
      'the release can not be read from the registry: not mirrored, no trust in its certificate, or no credentials',
  },
  {
    type: 'SupportedHostedCluster',
    good: 'True',
    rank: 'terminal',
    cause: 'the operator does not support this release or platform',
  },
  {
    type: 'ReconciliationActive',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the hosted cluster is paused (pausedUntil)',
  },
  {
    type: 'PlatformCredentialsFound',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the credentials of the cluster that runs the machines are missing',
  },
  {
    type: 'ValidProxyConfiguration',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the proxy configuration is not valid',
  },
  {
    type: 'ValidHostedControlPlaneConfiguration',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the configuration of the hosted control plane is not valid',
  },
  {
    type: 'ValidReleaseInfo',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the release lacks a component image: the mirror is not complete',
  },
  {
    type: 'ValidKubeVirtInfraNetworkPolicyRBAC',
    good: 'True',
    rank: 'infrastructure',
    cause: 'the credentials of the infra cluster may not manage network policies',
  },
  {
    type: 'InfrastructureReady',
    good: 'True',
    rank: 'infrastructure',
    cause: 'no address for a LoadBalancer service (MetalLB without free addresses) or no host for a Route',
  },
  {
    type: 'EtcdAvailable',
    good: 'True',
    rank: 'etcd',
    cause: 'a volume is pending (storage class) or the image can not be pulled',
  },
  {
    type: 'KubeAPIServerAvailable',
    good: 'True',
    rank: 'apiServer',
    cause: 'the API server pods do not run',
  },
  {
    type: 'IgnitionEndpointAvailable',
    good: 'True',
    rank: 'apiServer',
    cause: 'the ignition server does not answer',
  },
  {
    type: 'IgnitionServerValidReleaseInfo',
    good: 'True',
    rank: 'apiServer',
    cause: 'the ignition server can not read the release: mirrors of the management cluster name only a host',
  },
  {
    type: 'ReconciliationSucceeded',
    good: 'True',
    rank: 'apiServer',
    cause: 'the operator can not finish its work; a missing telemeter client secret means that telemetry is still on',
  },
  {
    type: 'Available',
    good: 'True',
    rank: 'apiServer',
    cause: 'the control plane does not answer yet',
  },
  {
    type: 'DataPlaneConnectionAvailable',
    good: 'True',
    rank: 'nodes',
    cause: 'no node has connected to the control plane',
  },
  {
    type: 'ControlPlaneConnectionAvailable',
    good: 'True',
    rank: 'nodes',
    cause: 'nodes can not reach the control plane: route or load balancer address',
  },
  {
    type: 'ClusterVersionReleaseAccepted',
    good: 'True',
    rank: 'operators',
    cause: 'the hosted cluster does not accept the release',
  },
  {
    type: 'ClusterVersionSucceeding',
    good: 'True',
    rank: 'operators',
    cause: 'an operator of the hosted cluster fails',
  },
  {
    type: 'ClusterVersionAvailable',
    good: 'True',
    rank: 'operators',
    cause: 'the hosted cluster has not finished its release yet',
  },
  {
    type: 'Degraded',
    good: 'False',
    rank: 'operators',
    cause: 'a component of the control plane is degraded',
  },
  {
    type: 'ClusterVersionProgressing',
    good: 'False',
    rank: 'operators',
    cause: 'the hosted cluster is still rolling out',
  },
  {
    type: 'EtcdDataEncryptionUpToDate',
    good: 'True',
    rank: 'operators',
    cause: 'etcd data is being encrypted again',
  },
  {
    type: 'ValidKubeVirtInfraNetworkMTU',
    good: 'True',
    rank: 'nodes',
    cause: 'the MTU of the machine network is small',
    isInformational: true,
  },
  {
    type: 'KubeVirtNodesLiveMigratable',
    good: 'True',
    rank: 'nodes',
    cause: 'machines can not live-migrate: their volumes are not shared',
    isInformational: true,
  },
];

/** Conditions of a NodePool. */
export const NODE_POOL_CONDITIONS: readonly ConditionMeaning[] = [
  { type: 'ValidReleaseImage', good: 'True', rank: 'nodes', cause: 'the release of the pool can not be read' },
  {
    type: 'ValidPlatformImage',
    good: 'True',
    rank: 'disks',
    cause: 'the disk image of the machines is not in the mirror (kubeVirtContainer: true in the image set)',
  },
  { type: 'ValidPlatformConfig', good: 'True', rank: 'nodes', cause: 'the machine configuration is not valid' },
  {
    type: 'ValidMachineConfig',
    good: 'True',
    rank: 'nodes',
    cause: 'a machine configuration of the pool is not valid',
  },
  { type: 'ValidGeneratedPayload', good: 'True', rank: 'nodes', cause: 'the ignition payload can not be generated' },
  { type: 'ValidMachineTemplate', good: 'True', rank: 'nodes', cause: 'the machine template is not valid' },
  {
    type: 'SupportedVersionSkew',
    good: 'True',
    rank: 'nodes',
    cause: 'the pool is newer or much older than its cluster',
  },
  { type: 'ReconciliationActive', good: 'True', rank: 'nodes', cause: 'the node pool is paused (pausedUntil)' },
  {
    type: 'ClusterNetworkCIDRConflict',
    good: 'False',
    rank: 'nodes',
    cause: 'the hosted pod network overlaps that of the management cluster',
  },
  { type: 'UpdateManagementEnabled', good: 'True', rank: 'nodes', cause: 'the upgrade settings are not valid' },
  {
    type: 'AllMachinesReady',
    good: 'True',
    rank: 'nodes',
    cause: 'machines do not run: capacity, storage class or virtualization',
  },
  {
    type: 'ReachedIgnitionEndpoint',
    good: 'True',
    rank: 'nodes',
    cause: 'machines do not reach the ignition server: route, DNS or network policy',
  },
  {
    type: 'AllNodesHealthy',
    good: 'True',
    rank: 'nodes',
    cause: 'nodes do not become ready: image pulls of the nodes (credentials, trust bundle, mirrors)',
  },
  { type: 'Ready', good: 'True', rank: 'nodes', cause: 'the pool is not complete' },
  { type: 'UpdatingVersion', good: 'False', rank: 'nodes', cause: 'nodes are being upgraded' },
  { type: 'UpdatingConfig', good: 'False', rank: 'nodes', cause: 'nodes are being reconfigured' },
  { type: 'UpdatingPlatformMachineTemplate', good: 'False', rank: 'nodes', cause: 'machines are being replaced' },
];

/** Conditions after whose failure the operator does nothing more by itself. */
export const TERMINAL_CONDITIONS = ['ValidConfiguration', 'ValidReleaseImage', 'SupportedHostedCluster'] as const;
/** The operator looks again at references, so what is created late heals; only a lasting failure counts. */
export const TERMINAL_GRACE_MS = 120_000;
