import { open, readFile } from 'node:fs/promises';
import { openBundle } from '../bundle/reader.ts';
import { MANIFEST_PATH } from '../bundle/paths.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { parseLock } from '../mirror/lock.ts';
import { diffPlans, type PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { readPlanFile } from './bundle-policy.ts';
import { acceptUnsigned } from './signer.ts';

/** What a plan would change against a lock file or a bundle. The bundle's signature is not checked: it is only shown. */
export async function comparePlan(path: string, plan: PlanFile): Promise<PlanDiff> {
  if (!(await isBundle(path))) return diffPlans(parseLock(await readFile(path, 'utf8'), path).images, plan.images);
  const reader = await openBundle([path], { accept: acceptUnsigned });
  try {
    return diffPlans((await readPlanFile(reader))?.images ?? [], plan.images);
  } finally {
    reader.close();
  }
}

async function isBundle(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const { buffer } = await file.read(Buffer.alloc(MANIFEST_PATH.length), 0, MANIFEST_PATH.length, 0);
    return buffer.toString('latin1') === MANIFEST_PATH;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${path} can not be read: ${systemProblem(code)}`, {
      hint: 'give an airgap.lock or a bundle',
      cause: error,
    });
  }
}
