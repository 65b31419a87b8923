import { isAirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { parseManifests } from '../core/yaml.ts';
import { formatReference, parseReference, type ImageRef } from '../oci/reference.ts';
import { compileJsonPath, renderJsonPath, type JsonPath } from './json-path.ts';

/** An image a rendered chart names. */
interface ChartImage {
  readonly ref: ImageRef;
  /** The resource that names it first, `Kind name`. */
  readonly resource: string;
}

export interface ChartImages {
  readonly images: readonly ChartImage[];
  readonly warnings: readonly Warning[];
}

/** Where pods and pod templates have their images (oc-mirror behaviour, "Helm", "Finding images"). */
const DEFAULT_PATHS: readonly JsonPath[] = [
  '{.spec.template.spec.initContainers[*].image}',
  '{.spec.template.spec.containers[*].image}',
  '{.spec.initContainers[*].image}',
  '{.spec.containers[*].image}',
].map(compileJsonPath);

/** Finds what the paths above do not look at, for a warning. */
const ANY_IMAGE = compileJsonPath('{..image}');

/**
 * The images a rendered chart names at the default places and at `imagePaths`, each once, in the order of the manifests.
 * What is no reference is passed over. A reference without tag and digest, and an `image` at a place nobody looks at,
 * give a warning: both would be missing on the far side. Throws `E_CONFIG` for a manifest that is no YAML, and for an
 * image path that can not be read or does not fit a manifest.
 */
export function chartImages(manifests: string, chart: string, imagePaths: readonly string[]): ChartImages {
  const ownPaths = imagePaths.map(compileJsonPath);
  const images = new Map<string, ChartImage>();
  const withoutVersion = new Map<string, string>();
  const anywhere = new Map<string, string>();
  for (const manifest of parseManifests(manifests, chart)) {
    const resource = resourceName(manifest);
    const found = [
      ...DEFAULT_PATHS.map((path) => defaultText(path, manifest)),
      ...ownPaths.map((path) => renderJsonPath(path, manifest)),
    ];
    for (const ref of references(found)) {
      const text = formatReference(ref);
      if (ref.tag === undefined && ref.digest === undefined) withoutVersion.set(text, resource);
      else if (!images.has(text)) images.set(text, { ref, resource });
    }
    // The schemas in a definition describe images, they name none.
    if (resource.startsWith('CustomResourceDefinition ')) continue;
    for (const ref of references([renderJsonPath(ANY_IMAGE, manifest)])) {
      if (ref.tag !== undefined || ref.digest !== undefined) anywhere.set(formatReference(ref), resource);
    }
  }
  const overlooked = [...anywhere].filter(([text]) => !images.has(text));
  return {
    images: [...images.values()],
    warnings: [
      ...[...withoutVersion].map(([text, resource]) =>
        warn(`${chart}: ${resource} names ${text} without tag or digest; it is not mirrored`),
      ),
      ...overlooked.map(([text, resource]) =>
        warn(
          `${chart}: ${resource} names ${text} where no image path looks; it is not mirrored, add one to imagePaths`,
        ),
      ),
    ],
  };
}

/** A default path is tried on every kind of resource; that it does not fit one is no mistake of anybody. */
function defaultText(path: JsonPath, manifest: unknown): string {
  try {
    return renderJsonPath(path, manifest);
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    return '';
  }
}

/** The words that are references. */
function references(texts: readonly string[]): readonly ImageRef[] {
  return texts
    .flatMap((text) => text.split(/\s+/))
    .flatMap((word) => {
      if (word === '') return [];
      try {
        const ref = parseReference(word, { allowBare: true });
        return ref.transport === 'docker' ? [ref] : [];
      } catch (error) {
        if (!isAirgapError(error, 'E_CONFIG')) throw error;
        return [];
      }
    });
}

function resourceName(manifest: unknown): string {
  const { kind, metadata } = manifest as { readonly kind?: unknown; readonly metadata?: { readonly name?: unknown } };
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
  return `${text(kind, 'resource')} ${text(metadata?.name, '')}`.trim();
}

function warn(message: string): Warning {
  return { code: 'W_CONFIG', message };
}
