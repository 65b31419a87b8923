import type { ContentSource } from '../oci/content.ts';
import { layerFiles, type LayerEntry } from '../oci/layer.ts';
import type { Descriptor } from '../oci/types.ts';
import type { CatalogImage } from './catalog-image.ts';

/** Shows every file of a catalog, in no particular order; may be called again. Paths are relative to the catalog. */
export type CatalogFiles = (visit: (path: string, content: AsyncIterable<Buffer>) => Promise<void>) => Promise<void>;

/** What the layers above the current one have decided. */
interface LayersAbove {
  /** Paths that exist above, true for directories. */
  readonly isDirectory: Map<string, boolean>;
  /** Entries hidden from the layers below. */
  readonly hidden: Set<string>;
  /** Directories whose content is hidden from the layers below. */
  readonly emptied: Set<string>;
}

/**
 * The files of a catalog as they are in the file system that its layers make together: what an upper layer replaces or
 * hides is not shown (OCI image-spec, "Whiteouts"). Layers are streamed from the top, each once; those that can
 * not add anything are not fetched. Only regular files below the catalog's folder count: that is what the
 * vendor tool's own rule (paths that contain the folder's name, then loading from that folder) leaves.
 */
export function catalogFiles(
  source: ContentSource,
  image: CatalogImage,
  options: { readonly catalogName: string; readonly signal: AbortSignal },
): CatalogFiles {
  const layers = image.instances[0]!.manifest.layers as readonly Descriptor[];
  return async (visit) => {
    const above: LayersAbove = { isDirectory: new Map(), hidden: new Set(), emptied: new Set() };
    for (const layer of layers.toReversed()) {
      if (isCovered(image.configs, above)) return;
      const what = `${options.catalogName}, layer ${layer.digest}`;
      const stream = await source.fetch(layer, { signal: options.signal });
      const current: LayersAbove = { isDirectory: new Map(), hidden: new Set(), emptied: new Set() };
      for await (const entry of layerFiles(stream, layer.mediaType, what)) {
        options.signal.throwIfAborted();
        const path = noteEntry(entry, image.configs, current);
        if (path === undefined || entry.type !== 'file' || !isVisible(entry.path, above)) continue;
        await visit(path, entry.content);
      }
      for (const [path, isDirectory] of current.isDirectory) above.isDirectory.set(path, isDirectory);
      for (const path of current.hidden) above.hidden.add(path);
      for (const path of current.emptied) above.emptied.add(path);
    }
  };
}

/** Remembers what an entry means for the layers below; gives the path inside the catalog for entries inside it. */
function noteEntry(entry: LayerEntry, folder: string, current: LayersAbove): string | undefined {
  const { hides } = entry;
  const path = hides?.path ?? entry.path;
  const isInside = path.startsWith(`${folder}/`);
  const isOnTheWay = path === '' || path === folder || folder.startsWith(`${path}/`);
  if (!isInside && !isOnTheWay) return undefined;
  if (hides !== undefined) {
    (hides.kind === 'entry' ? current.hidden : current.emptied).add(path);
    return undefined;
  }
  if (path !== '') current.isDirectory.set(path, entry.type === 'directory');
  return isInside ? path.slice(folder.length + 1) : undefined;
}

/** True when nothing of the folder in lower layers can be seen. */
function isCovered(folder: string, above: LayersAbove): boolean {
  return above.emptied.has(folder) || !isVisible(`${folder}/x`, above);
}

function isVisible(path: string, above: LayersAbove): boolean {
  if (above.isDirectory.has(path) || above.hidden.has(path) || above.emptied.has('')) return false;
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (above.hidden.has(parent) || above.emptied.has(parent) || above.isDirectory.get(parent) === false) return false;
  }
  return true;
}
