import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference } from '../oci/reference.ts';
import { readClosure, type Closure } from './closure.ts';
import type {
  Collection,
  Gap,
  ImageRequest,
  MirrorContext,
  MirrorPlan,
  PlannedBlob,
  PlannedImage,
  PlannedManifest,
} from './mirror-plan.ts';
import { findSignatures } from './signatures.ts';
import pLimit from 'p-limit';

/** Images looked at at once; each causes a handful of small requests. */
const CONCURRENT_IMAGES = 16;

export interface ResolveOptions {
  /** Leave out images that can not be read, and list them as gaps, instead of failing. */
  readonly allowGaps: boolean;
  /** Look for signatures, attestations and other referrers of every manifest. */
  readonly withSignatures: boolean;
  /** Leave out a missing signature of an image that requires one, with a warning, instead of failing. */
  readonly allowMissingSignatures: boolean;
}

/**
 * Reads every manifest the collections ask for and returns the plan: all content with its size, unique by digest.
 * Images of one kind asked for several times under one name become one, with all reasons.
 * Throws `E_CONFIG` when two different images want the same target name, and the error of an unreadable image
 * (all of them named) unless gaps are allowed.
 */
export async function resolvePlan(
  collections: readonly Collection[],
  ctx: MirrorContext,
  options: ResolveOptions,
): Promise<MirrorPlan> {
  const requests = mergeRequests(collections.flatMap((collection) => collection.images));
  const warnings: Warning[] = collections.flatMap((collection) => collection.warnings);
  const found: { request: ImageRequest; closure: Closure; signatures: readonly Closure[] }[] = [];
  const failed: { request: ImageRequest; error: AirgapError }[] = [];
  const limit = pLimit(CONCURRENT_IMAGES);
  const manifestCache = new Map<Digest, Promise<PlannedManifest>>();

  await Promise.all(
    requests.map((request) =>
      limit(async () => {
        try {
          const closure = await readClosure(request, ctx, manifestCache);
          const signatures = options.withSignatures ? await findSignatures(request, closure, ctx) : [];
          found.push({ request, closure, signatures });
        } catch (error) {
          if (!(error instanceof AirgapError)) throw error;
          failed.push({ request, error });
        }
        ctx.report({ type: 'image', reference: request.origin });
      }),
    ),
  );
  if (failed.length > 0 && !options.allowGaps) throw unreadable(failed);
  const gaps = failed
    .toSorted((a, b) => compareRequests(a.request, b.request))
    .map(({ request, error }) => gapOf(request, error));
  for (const gap of gaps) warnings.push({ code: 'W_GAP', message: `${gap.origin} is left out: ${gap.reason}` });

  const builder = createPlanBuilder();
  for (const { request, closure, signatures } of found.toSorted((a, b) => compareRequests(a.request, b.request))) {
    builder.add(plannedImage(request, closure), closure);
    for (const signature of signatures) builder.add(plannedSignature(request, signature), signature);
    warnings.push(...closure.warnings, ...signatureWarnings(request, closure, signatures, options));
  }
  const files = collections.flatMap((collection) => collection.files);
  return builder.finish(files, gaps, uniqueWarnings(warnings));
}

/**
 * One request per kind, origin and target; reasons are joined, platforms united. What is wanted as additional image and as
 * related image stays two: mirror sets have it in both categories, as the vendor tool's do.
 */
function mergeRequests(requests: readonly ImageRequest[]): ImageRequest[] {
  const merged = new Map<string, ImageRequest>();
  for (const request of requests) {
    const key = sortKey(request);
    const before = merged.get(key);
    if (before === undefined) {
      merged.set(key, request);
      continue;
    }
    const because = [...before.because, ...request.because.filter((reason) => !before.because.includes(reason))];
    const { platforms: platformsBefore, ...rest } = before;
    const platforms =
      platformsBefore === undefined || request.platforms === undefined
        ? undefined
        : [...platformsBefore, ...request.platforms];
    merged.set(key, { ...rest, because, ...(platforms === undefined ? {} : { platforms }) });
  }
  return [...merged.values()];
}

interface PlanBuilder {
  add(image: PlannedImage, closure: Closure): void;
  finish(files: MirrorPlan['files'], gaps: readonly Gap[], warnings: readonly Warning[]): MirrorPlan;
}

