import type { CatalogInfo } from '../mirror/catalog-info.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';
import { signaturePath, type ReleaseInfo } from '../mirror/release.ts';
import { templatePath } from './collect.ts';

/** What the collectors learned of releases and catalogs, as `plan.json` keeps it. */
export function planFacts(collected: {
  readonly releases: readonly ReleaseInfo[];
  readonly catalogs: readonly CatalogInfo[];
}): PlanFacts {
  return {
    releases: collected.releases.map((release) => ({
      version: release.version,
      digest: release.digest,
      tag: release.tag,
      ...(release.architecture === undefined ? {} : { architecture: release.architecture }),
      components: release.componentCount,
      previous: [...release.previous],
      because: [...release.reasons],
      ...(release.signature === undefined ? {} : { signature: signaturePath(release.digest) }),
    })),
    catalogs: collected.catalogs.map((catalog) => ({
      reference: catalog.reference,
      digest: catalog.digest,
      target: { ...catalog.target },
      isFull: catalog.isFull,
      ...(catalog.rebuilt === undefined ? {} : { rebuilt: { ...catalog.rebuilt } }),
      ...(catalog.sourceTemplate === undefined ? {} : { template: templatePath(catalog) }),
      packages: structuredClone(catalog.packages) as PlanFacts['catalogs'][number]['packages'],
    })),
  };
}
