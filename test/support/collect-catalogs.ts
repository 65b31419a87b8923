/** The collector of operator catalogs on catalogs in memory. */
import assert from 'node:assert/strict';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import type { MirrorContext } from '../../src/mirror/mirror-plan.ts';
import { collectOperators, type OperatorCollection, type OperatorOptions } from '../../src/mirror/operators.ts';
import { formatReference, repositoryName, type ImageRef } from '../../src/oci/reference.ts';
import type { BuiltCatalogImage } from './catalogs.ts';

/** Repository → catalog, whatever tag or digest it is asked for by. */
export type CatalogsByRepository = Readonly<Record<string, BuiltCatalogImage>>;

export function catalogContext(catalogs: CatalogsByRepository): MirrorContext {
  return {
    signal: AbortSignal.timeout(60_000),
    report: () => undefined,
    fetchDocument: () => assert.fail('catalogs fetch no documents'),
    openSource(ref: ImageRef) {
      const built = catalogs[repositoryName(ref)];
      if (built === undefined) assert.fail(`unexpected source ${formatReference(ref)}`);
      return { ...built.source, referrers: () => Promise.resolve([]) };
    },
  };
}

/** Collects `operators`, the YAML list below `mirror.operators`. */
export function collectCatalogs(
  operators: string,
  catalogs: CatalogsByRepository,
  options?: OperatorOptions,
): Promise<OperatorCollection> {
  const text = `kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  operators:\n${operators}`;
  return collectOperators(loadImageSet(text, 'imageset.yaml'), catalogContext(catalogs), options);
}
