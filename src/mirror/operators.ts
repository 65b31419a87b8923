import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import type { ContentSource } from '../oci/content.ts';
import { LAYOUT_ROOT } from '../oci/layout-source.ts';
import { formatReference, parseReference, selectorOf, type ImageRef } from '../oci/reference.ts';
import type { Descriptor } from '../oci/types.ts';
import { cacheFiles } from './catalog-cache.ts';
import { catalogFiles, type CatalogFiles } from './catalog-files.ts';
import { filterCatalog, type FilteredCatalog } from './catalog-filter.ts';
import { filterHash } from './catalog-hash.ts';
import { readCatalogImage, type CatalogImage } from './catalog-image.ts';
import { bundleImages, mergeRequests } from './catalog-images.ts';
import { packageInfos, type CatalogInfo } from './catalog-info.ts';
import { findUnmetNeeds, type Supply } from './catalog-needs.ts';
import { bundleKey, readCatalog, type CatalogContent, type StoredDocument } from './catalog-read.ts';
import { rebuildCatalog } from './catalog-rebuild.ts';
import { validateCatalog } from './catalog-validate.ts';
import { writeCatalog } from './catalog-write.ts';
import type { CatalogSelection, ImageSet } from './image-set.ts';
import type { Collection, GeneratedImage, ImageRequest, MirrorContext } from './mirror-plan.ts';
import { catalogTarget } from './target-name.ts';

export interface OperatorOptions {
  /** Packages and channels a catalog does not have: an error (the default), or left out with a warning. */
  readonly unknownNames?: 'error' | 'warn';
}

export interface OperatorCollection extends Collection {
  readonly catalogs: readonly CatalogInfo[];
}

/** One catalog being worked on. */
interface Opened {
  readonly name: string;
  readonly selection: CatalogSelection;
  readonly ref: ImageRef;
  readonly root: Descriptor;
  readonly image: CatalogImage;
  readonly files: CatalogFiles;
}

interface Collected {
  readonly images: readonly ImageRequest[];
  readonly info: CatalogInfo;
  readonly warnings: readonly Warning[];
  readonly supply: Supply;
}

/**
 * The catalogs under `mirror.operators`, filtered and rebuilt, with every image their operator bundles need, each image
 * once. Throws one `E_CONFIG` with the problems of all catalogs; errors of the registry pass through.
 */
export async function collectOperators(
  imageSet: Pick<ImageSet, 'operators'>,
  context: MirrorContext,
  options: OperatorOptions = {},
): Promise<OperatorCollection> {
  const collected: Collected[] = [];
  const problems: AirgapError[] = [];
  for (const selection of imageSet.operators) {
    try {
      collected.push(await collectCatalog(selection, context, options));
    } catch (error) {
      if (!isAirgapError(error, 'E_CONFIG')) throw error;
      problems.push(error);
    }
  }
  if (problems.length === 1) throw problems[0]!;
  if (problems.length > 1) {
    const hints = new Set(problems.map(({ hint }) => hint).filter((hint) => hint !== undefined));
    const hint = hints.size > 0 ? { hint: [...hints].join('; ') } : {};
    throw new AirgapError('E_CONFIG', problems.map(({ message }) => message).join('\n'), { ...hint, cause: problems });
  }
  const unmet = findUnmetNeeds(collected.map(({ supply }) => supply));
  return {
    images: mergeRequests(collected.flatMap(({ images }) => images)),
    files: [],
    warnings: [
      ...collected.flatMap(({ warnings }) => warnings),
      ...unmet.map((message) => ({ code: 'W_CATALOG' as const, message })),
    ],
    catalogs: collected.map(({ info }) => info),
  };
}

async function collectCatalog(
  selection: CatalogSelection,
  context: MirrorContext,
  options: OperatorOptions,
): Promise<Collected> {
  const opened = await openCatalog(selection, context);
  return selection.full && !selection.packages?.length ? collectFull(opened) : collectFiltered(opened, options);
}

async function openCatalog(selection: CatalogSelection, context: MirrorContext): Promise<Opened> {
  const ref = parseReference(selection.catalog);
  const name = formatReference(ref);
  const source: ContentSource = context.openSource(ref);
  const isBareLayout = ref.transport === 'oci' && ref.digest === undefined;
  const root = await source.resolve(isBareLayout ? LAYOUT_ROOT : selectorOf(ref), context.signal);
  const reading = { catalogName: name, signal: context.signal, report: context.report };
  const image = await readCatalogImage(source, root, { ...reading, platforms: selection.platforms });
  return { name, selection, ref, root, image, files: catalogFiles(source, image, reading) };
}

