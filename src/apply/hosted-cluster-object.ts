import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { HostedClusterContext } from './hosted-cluster-render.ts';
import { registryCasName, secretNames, TRUST_BUNDLE_NAME } from './hosted-cluster-secrets.ts';
import type { ClassMapping, ImageContentSource, TolerationInput } from './hosted-cluster-schema.ts';
import type { KubeObject } from './kube-object.ts';
import { unionOfEntries } from './mirror-rules.ts';

export const HYPERSHIFT_API = 'hypershift.openshift.io/v1beta1';
/** The vendor tool's answer to "how is the control plane reached" on KubeVirt; the API server insists on all four. */
const SERVICES = [
  ['APIServer', 'LoadBalancer'],
  ['Ignition', 'Route'],
  ['Konnectivity', 'Route'],
  ['OAuthServer', 'Route'],
] as const;

/** The HostedCluster object. (HyperShift API reference, "HostedCluster".) */
export function buildHostedCluster(options: HostedClusterOptions, context: HostedClusterContext): KubeObject {
  const names = secretNames(options);
  const annotations = { ...context.catalogs.annotations, ...options.annotations };
  const operatorConfiguration = buildOperatorConfiguration(options);
  const sources = sourcesOf(options, context);
  return {
    apiVersion: HYPERSHIFT_API,
    kind: 'HostedCluster',
    metadata: {
      name: options.name,
      namespace: options.namespace,
      ...unlessEmpty('annotations', annotations),
      ...unlessEmpty('labels', options.labels),
    },
    spec: {
      ...(context.trustBundle === undefined ? {} : { additionalTrustBundle: { name: TRUST_BUNDLE_NAME } }),
      autoscaling: {},
      capabilities: {
        ...unlessEmptyList('enabled', options.enableClusterCapabilities),
        ...unlessEmptyList('disabled', options.disableClusterCapabilities),
      },
      configuration: {
        ...(context.catalogs.disableDefaultSources ? { operatorhub: { disableAllDefaultSources: true } } : {}),
        ...(context.registryCas === undefined
          ? {}
          : { image: { additionalTrustedCA: { name: registryCasName(options) } } }),
        ...(options.featureSet === undefined ? {} : { featureGate: { featureSet: options.featureSet } }),
      },
      controllerAvailabilityPolicy: options.controlPlaneAvailabilityPolicy,
      ...optional('infrastructureAvailabilityPolicy', options.infraAvailabilityPolicy),
      dns: { baseDomain: options.baseDomain, ...optional('baseDomainPrefix', options.baseDomainPrefix) },
      etcd: {
        managementType: 'Managed',
        managed: {
          storage: {
            type: 'PersistentVolume',
            persistentVolume: {
              size: options.etcdStorageSize,
              ...optional('storageClassName', options.etcdStorageClass),
            },
          },
        },
      },
      fips: options.fips,
      ...unlessEmptyList('imageContentSources', sources),
      infraID: context.infraId,
      ...optional('kubeAPIServerDNSName', options.kasDnsName),
      ...unlessEmpty('labels', options.podsLabels),
      networking: {
        clusterNetwork: options.clusterCidrs.map((cidr) => ({ cidr })),
        serviceNetwork: options.serviceCidrs.map((cidr) => ({ cidr })),
        ...unlessEmptyList(
          'machineNetwork',
          options.machineCidrs.map((cidr) => ({ cidr })),
        ),
        networkType: options.networkType,
        ...(options.allocateNodeCidrs ? { allocateNodeCIDRs: 'Enabled' } : {}),
      },
      ...unlessEmpty('nodeSelector', options.nodeSelector),
      olmCatalogPlacement: context.catalogs.placement,
      ...unlessEmpty('operatorConfiguration', operatorConfiguration),
      ...optional('pausedUntil', options.pausedUntil),
      platform: { type: 'KubeVirt', kubevirt: buildPlatform(options, names.infraCredentials) },
      pullSecret: { name: names.pullSecret },
      release: { image: context.releaseImage },
      secretEncryption: { type: 'aescbc', aescbc: { activeKey: { name: names.encryptionKey } } },
      services: SERVICES.map(([service, type]) => ({ service, servicePublishingStrategy: { type } })),
      sshKey: context.sshKey === undefined ? {} : { name: names.sshKey },
      ...unlessEmptyList('tolerations', options.tolerations.map(buildToleration)),
    },
  };
}

