import { AirgapError } from '../../core/errors.ts';
import { needsImageSignature } from '../../mirror/release-images.ts';
import type { PlannedImage } from '../../mirror/mirror-plan.ts';
import type { PlanResult } from '../plan.ts';
import type { MatchedPlan } from './match.ts';

/**
 * Throws `E_SIGNATURE` when the archive lacks a signature without which clusters refuse an image of a release: older releases
 * of the vendor's program do not copy them.
 */
export function assertReleasesSigned({ plan, facts }: PlanResult, { differences }: MatchedPlan): void {
  const missing = new Set(differences.flatMap(({ kind, name }) => (kind === 'missing' ? [name] : [])));
  const unsigned = new Set(
    plan.images.flatMap(({ kind, target, signatureOf }) =>
      kind === 'signature' && missing.has(`${target.repository}:${target.tag}`) ? [signatureOf] : [],
    ),
  );
  const refused = plan.images.filter(
    (image) => unsigned.has(image.root.digest) && needsImageSignature(versionOf(image, facts.releases), image.source),
  );
  const [first] = refused;
  if (first === undefined) return;
  const more = refused.length > 1 ? ` and ${refused.length - 1} more images` : '';
  throw new AirgapError(
    'E_SIGNATURE',
    `oc-mirror left out the signature of ${first.origin}${more}, which a cluster of this release demands`,
    {
      hint: 'use oc-mirror 4.19 or newer and do not tell it to remove signatures; or pass --allow-missing-signatures if the cluster does not verify',
    },
  );
}

/** The version of the release an image belongs to; empty for every other image. */
function versionOf({ target: { tag = '' } }: PlannedImage, releases: PlanResult['facts']['releases']): string {
  return releases.find((release) => tag === release.tag || tag.startsWith(`${release.tag}-`))?.version ?? '';
}
