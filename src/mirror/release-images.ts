import { AirgapError } from '../core/errors.ts';
import { formatReference, parseReference, repositoryName, type ImageRef } from '../oci/reference.ts';
import type { PlatformSelection } from './image-set.ts';
import type { ImageRequest } from './mirror-plan.ts';
import type { KubevirtDisk, ReleasePayload } from './release-payload.ts';
import { componentTarget, kubevirtComponentName, releaseTarget } from './target-name.ts';

/** A release whose payload was read. */
export interface RequestedRelease {
  readonly info: {
    readonly version: string;
    /** Names the release on the target: `4.17.3-x86_64`. */
    readonly tag: string;
    readonly reasons: readonly string[];
    readonly disks: readonly KubevirtDisk[];
  };
  readonly source: ImageRef;
  readonly origin: string;
  readonly platform: PlatformSelection;
}

/** First minor version of OpenShift 4 whose clusters refuse images without sigstore signature. */
const SIGNED_IMAGES_SINCE = 21;
/** What the policy of those clusters covers: by repository, so the disk counts, which a node pulls like any image. */
const SIGNED_REPOSITORIES = 'quay.io/openshift-release-dev/';
/** Architectures with a KubeVirt disk: name in an image set → name in boot images. */
const DISK_KEYS: Readonly<Record<string, string>> = { amd64: 'x86_64', s390x: 's390x' };

/**
 * What a release consists of as image requests: every component, the disks, the payload itself. With platforms only
 * those instances are wanted; images of signed repositories demand their signature where clusters do.
 */
export function requestRelease(payload: ReleasePayload, release: RequestedRelease): ImageRequest[] {
  const { info, platform } = release;
  const because = [...info.reasons.slice(0, 1), `release ${info.tag}`];
  const platforms = (platform.platforms?.length ?? 0) > 0 ? { platforms: platform.platforms! } : {};
  const signed = (source: ImageRef) =>
    needsImageSignature(info.version, source) ? { requireSignature: true as const } : {};
  const keys = diskKeysOf(platform).length;
  return [
    ...payload.components.map(({ name, origin, source }): ImageRequest => ({
      kind: 'releaseContent',
      origin: formatReference(parseReference(origin)),
      source,
      target: componentTarget(info.tag, name),
      because: [...because, `component ${name}`],
      ...platforms,
      ...signed(source),
    })),
    ...info.disks.map((disk): ImageRequest => {
      const source = parseReference(disk.origin);
      return {
        kind: 'kubevirtDisk',
        origin: formatReference(source),
        source,
        target: componentTarget(info.tag, kubevirtComponentName(disk.architectureKey, keys)),
        because: [...because, `KubeVirt disk ${disk.architectureKey}, ${disk.build}`],
        ...platforms,
        ...signed(source),
      };
    }),
    {
      kind: 'release',
      origin: release.origin,
      source: release.source,
      target: releaseTarget(info.tag),
      because,
      ...platforms,
      ...signed(release.source),
    },
  ];
}

/** Boot image architectures whose KubeVirt disks an image set wants; x86_64 when it names none that has a disk. */
export function diskKeysOf(platform: Pick<PlatformSelection, 'architectures' | 'platforms'>): string[] {
  const all = Object.values(DISK_KEYS);
  const keysFor = (names: readonly string[]) =>
    Object.keys(DISK_KEYS)
      .filter((name) => names.includes(name))
      .map((name) => DISK_KEYS[name]!);
  const platforms = platform.platforms ?? [];
  if (platforms.length > 0) {
    const keys = keysFor(platforms.map(({ architecture }) => architecture));
    return keys.length === 0 ? all : keys;
  }
  if (platform.architectures.includes('multi')) return all;
  const keys = keysFor(platform.architectures);
  return keys.length === 0 ? [DISK_KEYS['amd64']!] : keys;
}

/**
 * The disks of a payload an image set wants; architectures without one are passed over. Throws `E_CONFIG` naming the
 * release when there is none at all.
 */
export function wantedDisks(
  payload: ReleasePayload,
  { platform, what }: { readonly platform: PlatformSelection; readonly what: string },
): KubevirtDisk[] {
  const keys = diskKeysOf(platform);
  const disks = keys.flatMap((key) => payload.disks.filter(({ architectureKey }) => architectureKey === key));
  if (disks.length > 0) return disks;
  throw new AirgapError('E_CONFIG', `${what} has no KubeVirt disk for ${keys.join(', ')}`, {
    hint: 'releases have it from 4.14 on (s390x from 4.15); take a newer one or set kubeVirtContainer: false',
    data: { disks: payload.disks.map(({ architectureKey }) => architectureKey) },
  });
}

/** Components and disks first, payloads last, as they must be pushed; each image once. */
export function sortedImages(images: readonly ImageRequest[]): ImageRequest[] {
  const rank = { releaseContent: 0, kubevirtDisk: 1, release: 2 } as Readonly<Record<string, number>>;
  const keyed = images.map((image) => ({
    image,
    key: `${rank[image.kind]} ${image.origin} ${formatReference(image.source)} ${image.target.repository}:${image.target.tag}`,
  }));
  const unique = new Map(keyed.map(({ key, image }) => [key, image]));
  return [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, image]) => image);
}

/**
 * Whether clusters of this release refuse the image without its sigstore signature. Pre-releases of 4.21 count: their
 * clusters have the policy too.
 */
export function needsImageSignature(version: string, source: ImageRef): boolean {
  const match = /^(\d+)\.(\d+)\./.exec(version);
  if (match === null || !repositoryName(source).startsWith(SIGNED_REPOSITORIES)) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 4 || (major === 4 && minor >= SIGNED_IMAGES_SINCE);
}
