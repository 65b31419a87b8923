import { AirgapError, isAirgapError } from '../core/errors.ts';
import { formatReference, parseReference, type ImageRef } from '../oci/reference.ts';
import type { AdditionalImage, ImageSet } from './image-set.ts';
import type { Collection, ImageRequest } from './mirror-plan.ts';
import { renamedTarget } from './target-name.ts';

/**
 * The images listed under `mirror.additionalImages`. Nothing is read yet: references and names are settled here, the
 * content is looked at by the plan. Throws `E_CONFIG` that lists every entry without a usable name.
 */
export function collectAdditionalImages(imageSet: ImageSet): Collection {
  const requests = new Map<string, ImageRequest>();
  const problems: string[] = [];
  for (const [index, image] of imageSet.additionalImages.entries()) {
    try {
      const request = requestFor(image);
      const key = `${request.origin} ${request.target.repository}:${request.target.tag}`;
      const known = requests.get(key);
      requests.set(key, known === undefined ? request : withPlatformsOf(known, request));
    } catch (error) {
      if (!isAirgapError(error, 'E_CONFIG')) throw error;
      problems.push(`mirror.additionalImages[${index}]: ${error.message}${error.hint ? ` (${error.hint})` : ''}`);
    }
  }
  if (problems.length > 0) {
    throw new AirgapError('E_CONFIG', problems.join('\n'), { hint: 'correct these entries of the image set' });
  }
  return { images: [...requests.values()], files: [], warnings: [] };
}

function requestFor(image: AdditionalImage): ImageRequest {
  const ref = parseReference(image.name);
  return {
    kind: 'additional',
    origin: formatReference(ref),
    source: sourceOf(ref),
    target: renamedTarget(ref, image),
    because: [`additional image ${image.name}`],
    ...(image.platforms === undefined ? {} : { platforms: image.platforms }),
  };
}

/** With tag and digest the digest is fetched; the tag only names the image on the target. */
function sourceOf(ref: ImageRef): ImageRef {
  if (ref.digest === undefined || ref.tag === undefined) return ref;
  return { transport: ref.transport, registry: ref.registry, repository: ref.repository, digest: ref.digest };
}

/** One image listed twice is taken for all platforms either entry names; an entry without platforms wants all. */
function withPlatformsOf(known: ImageRequest, other: ImageRequest): ImageRequest {
  const { platforms, ...request } = known;
  if (platforms === undefined || other.platforms === undefined) return request;
  const all = [...platforms, ...other.platforms];
  const unique = new Map(all.map((platform) => [`${platform.os}/${platform.architecture}`, platform]));
  return { ...request, platforms: [...unique.values()] };
}
