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

/**
 * Why a release can not run on this management cluster; empty when it can. Without `supported` its version is not looked at.
 * `architectures` are those of all nodes: control plane pods use the same payload as the hosted nodes.
 */
export function releaseProblems(
  release: BundleRelease,
  needed: { readonly supported?: SupportedVersions; readonly architectures: readonly string[] },
): { readonly problem: string; readonly fix: string }[] {
  const problems = [];
  const { supported, architectures } = needed;
  const minor = minorOf(release.version);
  if (supported !== undefined && !supported.versions.some((version) => minorOf(version) === minor)) {
    problems.push({
      problem: `release ${release.version} is not supported by the operator; supported: ${supported.versions.join(', ')}`,
      fix: 'choose a supported release (releaseImage, --release-image) or update the multicluster engine first',
    });
  }
  const missing = architectures.filter((architecture) => !release.architectures.includes(architecture));
  if (missing.length > 0) {
    problems.push({
      problem: `release ${release.version} is not made for ${missing.join(', ')}`,
      fix: 'mirror the release for this architecture, or a multi-architecture payload',
    });
  }
  return problems;
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
