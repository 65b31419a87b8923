import pLimit from 'p-limit';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError, isAbort } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { readContent, type ContentSource, type LentPieces } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import { MAX_MANIFEST_SIZE, type Descriptor } from '../oci/types.ts';
import type { RegistryClient } from '../registry/client.ts';
import { targetPath, type PushTarget } from './push-target.ts';
import { runAll } from './run-all.ts';
import { explainRefusal, type PushedContent } from './push-refusal.ts';
import { sourceError } from '../registry/registry-error.ts';
import type { Repository } from '../registry/repository.ts';
import {
  keyOf,
  planPush,
  type PushBlob,
  type PushImage,
  type PushManifest,
  type PushPlan,
  type PushTag,
} from './push-plan.ts';

export interface PushContent {
  readonly source: ContentSource;
  readonly images: readonly PushImage[];
  /** Blobs that an earlier bundle brought to a repository of the target: mounted from there. */
  readonly heldAt?: ReadonlyMap<Digest, string> | undefined;
}

export interface PushOptions {
  readonly target: PushTarget;
  readonly concurrency: number;
}

export interface PushResult {
  readonly images: number;
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes that were sent. */
  readonly pushedBytes: number;
  /** Bytes that were on the target before. */
  readonly presentBytes: number;
  readonly mounts: number;
}

/**
 * Pushes images from a source to a registry: each unique blob once and mounted into every other repository that needs it,
 * manifests after their blobs and children, referrers after their subjects, tags last. What is there is left alone, so a
 * second run only asks. A failure names the target unless it is the source's (`side` in its data); nothing is tagged unless
 * all of its content is there.
 */
export async function pushImages(
  content: PushContent,
  client: RegistryClient,
  options: PushOptions,
  ctx: RunContext,
): Promise<PushResult> {
  const { source, images, heldAt } = content;
  const read = async (descriptor: Descriptor): Promise<Buffer> => {
    try {
      return await readContent(source, descriptor, { signal: ctx.signal, limit: MAX_MANIFEST_SIZE });
    } catch (error) {
      throw sourceError(error);
    }
  };
  const plan = await planPush(images, read);
  const { registry } = options.target;
  const repositories = new Map<string, Repository>();
  const open = (path: string): Repository => {
    const repository = targetPath(options.target, path);
    const known = repositories.get(repository) ?? client.openRepository({ registry, repository });
    repositories.set(repository, known);
    return known;
  };
  const counts = { pushedBytes: 0, presentBytes: 0, mounts: 0 };
  const io = { open, read, ctx, target: options.target, stored: new Set<string>() };
  const limit = pLimit(options.concurrency);
  const all = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
    try {
      await runAll(items, work, { limit, signal: ctx.signal });
    } catch (error) {
      throw targetError(error, registry);
    }
  };

  ctx.report({ type: 'total', images: plan.tags.length, blobs: plan.blobs.length, bytes: plan.uploadBytes });
  await all(plan.blobs, (blob) => pushBlob(blob, { ...io, source, counts, heldAt }));
  for (const level of plan.manifestLevels) await all(level, (manifest) => pushManifest(manifest, io));
  await all(plan.tags, (tag) => pushTag(tag, io));
  return {
    images: plan.tags.length,
    manifests: countManifests(plan),
    blobs: plan.blobs.length,
    ...counts,
  };
}

/** Asks the target whether it is there and accepts us, before anything is sent. Errors name the target. */
export async function pingTarget(client: RegistryClient, target: PushTarget, signal: AbortSignal): Promise<void> {
  try {
    await client.ping({ registry: target.registry, repository: target.prefix }, signal);
  } catch (error) {
    throw targetError(error, target.registry);
  }
}

/** What a push did, in one line. */
export function describePush(result: PushResult): string {
  const sent = result.pushedBytes === 0 ? 'everything was there' : `${formatBytes(result.pushedBytes)} sent`;
  const present =
    result.pushedBytes === 0 || result.presentBytes === 0 ? '' : `, ${formatBytes(result.presentBytes)} were there`;
  const mounts = result.mounts === 0 ? '' : `, ${result.mounts} mounts`;
  return `${result.images} images, ${result.manifests} manifests, ${result.blobs} blobs: ${sent}${present}${mounts}`;
}

interface PushIo {
  readonly open: (path: string) => Repository;
  readonly read: (descriptor: Descriptor) => Promise<Buffer>;
  readonly ctx: RunContext;
  readonly target: PushTarget;
  /** Manifests this run stored. What was not there before has no tag there either: nothing has to be asked for it. */
  readonly stored: Set<string>;
}

interface BlobIo extends PushIo {
  readonly source: ContentSource;
  readonly counts: { pushedBytes: number; presentBytes: number; mounts: number };
  readonly heldAt: PushContent['heldAt'];
}

