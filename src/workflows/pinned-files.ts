import { join } from 'node:path';
import { formatPinnedDeletion, formatPinnedImageSet, pinCatalogs } from '../mirror/pinned.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { makeOutputFolder, writeOutputFile } from './output-path.ts';
import type { PlanResult } from './plan.ts';

/**
 * Writes the configurations the vendor tool leaves behind: the image set with every catalog at the digest the plan is made
 * of, and the one that deletes what it selects. Throws `E_USAGE` when the folder can not be written to.
 */
export async function writePinned(
  folder: string,
  { imageSet, facts }: Pick<PlanResult, 'imageSet' | 'facts'>,
  flag: string,
): Promise<void> {
  const digests = imageSet.operators.flatMap(({ catalog }) => {
    const reference = formatReference(parseReference(catalog));
    const found = facts.catalogs.find((one) => one.reference === reference);
    return found === undefined ? [] : [[catalog, found.digest] as const];
  });
  const pinned = pinCatalogs(imageSet, new Map(digests));
  makeOutputFolder(folder, flag);
  await writeOutputFile(join(folder, 'isc_pinned.yaml'), formatPinnedImageSet(pinned), { flag });
  await writeOutputFile(join(folder, 'disc_pinned.yaml'), formatPinnedDeletion(pinned), { flag });
}
