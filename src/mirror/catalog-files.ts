import { AirgapError, isAirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { withRetry } from '../core/retry.ts';
import type { ContentSource } from '../oci/content.ts';
import { layerFiles, type LayerEntry } from '../oci/layer.ts';
import type { CatalogImage } from './catalog-image.ts';

/** Shows every file of a catalog, in no particular order; may be called again. Paths are relative to the catalog. */
export type CatalogFiles = (visit: Visitor) => Promise<void>;

/** May see a path twice, when a layer had to be read again; the last time counts. */
type Visitor = (path: string, content: AsyncIterable<Buffer>) => Promise<void>;

const BROKEN_CONNECTION: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

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
 * hides is not shown (OCI image-spec, "Whiteouts"). Layers are streamed from the top, each once, again when its
 * connection breaks; those that can not add anything are not fetched. Only regular files below the catalog's folder
 * count: that is what the vendor tool's own rule (paths that contain the folder's name, then loading from that folder)
 * leaves. Throws `E_OCI` for a damaged layer, and the errors of the source.
 */
export function catalogFiles(
  source: ContentSource,
  image: CatalogImage,
  options: RunContext & { readonly catalogName: string },
): CatalogFiles {
  const layers = image.instances[0]!.manifest.layers;
  return async (visit) => {
    const above = nothingAbove();
    for (const layer of layers.toReversed()) {
      if (isCovered(image.configs, above)) return;
      const subject = `${options.catalogName}, layer ${layer.digest}`;
      const found = await readAgainWhenBroken(options, subject, async (isOpen) => {
        const stream = await source.fetch(layer, { signal: options.signal });
        isOpen();
        return visitLayer(layerFiles(stream, layer.mediaType, subject), image.configs, above, visit);
      });
      for (const [path, isDirectory] of found.isDirectory) above.isDirectory.set(path, isDirectory);
      for (const path of found.hidden) above.hidden.add(path);
      for (const path of found.emptied) above.emptied.add(path);
    }
  };
}

async function visitLayer(
  entries: AsyncIterable<LayerEntry>,
  folder: string,
  above: LayersAbove,
  visit: Visitor,
): Promise<LayersAbove> {
  const current = nothingAbove();
  for await (const entry of entries) {
    const path = noteEntry(entry, folder, current);
    if (path === undefined || entry.type !== 'file' || !isVisible(entry.path, above)) continue;
    await visit(path, entry.content);
  }
  return current;
}

/** What fails before it is open was tried often enough by who opens it; only what breaks later is tried again here. */
async function readAgainWhenBroken<T>(
  ctx: RunContext,
  subject: string,
  read: (isOpen: () => void) => Promise<T>,
): Promise<T> {
  let wasOpen = false;
  const attempt = async () => {
    wasOpen = false;
    try {
      return await read(() => (wasOpen = true));
    } catch (error) {
      const code = systemCodeOf(error) ?? '';
      if (error instanceof AirgapError || !BROKEN_CONNECTION.has(code)) throw error;
      throw new AirgapError('E_UNREACHABLE', `${subject}: the connection broke (${code})`, { cause: error });
    }
  };
  return withRetry(attempt, {
    signal: ctx.signal,
    retryable: (error) => wasOpen && isAirgapError(error, 'E_UNREACHABLE', 'E_DIGEST') && {},
    onRetry: ({ attempt: count, delayMs, error }) => {
      const reason = error instanceof Error ? error.message : String(error);
      ctx.report({ type: 'retry', subject, attempt: count, delayMs, reason });
    },
  });
}

function nothingAbove(): LayersAbove {
  return { isDirectory: new Map(), hidden: new Set(), emptied: new Set() };
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
