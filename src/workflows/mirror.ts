import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunContext } from '../core/events.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { planFileOf } from '../mirror/plan-file.ts';
import { createRegistryClient } from '../registry/client.ts';
import { planImageSet, type PlanOptions } from './plan.ts';
import { planSource } from './plan-source.ts';
import { describePush, pushImages, type PushResult, type PushTarget } from './push.ts';
import { generateResources, targetBase } from './resources.ts';
import { stage } from './stage.ts';

export interface MirrorOptions extends PlanOptions {
  readonly target: PushTarget;
  /** Folder for the generated cluster resources; absent: they are not written. */
  readonly resources?: string;
  readonly mirrorForm: 'sets' | 'policies';
  readonly toolVersion: string;
}

export interface MirrorResult {
  readonly ok: true;
  readonly registry: string;
  readonly push: PushResult;
  /** Files of cluster resources that were written. */
  readonly resources: readonly string[];
  readonly gaps: MirrorPlan['gaps'];
}

/**
 * The plan straight from registry to registry, with the same resources as by way of a bundle. What is on the target is left
 * alone: running it again is the resume.
 */
export async function mirrorImages(options: MirrorOptions, ctx: RunContext): Promise<MirrorResult> {
  const { plan, facts } = await planImageSet(options, ctx);
  const file = planFileOf(plan, facts);
  const client = createRegistryClient(options.registry, ctx);
  try {
    const { registry, prefix } = options.target;
    await client.ping({ registry, repository: prefix }, ctx.signal);
    const push = await stage('push', ctx, async () => {
      const concurrency = options.registry.maxConnections ?? 8;
      const content = { source: planSource(plan, client), images: file.images };
      const result = await pushImages(content, client, { target: options.target, concurrency }, ctx);
      return { result, detail: describePush(result) };
    });
    const files = new Map(plan.files.map(({ path, content }) => [path, content]));
    const resources =
      options.resources === undefined
        ? []
        : await writeResources(options.resources, options, { ...ctx, file, read: async (path) => files.get(path)! });
    return { ok: true, registry: targetBase(options.target), push, resources, gaps: plan.gaps };
  } finally {
    client.close();
  }
}

async function writeResources(
  folder: string,
  options: MirrorOptions,
  context: RunContext & { file: ReturnType<typeof planFileOf>; read: (path: string) => Promise<Uint8Array> },
): Promise<string[]> {
  const { files, warnings } = await generateResources(context.file, {
    target: options.target,
    readFile: context.read,
    createdAt: `${new Date().toISOString().slice(0, 19)}Z`,
    version: options.toolVersion,
    mirrorForm: options.mirrorForm,
  });
  for (const warning of warnings) context.report({ type: 'warning', ...warning });
  await mkdir(folder, { recursive: true });
  for (const { name, content } of files) await writeFile(join(folder, name), content);
  return files.map(({ name }) => join(folder, name));
}
