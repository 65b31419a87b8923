import { z } from 'zod';
import { PlanFileSchema, planFileOf, type PlanFile } from '../mirror/plan-file.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanResult } from './plan.ts';

const digest = PlanFileSchema.shape.images.element.shape.digest;

const ComparedImageSchema = z.object({
  kind: z.string(),
  origin: z.string(),
  digest,
  target: z.object({ repository: z.string(), tag: z.string().optional() }),
  bytes: z.number().int().nonnegative(),
});

/** What `airgap plan --json` prints: the content of `plan.json`, and what was asked beside it. */
export const PlanReportSchema = PlanFileSchema.extend({
  ok: z.literal(true),
  blobs: z.number().int().nonnegative().describe('unique blobs'),
  upgrades: z
    .array(
      z.strictObject({
        architecture: z.string(),
        installed: z.string(),
        wanted: z.string(),
        hops: z.array(z.string()),
      }),
    )
    .describe('with --installed: the proved way of each architecture'),
  difference: z
    .strictObject({
      added: z.array(ComparedImageSchema),
      removed: z.array(ComparedImageSchema),
      moved: z.array(z.strictObject({ before: ComparedImageSchema, after: ComparedImageSchema })),
      unchanged: z.number().int().nonnegative(),
    })
    .optional()
    .describe('with --diff'),
});

export type PlanReport = PlanFile & {
  readonly ok: true;
  readonly blobs: number;
  readonly upgrades: PlanResult['upgrades'];
  readonly difference?: PlanDiff | undefined;
};

/** The result of planning as data. */
export function planReport({ plan, facts, upgrades }: PlanResult, difference?: PlanDiff): PlanReport {
  return {
    ok: true,
    ...planFileOf(plan, facts),
    blobs: plan.blobs.length,
    upgrades,
    ...(difference === undefined ? {} : { difference }),
  };
}
