import { AirgapError } from '../core/errors.ts';
import { planCatalogs, type BundleCatalog } from './hosted-cluster-catalogs.ts';
import { assertFinalFields, droppedEntries } from './hosted-cluster-existing.ts';
import type { HostedClusterFiles } from './hosted-cluster-files.ts';
import { keepImageContentSources, mergeImageContentSources } from './hosted-cluster-object.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { findRelease, minorOf, newestRelease, type BundleRelease } from './hosted-cluster-release.ts';
import { renderHostedCluster, type SshKey } from './hosted-cluster-render.ts';
import { secretNames, TRUST_BUNDLE_KEY, TRUST_BUNDLE_NAME } from './hosted-cluster-secrets.ts';
import { INFRA_LABEL } from './hosted-cluster-render.ts';
import { readTagMirrors } from './hosted-tag-mirrors.ts';
import type { ImageContentSource } from './hosted-cluster-schema.ts';
import { listAt, numberAt, subjectOf, textAt, textMapAt, type KubeObject } from './kube-object.ts';
import { unionOfTrustBundles } from './trust-bundle.ts';

/** What the target registry offers to hosted clusters, known from the bundle's plan. */
export interface BundleContent {
  readonly releases: readonly BundleRelease[];
  readonly catalogs: readonly BundleCatalog[];
  /** The table the mirror sets of the management cluster are made from. */
  readonly imageContentSources: readonly ImageContentSource[];
  /** What the bundle has for pulls by tag beside releases: such references, and the mirrors they would need. */
  readonly tagged?: { readonly references: readonly string[]; readonly mirrors: readonly ImageContentSource[] };
  /** CA certificates of the registry and further trust, PEM. */
  readonly trustBundle?: string;
  /** CA certificates per registry, keyed `host` or `host..port`. */
  readonly registryCas?: Readonly<Record<string, string>>;
}

/** What is on the management cluster of one hosted cluster; everything absent before the first run. */
export interface LiveHostedCluster {
  readonly hostedCluster?: KubeObject;
  readonly nodePools: readonly KubeObject[];
  /** Node pools of other hosted clusters in the same namespace. */
  readonly otherNodePools?: readonly KubeObject[];
  readonly encryptionKey?: KubeObject;
  readonly sshKey?: KubeObject;
  readonly trustBundle?: KubeObject;
  readonly tagMirrors?: KubeObject;
}

/** Random values, made by the caller so that planning stays pure; used only where nothing exists yet. */
export interface FreshMaterial {
  readonly infraId: string;
  readonly encryptionKey: Uint8Array;
  /** Present when a key pair has to be made. */
  readonly sshKey?: SshKey;
}

export interface HostedClusterPlan {
  readonly infraId: string;
  readonly releaseImage: string;
  /** The release as the bundle knows it; absent when the user named another image. */
  readonly release?: BundleRelease;
  /** The complete set of objects, in order, without the infrastructure label. */
  readonly objects: readonly KubeObject[];
  readonly warnings: readonly string[];
}

/** From this minor version on, image imports of the hosted cluster trust its trust bundle (OCPBUGS-31446). */
const FIRST_IMPORTING_WITH_BUNDLE = 17;

/**
 * Everything that will be on the management cluster for one hosted cluster. Values that were random once are read back from `live`;
 * final fields are compared before anything is written.
 * Throws `E_CONFIG` when no release is known, `E_PREFLIGHT` when a final field would change or the encryption key is lost.
 */
