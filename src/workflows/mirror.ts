import { join } from 'node:path';
import type { RunContext } from '../core/events.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import { planFileOf } from '../mirror/plan-file.ts';
import { createRegistryClient } from '../registry/client.ts';
import { assertOutputFolder, assertOutputPath, makeOutputFolder, writeOutputFile } from './output-path.ts';
import { planImageSet, type PlanOptions } from './plan.ts';
import { planSource } from './plan-source.ts';
import { targetBase, type PushTarget } from './push-target.ts';
import { describePush, pingTarget, pushImages, type PushResult } from './push.ts';
import { confirmContent, writeReceipt } from './receipt.ts';
import { generateResources } from './resources.ts';
import { stage } from './stage.ts';

export interface MirrorOptions extends PlanOptions {
  readonly target: PushTarget;
  /** Folder for the generated cluster resources; absent: they are not written. */
  readonly resources?: string;
  readonly mirrorForm: 'sets' | 'policies';
  /** File for the proof of what arrived; absent: none is written. */
  readonly receipt?: string;
  readonly toolVersion: string;
}

export interface MirrorResult {
  readonly ok: true;
  readonly registry: string;
  readonly push: PushResult;
  /** Files of cluster resources that were written. */
  readonly resources: readonly string[];
  readonly gaps: MirrorPlan['gaps'];
  readonly receipt?: string;
}

/**
 * The plan straight from registry to registry, with the same resources as by way of a bundle. What is on the target is left
 * alone: running it again is the resume.
 */
export async function mirrorImages(options: MirrorOptions, ctx: RunContext): Promise<MirrorResult> {
  if (options.receipt !== undefined) assertOutputPath(options.receipt, '--receipt');
  if (options.resources !== undefined) assertOutputFolder(options.resources, '--resources');
  const { plan, facts } = await planImageSet(options, ctx);
  const file = planFileOf(plan, facts);
  const client = createRegistryClient(options.registry, ctx);
  // What is read and what is sent must not wait for each other's connections: it may be the same registry.
  const sources = createRegistryClient(options.registry, ctx);
  try {
    await pingTarget(client, options.target, ctx.signal);
    const pushOptions = { target: options.target, concurrency: options.registry.maxConnections ?? 8 };
    const content = { source: planSource(plan, sources), images: file.images };
    const push = await stage('push', ctx, async () => {
      const result = await pushImages(content, client, pushOptions, ctx);
      return { result, detail: describePush(result) };
    });
    const { receipt } = options;
    if (receipt !== undefined) {
      await writeReceipt(receipt, {
        apiVersion: 'airgap/v1alpha1',
        kind: 'Receipt',
        toolVersion: options.toolVersion,
        registry: targetBase(options.target),
        content: await confirmContent(content, client, pushOptions, ctx),
        createdAt: new Date().toISOString(),
        steps: [],
        gaps: plan.gaps.map(({ origin }) => origin),
      });
    }
    const files = new Map(plan.files.map(({ path, content }) => [path, content]));
    const resources =
      options.resources === undefined
        ? []
        : await writeResources(options.resources, options, { ...ctx, file, read: async (path) => files.get(path)! });
    return {
      ok: true,
      registry: targetBase(options.target),
      push,
      resources,
      gaps: plan.gaps,
      ...(receipt === undefined ? {} : { receipt }),
    };
  } finally {
    sources.close();
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
  makeOutputFolder(folder, '--resources');
  for (const { name, content } of files) {
    await writeOutputFile(join(folder, name), content, { flag: '--resources' });
  }
  return files.map(({ name }) => join(folder, name));
}
