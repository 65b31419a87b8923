import { createMirrorTable, type StoredImage } from '../apply/mirror-table.ts';
import { findUnmirroredImages, type UnmirroredImage } from '../apply/image-scan.ts';
import { isAirgapError } from '../core/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { readSuccessors } from '../oci/graph.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { blockedBy, compileBlocked } from '../mirror/blocked.ts';
import type { ImageSet } from '../mirror/image-set.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { imageTarget } from '../mirror/target-name.ts';
import { mirrorOptionsFor } from './resources.ts';

/** Stands for the target registry: what a pull finds does not depend on its name. */
const TARGET = 'target.invalid';

/**
 * Images that objects the clusters will run name and that our mirror sets would not lead to: hard-coded public images. What
 * the user blocked, and gaps the user allowed, are not among them.
 */
export function scanImages(
  objects: Iterable<unknown>,
  plan: MirrorPlan,
  { blockedImages }: Pick<ImageSet, 'blockedImages'>,
): readonly UnmirroredImage[] {
  const table = createMirrorTable(
    plan.images.filter(({ kind }) => kind !== 'signature').map((image) => storedImage(image, plan)),
    mirrorOptionsFor({ registry: TARGET, prefix: '' }),
  );
  const blocked = blockedImages.map(({ name }) => compileBlocked(name));
  const gaps = new Set(plan.gaps.map(({ origin }) => origin));
  return findUnmirroredImages(objects, table).filter(({ reference }) => {
    try {
      const ref = parseReference(reference);
      const origin = formatReference(ref);
      return !gaps.has(origin) && blockedBy(blocked, { origin, target: imageTarget(ref) }) === undefined;
    } catch (error) {
      // A reference without tag can not have been blocked or planned.
      if (!isAirgapError(error, 'E_CONFIG')) throw error;
      return true;
    }
  });
}

function storedImage({ kind, origin, root, target }: MirrorPlan['images'][number], plan: MirrorPlan): StoredImage {
  const digests: Digest[] = [root.digest];
  const manifest = plan.manifests.get(root.digest);
  if (manifest !== undefined) {
    const { manifests } = readSuccessors(manifest.content, manifest.descriptor.mediaType, origin);
    digests.push(...manifests.map(({ digest }) => digest).filter((digest) => plan.manifests.has(digest)));
  }
  return { kind, origin, target: `${TARGET}/${target.repository}:${target.tag}`, digests };
}
