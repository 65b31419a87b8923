import compare from 'semver/functions/compare.js';
import valid from 'semver/functions/valid.js';
import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import type { KubeObject } from './kube-object.ts';

/** A release the target registry holds. */
export interface BundleRelease {
  readonly version: string;
  /** On the target registry, by digest. */
  readonly image: string;
  /** Architectures of the payload, `amd64` and the like. */
  readonly architectures: readonly string[];
  /** The disk the machines boot from, on the target registry, by digest; absent when it was not mirrored. */
  readonly diskImage?: string;
}

/** What the installed operator can run. */
export interface SupportedVersions {
  /** `X.Y` */
  readonly versions: readonly string[];
  /** Source commit of the operator. */
  readonly operatorCommit: string | undefined;
}

/** A node pool may be this many minor versions behind its hosted cluster. */
const MAX_SKEW = 3;

const supportedVersionsSchema = z.object({ versions: z.array(z.string()) });

/** Name and namespace of the ConfigMap in which the operator says what it supports. */
export const SUPPORTED_VERSIONS = { namespace: 'hypershift', name: 'supported-versions' } as const;

/** Reads the operator's ConfigMap; throws `E_PREFLIGHT` when it can not be understood. */
export function parseSupportedVersions(configMap: KubeObject): SupportedVersions {
  const data = (configMap['data'] ?? {}) as Record<string, string>;
  const parsed = supportedVersionsSchema.safeParse(parseJson(data['supported-versions'] ?? ''));
  if (!parsed.success) {
    throw new AirgapError('E_PREFLIGHT', 'ConfigMap/hypershift/supported-versions can not be read', {
      hint: 'check that the HyperShift operator runs: oc -n hypershift get pods',
    });
  }
  return { versions: parsed.data.versions, operatorCommit: data['server-version'] };
}

/** The newest release, pre-releases included; undefined when there is none. */
export function newestRelease(releases: readonly BundleRelease[]): BundleRelease | undefined {
  return releases.filter(({ version }) => valid(version) !== null).toSorted((a, b) => compare(b.version, a.version))[0];
}

/** The bundle's release that a reference names, whichever registry it names: the digest decides. */
export function findRelease(releases: readonly BundleRelease[], image: string): BundleRelease | undefined {
  const digest = digestIn(image);
  return releases.find(
    (release) => release.image === image || (digest !== undefined && digestIn(release.image) === digest),
  );
}

/** Throws `E_PREFLIGHT` naming the supported versions unless the operator can run the release. */
export function assertSupported(version: string, supported: SupportedVersions, cluster: string): void {
  const minor = minorOf(version);
  if (supported.versions.some((candidate) => minorOf(candidate) === minor)) return;
  const list = supported.versions.join(', ');
  throw new AirgapError(
    'E_PREFLIGHT',
    `hosted cluster ${cluster}: release ${version} is not supported; supported: ${list}`,
    {
      hint: 'choose a supported release (releaseImage, --release-image) or update the multicluster engine first',
    },
  );
}

/** Throws `E_PREFLIGHT` unless the payload runs on the nodes of both clusters. Control plane pods use the same payload. */
export function assertArchitectures(
  release: BundleRelease,
  cluster: string,
  needed: { readonly nodes: readonly string[]; readonly managementCluster: readonly string[] },
): void {
  const missing = [...new Set([...needed.nodes, ...needed.managementCluster])].filter(
    (architecture) => !release.architectures.includes(architecture),
  );
  if (missing.length === 0 || release.architectures.length === 0) return;
  throw new AirgapError(
    'E_PREFLIGHT',
    `hosted cluster ${cluster}: release ${release.version} has no ${missing.join(', ')}`,
    {
      hint: 'mirror a release payload for this architecture, or a multi-architecture one',
    },
  );
}

/** Throws `E_PREFLIGHT` when a node pool would be newer than its cluster or more than three minor versions behind. */
export function assertSkew(pool: string, poolVersion: string, clusterVersion: string): void {
  const isNewer = compare(poolVersion, clusterVersion) > 0;
  if (!isNewer && minorOf(clusterVersion) - minorOf(poolVersion) <= MAX_SKEW) return;
  throw new AirgapError(
    'E_PREFLIGHT',
    `node pool ${pool} at ${poolVersion} does not fit a control plane at ${clusterVersion}`,
    {
      hint: 'a node pool is at most as new as its hosted cluster and at most three minor versions older',
    },
  );
}

/** Position in the line of minor versions: the numbering of 5.x continues that of 4.x, 5.0 is 4.23. */
export function minorOf(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major >= 5 ? 23 + minor + (major - 5) * 1000 : minor;
}

function digestIn(image: string): string | undefined {
  return /@(sha(?:256|512):[0-9a-f]+)$/.exec(image)?.[1];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
