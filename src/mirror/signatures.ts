import { isAirgapError } from '../core/errors.ts';
import type { ReferrerSource } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import { digestTag } from '../oci/reference.ts';
import { MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import { walk, type Closure } from './closure.ts';
import type { ImageRequest, MirrorContext } from './mirror-plan.ts';

/** Tags under which cosign keeps what belongs to a manifest (signing, "Image signatures to carry"). */
const COSIGN_SUFFIXES = ['.sig', '.att', '.sbom'] as const;
/** Referrers have referrers: a signature of an SBOM, for example. */
const MAX_REFERRER_DEPTH = 3;

/**
 * Everything that refers to an image or one of its instances: cosign tags, and referrers up to depth 3.
 * Images made by us have none.
 */
export async function findSignatures(request: ImageRequest, image: Closure, ctx: MirrorContext): Promise<Closure[]> {
  if (request.generated !== undefined || request.source.transport !== 'docker') return [];
  const source = ctx.openSource(request.source);
  const origin = { source, ref: request.source, what: `signature of ${request.origin}` };
  const seen = new Set<string>();
  const found: Closure[] = [];

  async function look(subject: Digest, depth: number): Promise<void> {
    const suffixes = depth === 0 ? COSIGN_SUFFIXES : [];
    const [byTag, referrers] = await Promise.all([
      Promise.all(suffixes.map((suffix) => resolveTag(source, `${digestTag(subject)}${suffix}`, ctx))),
      source.referrers(subject, ctx.signal),
    ]);
    for (const hit of byTag) {
      if (hit !== undefined) await take(hit.descriptor, subject, depth, hit.tag);
    }
    for (const referrer of referrers) await take(referrer, subject, depth, undefined);
  }

  async function take(descriptor: Descriptor, subject: Digest, depth: number, tag: string | undefined): Promise<void> {
    const key = `${tag ?? ''}@${descriptor.digest}`;
    if (seen.has(key)) return;
    seen.add(key);
    const closure = await walk(origin, descriptor, ctx, new Map());
    const isSigstoreBundle = closure.blobs.some((blob) => blob.descriptor.mediaType === MEDIA_TYPE.sigstoreBundle);
    found.push({ ...closure, signatureOf: subject, isSigstoreBundle, ...(tag === undefined ? {} : { tag }) });
    if (depth < MAX_REFERRER_DEPTH && tag === undefined) await look(descriptor.digest, depth + 1);
  }

  await Promise.all(image.manifests.map(async (manifest) => look(manifest.descriptor.digest, 0)));
  return found.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

async function resolveTag(
  source: ReferrerSource,
  tag: string,
  ctx: MirrorContext,
): Promise<{ tag: string; descriptor: Descriptor } | undefined> {
  try {
    return { tag, descriptor: await source.resolve(tag, ctx.signal) };
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
    throw error;
  }
}

function keyOf(closure: Closure): string {
  return `${closure.signatureOf ?? ''} ${closure.tag ?? ''} ${closure.root.digest}`;
}
