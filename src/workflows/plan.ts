import { readFile } from 'node:fs/promises';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { formatBytes } from '../core/bytes.ts';
import { collectAdditionalImages } from '../mirror/additional.ts';
import { compileBlocked, removeBlocked } from '../mirror/blocked.ts';
import { loadImageSet, type ImageSet } from '../mirror/image-set.ts';
import type { Collection, MirrorContext, MirrorPlan } from '../mirror/mirror-plan.ts';
import { resolvePlan } from '../mirror/plan.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { openMirrorContext } from './mirror-context.ts';
import { stage } from './stage.ts';

export interface PlanOptions {
  /** Path of the ImageSetConfiguration. */
  readonly config: string;
  readonly registry: RegistryOptions;
  readonly allowGaps: boolean;
  readonly allowMissingSignatures: boolean;
}

export interface PlanResult {
  readonly imageSet: ImageSet;
  readonly plan: MirrorPlan;
  /** The configuration as the user wrote it. */
  readonly configText: string;
}

/**
 * Computes everything `pack` would take: the configuration is read strictly, tags become digests, every manifest is
 * read, all sizes are known. Nothing is written. Throws `E_CONFIG` for the configuration, registry errors for sources.
 */
export async function planImageSet(options: PlanOptions, ctx: RunContext): Promise<PlanResult> {
  const configText = await readConfig(options.config);
  const imageSet = loadImageSet(configText, options.config);
  for (const warning of imageSet.warnings) ctx.report({ type: 'warning', ...warning });
  const mirror = openMirrorContext(options.registry, ctx);
  try {
    const plan = await stage('plan', ctx, () => resolve(imageSet, options, mirror));
    return { imageSet, plan, configText };
  } finally {
    mirror.close();
  }
}

async function resolve(
  imageSet: ImageSet,
  options: PlanOptions,
  ctx: MirrorContext,
): Promise<{ result: MirrorPlan; detail: string }> {
  const collections = (await collect(imageSet, ctx)).map((collection) => withoutBlocked(collection, imageSet));
  const images = collections.reduce((sum, collection) => sum + collection.images.length, 0);
  if (images === 0) {
    throw new AirgapError('E_CONFIG', `${options.config}: no images to mirror`, {
      hint: 'list content under mirror.platform, mirror.operators, mirror.additionalImages or mirror.helm',
    });
  }
  ctx.report({ type: 'total', images, blobs: 0, bytes: 0 });
  const plan = await resolvePlan(collections, ctx, {
    allowGaps: options.allowGaps,
    withSignatures: true,
    allowMissingSignatures: options.allowMissingSignatures,
  });
  for (const warning of plan.warnings) ctx.report({ type: 'warning', ...warning });
  const size = formatBytes(plan.totalBytes);
  return {
    result: plan,
    detail: `${plan.images.length} images, ${plan.manifests.size} manifests, ${plan.blobs.length} blobs, ${size}`,
  };
}

async function collect(imageSet: ImageSet, _ctx: MirrorContext): Promise<Collection[]> {
  return [collectAdditionalImages(imageSet)];
}

function withoutBlocked(collection: Collection, imageSet: ImageSet): Collection {
  const { kept, warnings } = removeBlocked(
    collection.images,
    imageSet.blockedImages.map(({ name }) => compileBlocked(name)),
  );
  return { ...collection, images: kept, warnings: [...collection.warnings, ...warnings] };
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${path} can not be read: ${code === 'ENOENT' ? 'no such file' : code}`, {
      hint: 'give the path of an ImageSetConfiguration with --config',
      cause: error,
    });
  }
}