async function pushBlob({ descriptor, repository, mounts, origins }: PushBlob, io: BlobIo): Promise<void> {
  const { ctx, counts } = io;
  const { digest, size } = descriptor;
  const all = [repository, ...mounts];
  const explained = <T>(path: string, work: Promise<T>): Promise<T> =>
    orExplain(work, { origin: origins.get(path)!, repository: targetPath(io.target, path) });
  const there = await Promise.all(all.map((path) => explained(path, io.open(path).hasBlob(descriptor, ctx.signal))));
  const missing = all.filter((_, index) => !there[index]);
  let from = all[there.indexOf(true)];
  if (from !== undefined) {
    counts.presentBytes += size;
    ctx.report({ type: 'skipped', digest, size, reason: 'present' });
  }
  for (const path of missing) {
    const target = io.open(path);
    const mountFrom = from === undefined ? io.heldAt?.get(digest) : targetPath(io.target, from);
    const isFirst = from === undefined;
    const body = async (): Promise<LentPieces> => {
      const { source } = io;
      const content = source.lend?.(descriptor, ctx.signal) ?? (await source.fetch(descriptor, { signal: ctx.signal }));
      return isFirst ? counted(content, descriptor, ctx) : content;
    };
    const outcome = await explained(path, target.pushBlob(descriptor, body, { mountFrom, signal: ctx.signal }));
    if (outcome === 'mounted') counts.mounts += 1;
    else counts.pushedBytes += size;
    from ??= path;
  }
}

/** Reports the bytes that pass. A body that is opened again for a retry takes back what its failed try had reported. */
async function* counted(content: LentPieces, { digest, size }: Descriptor, ctx: RunContext): LentPieces {
  let sent = 0;
  try {
    for await (const piece of content) {
      sent += piece.length;
      ctx.report({ type: 'blob', digest, size, bytes: piece.length, done: sent === size });
      yield piece;
    }
  } finally {
    if (sent < size) ctx.report({ type: 'blob', digest, size, bytes: -sent, done: false });
  }
}

/** What is there is left alone, except a referrer nobody finds: a run may have ended between the manifest and its listing. */
async function pushManifest(manifest: PushManifest, io: PushIo): Promise<void> {
  const { descriptor, repository, origin, isSparse, subject } = manifest;
  const { open, read, ctx, stored, target: where } = io;
  const target = open(repository);
  const isThere = await target.hasManifest(descriptor.digest, ctx.signal);
  if (isThere && (subject === undefined || (await isReferrer(target, descriptor, subject, ctx)))) return;
  const content = await read(descriptor);
  const { digest, mediaType } = descriptor;
  await orExplain(target.pushManifest(content, mediaType, digest, ctx.signal), {
    origin,
    repository: targetPath(where, repository),
    manifest: { mediaType, content, isSparse },
  });
  if (!isThere) stored.add(keyOf(manifest));
}

/** Whether the registry lists a manifest among the referrers of its subject. */
export async function isReferrer(
  repository: Repository,
  { digest }: Descriptor,
  subject: Digest,
  ctx: RunContext,
): Promise<boolean> {
  const listed = await repository.referrers(subject, ctx.signal);
  return listed.some((referrer) => referrer.digest === digest);
}

async function pushTag(wanted: PushTag, { open, read, ctx, stored, target: where }: PushIo): Promise<void> {
  const { descriptor, repository, tag, origin } = wanted;
  const target = open(repository);
  const current = stored.has(keyOf(wanted)) ? undefined : await resolveTag(target, tag, ctx);
  if (current?.digest !== descriptor.digest) {
    const pushed = target.pushManifest(await read(descriptor), descriptor.mediaType, tag, ctx.signal);
    await orExplain(pushed, { origin, repository: targetPath(where, repository), tag });
  }
  ctx.report({ type: 'image', reference: origin, digest: descriptor.digest });
}

async function resolveTag(target: Repository, tag: string, ctx: RunContext): Promise<Descriptor | undefined> {
  try {
    return await target.resolve(tag, ctx.signal);
  } catch (error) {
    if (error instanceof AirgapError && error.code === 'E_NOT_FOUND') return undefined;
    throw error;
  }
}

async function orExplain<T>(work: Promise<T>, what: PushedContent): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explainRefusal(error, what);
  }
}

function countManifests(plan: PushPlan): number {
  return plan.manifestLevels.reduce((sum, level) => sum + level.length, 0);
}

/** Says on which side a copy failed; what came from the source is not the target's fault. */
function targetError(error: unknown, registry: string): unknown {
  if (!(error instanceof AirgapError) || isAbort(error)) return error;
  if (error.data?.['side'] === 'source') return error;
  if (error.code === 'E_DIGEST' || error.code === 'E_OCI' || error.code === 'E_TRUNCATED') return error;
  return new AirgapError(error.code, `target ${registry}: ${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error.cause,
    data: { ...error.data, side: 'target', registry },
  });
}
