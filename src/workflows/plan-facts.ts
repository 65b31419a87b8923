import type { CatalogInfo } from '../mirror/catalog-info.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';
import { groupPlan } from '../mirror/plan-groups.ts';
import { signaturePath, type ReleaseInfo } from '../mirror/release.ts';
import { templatePath } from './collect.ts';

/** What the collectors learned of releases and catalogs, as `plan.json` keeps it, with the sizes of the plan. */
export function planFacts(
  collected: { readonly releases: readonly ReleaseInfo[]; readonly catalogs: readonly CatalogInfo[] },
  plan: MirrorPlan,
): PlanFacts {
  const groups = groupPlan(plan, collected);
  return {
    releases: collected.releases.map((release, at) => ({
      version: release.version,
      digest: release.digest,
      tag: release.tag,
      ...(release.architecture === undefined ? {} : { architecture: release.architecture }),
      components: release.componentCount,
      previous: [...release.previous],
      because: [...release.reasons],
      ...(release.signature === undefined ? {} : { signature: signaturePath(release.digest) }),
      sizes: groups.releases[at]!.sizes,
    })),
    catalogs: collected.catalogs.map((catalog, at) => ({
      reference: catalog.reference,
      digest: catalog.digest,
      target: { ...catalog.target },
      isFull: catalog.isFull,
      ...(catalog.rebuilt === undefined ? {} : { rebuilt: { ...catalog.rebuilt } }),
      ...(catalog.sourceTemplate === undefined ? {} : { template: templatePath(catalog) }),
      packages: catalog.packages.map(({ name, defaultChannel, channels, bundles }, index) => ({
        name,
        defaultChannel,
        channels: channels.map((channel) => ({ ...channel, bundles: [...channel.bundles] })),
        bundles: bundles.map((bundle) => ({ ...bundle, images: [...bundle.images] })),
        sizes: groups.catalogs[at]!.packages[index]!.sizes,
      })),
      sizes: groups.catalogs[at]!.own.sizes,
    })),
  };
}
