import { dirname } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { readContent, type ContentSource } from '../oci/content.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { MAX_MANIFEST_SIZE, type Descriptor } from '../oci/types.ts';
import type { RegistryClient } from '../registry/client.ts';
import type { Repository } from '../registry/repository.ts';
import { makeOutputFolder, writeOutputFile } from './output-path.ts';
import { keyOf, planPush, type PushImage } from './push-plan.ts';
import { isReferrer } from './push.ts';
import { targetPath, targetRepository, type PushTarget } from './push-target.ts';
import { runAll } from './run-all.ts';
import { stage } from './stage.ts';

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest');
const size = z.int().nonnegative();

/** What a run left on the far side, as proof: content that was seen on the target, resources that were applied, by whom, when. */
export const ReceiptSchema = z.strictObject({
  apiVersion: z.literal('airgap/v1alpha1'),
  kind: z.literal('Receipt'),
  /** RFC 3339; after the last confirmation. */
  createdAt: z.iso.datetime(),
  toolVersion: z.string(),
  /** The bundle all of this came from; absent when it was mirrored without one. */
  bundle: z
    .strictObject({
      name: z.string(),
      serial: z.int(),
      createdAt: z.string(),
      manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
  /** `host[:port][/prefix]` */
  registry: z.string(),
  /** Every manifest, tag and blob that belongs to the content; each was asked for by HEAD and was there, a tagged manifest by its tag. */
  content: z.strictObject({
    manifests: z.array(z.strictObject({ repository: z.string(), digest, size, mediaType: z.string() })),
    tags: z.array(z.strictObject({ repository: z.string(), tag: z.string(), digest, origin: z.string() })),
    blobs: z.array(z.strictObject({ digest, size, repositories: z.array(z.string()) })),
  }),
  /** The cluster that was worked on and the user the API server saw. */
  cluster: z.strictObject({ server: z.string(), user: z.string().optional() }).optional(),
  steps: z.array(
    z.strictObject({
      step: z.string(),
      changes: z.array(z.strictObject({ subject: z.string(), action: z.string() })),
    }),
  ),
  /** Images the sender left out. */
  gaps: z.array(z.string()),
});

export type Receipt = z.infer<typeof ReceiptSchema>;
export type ConfirmedContent = Receipt['content'];

/**
 * Asks the target by HEAD for every manifest (one with a tag by its tag), tag and blob of the images, and for the lists of
 * referrers. Throws
 * `E_NOT_FOUND` that names what is missing, or the tag that stands for something else.
 */
export async function confirmContent(
  { source, images }: { readonly source: ContentSource; readonly images: readonly PushImage[] },
  client: RegistryClient,
  options: { readonly target: PushTarget; readonly concurrency: number },
  ctx: RunContext,
): Promise<ConfirmedContent> {
  const { target } = options;
  const read = (descriptor: Descriptor): Promise<Buffer> =>
    readContent(source, descriptor, { signal: ctx.signal, limit: MAX_MANIFEST_SIZE });
  return stage('confirm', ctx, async () => {
    const plan = await planPush(images, read);
    const limit = pLimit(options.concurrency);
    const open = (path: string): Repository =>
      client.openRepository({ registry: target.registry, repository: targetPath(target, path) });
    const blobs = plan.blobs.map(({ descriptor, repository, mounts }) => ({
      descriptor,
      repositories: [repository, ...mounts],
    }));
    const manifests = plan.manifestLevels.flat();
    // A tag is answered with the manifest it stands for, which then needs no question of its own.
    const tagged = new Set(plan.tags.map((tag) => keyOf(tag)));
    const asked = [
      ...blobs.flatMap(({ descriptor, repositories }) =>
        repositories.map((path) => async () => {
          if (!(await open(path).hasBlob(descriptor, ctx.signal)))
            throw missing(target, path, `blob ${descriptor.digest}`);
        }),
      ),
      ...manifests.map((manifest) => async () => {
        const { descriptor, repository, subject } = manifest;
        if (!tagged.has(keyOf(manifest)) && !(await open(repository).hasManifest(descriptor.digest, ctx.signal)))
          throw missing(target, repository, `manifest ${descriptor.digest}`);
        if (subject !== undefined && !(await isReferrer(open(repository), descriptor, subject, ctx)))
          throw missing(target, repository, `referrer ${descriptor.digest} in the list of ${subject}`);
      }),
      ...plan.tags.map(({ descriptor, repository, tag }) => async () => {
        const found = await digestOfTag(open(repository), tag, ctx);
        if (found !== descriptor.digest)
          throw missing(target, repository, `tag ${tag} with ${descriptor.digest}${found ? `, it is ${found}` : ''}`);
      }),
    ];
    await runAll(asked, (ask) => ask(), { limit, signal: ctx.signal });
    const result: ConfirmedContent = {
      manifests: manifests.map(({ descriptor, repository }) => ({
        repository: targetRepository(target, repository),
        digest: descriptor.digest,
        size: descriptor.size,
        mediaType: descriptor.mediaType,
      })),
      tags: plan.tags.map(({ descriptor, repository, tag, origin }) => ({
        repository: targetRepository(target, repository),
        tag,
        digest: descriptor.digest,
        origin,
      })),
      blobs: blobs.map(({ descriptor, repositories }) => ({
        digest: descriptor.digest,
        size: descriptor.size,
        repositories: repositories.map((path) => targetRepository(target, path)),
      })),
    };
    return {
      result,
      detail: `${manifests.length} manifests, ${plan.tags.length} tags, ${blobs.length} blobs are there`,
    };
  });
}

/** Writes a receipt; the file appears complete or not at all. A receipt that does not meet its own schema is a defect and throws. */
export async function writeReceipt(path: string, receipt: Receipt): Promise<void> {
  const text = `${JSON.stringify(ReceiptSchema.parse(receipt), null, 2)}\n`;
  makeOutputFolder(dirname(path), '--receipt');
  await writeOutputFile(path, text, { flag: '--receipt' });
}

async function digestOfTag(repository: Repository, tag: string, ctx: RunContext): Promise<string | undefined> {
  try {
    return (await repository.resolve(tag, ctx.signal)).digest;
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
    throw error;
  }
}

function missing(target: PushTarget, repository: string, what: string): AirgapError {
  return new AirgapError('E_NOT_FOUND', `target ${targetRepository(target, repository)}: no ${what}`, {
    hint: 'something removed it after it was pushed; run the same command again',
    data: { side: 'target', registry: target.registry },
  });
}
