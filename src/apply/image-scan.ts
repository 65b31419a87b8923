import { AirgapError, isAirgapError } from '../core/errors.ts';
import { parseReference, type ImageRef } from '../oci/reference.ts';
import { followPull, type MirrorTable } from './mirror-table.ts';

/** An image a resource names that a cluster behind the air gap could not pull. */
export interface UnmirroredImage {
  readonly reference: string;
  /** `unmirrored`: no mirror entry covers it, the pull goes to the internet. `missing`: it is not on the target registry. */
  readonly problem: 'unmirrored' | 'missing';
  /** Every place that names it, `Kind/namespace/name: path`. */
  readonly places: readonly string[];
  /** Named on command lines alone: often the default of a flag that something else overrides, so it may never be pulled. */
  readonly isOnlyArgument: boolean;
}

/** Prose and examples name images nobody pulls; `containerImage` is what a catalog shows, not what it runs. */
const PASSED_OVER: ReadonlySet<string> = new Set([
  'description',
  'displayName',
  'status',
  'alm-examples',
  'containerImage',
  'kubectl.kubernetes.io/last-applied-configuration',
]);
/** Lists whose texts are command lines: a reference may be a part of them. */
const COMMAND_LINES: ReadonlySet<string> = new Set(['args', 'command']);
/** A registry that is a host name, an address or has a port; else any `a/b:c` would be an image. */
const HOST = /^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?|localhost(?::\d+)?|[A-Za-z0-9-]+:\d+)$/;

/**
 * The images that rendered resources or catalog documents name and that can not be pulled through the mirror table.
 * Looked at are fields called `image` or `…Image`, environment variables, command lines, and every text that is a
 * reference as a whole. Sorted by reference. (Disconnected HyperShift: hard-coded public images.)
 */
export function findUnmirroredImages(objects: Iterable<unknown>, table: MirrorTable): readonly UnmirroredImage[] {
  const found = new Map<string, { problem: 'unmirrored' | 'missing'; places: Set<string>; isOnlyArgument: boolean }>();
  for (const object of objects) {
    const subject = subjectOf(object);
    for (const { text, reference, path } of namedImages(object, [])) {
      const problem = followPull(reference, table);
      if (problem === 'found') continue;
      const entry = found.get(text) ?? { problem, places: new Set(), isOnlyArgument: true };
      if (!COMMAND_LINES.has(path.at(-2) ?? '')) entry.isOnlyArgument = false;
      entry.places.add(`${subject}: ${path.join('.')}`);
      found.set(text, entry);
    }
  }
  return [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([reference, entry]) => ({ reference, ...entry, places: [...entry.places] }));
}

/** Throws `E_CONFIG` that names the images and the resources that want them; nothing for an empty list. */
export function refuseUnmirroredImages(images: readonly UnmirroredImage[]): void {
  if (images.length === 0) return;
  const lines = images.map(({ reference, problem, places }) => {
    const why = problem === 'missing' ? 'is not among the mirrored images' : 'has no mirror';
    return `\n  ${reference} ${why} (${places.slice(0, 3).join(', ')}${places.length > 3 ? ', …' : ''})`;
  });
  throw new AirgapError('E_CONFIG', `${images.length} images could not be pulled on the far side:${lines.join('')}`, {
    hint: 'add them under mirror.additionalImages, by digest where the resource names a digest; --allow-unmirrored when nothing runs them',
    data: { images },
  });
}

interface NamedImage {
  readonly text: string;
  readonly reference: ImageRef;
  readonly path: readonly string[];
}

function namedImages(value: unknown, path: readonly string[]): readonly NamedImage[] {
  if (typeof value === 'string') return imagesIn(value, path);
  if (Array.isArray(value)) return value.flatMap((item, index) => namedImages(item, [...path, String(index)]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    PASSED_OVER.has(key) ? [] : namedImages(member, [...path, key]),
  );
}

function imagesIn(text: string, path: readonly string[]): readonly NamedImage[] {
  const [parent = '', key = ''] = [path.at(-2), path.at(-1)];
  const isImageField = /^image$|Image$/.test(key);
  const isEnvironment = key === 'value' && path.at(-3) === 'env';
  const words = COMMAND_LINES.has(parent) || isEnvironment ? text.split(/[\s,;="']+/) : [text];
  return words.flatMap((word) => {
    const reference = referenceIn(word, isImageField);
    return reference === undefined ? [] : [{ text: word.replace(/^docker:\/\//, ''), reference, path }];
  });
}

/** The reference a word is. Outside image fields it must have a host, and a tag or digest. */
function referenceIn(word: string, isImageField: boolean): ImageRef | undefined {
  if (word === '' || word.length > 1024) return undefined;
  let reference: ImageRef;
  try {
    reference = parseReference(word, { allowBare: isImageField });
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    return undefined;
  }
  if (reference.transport !== 'docker') return undefined;
  return isImageField || HOST.test(reference.registry) ? reference : undefined;
}

/** `Kind/namespace/name`, or for documents of a catalog `schema/name`. */
function subjectOf(object: unknown): string {
  const { kind, schema, name, metadata } = object as {
    readonly kind?: string;
    readonly schema?: string;
    readonly name?: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string };
  };
  return [kind ?? schema ?? 'resource', metadata?.namespace, metadata?.name ?? name]
    .filter((part) => part !== undefined)
    .join('/');
}
