import { AirgapError, isAirgapError } from '../core/errors.ts';
import { formatReference, parseReference, type ImageRef } from '../oci/reference.ts';
import type { Platform } from '../oci/types.ts';
import type { CatalogChannel, OperatorBundle } from './catalog.ts';
import type { ImageRequest } from './mirror-plan.ts';
import { imageTarget } from './target-name.ts';

export interface BundleImagesOptions {
  readonly catalogName: string;
  readonly bundles: readonly OperatorBundle[];
  /** The channels that hold them, for the reasons. */
  readonly channels: readonly CatalogChannel[];
  readonly platforms?: readonly Platform[] | undefined;
}

/**
 * The images that operator bundles need: their related images, and the bundle image itself where a bundle does not list
 * it. Throws one `E_CONFIG` for all references that no registry can answer. (oc-mirror behaviour, "Images collected".)
 */
export function bundleImages(options: BundleImagesOptions): ImageRequest[] {
  const channelNames = channelsByBundle(options.channels);
  const problems: string[] = [];
  const requests = options.bundles.flatMap((bundle) => {
    const because = [
      `catalog ${options.catalogName}`,
      `package ${bundle.package}`,
      `channel ${channelNames.get(`${bundle.package}/${bundle.name}`)?.join(', ') ?? '(none)'}`,
      `operator bundle ${bundle.name}`,
    ];
    return imagesOf(bundle).flatMap((image) => {
      try {
        return [requestFor(image, bundle, because, options.platforms)];
      } catch (error) {
        if (!isAirgapError(error, 'E_CONFIG')) throw error;
        problems.push(
          `${options.catalogName}: package ${bundle.package}, operator bundle ${bundle.name}: ${error.message}`,
        );
        return [];
      }
    });
  });
  if (problems.length === 0) return requests;
  throw new AirgapError('E_CONFIG', problems.join('\n'), {
    hint: 'the catalog names images that can not be mirrored: select versions without these operator bundles',
  });
}

/** The images of an operator bundle as the catalog writes them, each once. */
export function imagesOf(bundle: OperatorBundle): string[] {
  const own = bundle.image === '' ? [] : [bundle.image];
  return [...new Set([...bundle.relatedImages.map(({ image }) => image), ...own])];
}

/**
 * Merges requests for the same image, as the catalogs write it: taken once, for all platforms anyone asks for (no
 * platforms: all of them), with the first reason and how many more there are.
 */
export function mergeRequests(requests: readonly ImageRequest[]): ImageRequest[] {
  const groups = Map.groupBy(
    requests,
    (request) => `${request.origin} ${request.target.repository}:${request.target.tag}`,
  );
  return [...groups.values()].map(([first, ...others]) => {
    const { platforms: _, ...request } = first!;
    const platforms = unionOf([first!, ...others]);
    const reasons = new Set([first!, ...others].map((one) => one.because.join('\n')));
    const more = reasons.size > 1 ? [`and ${reasons.size - 1} more operator bundle${reasons.size > 2 ? 's' : ''}`] : [];
    const isBundle = others.some(({ kind }) => kind === 'operatorBundle');
    return {
      ...request,
      ...(isBundle ? { kind: 'operatorBundle' as const } : {}),
      because: [...request.because, ...more],
      ...(platforms === undefined ? {} : { platforms }),
    };
  });
}

function unionOf(requests: readonly ImageRequest[]): readonly Platform[] | undefined {
  if (requests.some(({ platforms }) => platforms === undefined)) return undefined;
  const all = requests.flatMap(({ platforms }) => platforms ?? []);
  return [...new Map(all.map((one) => [`${one.os}/${one.architecture}/${one.variant ?? ''}`, one])).values()];
}

function requestFor(
  image: string,
  bundle: OperatorBundle,
  because: readonly string[],
  platforms: readonly Platform[] | undefined,
): ImageRequest {
  const ref = parseReference(image);
  if (ref.transport !== 'docker') {
    throw new AirgapError(
      'E_CONFIG',
      `image reference ${JSON.stringify(image)}: a catalog can not name a local directory`,
    );
  }
  return {
    kind: image === bundle.image ? 'operatorBundle' : 'relatedImage',
    origin: formatReference(ref),
    source: sourceOf(ref),
    target: imageTarget(ref),
    because,
    ...(platforms?.length ? { platforms } : {}),
  };
}

/** With tag and digest the digest is fetched; the tag only names the image on the target. */
function sourceOf(ref: ImageRef): ImageRef {
  if (ref.digest === undefined || ref.tag === undefined) return ref;
  return { transport: ref.transport, registry: ref.registry, repository: ref.repository, digest: ref.digest };
}

function channelsByBundle(channels: readonly CatalogChannel[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const channel of channels) {
    for (const entry of channel.entries) {
      const key = `${channel.package}/${entry.name}`;
      names.set(key, [...(names.get(key) ?? []), channel.name]);
    }
  }
  return names;
}
