import { readFile } from 'node:fs/promises';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { loadImageSet, type ImageSet } from '../mirror/image-set.ts';
import { lockedChannels } from '../mirror/lock-channels.ts';
import { lockContext, recordPins } from '../mirror/lock-context.ts';
import { applyLock, assertLocked, createLock, parseLock, type Lock } from '../mirror/lock.ts';
import type { MirrorContext, MirrorPlan } from '../mirror/mirror-plan.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';
import { resolvePlan } from '../mirror/plan.ts';
import type { ReleaseOptions } from '../mirror/release.ts';
import type { UpdateGraph } from '../mirror/update-graph.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { collect } from './collect.ts';
import { openMirrorContext } from './mirror-context.ts';
import { planFacts } from './plan-facts.ts';
import { stage } from './stage.ts';

export interface PlanOptions {
  /** Path of the ImageSetConfiguration. */
  readonly config: string;
  readonly registry: RegistryOptions;
  readonly releases: ReleaseOptions;
  readonly allowGaps: boolean;
  readonly allowMissingSignatures: boolean;
  /** Path of a lock file: the plan must be the one that was locked. */
  readonly lock?: string;
}

export interface PlanResult {
  readonly imageSet: ImageSet;
  readonly plan: MirrorPlan;
  readonly facts: PlanFacts;
  readonly lock: Lock;
  readonly graphs: readonly UpdateGraph[];
  /** The configuration as the user wrote it. */
  readonly configText: string;
}

/**
 * Computes everything `pack` would take: the configuration is read strictly, tags become digests, release payloads and
 * catalogs are read, every manifest is read, all sizes are known. Nothing is written. Throws `E_CONFIG` for the
 * configuration, `E_SIGNATURE` for releases, registry errors for sources.
 */
export async function planImageSet(options: PlanOptions, ctx: RunContext): Promise<PlanResult> {
  const configText = await readText(options.config, 'give the path of an ImageSetConfiguration with --config');
  const lock =
    options.lock === undefined ? undefined : parseLock(await readText(options.lock, 'correct --lock'), options.lock);
  const loaded = loadImageSet(configText, options.config);
  for (const warning of loaded.warnings) ctx.report({ type: 'warning', ...warning });
  const imageSet = lock === undefined ? loaded : applyLock(loaded, lock);
  const mirror = openMirrorContext(options.registry, ctx);
  try {
    const recorded = recordPins(lock === undefined ? mirror : lockContext(mirror, lock));
    return await stage('plan', ctx, async () => {
      const result = await resolve(imageSet, options, recorded.ctx);
      if (lock !== undefined) assertLocked(result.plan, lock);
      const { plan, graphs, charts } = result;
      const channels = imageSet.platform === undefined ? [] : lockedChannels(imageSet.platform, graphs);
      const size = formatBytes(plan.totalBytes);
      return {
        result: { ...result, configText, lock: createLock({ plan, pins: recorded.pins(), channels, charts }) },
        detail: `${plan.images.length} images, ${plan.manifests.size} manifests, ${plan.blobs.length} blobs, ${size}`,
      };
    });
  } finally {
    mirror.close();
  }
}

async function resolve(imageSet: ImageSet, options: PlanOptions, ctx: MirrorContext) {
  const collected = await collect(imageSet, ctx, {
    releases: { ...options.releases, allowMissingSignatures: options.allowMissingSignatures },
    workingDirectory: process.cwd(),
  });
  const images = collected.collections.reduce((sum, collection) => sum + collection.images.length, 0);
  if (images === 0) {
    throw new AirgapError('E_CONFIG', `${options.config}: no images to mirror`, {
      hint: 'list content under mirror.platform, mirror.operators, mirror.additionalImages or mirror.helm',
    });
  }
  ctx.report({ type: 'total', images, blobs: 0, bytes: 0 });
  const plan = await resolvePlan(collected.collections, ctx, {
    allowGaps: options.allowGaps,
    withSignatures: true,
    allowMissingSignatures: options.allowMissingSignatures,
  });
  for (const warning of plan.warnings) ctx.report({ type: 'warning', ...warning });
  return { imageSet, plan, facts: planFacts(collected), graphs: collected.graphs, charts: collected.charts };
}

async function readText(path: string, hint: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${path} can not be read: ${code === 'ENOENT' ? 'no such file' : code}`, {
      hint,
      cause: error,
    });
  }
}
