import type { FieldReader } from './hosted-cluster-fields.ts';
import type { NodePoolInput } from './hosted-cluster-schema.ts';

/** A node pool with defaults filled in and every value in the form the API holds. */
export interface NodePoolOptions {
  /** Absent: not stated; 0 when the pool is made, the live value afterwards. Negative: no pool. */
  readonly replicas?: number;
  readonly arch: 'amd64' | 's390x';
  readonly autoRepair: boolean;
  readonly upgradeType: 'Replace' | 'InPlace';
  readonly drainTimeout: string;
  readonly volumeDetachTimeout: string;
  readonly memory: string;
  readonly cores: number;
  readonly isGuaranteed: boolean;
  readonly rootVolumeSizeGi: number;
  readonly rootVolumeStorageClass?: string;
  readonly rootVolumeAccessModes: readonly string[];
  readonly rootVolumeVolumeMode?: 'Block' | 'Filesystem';
  readonly rootVolumeCacheStrategy?: 'None' | 'PVC';
  readonly networkMultiqueue: 'Enable' | 'Disable';
  readonly additionalNetworks: readonly string[];
  readonly attachDefaultNetwork: boolean;
  readonly vmNodeSelector: Readonly<Record<string, string>>;
  readonly hostDevices: readonly { readonly deviceName: string; readonly count: number }[];
  readonly nodeConfig: readonly string[];
}

const MIN_ROOT_VOLUME_GI = 16;
/** Limits of the NodePool API. */
const MAX_NETWORKS = 20;
const MAX_HOST_DEVICES = 10;
const MAX_NODE_CONFIGS = 10;
const MAX_INT32 = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;

/** Reads the node pool part of a hosted cluster; problems go to the reader. (HyperShift API reference, "NodePool".) */
export function readNodePoolOptions(input: NodePoolInput, fields: FieldReader): NodePoolOptions {
  const pool: NodePoolOptions = {
    ...fields.optional('replicas', input.nodePoolReplicas),
    arch: fields.oneOfAnyCase('arch', input.arch, ['amd64', 's390x']) ?? 'amd64',
    autoRepair: input.autoRepair ?? false,
    upgradeType: fields.oneOfAnyCase('nodeUpgradeType', input.nodeUpgradeType, ['Replace', 'InPlace']) ?? 'Replace',
    drainTimeout: fields.duration('nodeDrainTimeout', input.nodeDrainTimeout) ?? '0s',
    volumeDetachTimeout: fields.duration('nodeVolumeDetachTimeout', input.nodeVolumeDetachTimeout) ?? '0s',
    memory: fields.quantity('memory', input.memory) ?? '4Gi',
    cores: input.cores ?? 2,
    isGuaranteed: fields.oneOf('qosClass', input.qosClass, ['Burstable', 'Guaranteed']) === 'Guaranteed',
    rootVolumeSizeGi: input.rootVolumeSize ?? 32,
    ...fields.optional(
      'rootVolumeStorageClass',
      fields.objectName('rootVolumeStorageClass', input.rootVolumeStorageClass),
    ),
    rootVolumeAccessModes: readAccessModes(input.rootVolumeAccessModes ?? [], fields),
    ...fields.optional(
      'rootVolumeVolumeMode',
      fields.oneOf('rootVolumeVolumeMode', input.rootVolumeVolumeMode, ['Block', 'Filesystem']),
    ),
    ...fields.optional(
      'rootVolumeCacheStrategy',
      fields.oneOf('rootVolumeCacheStrategy', input.rootVolumeCacheStrategy, ['None', 'PVC']),
    ),
    networkMultiqueue: fields.oneOf('networkMultiqueue', input.networkMultiqueue, ['Enable', 'Disable']) ?? 'Enable',
    additionalNetworks: input.additionalNetworks ?? [],
    attachDefaultNetwork: input.attachDefaultNetwork ?? true,
    vmNodeSelector: input.vmNodeSelector ?? {},
    // The vendor tool drops a device without a count; one device is what its help promises.
    hostDevices: (input.hostDevices ?? []).map(({ deviceName, count }) => ({ deviceName, count: count ?? 1 })),
    nodeConfig: input.nodeConfig ?? [],
  };
  checkMachine(pool, fields);
  checkNetworks(pool, fields);
  return pool;
}

function readAccessModes(modes: readonly string[], fields: FieldReader): string[] {
  const known = ['ReadWriteOnce', 'ReadWriteMany', 'ReadOnly', 'ReadWriteOncePod'] as const;
  return modes.flatMap((mode) => fields.oneOf('rootVolumeAccessModes', mode.trim(), known) ?? []);
}

function checkMachine(pool: NodePoolOptions, fields: FieldReader): void {
  if (pool.cores < 1 || pool.cores > MAX_INT32) {
    fields.note('cores', `${pool.cores} cores are not possible`, 'give a node at least one core');
  }
  if (pool.rootVolumeSizeGi < MIN_ROOT_VOLUME_GI || pool.rootVolumeSizeGi > MAX_UINT32) {
    fields.note(
      'rootVolumeSize',
      `${pool.rootVolumeSizeGi} GiB do not hold a node`,
      `give the root volume ${MIN_ROOT_VOLUME_GI} GiB at least`,
    );
  }
  if (pool.replicas !== undefined && Math.abs(pool.replicas) > MAX_INT32) {
    fields.note('nodePoolReplicas', `${pool.replicas} nodes are not possible`, 'give the number of nodes');
  }
  if (pool.hostDevices.length > MAX_HOST_DEVICES) {
    fields.note('hostDevices', 'more than 10 devices', 'a node takes 10 different host devices at most');
  }
  for (const { deviceName, count } of pool.hostDevices) {
    if (deviceName !== '' && deviceName.length <= 255 && count >= 1 && count <= MAX_INT32) continue;
    fields.note(
      'hostDevices',
      `${JSON.stringify(deviceName)} × ${count}`,
      'name the device and give a count of 1 or more',
    );
  }
  if (pool.nodeConfig.length > MAX_NODE_CONFIGS) {
    fields.note('nodeConfig', 'more than 10 ConfigMaps', 'a node pool takes 10 at most');
  }
}

function checkNetworks(pool: NodePoolOptions, fields: FieldReader): void {
  if (!pool.attachDefaultNetwork && pool.additionalNetworks.length === 0) {
    fields.note(
      'attachDefaultNetwork',
      'false leaves the nodes without any network',
      'add a network with additionalNetworks (--additional-network)',
    );
  }
  if (pool.additionalNetworks.length > MAX_NETWORKS) {
    fields.note('additionalNetworks', 'more than 20 networks', 'a node takes 20 additional networks at most');
  }
  for (const network of pool.additionalNetworks) {
    if (network.length <= 255 && /^(?:[a-z0-9][-a-z0-9]*\/)?[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?$/.test(network)) continue;
    fields.note(
      'additionalNetworks',
      `${JSON.stringify(network)} names no network`,
      'write <namespace>/<name of the NetworkAttachmentDefinition>',
    );
  }
}
