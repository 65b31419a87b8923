import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import compareVersions from 'semver/functions/compare.js';
import parseVersion from 'semver/functions/parse.js';
import { refuseUnmirroredImages, type UnmirroredImage } from '../apply/image-scan.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { RunContext, Warning } from '../core/events.ts';
import { createGraphClient } from '../mirror/graph-client.ts';
import { loadImageSet, type ImageSet } from '../mirror/image-set.ts';
import { lockedChannels } from '../mirror/lock-channels.ts';
import { lockContext, recordPins } from '../mirror/lock-context.ts';
import { applyLock, assertLocked, createLock, parseLock, type Lock } from '../mirror/lock.ts';
import type { MirrorContext, MirrorPlan } from '../mirror/mirror-plan.ts';
import type { PlanFacts } from '../mirror/plan-file.ts';
import { resolvePlan } from '../mirror/plan.ts';
import type { ReleaseOptions } from '../mirror/release.ts';
import type { UpdateGraph } from '../mirror/update-graph.ts';
import { checkUpgradePaths, type UpgradeCheck } from '../mirror/upgrade-check.ts';
import type { RegistryOptions } from '../registry/options.ts';
import { collect, type Collected } from './collect.ts';
import { openMirrorContext } from './mirror-context.ts';
import { planFacts } from './plan-facts.ts';
import { scanImages } from './scan-images.ts';
import type { SiteFile } from './site.ts';
import { stage } from './stage.ts';

export interface PlanOptions {
  /** Path of the ImageSetConfiguration. */
  readonly config: string;
  readonly registry: RegistryOptions;
  readonly releases: ReleaseOptions;
  readonly allowGaps: boolean;
  readonly allowMissingSignatures: boolean;
  /** Leave out packages and channels that a catalog does not have, instead of failing. */
  readonly allowUnknownNames: boolean;
  /** Take operators whose resources name images outside the mirror table, with a warning, instead of failing. */
  readonly allowUnmirrored: boolean;
  /** Path of a lock file: the plan must be the one that was locked. */
  readonly lock?: string;
  /** Version of the cluster that will be updated: every update on its way must be selected. Absent: as the site says. */
  readonly installed?: string;
  /** The far side, when it is known: what its hosted clusters need must be inside. A bundle carries the text. */
  readonly site?: SiteFile;
}

export interface PlanResult {
  readonly imageSet: ImageSet;
  readonly plan: MirrorPlan;
  readonly facts: PlanFacts;
  readonly lock: Lock;
  readonly graphs: readonly UpdateGraph[];
  /** One proof per architecture, when the installed version was given. */
  readonly upgrades: readonly UpgradeCheck[];
  /** The configuration as the user wrote it. */
  readonly configText: string;
}

/**
 * Computes everything `pack` would take: the configuration is read strictly, tags become digests, release payloads and
 * catalogs are read, every manifest is read, all sizes are known. Nothing is written. Throws `E_CONFIG` for the
 * configuration, `E_SIGNATURE` for releases, registry errors for sources.
 */
