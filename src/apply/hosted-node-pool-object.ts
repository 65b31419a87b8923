import { RHCOS_VARIANTS } from './hosted-cluster-annotations.ts';
import { HYPERSHIFT_API } from './hosted-cluster-object.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { HostedClusterContext } from './hosted-cluster-render.ts';
import { tagMirrorsName } from './hosted-tag-mirrors.ts';
import type { NodePoolOptions } from './hosted-node-pool-options.ts';
import type { KubeObject } from './kube-object.ts';
import { parseQuantity } from './quantity.ts';

/** The node pools of a hosted cluster: the first carries its name; a negative number of nodes means no pool. */
export function buildNodePools(
  options: HostedClusterOptions,
  { releaseImage, tagMirrors }: Pick<HostedClusterContext, 'releaseImage' | 'tagMirrors'>,
): KubeObject[] {
  const added = tagMirrors === undefined ? [] : [tagMirrorsName(options)];
  const pools = [{ ...options.nodePool, name: options.name }, ...options.additionalNodePools];
  return pools
    .filter((pool) => (pool.replicas ?? 0) >= 0)
    .map((pool) =>
      buildNodePool(options, pool.name, { ...pool, nodeConfig: [...pool.nodeConfig, ...added] }, releaseImage),
    );
}

/** One NodePool object. (HyperShift API reference, "NodePool".) */
function buildNodePool(
  cluster: HostedClusterOptions,
  name: string,
  pool: NodePoolOptions,
  releaseImage: string,
): KubeObject {
  // Machines boot from the variant this annotation allows, so the pool has to carry it too.
  const variants = cluster.annotations[RHCOS_VARIANTS];
  return {
    apiVersion: HYPERSHIFT_API,
    kind: 'NodePool',
    metadata: {
      name,
      namespace: cluster.namespace,
      ...(variants ? { annotations: { [RHCOS_VARIANTS]: variants } } : {}),
    },
    spec: {
      arch: pool.arch,
      clusterName: cluster.name,
      ...(pool.nodeConfig.length === 0 ? {} : { config: pool.nodeConfig.map((config) => ({ name: config })) }),
      management: { autoRepair: pool.autoRepair, upgradeType: pool.upgradeType },
      nodeDrainTimeout: pool.drainTimeout,
      nodeVolumeDetachTimeout: pool.volumeDetachTimeout,
      ...(cluster.pausedUntil === undefined ? {} : { pausedUntil: cluster.pausedUntil }),
      platform: { type: 'KubeVirt', kubevirt: buildMachine(pool) },
      release: { image: releaseImage },
      replicas: pool.replicas ?? 0,
    },
  };
}

function buildMachine(pool: NodePoolOptions): Record<string, unknown> {
  const { rootVolumeStorageClass, rootVolumeAccessModes, rootVolumeVolumeMode, rootVolumeCacheStrategy } = pool;
  return {
    ...(pool.additionalNetworks.length === 0
      ? {}
      : { additionalNetworks: pool.additionalNetworks.map((name) => ({ name })) }),
    attachDefaultNetwork: pool.attachDefaultNetwork,
    compute: {
      cores: pool.cores,
      memory: pool.memory,
      ...(pool.isGuaranteed ? { qosClass: 'Guaranteed' } : {}),
    },
    ...(pool.hostDevices.length === 0 ? {} : { hostDevices: pool.hostDevices }),
    networkInterfaceMultiqueue: pool.networkMultiqueue,
    ...(Object.keys(pool.vmNodeSelector).length === 0 ? {} : { nodeSelector: pool.vmNodeSelector }),
    rootVolume: {
      type: 'Persistent',
      persistent: {
        size: parseQuantity(`${pool.rootVolumeSizeGi}Gi`)!.text,
        ...(rootVolumeStorageClass === undefined ? {} : { storageClass: rootVolumeStorageClass }),
        ...(rootVolumeAccessModes.length === 0 ? {} : { accessModes: rootVolumeAccessModes }),
        ...(rootVolumeVolumeMode === undefined ? {} : { volumeMode: rootVolumeVolumeMode }),
      },
      ...(rootVolumeCacheStrategy === undefined ? {} : { cacheStrategy: { type: rootVolumeCacheStrategy } }),
    },
  };
}
