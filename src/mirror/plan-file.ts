import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { isDigest } from '../oci/digest.ts';
import { IMAGE_KINDS } from '../oci/image-kind.ts';
import { PlatformSchema } from '../oci/types.ts';
import { formatReference } from '../oci/reference.ts';
import type { MirrorPlan } from './mirror-plan.ts';

export const PLAN_PATH = 'plan.json';
const SCHEMA_VERSION = 1;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest');

/** Bytes nothing listed before has, bytes shared with that, and both. */
const sizes = z.strictObject({
  new: z.number().int().nonnegative(),
  shared: z.number().int().nonnegative(),
  total: z.number().int().nonnegative(),
});

/** Where an engine did not do what was planned. */
const EngineDifferenceSchema = z.strictObject({
  /** Not there though planned; there with another digest; there though not planned; never taken by that engine. */
  kind: z.enum(['missing', 'moved', 'extra', 'leftOut']),
  /** `repository:tag` below the target, or `repository@digest`. */
  name: z.string(),
  origin: z.string().optional(),
  planned: digest.optional(),
  carried: digest.optional(),
});

export type EngineDifference = z.infer<typeof EngineDifferenceSchema>;

/** The program that mirrored in place of our own engine, and what it left. */
const EngineSchema = z.strictObject({
  name: z.literal('oc-mirror'),
  version: z.string(),
  /** Files of its archive inside the bundle, in order. */
  archive: z.array(z.string()).min(1),
  /** Where each blob is in them, inside the bundle. */
  blobs: z.string(),
  /** The configuration its disk-to-mirror run needs, inside the bundle. */
  config: z.string(),
  differences: z.array(EngineDifferenceSchema),
});

/** `plan.json` in a bundle: what is inside and why; what `unpack` works from. Written by us, read strictly. */
export const PlanFileSchema = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  images: z.array(
    z.strictObject({
      kind: z.enum(IMAGE_KINDS),
      origin: z.string(),
      source: z.string(),
      digest,
      mediaType: z.string(),
      size: z.number().int().nonnegative(),
      target: z.strictObject({ repository: z.string(), tag: z.string().optional() }),
      because: z.array(z.string()),
      platforms: z.array(PlatformSchema).optional(),
      bytes: z.number().int().nonnegative(),
      signatureOf: digest.optional(),
    }),
  ),
  /** OpenShift releases, in version order. */
  releases: z.array(
    z.strictObject({
      version: z.string(),
      digest,
      tag: z.string(),
      architecture: z.string().optional(),
      components: z.number().int().nonnegative(),
      /** Versions that may be updated to this one. */
      previous: z.array(z.string()),
      because: z.array(z.string()),
      /** File of the release signature inside the bundle. */
      signature: z.string().optional(),
      sizes,
    }),
  ),
  catalogs: z.array(
    z.strictObject({
      reference: z.string(),
      digest,
      target: z.strictObject({ repository: z.string(), tag: z.string() }),
      isFull: z.boolean(),
      rebuilt: z.strictObject({ digest, filterHash: z.string() }).optional(),
      /** File of the CatalogSource to start from, inside the bundle. */
      template: z.string().optional(),
      packages: z.array(
        z.strictObject({
          name: z.string(),
          defaultChannel: z.string(),
          channels: z.array(z.strictObject({ name: z.string(), bundles: z.array(z.string()) })),
          bundles: z.array(z.strictObject({ name: z.string(), version: z.string(), images: z.array(z.string()) })),
          sizes,
        }),
      ),
      /** Of the catalog image itself. */
      sizes,
    }),
  ),
  /** Absent: our own engine mirrored, and the images are an OCI layout. */
  engine: EngineSchema.optional(),
  gaps: z.array(z.strictObject({ origin: z.string(), because: z.array(z.string()), reason: z.string() })),
  warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
  totalBytes: z.number().int().nonnegative(),
});

export type PlanFile = z.infer<typeof PlanFileSchema>;
export type PlanFileImage = PlanFile['images'][number];

/** What the collectors learned beside the images. */
export interface PlanFacts {
  readonly releases: PlanFile['releases'];
  readonly catalogs: PlanFile['catalogs'];
  readonly engine?: NonNullable<PlanFile['engine']>;
}

/** The plan as data for `plan.json`: no absolute path, no time, no secret. */
export function planFileOf(plan: MirrorPlan, facts: PlanFacts): PlanFile {
  return {
    schemaVersion: SCHEMA_VERSION,
    ...facts,
    images: plan.images.map((image) => ({
      kind: image.kind,
      origin: image.origin,
      source: formatReference(image.source),
      digest: image.root.digest,
      mediaType: image.root.mediaType,
      size: image.root.size,
      target: { ...image.target },
      because: [...image.because],
      ...(image.platforms === undefined ? {} : { platforms: image.platforms.map((platform) => ({ ...platform })) }),
      bytes: image.bytes,
      ...(image.signatureOf === undefined ? {} : { signatureOf: image.signatureOf }),
    })),
    gaps: plan.gaps.map((gap) => ({ ...gap, because: [...gap.because] })),
    warnings: plan.warnings.map((warning) => ({ ...warning })),
    totalBytes: plan.totalBytes,
  };
}

/** Serialises with two-space indentation: people read this file too. */
export function formatPlanFile(file: PlanFile): Buffer {
  return Buffer.from(`${JSON.stringify(file, null, 2)}\n`);
}

/** Reads `plan.json` of an accepted bundle; `E_MANIFEST` when it is not one this version understands. */
export function parsePlanFile(content: Uint8Array): PlanFile {
  const result = PlanFileSchema.safeParse(parseJson(content));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw notUnderstood(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw notUnderstood('it is not JSON');
  }
}

function notUnderstood(problem: string): AirgapError {
  return new AirgapError('E_MANIFEST', `${PLAN_PATH}: ${problem}`, {
    hint: 'the bundle was made by another version of airgap; use that version, or a newer one',
    data: { at: PLAN_PATH },
  });
}
