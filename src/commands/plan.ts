import { writeFile } from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { planOptions } from '../cli/plan-options.ts';
import { planFlags, registryFlags } from '../cli/flags.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanFile } from '../mirror/plan-file.ts';

export default class Plan extends AirgapCommand {
  static override summary = 'Show everything pack would take, and how large it is.';
  static override description = `Reads the configuration strictly, asks every source registry, and lists each image with the reason it is in, its digest
and its size: new, shared with images listed before it, and total. Nothing is written. Whatever would make pack fail makes
plan fail.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml --json | jq -r ".images[].origin"',
  ];
  static override flags = {
    ...planFlags,
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      description: 'check that a bundle of this size fits where FILE would be',
    }),
    all: Flags.boolean({ description: 'list every image, not releases and operators as a whole' }),
    diff: Flags.string({ helpValue: 'FILE', description: 'show what changes against an airgap.lock or a bundle' }),
    'write-lock': Flags.string({
      helpValue: 'FILE',
      description: 'write airgap.lock: every tag and version choice pinned',
    }),
    mapping: Flags.string({ helpValue: 'FILE', description: 'write the mapping file of the vendor tool' }),
    registry: Flags.string({
      helpValue: 'HOST[:PORT][/PREFIX]',
      default: 'localhost:55000',
      description: 'destination named in the mapping file',
    }),
    ...registryFlags,
  };

  async run(): Promise<PlanFile & { difference?: PlanDiff }> {
    const { flags } = await this.parse(Plan);
    const ctx = await this.startRun(flags);
    const { planImageSet } = await import('../workflows/plan.ts');
    const { planFileOf } = await import('../mirror/plan-file.ts');
    const { formatPlanSummary, formatPlanTable } = await import('../cli/plan-table.ts');
    const { plan, facts, lock } = await planImageSet(await planOptions(flags, this.env, this.config.userAgent), ctx);
    if (flags.output !== undefined) {
      const { assertRoom } = await import('../workflows/free-space.ts');
      assertRoom(flags.output, plan);
    }
    if (flags['write-lock'] !== undefined) {
      const { formatLock } = await import('../mirror/lock.ts');
      await writeFile(flags['write-lock'], formatLock(lock));
    }
    if (flags.mapping !== undefined) {
      const { formatMapping } = await import('../mirror/mapping.ts');
      const options = { destination: flags.registry, maxNestedPaths: 0, withInstances: false };
      await writeFile(flags.mapping, formatMapping(plan, options));
    }
    const file = planFileOf(plan, facts);
    this.log(flags.all ? formatPlanTable(plan) : formatPlanSummary(plan, facts));
    if (flags.diff === undefined) return file;
    const { comparePlan } = await import('../workflows/compare-plan.ts');
    const { formatPlanDiff } = await import('../cli/inspect-text.ts');
    const difference = await comparePlan(flags.diff, file);
    this.log(formatPlanDiff(difference));
    return { ...file, difference };
  }
}
