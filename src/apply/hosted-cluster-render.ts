import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { buildHostedCluster, sourcesOf } from './hosted-cluster-object.ts';
import { buildNodePools } from './hosted-node-pool-object.ts';
import {
  buildEncryptionKeySecret,
  buildInfraCredentials,
  buildNamespace,
  buildPullSecret,
  buildRegistryCas,
  buildSshKeySecret,
  buildTrustBundle,
} from './hosted-cluster-secrets.ts';
import type { ImageContentSource } from './hosted-cluster-schema.ts';
import { buildTagMirrors } from './hosted-tag-mirrors.ts';
import type { KubeObject } from './kube-object.ts';

/** What is known beside the options: contents of files, random material, and what the bundle decides. */
export interface HostedClusterContext {
  readonly infraId: string;
  readonly releaseImage: string;
  /** Bytes of the docker configuration file, as they are. */
  readonly pullSecret: Uint8Array;
  /** 32 random bytes; absent on a later run, when the Secret exists and must not be written again. */
  readonly encryptionKey?: Uint8Array;
  /** Absent: no key. On a later run a generated key is read back and given here again. */
  readonly sshKey?: SshKey;
  /** PEM certificates the hosted cluster trusts. */
  readonly trustBundle?: string;
  readonly infraKubeconfig?: Uint8Array;
  /** CA certificates per registry for image imports, keyed `host` or `host..port`; only for releases that need them. */
  readonly registryCas?: Readonly<Record<string, string>>;
  /** Mirrors of the bundle; entries that the options state themselves come first. */
  readonly imageContentSources: readonly ImageContentSource[];
  /** Mirrors for pulls by tag; absent: nodes get none. */
  readonly tagMirrors?: readonly ImageContentSource[];
  readonly catalogs: HostedCatalogDecision;
}

export interface SshKey {
  readonly publicKey: Uint8Array;
  readonly privateKey?: Uint8Array;
}

/** Where the operator catalogs of the hosted cluster come from. */
export interface HostedCatalogDecision {
  readonly placement: 'management' | 'guest';
  readonly disableDefaultSources: boolean;
  /** Annotations of the HostedCluster that redirect the default catalogs. */
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Every object of one hosted cluster, in the order they must be created: namespace, trust bundle, Secrets, HostedCluster,
 * NodePools. Pure. Equal to what `hcp create cluster kubevirt --render-sensitive` prints, without the empty `status`, except where
 * that tool drops what it was given (host device without a count, multiqueue `Disable`, `pausedUntil: true`, dual-stack
 * defaults, base domain prefix).
 */
export function renderHostedCluster(options: HostedClusterOptions, context: HostedClusterContext): KubeObject[] {
  return [
    buildNamespace(options.namespace),
    ...(context.trustBundle === undefined ? [] : [buildTrustBundle(options.namespace, context.trustBundle)]),
    ...(context.registryCas === undefined ? [] : [buildRegistryCas(options, context.registryCas)]),
    ...(context.tagMirrors === undefined
      ? []
      : [buildTagMirrors(options, context.tagMirrors, sourcesOf(options, context))]),
    buildPullSecret(options, context.pullSecret),
    ...(context.sshKey === undefined ? [] : [buildSshKeySecret(options, context.sshKey)]),
    ...(context.infraKubeconfig === undefined ? [] : [buildInfraCredentials(options, context.infraKubeconfig)]),
    ...(context.encryptionKey === undefined ? [] : [buildEncryptionKeySecret(options, context.encryptionKey)]),
    buildHostedCluster(options, context),
    ...buildNodePools(options, context),
  ];
}

/** The objects without Secrets, for output that people see. */
export function withoutSecrets(objects: readonly KubeObject[]): KubeObject[] {
  return objects.filter((object) => object.kind !== 'Secret');
}

/** The objects with the label that ties them to their hosted cluster, as they are written to the cluster. */
export function withInfraLabel(objects: readonly KubeObject[], infraId: string): KubeObject[] {
  return objects.map((object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, [INFRA_LABEL]: infraId } },
  }));
}

export const INFRA_LABEL = 'hypershift.openshift.io/auto-created-for-infra';
