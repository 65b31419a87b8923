import { readFile } from 'node:fs/promises';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { collectAdditionalImages } from '../mirror/additional.ts';
import { compileBlocked, removeBlocked } from '../mirror/blocked.ts';
import type { CatalogInfo } from '../mirror/catalog-info.ts';
import { collectHelm, type HelmCollection } from '../mirror/helm.ts';
import type { ImageSet } from '../mirror/image-set.ts';
import type { Collection, GeneratedFile, MirrorContext } from '../mirror/mirror-plan.ts';
import { collectOperators, type OperatorOptions } from '../mirror/operators.ts';
import { collectReleases, type ReleaseInfo, type ReleaseOptions } from '../mirror/release.ts';
import type { UpdateGraph } from '../mirror/update-graph.ts';

/** Everything an image set asks for, before any image is looked at. */
export interface Collected {
  readonly collections: readonly Collection[];
  readonly releases: readonly ReleaseInfo[];
  readonly graphs: readonly UpdateGraph[];
  readonly catalogs: readonly CatalogInfo[];
  readonly charts: HelmCollection['charts'];
  /** What OLM will create of the kept operator bundles. */
  readonly objects: Iterable<unknown>;
}

export interface CollectOptions {
  readonly releases: ReleaseOptions;
  readonly unknownNames: NonNullable<OperatorOptions['unknownNames']>;
  /** Folder that relative paths of the configuration start from: that of the process, as the vendor tool does. */
  readonly workingDirectory: string;
}

/** Folder of a bundle for the files `targetCatalogSourceTemplate` names. */
const TEMPLATE_FOLDER = 'config/templates/';

/**
 * Runs the collectors in the vendor tool's order: releases, operators, additional images, Helm. Blocked images are taken
 * out. Throws what they throw; problems of the configuration name its field.
 */
export async function collect(imageSet: ImageSet, ctx: MirrorContext, options: CollectOptions): Promise<Collected> {
  const releases = await collectReleases(imageSet, ctx, options.releases);
  const operators = await collectOperators(imageSet, ctx, { unknownNames: options.unknownNames });
  const additional = collectAdditionalImages(imageSet);
  const helm = await collectHelm(imageSet, ctx, { workingDirectory: options.workingDirectory });
  const templates = { images: [], warnings: [], files: await readTemplates(operators.catalogs) };
  const blocked = imageSet.blockedImages.map(({ name }) => compileBlocked(name));
  return {
    collections: [releases, operators, additional, helm, templates].map((collection) => {
      const { kept, warnings } = removeBlocked(collection.images, blocked);
      return { images: kept, files: collection.files, warnings: [...collection.warnings, ...warnings] };
    }),
    releases: releases.releases,
    graphs: releases.graphs,
    catalogs: operators.catalogs,
    charts: helm.charts,
    objects: operators.objects(),
  };
}

/** Where a template travels in the bundle. */
export function templatePath(catalog: CatalogInfo): string {
  const name = `${catalog.target.repository}-${catalog.target.tag}`.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 70);
  return `${TEMPLATE_FOLDER}${name}.yaml`;
}

async function readTemplates(catalogs: readonly CatalogInfo[]): Promise<GeneratedFile[]> {
  const files: GeneratedFile[] = [];
  for (const catalog of catalogs) {
    if (catalog.sourceTemplate === undefined) continue;
    files.push({ path: templatePath(catalog), content: await readTemplate(catalog.sourceTemplate) });
  }
  return files;
}

async function readTemplate(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `targetCatalogSourceTemplate ${path} can not be read: ${systemProblem(code)}`, {
      hint: 'give the path of a CatalogSource, relative to the current folder',
      cause: error,
    });
  }
}