/** Mirrors of the hosted cluster for pulls by digest. */
export function sourcesOf(
  options: Pick<HostedClusterOptions, 'imageContentSources'>,
  context: Pick<HostedClusterContext, 'imageContentSources'>,
): ImageContentSource[] {
  return mergeImageContentSources(options.imageContentSources, context.imageContentSources);
}

/**
 * Both lists in one: entries of the first as they are, then what only the second knows. Nothing of the second is lost; no
 * mirror is named twice for a source, which the API server would refuse.
 */
export function mergeImageContentSources(
  first: readonly ImageContentSource[],
  second: readonly ImageContentSource[],
): ImageContentSource[] {
  const known = (source: string): string[] =>
    first.filter((entry) => entry.source === source).flatMap((entry) => entry.mirrors ?? []);
  const added = second.map(({ source, mirrors = [] }) => ({
    source,
    mirrors: mirrors.filter((mirror) => !known(source).includes(mirror)),
  }));
  const merged = first.map((entry) => ({ source: entry.source, mirrors: [...new Set(entry.mirrors)] }));
  for (const { source, mirrors } of added) {
    const entry = merged.find((candidate) => candidate.source === source);
    if (entry === undefined) merged.push({ source, mirrors: [...new Set(mirrors)] });
    else entry.mirrors = [...new Set([...entry.mirrors, ...mirrors])];
  }
  return merged.map(({ source, mirrors }) => ({ source, ...(mirrors.length === 0 ? {} : { mirrors }) }));
}

/**
 * What is there and what is wanted, in the order that is there: a bundle that brings nothing new must not change the list, since
 * each change replaces nodes.
 */
export function keepImageContentSources(
  live: readonly ImageContentSource[],
  wanted: readonly ImageContentSource[],
): ImageContentSource[] {
  const entries = (sources: readonly ImageContentSource[]) =>
    sources.map(({ source, mirrors = [] }) => ({ source, mirrors }));
  return unionOfEntries(entries(live), entries(wanted)).map(({ source, mirrors }) => ({
    source,
    ...(mirrors.length === 0 ? {} : { mirrors: [...mirrors] }),
  }));
}

function buildPlatform(options: HostedClusterOptions, credentialsName: string): Record<string, unknown> {
  const storage = options.infraStorageClassMappings;
  const snapshots = options.infraVolumeSnapshotClassMappings;
  return {
    ...(options.baseDomain === '' ? { baseDomainPassthrough: true } : {}),
    ...(options.infraNamespace === undefined
      ? {}
      : {
          credentials: {
            infraNamespace: options.infraNamespace,
            infraKubeConfigSecret: { name: credentialsName, key: 'kubeconfig' },
          },
        }),
    ...(storage.length === 0 && snapshots.length === 0
      ? {}
      : {
          storageDriver: {
            type: 'Manual',
            manual: {
              ...unlessEmptyList(
                'storageClassMapping',
                storage.map((mapping) => buildMapping(mapping, 'StorageClassName')),
              ),
              ...unlessEmptyList(
                'volumeSnapshotClassMapping',
                snapshots.map((mapping) => buildMapping(mapping, 'VolumeSnapshotClassName')),
              ),
            },
          },
        }),
  };
}

function buildMapping({ infra, guest, group }: ClassMapping, what: string): Record<string, string> {
  return { [`infra${what}`]: infra, [`guest${what}`]: guest, ...(group ? { group } : {}) };
}

function buildOperatorConfiguration(options: HostedClusterOptions): Record<string, unknown> {
  const network = {
    ...(options.disableMultiNetwork ? { disableMultiNetwork: true } : {}),
    ...(options.ovnKubernetesMtu === undefined ? {} : { ovnKubernetesConfig: { mtu: options.ovnKubernetesMtu } }),
  };
  return unlessEmpty('clusterNetworkOperator', network);
}

function buildToleration(toleration: TolerationInput): Record<string, unknown> {
  return Object.fromEntries(Object.entries(toleration).filter(([, value]) => value !== undefined && value !== ''));
}

function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}

function unlessEmpty(key: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.keys(value).length === 0 ? {} : { [key]: value };
}

function unlessEmptyList(key: string, value: readonly unknown[]): Record<string, unknown> {
  return value.length === 0 ? {} : { [key]: value };
}
