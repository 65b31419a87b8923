import { randomUUID } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { gatherAll } from '../core/gather.ts';
import { hexOf, type Digest } from '../oci/digest.ts';
import { atDigest, formatReference, parseReference, selectorOf, type ImageRef } from '../oci/reference.ts';
import { createGraphClient } from './graph-client.ts';
import { requestGraphImage } from './graph-image.ts';
import type { ImageSet, PlatformSelection, ReleaseChannel } from './image-set.ts';
import type { Collection, GeneratedFile, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { requestRelease, sortedImages, wantedDisks } from './release-images.ts';
import { readReleasePayload, type KubevirtDisk } from './release-payload.ts';
import { selectReleases } from './release-selection.ts';
import {
  fetchReleaseSignature,
  signatureBase,
  signatureKeys,
  type ReleaseSignature,
  type SignatureOptions,
} from './release-signature.ts';
import { releaseTagOf } from './target-name.ts';
import type { UpdateGraph } from './update-graph.ts';

export interface ReleaseOptions extends SignatureOptions {
  /** Address of another update service for OCP; its query parameters are kept. */
  readonly graphEndpoint?: string | undefined;
  /** Address of another update service for OKD. */
  readonly okdGraphEndpoint?: string | undefined;
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
/** Fingerprint of the key OKD and CI builds are signed with. */
const OKD_KEY = '6A9588F07F2D3AE7973AD2A9193E53CCD2E2F7A4';
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
  const wantsOkd = platform.release === '' && platform.channels.some(({ type }) => type === 'okd');
  if (wantsOkd && options.verificationKeys === undefined) throw noKeyForOkd();
  const clientId = options.clientId ?? randomUUID();
  const client = createGraphClient(ctx, {
    endpoint: nonEmpty(options.graphEndpoint),
    okdEndpoint: nonEmpty(options.okdGraphEndpoint),
    clientId,
  });
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
  return { info, images: requestRelease(payload, { info, source, origin, platform }) };
}

function unsignedSource({ transport, registry, repository }: ImageRef, digest: Digest): ImageRef {
  return { transport, registry, repository, digest };
}

function signatureFiles({ signature, digest }: ReleaseInfo): GeneratedFile[] {
  return signature === undefined ? [] : [{ path: signaturePath(digest), content: signature.content }];
}

function uniqueWarnings(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values()];
}

function missingHint({ type, named }: WantedRelease): string {
  if (type === 'okd')
    return 'OKD releases are signed by key openshift-ci-4: give its address with --signature-url and the key with --release-key';
  if (named !== undefined)
    return 'nightly and CI builds are not signed: pass --allow-missing-signatures if this is one';
  return 'clusters refuse a release without signature: wait until it is published, or choose another version';
}

function noKeyForOkd(): AirgapError {
  return new AirgapError(
    'E_SIGNATURE',
    `OKD releases are signed by key openshift-ci-4 (${OKD_KEY}), which is not built in`,
    {
      hint: 'give its public key with --release-key: keys/verifier-public-key-openshift-ci-4 of github.com/openshift/cluster-update-keys',
    },
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
