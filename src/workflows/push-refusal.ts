import { AirgapError } from '../core/errors.ts';
import { isIndexType, MEDIA_TYPE } from '../oci/types.ts';
import { statusOf } from '../registry/registry-error.ts';

/** What a registry was asked to take when it refused. */
export interface PushedContent {
  /** An image that needs it, as the user, the release or the catalog named it. */
  readonly origin: string;
  /** Path on the registry, without the host. */
  readonly repository: string;
  /** Set when it was given a name, after it was stored under its digest. */
  readonly tag?: string;
  /** Set when it was stored under its digest; absent for blobs. */
  readonly manifest?: {
    readonly mediaType: string;
    readonly content: Uint8Array;
    /** An index some of whose instances do not go with it. */
    readonly isSparse: boolean;
  };
}

/** Longest path of a repository that distribution takes; it answers 500 for a longer one. */
const LONGEST_PATH = 255;
/** `host/project/name` is taken by every registry; deeper ones some refuse, as if they knew no such address or account. */
const SAFE_DEPTH = 2;
/** What every registry takes; anything else is worth telling when a manifest is refused. */
const USUAL_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.ociConfig,
  MEDIA_TYPE.dockerConfig,
  MEDIA_TYPE.ociLayerGzip,
  MEDIA_TYPE.dockerLayerGzip,
]);

/**
 * A refusal of the target with the image it is about and, where the answer is that of a known kind, its likely cause and what
 * helps. The registry's own words stay. Errors that are no answer of a registry are returned unchanged.
 */
export function explainRefusal(error: unknown, what: PushedContent): unknown {
  const status = statusOf(error);
  if (!(error instanceof AirgapError) || status === undefined || error.data?.['side'] === 'source') return error;
  const hint = hintFor(error, status, what) ?? error.hint;
  return new AirgapError(error.code, `${what.origin}: ${error.message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error.cause,
    data: { ...error.data, image: what.origin },
  });
}

function hintFor(error: AirgapError, status: number, what: PushedContent): string | undefined {
  const registryCode = error.data?.['registryCode'];
  const code = typeof registryCode === 'string' ? registryCode : '';
  if (status === 429 || status === 408) return undefined;
  if (status === 401 || status === 403) return deniedHint(error, what);
  if (what.tag !== undefined) {
    return `the image is there, its tag ${what.tag} was refused: tags may be protected on the registry, or its rules for their names differ`;
  }
  if (what.manifest?.isSparse === true && status < 500) {
    return (
      'only some platforms of this image are in the bundle, and the registry wants all: let it take such indexes ' +
      '(distribution 3: validation.manifests.indexes.platforms: none), or pack the image without "platforms"'
    );
  }
  if (code === 'MANIFEST_BLOB_UNKNOWN') {
    return 'the content was sent before: a clean-up may be under way on the registry; wait for its end and run the same command again';
  }
  const isUnknownPath = code.startsWith('NAME_') || status === 404 || (what.manifest === undefined && status === 405);
  if (isUnknownPath || what.repository.length > LONGEST_PATH) return pathHint(what);
  return what.manifest === undefined ? undefined : manifestHint(what.manifest);
}

function deniedHint({ hint }: AirgapError, { repository }: PushedContent): string | undefined {
  const depth = depthOf(repository);
  if (depth <= SAFE_DEPTH) return hint;
  const more = `some registries answer so to a path of ${depth} components: set registry.maxNestedPaths (mirror: --max-nested-paths)`;
  return hint === undefined ? more : `${hint}; ${more}`;
}

function pathHint({ repository }: PushedContent): string {
  const depth = depthOf(repository);
  const size = `${depth} component${depth === 1 ? '' : 's'}, ${repository.length} characters`;
  return (
    `the registry may not take the path ${repository} (${size}): allow fewer components with registry.maxNestedPaths in the ` +
    'site file (mirror: --max-nested-paths), choose another prefix, or make the repository on the registry first'
  );
}

function manifestHint({ mediaType, content }: NonNullable<PushedContent['manifest']>): string {
  const unusual = [...new Set([mediaType, ...typesIn(content)])].filter((type) => !USUAL_TYPES.has(type));
  const types =
    unusual.length === 0 ? `this ${isIndexType(mediaType) ? 'index' : 'image manifest'}` : unusual.join(', ');
  return (
    `the registry may not take ${types}: look into its log and its documentation for accepted types, update or configure it, ` +
    'or leave the image out (mirror.blockedImages)'
  );
}

/** Types a manifest names, as far as it is one; it was checked when the bundle was. */
function typesIn(content: Uint8Array): string[] {
  const { artifactType, config, layers } = JSON.parse(Buffer.from(content).toString('utf8')) as {
    readonly artifactType?: string;
    readonly config?: { readonly mediaType: string };
    readonly layers?: readonly { readonly mediaType: string }[];
  };
  return [artifactType, config?.mediaType, ...(layers ?? []).map((layer) => layer.mediaType)].filter(
    (type) => type !== undefined,
  );
}

function depthOf(repository: string): number {
  return repository.split('/').length;
}