export function planHostedCluster(
  options: HostedClusterOptions,
  files: HostedClusterFiles,
  environment: {
    readonly bundle: BundleContent;
    readonly live: LiveHostedCluster;
    readonly fresh: FreshMaterial;
    /** Entries that are no longer wanted may go. */
    readonly allowRemovals: boolean;
  },
): HostedClusterPlan {
  const { bundle, live, fresh } = environment;
  const warnings: string[] = [];
  const { releaseImage, release } = chooseRelease(options, bundle, live, warnings);
  const infraId = chooseInfraId(options, live, fresh);
  const catalogs = planCatalogs(options, bundle.catalogs, release?.version);
  warnings.push(...catalogs.warnings);
  if (!options.nodePool.attachDefaultNetwork) {
    warnings.push(
      `hosted cluster ${options.name}: without the default network neither the default ingress nor the load balancer of a base domain reaches the nodes`,
    );
  }
  const liveSources = listAt(live.hostedCluster, 'spec', 'imageContentSources') as readonly ImageContentSource[];
  const stated = [...options.imageContentSources, ...files.imageContentSources];
  const wanted = mergeImageContentSources(stated, bundle.imageContentSources);
  const tagMirrors = options.tagMirrors ? chooseTagMirrors(bundle, live, environment.allowRemovals) : [];
  const encryptionKey = live.encryptionKey === undefined ? fresh.encryptionKey : undefined;
  if (live.hostedCluster !== undefined && encryptionKey !== undefined) {
    throw new AirgapError(
      'E_PREFLIGHT',
      `Secret/${options.namespace}/${secretNames(options).encryptionKey} is missing`,
      {
        hint: 'restore it from a backup: with a new key the data of the hosted cluster could not be read',
      },
    );
  }
  const trustBundle = chooseTrustBundle(files, bundle, live);
  const sshKey = chooseSshKey(options, files, live, fresh);
  const resolved = { ...withLiveReplicas(options, live), imageContentSources: stated };
  const objects = renderHostedCluster(resolved, {
    infraId,
    releaseImage,
    pullSecret: files.pullSecret,
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    ...(sshKey === undefined ? {} : { sshKey }),
    ...(trustBundle === undefined ? {} : { trustBundle }),
    ...(files.infraKubeconfig === undefined ? {} : { infraKubeconfig: files.infraKubeconfig }),
    ...(needsRegistryCas(bundle, release) ? { registryCas: bundle.registryCas! } : {}),
    ...(tagMirrors.length === 0 ? {} : { tagMirrors }),
    imageContentSources: environment.allowRemovals ? wanted : keepImageContentSources(liveSources, wanted),
    catalogs,
  });
  assertResumable(objects, live, environment.allowRemovals);
  return { infraId, releaseImage, ...(release === undefined ? {} : { release }), objects, warnings };
}

/** The infrastructure id of a hosted cluster that exists or was begun; undefined before the first run. */
function liveInfraId(live: LiveHostedCluster): string | undefined {
  return (
    textAt(live.hostedCluster, 'spec', 'infraID') ?? live.encryptionKey?.metadata.labels?.[INFRA_LABEL] ?? undefined
  );
}

/** Image imports of older releases do not look at the trust bundle. */
function needsRegistryCas({ registryCas = {} }: BundleContent, release: BundleRelease | undefined): boolean {
  return (
    release !== undefined &&
    minorOf(release.version) < FIRST_IMPORTING_WITH_BUNDLE &&
    Object.keys(registryCas).length > 0
  );
}

function chooseInfraId(options: HostedClusterOptions, live: LiveHostedCluster, fresh: FreshMaterial): string {
  // A stated id that differs from the live one is found by the comparison of final fields.
  return options.infraId ?? liveInfraId(live) ?? fresh.infraId;
}

/** A cluster that exists stays at its release unless another one is asked for by name. */
function chooseRelease(
  options: HostedClusterOptions,
  bundle: BundleContent,
  live: LiveHostedCluster,
  warnings: string[],
): { readonly releaseImage: string; readonly release: BundleRelease | undefined } {
  const current = textAt(live.hostedCluster, 'spec', 'release', 'image');
  const newest = newestRelease(bundle.releases);
  const releaseImage = options.releaseImage ?? current ?? newest?.image;
  if (releaseImage === undefined) {
    throw new AirgapError('E_CONFIG', `hosted cluster ${options.name}: no release: the bundle has none`, {
      hint: 'set releaseImage (--release-image) to a release on the target registry, or put a release into the bundle',
    });
  }
  if (options.releaseImage === undefined && current !== undefined && newest !== undefined && newest.image !== current) {
    const known = findRelease(bundle.releases, current);
    if (known?.version !== newest.version) {
      warnings.push(
        `hosted cluster ${options.name} stays at its release; the bundle has ${newest.version}: set releaseImage to ${newest.image} to upgrade`,
      );
    }
  }
  return { releaseImage, release: findRelease(bundle.releases, releaseImage) };
}

