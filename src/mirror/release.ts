import { randomUUID } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { gatherAll } from '../core/gather.ts';
import { hexOf, type Digest } from '../oci/digest.ts';
import {
  atDigest,
  formatReference,
  parseReference,
  repositoryName,
  selectorOf,
  type ImageRef,
} from '../oci/reference.ts';
import { createGraphClient } from './graph-client.ts';
import { requestGraphImage } from './graph-image.ts';
import type { ImageSet, PlatformSelection, ReleaseChannel } from './image-set.ts';
import type { Collection, GeneratedFile, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { readReleasePayload, type KubevirtDisk, type ReleasePayload } from './release-payload.ts';
import { selectReleases } from './release-selection.ts';
import {
  fetchReleaseSignature,
  signatureBase,
  signatureKeys,
  type ReleaseSignature,
  type SignatureOptions,
} from './release-signature.ts';
import { componentTarget, kubevirtComponentName, releaseTagOf, releaseTarget } from './target-name.ts';
import type { UpdateGraph } from './update-graph.ts';

export interface ReleaseOptions extends SignatureOptions {
  /** Address of another update service for OCP; its query parameters are kept. */
  readonly graphEndpoint?: string | undefined;
  /**
   * A release named by reference may lack a signature (nightly and CI builds do); it is then a warning. Releases of
   * channels always need one, and a bad signature is always an error.
   */
  readonly allowMissingSignatures?: boolean | undefined;
  /** Tells the update service who asks; random when absent. */
  readonly clientId?: string | undefined;
}

/** What is known about one release that is taken. */
export interface ReleaseInfo {
  readonly version: string;
  readonly digest: Digest;
  /** Name the update service uses; absent for a release named by reference. */
  readonly architecture?: string | undefined;
  /** Names the release on the target: `4.17.3-x86_64`. */
  readonly tag: string;
  readonly reasons: readonly string[];
  readonly componentCount: number;
  readonly disks: readonly KubevirtDisk[];
  /** Versions that may be updated to this one, as the payload says. */
  readonly previous: readonly string[];
  readonly url?: string | undefined;
  /** Absent when none is published and that was allowed. */
  readonly signature?: ReleaseSignature | undefined;
}

export interface ReleaseCollection extends Collection {
  /** In version order. */
  readonly releases: readonly ReleaseInfo[];
  /** Every graph that was asked for, to prove upgrade paths with. */
  readonly graphs: readonly UpdateGraph[];
}

/** A payload to look at, before its signature is known. */
interface WantedRelease {
  readonly payload: ImageRef;
  readonly type: ReleaseChannel['type'];
  readonly reasons: readonly string[];
  readonly architecture?: string;
  readonly version?: string;
  /** The user's own words where a release is named by reference: for messages and reasons. */
  readonly named?: string;
}

interface FoundRelease {
  readonly info: ReleaseInfo;
  readonly images: readonly ImageRequest[];
}

/** Payloads looked at together: each streams one or two layers. */
const CONCURRENCY = 3;
/** First minor version of OpenShift 4 whose clusters refuse images without sigstore signature. */
const SIGNED_IMAGES_SINCE = 21;
/** What the policy of those clusters covers. */
const SIGNED_REPOSITORIES = 'quay.io/openshift-release-dev/';
/** Architectures with a KubeVirt disk: name in an image set → name in boot images. */
const DISK_KEYS: Readonly<Record<string, string>> = { amd64: 'x86_64', s390x: 's390x' };

/**
 * Everything below `mirror.platform`: payloads with checked signatures, their component images, KubeVirt disks, the
 * graph-data image. Releases are named by the tag their signature gives, in their origin too (clusters know them under
 * it), and fetched by digest. Throws `E_CONFIG` for versions
 * and channels that do not exist, `E_SIGNATURE` for signatures that are missing or not accepted, `E_OCI` for payloads
 * that are none; several problems are told together. (oc-mirror behaviour, "Releases".)
 */
export async function collectReleases(
  imageSet: ImageSet,
  ctx: MirrorContext,
  options: ReleaseOptions = {},
): Promise<ReleaseCollection> {
  const { platform } = imageSet;
  if (platform === undefined) return { images: [], files: [], warnings: [], releases: [], graphs: [] };
  const clientId = options.clientId ?? randomUUID();
  const client = createGraphClient(ctx, { endpoint: nonEmpty(options.graphEndpoint), clientId });
  const warnings: Warning[] = [];
  const wanted =
    platform.release === '' ? await fromChannels(platform, client, warnings) : [fromReference(platform.release)];
  const keys = wanted.length > 0 ? signatureKeys(options) : [];
  const found = await gatherAll(
    wanted,
    async (release) => {
      const base = signatureBase(release.type, options);
      warnings.push(...base.warnings);
      return lookAt(release, { platform, ctx, keys, base: base.url, options, warnings });
    },
    CONCURRENCY,
  );
  const images = sortedImages(found.flatMap((release) => release.images));
  if (platform.graph) images.push(await requestGraphImage(ctx, nonEmpty(options.graphEndpoint)));
  const releases = found.map(({ info }) => info);
  return {
    images,
    files: releases.flatMap((info) => signatureFiles(info)),
    warnings: uniqueWarnings(warnings),
    releases,
    graphs: client.graphs(),
  };
}

/** Where the signature of a release travels in a bundle: paths there have 100 characters at most, so no tag is in it. */
export function signaturePath(digest: Digest): string {
  return `release-signatures/sha256-${hexOf(digest)}`;
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

async function fromChannels(
  platform: PlatformSelection,
  client: Parameters<typeof selectReleases>[1],
  warnings: Warning[],
): Promise<WantedRelease[]> {
  const selection = await selectReleases(platform, client);
  warnings.push(...selection.warnings);
  return selection.releases.map(({ payload, ...release }) => ({ ...release, payload: parseReference(payload) }));
}

function fromReference(text: string): WantedRelease {
  const payload = parseReference(text);
  return { payload, type: 'ocp', reasons: [`release ${text}`], named: formatReference(payload) };
}

interface LookOptions {
  readonly platform: PlatformSelection;
  readonly ctx: MirrorContext;
  readonly keys: ReturnType<typeof signatureKeys>;
  readonly base: string;
  readonly options: ReleaseOptions;
  readonly warnings: Warning[];
}

async function lookAt(release: WantedRelease, look: LookOptions): Promise<FoundRelease> {
  const { ctx, platform, warnings } = look;
  const name = release.named ?? formatReference(release.payload);
  const digest =
    release.payload.digest ??
    (await ctx.openSource(release.payload).resolve(selectorOf(release.payload), ctx.signal)).digest;
  const signature = await fetchReleaseSignature(
    digest,
    { base: look.base, keys: look.keys, what: `release ${name}` },
    ctx,
  );
  if (signature === undefined) {
    const message = `release ${name}: no signature published at ${look.base} for ${digest}`;
    const isAllowed = release.named !== undefined && look.options.allowMissingSignatures === true;
    if (!isAllowed) throw new AirgapError('E_SIGNATURE', message, { hint: missingHint(release) });
    warnings.push({ code: 'W_MISSING_SIGNATURE', message });
  }
  const source =
    signature === undefined ? unsignedSource(release.payload, digest) : atDigest(signature.identity, digest);
  const tag = releaseTagOf(source);
  const what = `release ${tag}`;
  const content = ctx.openSource(source);
  const payload = await readReleasePayload(content, await content.resolve(digest, ctx.signal), {
    what,
    withDisks: platform.kubeVirtContainer,
    signal: ctx.signal,
  });
  const disks = platform.kubeVirtContainer ? wantedDisks(payload, { platform, what }) : [];
  const info: ReleaseInfo = {
    version: payload.version ?? release.version ?? tag,
    digest,
    architecture: release.architecture,
    tag,
    reasons: release.reasons,
    componentCount: payload.components.length,
    disks,
    previous: payload.previous,
    url: payload.url,
    signature,
  };
  const origin = formatReference(signature?.identity ?? source);
  return { info, images: requestsOf(payload, { info, source, origin, platform }) };
}

function requestsOf(
  payload: ReleasePayload,
  release: {
    readonly info: ReleaseInfo;
    readonly source: ImageRef;
    readonly origin: string;
    readonly platform: PlatformSelection;
  },
): ImageRequest[] {
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

function wantedDisks(
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

/** Pre-releases of 4.21 count: their clusters have the policy too. */
function needsImageSignature(version: string, source: ImageRef): boolean {
  const match = /^(\d+)\.(\d+)\./.exec(version);
  if (match === null || !repositoryName(source).startsWith(SIGNED_REPOSITORIES)) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 4 || (major === 4 && minor >= SIGNED_IMAGES_SINCE);
}

function unsignedSource({ transport, registry, repository }: ImageRef, digest: Digest): ImageRef {
  return { transport, registry, repository, digest };
}

function signatureFiles({ signature, digest }: ReleaseInfo): GeneratedFile[] {
  return signature === undefined ? [] : [{ path: signaturePath(digest), content: signature.content }];
}

/** Components and disks first, payloads last, as they must be pushed; each image once. */
function sortedImages(images: readonly ImageRequest[]): ImageRequest[] {
  const rank = { releaseContent: 0, kubevirtDisk: 1, release: 2 } as Readonly<Record<string, number>>;
  const keyed = images.map((image) => ({
    image,
    key: `${rank[image.kind]} ${image.origin} ${formatReference(image.source)} ${image.target.repository}:${image.target.tag}`,
  }));
  const unique = new Map(keyed.map(({ key, image }) => [key, image]));
  return [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, image]) => image);
}

function uniqueWarnings(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values()];
}

function missingHint({ type, named }: WantedRelease): string {
  if (type === 'okd') return 'OKD releases are signed by key openshift-ci-4: give its signature address and public key';
  if (named !== undefined) return 'nightly and CI builds are not signed: allow missing signatures if this is one';
  return 'clusters refuse a release without signature: wait until it is published, or choose another version';
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
