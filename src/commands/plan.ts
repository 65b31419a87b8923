import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { registryOptions } from '../cli/environment.ts';
import { planFlags, registryFlags } from '../cli/flags.ts';
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
    ...registryFlags,
  };

  async run(): Promise<PlanFile> {
    const { flags } = await this.parse(Plan);
    const ctx = await this.startRun(flags);
    const { planImageSet } = await import('../workflows/plan.ts');
    const { planFileOf } = await import('../mirror/plan-file.ts');
    const { formatPlanTable } = await import('../cli/plan-table.ts');
    const { plan } = await planImageSet(
      {
        config: flags.config,
        registry: await registryOptions(flags, this.env, this.config.userAgent),
        allowGaps: flags['allow-gaps'],
        allowMissingSignatures: flags['allow-missing-signatures'],
      },
      ctx,
    );
    if (flags.output !== undefined) {
      const { assertRoom } = await import('../workflows/free-space.ts');
      assertRoom(flags.output, plan);
    }
    this.log(formatPlanTable(plan));
    return planFileOf(plan);
  }
}