function createPlanBuilder(): PlanBuilder {
  const images: PlannedImage[] = [];
  const manifests = new Map<Digest, PlannedManifest>();
  const blobs = new Map<Digest, PlannedBlob>();
  const byTarget = new Map<string, PlannedImage>();

  function add(image: PlannedImage, closure: Closure): void {
    const name = `${image.target.repository}${image.target.tag === undefined ? `@${image.root.digest}` : `:${image.target.tag}`}`;
    const before = byTarget.get(name);
    if (before !== undefined && before.root.digest !== image.root.digest) throw collision(name, before, image);
    if (before !== undefined && image.kind === 'signature') return;
    byTarget.set(name, image);
    images.push(image);
    for (const manifest of closure.manifests) manifests.set(manifest.descriptor.digest, manifest);
    for (const blob of closure.blobs) {
      const known = blobs.get(blob.descriptor.digest);
      blobs.set(blob.descriptor.digest, known === undefined ? blob : mergeBlob(known, blob));
    }
  }

  function finish(files: MirrorPlan['files'], gaps: readonly Gap[], warnings: readonly Warning[]): MirrorPlan {
    const sortedManifests = [...manifests].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const sortedBlobs = [...blobs.values()].toSorted((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
    const manifestBytes = sortedManifests.reduce((sum, [, manifest]) => sum + manifest.descriptor.size, 0);
    const blobBytes = sortedBlobs.reduce((sum, blob) => sum + blob.descriptor.size, 0);
    return {
      images,
      manifests: new Map(sortedManifests),
      blobs: sortedBlobs,
      files,
      gaps,
      warnings,
      totalBytes: manifestBytes + blobBytes,
    };
  }

  return { add, finish };
}

function mergeBlob(a: PlannedBlob, b: PlannedBlob): PlannedBlob {
  if (a.descriptor.size !== b.descriptor.size) {
    throw new AirgapError(
      'E_OCI',
      `${a.descriptor.digest} is said to have ${a.descriptor.size} bytes by one manifest and ${b.descriptor.size} by another`,
    );
  }
  const known = new Set(a.sources.map((source) => formatReference(source)));
  const sources = [...a.sources, ...b.sources.filter((source) => !known.has(formatReference(source)))];
  return { ...a, sources };
}

function plannedImage(request: ImageRequest, closure: Closure): PlannedImage {
  return {
    kind: request.kind,
    origin: request.origin,
    source: request.source,
    root: closure.root,
    target: request.target,
    because: request.because,
    bytes: closure.bytes,
    ...(request.platforms === undefined ? {} : { platforms: request.platforms }),
  };
}

function plannedSignature(request: ImageRequest, signature: Closure): PlannedImage {
  return {
    kind: 'signature',
    origin: request.origin,
    source: request.source,
    root: signature.root,
    target: {
      repository: request.target.repository,
      ...(signature.tag === undefined ? {} : { tag: signature.tag }),
    },
    because: [...request.because, `${signature.tag ?? 'referrer'} of ${request.origin}`],
    bytes: signature.bytes,
    ...(signature.signatureOf === undefined ? {} : { signatureOf: signature.signatureOf }),
  };
}

function signatureWarnings(
  request: ImageRequest,
  closure: Closure,
  signatures: readonly Closure[],
  options: ResolveOptions,
): Warning[] {
  const hasOldForm = signatures.some((signature) => signature.tag?.endsWith('.sig') === true);
  if (request.requireSignature === true && !hasOldForm) {
    const message = `${request.origin} (${request.because.at(-1)}, ${closure.root.digest}) has no sigstore signature, which a cluster of this release demands`;
    if (!options.allowMissingSignatures) {
      throw new AirgapError('E_SIGNATURE', message, {
        hint: 'mirror from a source that carries the .sig tags, or pass --allow-missing-signatures if the cluster does not verify',
      });
    }
    return [{ code: 'W_MISSING_SIGNATURE', message }];
  }
  const hasNewForm = signatures.some((signature) => signature.isSigstoreBundle === true);
  if (!hasNewForm || hasOldForm) return [];
  return [
    {
      code: 'W_SIGNATURE_FORM',
      message: `${request.origin} is signed in the new bundle form only, which CRI-O does not read; an image policy will not accept it`,
    },
  ];
}

function gapOf(request: ImageRequest, error: AirgapError): Gap {
  return { origin: request.origin, because: request.because, reason: `${error.code}: ${error.message}` };
}

function unreadable(failed: readonly { request: ImageRequest; error: AirgapError }[]): AirgapError {
  const sorted = failed.toSorted((a, b) => compareRequests(a.request, b.request));
  const { request, error } = sorted[0]!;
  if (sorted.length === 1) {
    return new AirgapError(error.code, `source ${request.origin}: ${error.message}`, {
      cause: error.cause,
      hint: error.hint ?? 'correct the reference, or leave the image out with --allow-gaps',
      data: { ...error.data, side: 'source', origin: request.origin },
    });
  }
  const lines = sorted.map(
    (failure) => `\n  ${failure.request.origin}: ${failure.error.code}: ${failure.error.message}`,
  );
  return new AirgapError(error.code, `${sorted.length} images can not be read from their sources:${lines.join('')}`, {
    hint: error.hint ?? 'correct the references, or leave the images out with --allow-gaps',
    data: { side: 'source', origins: sorted.map((failure) => failure.request.origin) },
  });
}

function collision(name: string, a: PlannedImage, b: PlannedImage): AirgapError {
  return new AirgapError(
    'E_CONFIG',
    `${a.origin} (${a.root.digest}) and ${b.origin} (${b.root.digest}) both want to be ${name} on the target; one would be lost`,
    { hint: 'give one of them another name with targetRepo or targetTag, or leave one out with blockedImages' },
  );
}

function compareRequests(a: ImageRequest, b: ImageRequest): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function sortKey({ origin, target, kind }: ImageRequest): string {
  return `${origin} ${target.repository}:${target.tag} ${kind}`;
}

function uniqueWarnings(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values()];
}
