import { z } from 'zod';

/** Text that YAML may have read as a number (`memory: 4096`). */
const quantity = z.union([z.string(), z.int()]);
const textMap = z.record(z.string(), z.string());

const tolerationSchema = z.strictObject({
  key: z.string().optional(),
  value: z.string().optional(),
  operator: z.string().optional(),
  effect: z.string().optional(),
  tolerationSeconds: z.int().optional(),
});

const classMappingSchema = z.strictObject({
  infra: z.string(),
  guest: z.string(),
  group: z.string().optional(),
});

const hostDeviceSchema = z.strictObject({ deviceName: z.string(), count: z.int().optional() });

const imageContentSourceSchema = z.strictObject({ source: z.string(), mirrors: z.array(z.string()).optional() });

/** What a node pool and its machines look like; the same for the first pool and for additional ones. */
const nodePoolShape = {
  nodePoolReplicas: z.int().optional(),
  arch: z.string().optional(),
  autoRepair: z.boolean().optional(),
  nodeUpgradeType: z.string().optional(),
  nodeDrainTimeout: z.string().optional(),
  nodeVolumeDetachTimeout: z.string().optional(),
  memory: quantity.optional(),
  cores: z.int().optional(),
  qosClass: z.string().optional(),
  rootVolumeSize: z.int().optional(),
  rootVolumeStorageClass: z.string().optional(),
  rootVolumeAccessModes: z.array(z.string()).optional(),
  rootVolumeVolumeMode: z.string().optional(),
  rootVolumeCacheStrategy: z.string().optional(),
  networkMultiqueue: z.string().optional(),
  additionalNetworks: z.array(z.string()).optional(),
  attachDefaultNetwork: z.boolean().optional(),
  vmNodeSelector: textMap.optional(),
  hostDevices: z.array(hostDeviceSchema).optional(),
  /** ConfigMaps in the hosted cluster's namespace with machine configuration (NodePool `spec.config`). */
  nodeConfig: z.array(z.string()).optional(),
};

/** A further node pool of a hosted cluster. */
const additionalNodePoolSchema = z.strictObject({ name: z.string(), ...nodePoolShape });

/**
 * One entry of `hostedClusters[]` in the site file. Only shapes are checked here; meaning, defaults and limits are those of
 * `readHostedCluster`. Unknown keys are errors. Files are named by path, never included.
 */
export const HostedClusterSchema = z.strictObject({
  name: z.string(),
  namespace: z.string().optional(),
  releaseImage: z.string().optional(),
  pullSecretFile: z.string().optional(),
  sshKeyFile: z.string().optional(),
  generateSsh: z.boolean().optional(),
  additionalTrustBundleFile: z.string().optional(),
  imageContentSourcesFile: z.string().optional(),
  imageContentSources: z.array(imageContentSourceSchema).optional(),
  /** Give nodes mirrors for pulls by tag, too: machine configuration, whose change replaces them. */
  tagMirrors: z.boolean().optional(),
  infraKubeconfigFile: z.string().optional(),
  infraNamespace: z.string().optional(),
  infraStorageClassMappings: z.array(classMappingSchema).optional(),
  infraVolumeSnapshotClassMappings: z.array(classMappingSchema).optional(),
  infraId: z.string().optional(),
  baseDomain: z.string().optional(),
  baseDomainPrefix: z.string().optional(),
  kasDnsName: z.string().optional(),
  controlPlaneAvailabilityPolicy: z.string().optional(),
  infraAvailabilityPolicy: z.string().optional(),
  clusterCidrs: z.array(z.string()).optional(),
  serviceCidrs: z.array(z.string()).optional(),
  machineCidrs: z.array(z.string()).optional(),
  defaultDual: z.boolean().optional(),
  networkType: z.string().optional(),
  disableMultiNetwork: z.boolean().optional(),
  allocateNodeCidrs: z.boolean().optional(),
  ovnKubernetesMtu: z.int().optional(),
  etcdStorageClass: z.string().optional(),
  etcdStorageSize: quantity.optional(),
  olmCatalogPlacement: z.string().optional(),
  olmDisableDefaultSources: z.boolean().optional(),
  annotations: textMap.optional(),
  labels: textMap.optional(),
  podsLabels: textMap.optional(),
  nodeSelector: textMap.optional(),
  tolerations: z.array(tolerationSchema).optional(),
  fips: z.boolean().optional(),
  featureSet: z.string().optional(),
  disableClusterCapabilities: z.array(z.string()).optional(),
  enableClusterCapabilities: z.array(z.string()).optional(),
  pausedUntil: z.union([z.string(), z.literal(true)]).optional(),
  wait: z.boolean().optional(),
  timeout: z.string().optional(),
  ...nodePoolShape,
  additionalNodePools: z.array(additionalNodePoolSchema).optional(),
});

/** A hosted cluster as the user states it; every field but the name may be missing. */
export type HostedClusterInput = z.input<typeof HostedClusterSchema>;

export type AdditionalNodePoolInput = z.input<typeof additionalNodePoolSchema>;
export type NodePoolInput = Omit<AdditionalNodePoolInput, 'name'>;
export type TolerationInput = z.input<typeof tolerationSchema>;
export type ClassMapping = z.input<typeof classMappingSchema>;
export type HostDeviceInput = z.input<typeof hostDeviceSchema>;
export type ImageContentSource = z.input<typeof imageContentSourceSchema>;
