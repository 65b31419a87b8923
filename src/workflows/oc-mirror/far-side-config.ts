import { AirgapError } from '../../core/errors.ts';
import { parseReference } from '../../oci/reference.ts';
import type { ImageSet } from '../../mirror/image-set.ts';
import { formatPinnedImageSet } from '../../mirror/pinned.ts';
import type { PlanResult } from '../plan.ts';

/**
 * The configuration for disk-to-mirror. It is the user's own where that can be; charts become the images found in them and
 * CatalogSource templates go, because both name files that the far side does not have (oc-mirror behaviour, "Getting charts").
 */
export function farSideConfig({ imageSet, plan, configText }: PlanResult): string {
  const hasTemplates = imageSet.operators.some(({ targetCatalogSourceTemplate: path = '' }) => path !== '');
  if (imageSet.helm === undefined && !hasTemplates) return configText;
  const named = new Set(imageSet.additionalImages.map(({ name }) => name));
  const ofCharts = plan.images
    .filter(({ kind, origin }) => kind === 'helm' && !named.has(origin))
    .map(({ origin, platforms }) => ({ name: origin, ...(platforms === undefined ? {} : { platforms }) }));
  return formatPinnedImageSet({
    ...imageSet,
    operators: imageSet.operators.map((operator) => ({ ...operator, targetCatalogSourceTemplate: undefined })),
    additionalImages: [...imageSet.additionalImages, ...ofCharts],
    helm: undefined,
  });
}

/**
 * Refuses what the vendor's program mirrors to disk and then can not bring from there without internet (oc-mirror behaviour,
 * "Which catalog digest" and point 11 of its pain points). Throws `E_CONFIG` that names the field.
 */
export function assertCrossesGap(imageSet: ImageSet, config: string): void {
  const full = imageSet.operators.findIndex(({ full, packages = [] }) => full && packages.length === 0);
  if (full >= 0) {
    throw new AirgapError(
      'E_CONFIG',
      `${config}: mirror.operators[${full}]: oc-mirror fetches a full catalog again on the far side, where it can not be reached`,
      { hint: 'list the packages that are needed, or leave --engine out: airgap reads the catalog from the bundle' },
    );
  }
  const release = imageSet.platform?.release ?? '';
  if (release !== '' && parseReference(release).digest === undefined) {
    throw new AirgapError(
      'E_CONFIG',
      `${config}: mirror.platform.release: oc-mirror asks the internet again for a release named by tag`,
      { hint: 'name it by digest, select it by channel and version, or leave --engine out' },
    );
  }
}