async function collectFull(opened: Opened): Promise<Collected> {
  const content = await readCatalog(opened.files, {
    catalogName: opened.name,
    isWanted: () => true,
    isKept: () => false,
  });
  if (content.catalog.bundles.length === 0) {
    throw new AirgapError('E_CONFIG', `${opened.name}: the catalog has no operator bundles`, {
      hint: 'remove it from mirror.operators, or take another version of it',
    });
  }
  return {
    images: [...bundleImages(imageOptions(opened, content)), catalogRequest(opened)],
    info: infoOf(opened, content.catalog),
    warnings: [],
    supply: supplyOf(opened, content, content.catalog),
  };
}

async function collectFiltered(opened: Opened, options: OperatorOptions): Promise<Collected> {
  const { name, selection, image } = opened;
  const listed = selection.packages?.length ? new Set(selection.packages.map((one) => one.name)) : undefined;
  const isWanted = (packageName: string) => listed?.has(packageName) ?? true;
  // Of listed packages everything is kept at once; of a whole catalog only what the filter leaves, in a second reading.
  const content = await readCatalog(opened.files, { catalogName: name, isWanted, isKept: () => listed !== undefined });
  const filtered = filterCatalog(content.catalog, selection, {
    catalogName: name,
    packageNames: content.packageNames,
    ...options,
  });
  const stored = listed === undefined ? await readKept(opened, filtered) : content.documents;
  const files = writeCatalog(filtered, stored);
  const problems = validateCatalog(filtered);
  // opm makes no cache of a catalog that is not valid, and serves none.
  const cache = problems.length === 0 ? cacheFiles(filtered, stored, files) : undefined;
  const generated = await rebuildCatalog(image, files, cache);
  const defects = problems.map((problem) => ({
    code: 'W_CATALOG' as const,
    message: `${name}: ${problem}; the catalog has this defect where it comes from`,
  }));
  return {
    images: [...bundleImages(imageOptions(opened, { catalog: filtered })), catalogRequest(opened, generated)],
    info: infoOf(opened, filtered, generated),
    warnings: [...filtered.warnings, ...defects],
    supply: supplyOf(opened, content, filtered),
  };
}

async function readKept(opened: Opened, filtered: FilteredCatalog): Promise<ReadonlyMap<string, StoredDocument>> {
  const kept = new Set(filtered.bundles.map((bundle) => bundleKey(bundle)));
  const packages = new Set(filtered.bundles.map((bundle) => bundle.package));
  const content = await readCatalog(opened.files, {
    catalogName: opened.name,
    isWanted: (packageName) => packages.has(packageName),
    isKept: (packageName, bundleName) => kept.has(bundleKey({ package: packageName, name: bundleName })),
  });
  return content.documents;
}

function imageOptions(opened: Opened, { catalog }: Pick<CatalogContent, 'catalog'>) {
  const { name: catalogName, selection } = opened;
  return { catalogName, bundles: catalog.bundles, channels: catalog.channels, platforms: selection.platforms };
}

function catalogRequest(opened: Opened, generated?: GeneratedImage): ImageRequest {
  const { ref, root, selection, name } = opened;
  const { tag: _, ...repository } = ref;
  return {
    kind: 'catalog',
    origin: name,
    // A layout knows what it holds; its index as a whole has no digest it could be asked for.
    source: ref.transport === 'oci' ? repository : { ...repository, digest: root.digest },
    target: targetOf(opened, generated),
    because: [`catalog ${name}`],
    ...(selection.platforms?.length ? { platforms: selection.platforms } : {}),
    ...(generated === undefined ? {} : { generated }),
  };
}

function targetOf({ ref, selection }: Opened, generated: GeneratedImage | undefined) {
  const { targetCatalog, targetTag } = selection;
  return catalogTarget(ref, { targetCatalog, targetTag, rebuilt: generated?.root.digest });
}

function infoOf(opened: Opened, catalog: CatalogContent['catalog'], generated?: GeneratedImage): CatalogInfo {
  const { name, ref, root, selection } = opened;
  const rebuilt = generated && {
    digest: generated.root.digest,
    filterHash: filterHash(selection, ref, root.digest),
  };
  return {
    reference: name,
    digest: root.digest,
    target: targetOf(opened, generated),
    isFull: generated === undefined,
    ...(rebuilt === undefined ? {} : { rebuilt }),
    ...(selection.targetCatalogSourceTemplate ? { sourceTemplate: selection.targetCatalogSourceTemplate } : {}),
    packages: packageInfos(catalog),
  };
}

function supplyOf(opened: Opened, content: CatalogContent, kept: CatalogContent['catalog']): Supply {
  return {
    catalogName: opened.name,
    bundles: kept.bundles,
    providers: content.providers,
    packageNames: content.packageNames,
  };
}