export async function planImageSet(options: PlanOptions, ctx: RunContext): Promise<PlanResult> {
  const lock =
    options.lock === undefined ? undefined : parseLock(await readText(options.lock, 'correct --lock'), options.lock);
  const { imageSet: loaded, configText } = await readImageSet(options.config);
  for (const warning of loaded.warnings) ctx.report({ type: 'warning', ...warning });
  const imageSet = lock === undefined ? loaded : applyLock(loaded, lock);
  const mirror = openMirrorContext(options.registry, ctx);
  try {
    const recorded = recordPins(lock === undefined ? mirror : lockContext(mirror, lock));
    return await stage('plan', ctx, async () => {
      const result = await resolve(imageSet, options, recorded.ctx);
      assertSiteIsServed(options, result.plan);
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

/** The configuration as it is written, and as it is read: strictly. Throws `E_CONFIG`. */
export async function readImageSet(
  path: string,
): Promise<{ readonly imageSet: ImageSet; readonly configText: string }> {
  const configText = await readText(path, 'give the path of an ImageSetConfiguration with --config');
  return { imageSet: loadImageSet(configText, path), configText };
}

async function resolve(imageSet: ImageSet, options: PlanOptions, ctx: MirrorContext) {
  const collected = await collect(imageSet, ctx, {
    releases: { ...options.releases, allowMissingSignatures: options.allowMissingSignatures },
    unknownNames: options.allowUnknownNames ? 'warn' : 'error',
    workingDirectory: process.cwd(),
  });
  const installed = options.installed ?? statedVersion(options.site, collected);
  const upgrades = installed === undefined ? [] : await proveUpgrades(installed, collected, ctx, options.releases);
  const images = collected.collections.reduce((sum, collection) => sum + collection.images.length, 0);
  if (images === 0) {
    throw new AirgapError('E_CONFIG', `${options.config}: no images to mirror`, {
      hint: 'list content under mirror.platform, mirror.operators, mirror.additionalImages or mirror.helm',
    });
  }
  ctx.report({ type: 'total', images, blobs: 0, bytes: 0 });
  const resolved = await resolvePlan(collected.collections, ctx, {
    allowGaps: options.allowGaps,
    withSignatures: true,
    allowMissingSignatures: options.allowMissingSignatures,
  });
  const unmirrored = scanImages(collected.objects, resolved, imageSet);
  if (!options.allowUnmirrored) refuseUnmirroredImages(unmirrored.filter(({ isOnlyArgument }) => !isOnlyArgument));
  const plan = { ...resolved, warnings: [...resolved.warnings, ...unmirrored.map(unmirroredWarning)] };
  for (const warning of plan.warnings) ctx.report({ type: 'warning', ...warning });
  return {
    imageSet,
    plan,
    facts: planFacts(collected, plan),
    graphs: collected.graphs,
    charts: collected.charts,
    upgrades,
  };
}

/** Hosted clusters on KubeVirt boot from the disk of their release: without it their nodes never come up. */
function assertSiteIsServed({ site, config }: PlanOptions, plan: MirrorPlan): void {
  if (site === undefined || site.site.hostedClusters.length === 0) return;
  if (plan.images.some((image) => image.kind === 'kubevirtDisk')) return;
  throw new AirgapError('E_CONFIG', `${config}: the site has hosted clusters, but no KubeVirt disk is taken for them`, {
    hint: 'set mirror.platform.kubeVirtContainer: true',
  });
}

function unmirroredWarning({ reference, places }: UnmirroredImage): Warning {
  return { code: 'W_UNMIRRORED', message: `${reference} could not be pulled on the far side: ${places.join(', ')}` };
}

/** The installed version of the site file, unless nothing newer is taken: releases of hosted clusters alone update nothing. */
function statedVersion(site: SiteFile | undefined, { releases }: Collected): string | undefined {
  const stated = site?.site.managementCluster?.installedVersion;
  if (stated === undefined) return undefined;
  const isNewer = (version: string) => parseVersion(version) !== null && compareVersions(version, stated) > 0;
  return releases.some(({ version }) => isNewer(version)) ? stated : undefined;
}

async function proveUpgrades(
  installed: string,
  { releases, graphs }: Collected,
  ctx: MirrorContext,
  { graphEndpoint }: ReleaseOptions,
): Promise<readonly UpgradeCheck[]> {
  if (releases.length === 0) {
    throw new AirgapError('E_CONFIG', `no release is selected that a cluster at ${installed} could be updated to`, {
      hint: 'select releases under mirror.platform, or leave --installed out',
    });
  }
  const endpoint = graphEndpoint === '' ? undefined : graphEndpoint;
  return checkUpgradePaths(
    installed,
    { releases, graphs },
    createGraphClient(ctx, { endpoint, clientId: randomUUID() }),
  );
}

async function readText(path: string, hint: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${path} can not be read: ${systemProblem(code)}`, {
      hint,
      cause: error,
    });
  }
}
