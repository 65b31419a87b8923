import { AirgapError } from '../core/errors.ts';
import type { ReferrerSource } from '../oci/content.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { formatReference, type ImageRef } from '../oci/reference.ts';
import type { Lock, Pin } from './lock.ts';
import type { MirrorContext } from './mirror-plan.ts';

/** Tags of signatures, attestations and bills of material; most of those asked for do not exist. */
const COSIGN_TAG = /^sha(?:256|512)-[0-9a-f]+\.(?:sig|att|sbom)$/;

/** A context that notes every tag it finds a digest for, for the lock. Each tag is noted once. */
export function recordPins(ctx: MirrorContext): { readonly ctx: MirrorContext; pins(): readonly Pin[] } {
  const pins = new Map<string, Digest>();
  const openSource = (ref: ImageRef): ReferrerSource => {
    const source = ctx.openSource(ref);
    return {
      async resolve(reference, signal) {
        const descriptor = await source.resolve(reference, signal);
        if (!isDigest(reference)) pins.set(pinnedName(ref, reference), descriptor.digest);
        return descriptor;
      },
      fetch: (descriptor, options) => source.fetch(descriptor, options),
      referrers: (digest, signal) => source.referrers(digest, signal),
    };
  };
  return {
    ctx: { ...ctx, openSource },
    pins: () => [...pins].map(([reference, digest]) => ({ reference, digest })),
  };
}

/**
 * A context in which every tag is what it was when the lock was made. Signatures that did not exist then do not exist;
 * any other tag the lock does not know is an `E_CONFIG`. Content that is gone from its source is the source's
 * `E_NOT_FOUND`.
 */
export function lockContext(ctx: MirrorContext, lock: Lock): MirrorContext {
  const pins = new Map(lock.pins.map((pin) => [pin.reference, pin.digest]));
  const known = new Set(lock.images.map((image) => image.digest));
  const openSource = (ref: ImageRef): ReferrerSource => {
    const source = ctx.openSource(ref);
    return {
      async resolve(reference, signal) {
        if (isDigest(reference)) return source.resolve(reference, signal);
        const digest = pins.get(pinnedName(ref, reference));
        if (digest !== undefined) return source.resolve(digest, signal);
        throw unknownTag(pinnedName(ref, reference), reference);
      },
      fetch: (descriptor, options) => source.fetch(descriptor, options),
      async referrers(digest, signal) {
        return (await source.referrers(digest, signal)).filter((referrer) => known.has(referrer.digest));
      },
    };
  };
  return { ...ctx, openSource };
}

function pinnedName(ref: ImageRef, tag: string): string {
  const { transport, registry, repository } = ref;
  return `${formatReference({ transport, registry, repository })}:${tag}`;
}

function unknownTag(name: string, tag: string): AirgapError {
  if (COSIGN_TAG.test(tag)) return new AirgapError('E_NOT_FOUND', `${name} did not exist when the lock was made`);
  return new AirgapError('E_CONFIG', `the lock file has no digest for ${name}`, {
    hint: 'the image set has changed since the lock was made; plan without it to make a new one',
  });
}