/** As with mirrors for pulls by digest, a smaller bundle takes nothing away. */
function chooseTagMirrors(
  { tagged }: BundleContent,
  live: LiveHostedCluster,
  allowRemovals: boolean,
): readonly ImageContentSource[] {
  const { mirrors = [] } = tagged ?? {};
  return allowRemovals ? mirrors : keepImageContentSources(readTagMirrors(live.tagMirrors), mirrors);
}

function chooseTrustBundle(
  files: HostedClusterFiles,
  bundle: BundleContent,
  live: LiveHostedCluster,
): string | undefined {
  const wanted = unionOfTrustBundles([files.trustBundle, bundle.trustBundle], 'trust bundle');
  if (wanted === undefined) return undefined;
  // The ConfigMap is shared by all hosted clusters of the namespace: never take a certificate away from another one.
  const existing = textMapAt(live.trustBundle, 'data')[TRUST_BUNDLE_KEY];
  return unionOfTrustBundles([existing, wanted], `ConfigMap/${TRUST_BUNDLE_NAME}`);
}

function chooseSshKey(
  options: HostedClusterOptions,
  files: HostedClusterFiles,
  live: LiveHostedCluster,
  fresh: FreshMaterial,
): SshKey | undefined {
  if (files.sshPublicKey !== undefined) return { publicKey: files.sshPublicKey };
  if (!options.generateSsh) return undefined;
  const data = textMapAt(live.sshKey, 'data');
  if (data['id_rsa.pub'] === undefined) return fresh.sshKey;
  return {
    publicKey: Buffer.from(data['id_rsa.pub'], 'base64'),
    ...(data['id_rsa'] === undefined ? {} : { privateKey: Buffer.from(data['id_rsa'], 'base64') }),
  };
}

/** Pools that exist keep their number of nodes unless one is stated; server-side apply would otherwise drop it. */
function withLiveReplicas(options: HostedClusterOptions, live: LiveHostedCluster): HostedClusterOptions {
  const replicasOf = (name: string) => {
    const pool = live.nodePools.find(({ metadata }) => metadata.name === name);
    return numberAt(pool, 'spec', 'replicas');
  };
  const keep = <P extends { readonly replicas?: number }>(name: string, pool: P): P => {
    const replicas = pool.replicas ?? replicasOf(name);
    return replicas === undefined ? pool : { ...pool, replicas };
  };
  return {
    ...options,
    nodePool: keep(options.name, options.nodePool),
    additionalNodePools: options.additionalNodePools.map((pool) => keep(pool.name, pool)),
  };
}

function assertNothingInTheWay(objects: readonly KubeObject[], live: LiveHostedCluster): void {
  if (live.hostedCluster?.metadata.deletionTimestamp !== undefined) {
    throw new AirgapError('E_PREFLIGHT', `${subjectOf(live.hostedCluster)} is being deleted`, {
      hint: 'wait until it is gone, then run the same command again',
    });
  }
  const taken = (live.otherNodePools ?? []).find(({ metadata }) =>
    objects.some(({ kind, metadata: { name } }) => kind === 'NodePool' && name === metadata.name),
  );
  if (taken === undefined) return;
  throw new AirgapError('E_PREFLIGHT', `${subjectOf(taken)} belongs to another hosted cluster`, {
    hint: 'give the hosted cluster or its node pool another name',
  });
}

function assertResumable(objects: readonly KubeObject[], live: LiveHostedCluster, allowRemovals: boolean): void {
  assertNothingInTheWay(objects, live);
  const existing = [...(live.hostedCluster === undefined ? [] : [live.hostedCluster]), ...live.nodePools];
  for (const object of existing) {
    const wanted = objects.find(({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name);
    if (wanted === undefined) continue;
    assertFinalFields(object, wanted);
    const dropped = allowRemovals ? [] : droppedEntries(object, wanted);
    if (dropped.length === 0) continue;
    throw new AirgapError('E_PREFLIGHT', `hosted cluster ${object.metadata.name}: would lose ${dropped.join('; ')}`, {
      hint: 'put the entries back, or allow removals with --replace-mirrors',
    });
  }
}
