import type { ContentSource } from './content.ts';
import { layerFiles, readEntry, type LayerEntry } from './layer.ts';
import type { Descriptor } from './types.ts';

export interface WantedFiles {
  /** Path in the image → most bytes it may have. */
  readonly paths: ReadonlyMap<string, number>;
  /** Names the image in messages. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/**
 * Single files of an image as its root file system shows them: upper layers win, whiteouts hide (OCI image-spec,
 * "Applying Changesets"). Layers are read from the top, each to its end so that its digest is checked, and no layer
 * below the last one that matters. Only the wanted files are held in memory. Paths that are not there are not in the result.
 */
export async function readImageFiles(
  source: ContentSource,
  layers: readonly Descriptor[],
  wanted: WantedFiles,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const open = new Set(wanted.paths.keys());
  for (const layer of layers.toReversed()) {
    if (open.size === 0) break;
    const view = await readLayer(source, layer, { ...wanted, open });
    for (const [path, content] of view.files) found.set(path, content);
    for (const path of [...view.files.keys(), ...view.hidden]) open.delete(path);
  }
  return found;
}

interface LayerView {
  readonly files: ReadonlyMap<string, Buffer>;
  /** Wanted paths that the layers below can not provide any more. */
  readonly hidden: ReadonlySet<string>;
}

async function readLayer(
  source: ContentSource,
  layer: Descriptor,
  { open, paths, what, signal }: WantedFiles & { readonly open: ReadonlySet<string> },
): Promise<LayerView> {
  const name = `${what}, layer ${layer.digest}`;
  const files = new Map<string, Buffer>();
  const hidden = new Set<string>();
  const stream = await source.fetch(layer, { signal });
  for await (const entry of layerFiles(stream, layer.mediaType, name)) {
    if (entry.type === 'file' && open.has(entry.path)) {
      files.set(entry.path, await readEntry(entry, paths.get(entry.path) ?? 0, name));
      continue;
    }
    for (const path of open) {
      if (!hides(entry, path)) continue;
      hidden.add(path);
      // A whiteout hides what is below; anything else in its place also replaces an earlier entry of this layer.
      if (entry.hides === undefined) files.delete(path);
    }
  }
  return { files, hidden };
}

function hides(entry: LayerEntry, path: string): boolean {
  if (entry.hides === undefined) {
    return entry.path === path || (entry.type !== 'directory' && path.startsWith(`${entry.path}/`));
  }
  const { path: target, kind } = entry.hides;
  return (kind === 'entry' && target === path) || target === '' || path.startsWith(`${target}/`);
}
