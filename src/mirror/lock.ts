import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { formatKubernetesYaml } from '../core/kubernetes-yaml.ts';
import { parseYaml } from '../core/yaml.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import type { ChartSelection, HelmRepository, ImageSet, PlatformSelection, ReleaseChannel } from './image-set.ts';
import type { GeneratedFile, MirrorPlan } from './mirror-plan.ts';
import { diffPlans } from './plan-diff.ts';

export const LOCK_PATH = 'airgap.lock';

const MAX_DIFFERENCES_SHOWN = 20;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest');

/** `airgap.lock`: every choice a plan made that could be made differently tomorrow, and what came of it. */
export const LockSchema = z.strictObject({
  apiVersion: z.literal('airgap/v1alpha1'),
  kind: z.literal('Lock'),
  /** Every tag that was looked up. */
  pins: z.array(z.strictObject({ reference: z.string(), digest })),
  /** The bounds of every channel once its head was known. */
  channels: z.array(z.strictObject({ name: z.string(), minVersion: z.string(), maxVersion: z.string() })),
  /** Every chart taken from a repository. */
  charts: z.array(
    z.strictObject({
      repository: z.string(),
      name: z.string(),
      /** As the image set writes it, a range or empty. */
      requested: z.string(),
      version: z.string(),
    }),
  ),
  /** Files that travel beside the images. */
  files: z.array(z.strictObject({ path: z.string(), sha256: z.string() })),
  /** The plan that resulted, to compare with. */
  images: z.array(
    z.strictObject({
      kind: z.string(),
      origin: z.string(),
      digest,
      bytes: z.number().int().nonnegative(),
      target: z.strictObject({ repository: z.string(), tag: z.string().optional() }),
    }),
  ),
});

export type Lock = z.infer<typeof LockSchema>;
export type Pin = Lock['pins'][number];
export type LockedChannel = Lock['channels'][number];
export type LockedChart = Lock['charts'][number];

export interface LockInput {
  readonly plan: MirrorPlan;
  readonly pins: readonly Pin[];
  readonly channels: readonly LockedChannel[];
  readonly charts: readonly LockedChart[];
}

/** The lock of a plan. Lists are sorted, so that two locks of the same choices are the same bytes. */
export function createLock(input: LockInput): Lock {
  return {
    apiVersion: 'airgap/v1alpha1',
    kind: 'Lock',
    pins: sorted(input.pins, (pin) => pin.reference),
    channels: sorted(input.channels, (channel) => channel.name),
    charts: sorted(input.charts, (chart) => `${chart.repository} ${chart.name} ${chart.requested} ${chart.version}`),
    files: sorted(input.plan.files.map(fileOf), (file) => file.path),
    images: sorted(
      input.plan.images.map((image) => ({
        kind: image.kind,
        origin: image.origin,
        digest: image.root.digest,
        bytes: image.bytes,
        target: { ...image.target },
      })),
      (image) => `${image.target.repository} ${image.target.tag ?? ''} ${image.digest}`,
    ),
  };
}

/** YAML with sorted keys. */
export function formatLock(lock: Lock): string {
  return formatKubernetesYaml(lock);
}

/** Reads a lock file, YAML or JSON. Throws `E_CONFIG` that names the field that is not as it must be. */
export function parseLock(text: string, origin: string): Lock {
  const parsed = LockSchema.safeParse(parseYaml(text, origin));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AirgapError('E_CONFIG', `${origin}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`, {
    hint: 'a lock file is written by airgap and not edited; make a new one',
  });
}

/**
 * The image set with the versions of the lock: channels between the releases that were taken, charts at the versions
 * that were taken. Tags stay as they are written and get their digests while the plan is made (`lockContext`), so that
 * the plan is the same to the byte. Throws `E_CONFIG` when the lock does not know a channel or chart of the image set.
 */
export function applyLock(imageSet: ImageSet, lock: Lock): ImageSet {
  const { platform, helm } = imageSet;
  return {
    ...imageSet,
    ...(platform === undefined ? {} : { platform: lockPlatform(platform, lock) }),
    ...(helm === undefined
      ? {}
      : { helm: { ...helm, repositories: helm.repositories.map((repository) => lockRepository(repository, lock)) } }),
  };
}

/**
 * Makes sure that a plan is the one that was locked. Throws `E_CONFIG` that names the first differences: what was made
 * of a tag that moved, of content that is no longer there, or of a changed image set.
 */
export function assertLocked(plan: MirrorPlan, lock: Lock): void {
  const now = createLock({ plan, pins: [], channels: [], charts: [] });
  const { added, removed, moved } = diffPlans(lock.images, now.images);
  const files = new Map(lock.files.map((file) => [file.path, file.sha256]));
  const lines = [
    ...moved.map(({ before, after }) => `${after.origin}: ${after.digest}, locked at ${before.digest}`),
    ...added.map((image) => `${image.origin}: not in the lock`),
    ...removed.map((image) => `${image.origin}: in the lock, not in the plan`),
    ...now.files.filter((file) => files.get(file.path) !== file.sha256).map((file) => `${file.path}: other content`),
    ...lock.files
      .filter(({ path }) => !now.files.some((file) => file.path === path))
      .map(({ path }) => `${path}: missing`),
  ];
  if (lines.length === 0) return;
  const shown = lines.slice(0, MAX_DIFFERENCES_SHOWN).join('\n  ');
  throw new AirgapError('E_CONFIG', `the plan is not the locked one, ${lines.length} differences:\n  ${shown}`, {
    hint: 'see all of them with airgap plan --diff; plan without the lock to accept them',
    data: { differences: lines },
  });
}

function lockPlatform(platform: PlatformSelection, lock: Lock): PlatformSelection {
  // With a payload named directly the channels have no effect.
  if (platform.release !== '') return platform;
  return { ...platform, channels: platform.channels.map((channel) => lockChannel(channel, lock)) };
}

function lockChannel(channel: ReleaseChannel, lock: Lock): ReleaseChannel {
  const locked = lock.channels.find(({ name }) => name === channel.name);
  if (locked === undefined) throw notLocked(`channel ${channel.name}`);
  return { ...channel, minVersion: locked.minVersion, maxVersion: locked.maxVersion, written: channel };
}

function lockRepository(repository: HelmRepository, lock: Lock): HelmRepository {
  const locked = lock.charts.filter((chart) => chart.repository === repository.url);
  if (repository.charts !== undefined) {
    return { ...repository, charts: repository.charts.map((chart) => lockChart(repository, chart, locked)) };
  }
  if (locked.length === 0) throw notLocked(`the charts of ${repository.url}`);
  return { ...repository, charts: locked.map(({ name, version }) => ({ name, version, imagePaths: [] })) };
}

function lockChart(repository: HelmRepository, chart: ChartSelection, locked: readonly LockedChart[]): ChartSelection {
  const found = locked.find(({ name, requested }) => name === chart.name && requested === (chart.version ?? ''));
  if (found === undefined) throw notLocked(`chart ${chart.name} of ${repository.url}`);
  return { ...chart, version: found.version };
}

function notLocked(what: string): AirgapError {
  return new AirgapError('E_CONFIG', `the lock file knows nothing of ${what}`, {
    hint: 'the image set has changed since the lock was made; plan without it to make a new one',
  });
}

function fileOf(file: GeneratedFile): Lock['files'][number] {
  return { path: file.path, sha256: createHash('sha256').update(file.content).digest('hex') };
}

function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items
    .map((item) => [key(item), item] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, item]) => item);
}
