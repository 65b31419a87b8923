import type { NodePoolOptions } from './hosted-node-pool-options.ts';
import type { ClassMapping, ImageContentSource, TolerationInput } from './hosted-cluster-schema.ts';

/** A hosted cluster with defaults filled in and every value in the form the API holds. */
export interface HostedClusterOptions {
  readonly name: string;
  readonly namespace: string;
  /** Absent: the newest release of the bundle. */
  readonly releaseImage?: string;
  readonly pullSecretFile?: string;
  readonly sshKeyFile?: string;
  readonly generateSsh: boolean;
  readonly additionalTrustBundleFile?: string;
  readonly imageContentSourcesFile?: string;
  readonly imageContentSources: readonly ImageContentSource[];
  readonly tagMirrors: boolean;
  readonly infraKubeconfigFile?: string;
  readonly infraNamespace?: string;
  readonly infraStorageClassMappings: readonly ClassMapping[];
  readonly infraVolumeSnapshotClassMappings: readonly ClassMapping[];
  /** Absent: generated once. */
  readonly infraId?: string;
  /** Empty: the apps domain of the management cluster carries the routes. */
  readonly baseDomain: string;
  readonly baseDomainPrefix?: string;
  readonly kasDnsName?: string;
  readonly controlPlaneAvailabilityPolicy: 'HighlyAvailable' | 'SingleReplica';
  readonly infraAvailabilityPolicy?: 'HighlyAvailable' | 'SingleReplica';
  readonly clusterCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly machineCidrs: readonly string[];
  readonly networkType: string;
  readonly disableMultiNetwork: boolean;
  readonly allocateNodeCidrs: boolean;
  readonly ovnKubernetesMtu?: number;
  readonly etcdStorageClass?: string;
  readonly etcdStorageSize: string;
  /** Absent: not stated, the bundle decides. */
  readonly olmCatalogPlacement?: 'management' | 'guest';
  readonly olmDisableDefaultSources?: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly podsLabels: Readonly<Record<string, string>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly TolerationInput[];
  readonly fips: boolean;
  readonly featureSet?: string;
  readonly disableClusterCapabilities: readonly string[];
  readonly enableClusterCapabilities: readonly string[];
  readonly pausedUntil?: string;
  /** Absent: not stated; then everything that can become true is waited for. */
  readonly wait?: boolean;
  /** Milliseconds; absent: the default of the wait. */
  readonly timeoutMs?: number;
  readonly nodePool: NodePoolOptions;
  readonly additionalNodePools: readonly (NodePoolOptions & { readonly name: string })[];
}
