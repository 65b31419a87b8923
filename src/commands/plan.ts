import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { planOptions } from '../cli/plan-options.ts';
import { nestingFlag, planFlags, registryFlags } from '../cli/flags.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { PlanReport } from '../workflows/plan-report.ts';

/** Where the vendor tool keeps what it mirrors to disk. */
const NO_TARGET = 'localhost:55000';

export default class Plan extends AirgapCommand {
  static override summary = 'Show everything pack would take, and how large it is.';
  static override description = `Reads the configuration strictly, asks every source registry, and lists each image with the reason it is in, its digest
and its size: new, shared with images listed before it, and total. Nothing is written but what a flag asks for. Whatever
would make pack fail makes plan fail.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml --site site.yaml',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml --diff last-trip.tar',
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
    pinned: Flags.string({
      helpValue: 'FOLDER',
      description:
        'write the configurations of the vendor tool with catalogs at their digests: isc_pinned.yaml, and disc_pinned.yaml to delete',
    }),
    site: Flags.string({
      helpValue: 'FILE',
      description: 'site file of the far side: what its hosted clusters need must be inside, as for pack',
    }),
    registry: Flags.string({
      helpValue: 'HOST[:PORT][/PREFIX]',
      description: 'destination named in the mapping file; else that of the site file, else localhost:55000',
    }),
    ...nestingFlag,
    ...registryFlags,
  };

  async run(): Promise<PlanReport> {
    const { flags } = await this.parse(Plan);
    const ctx = await this.startRun(flags);
    const { planImageSet } = await import('../workflows/plan.ts');
    const { writeOutputFile } = await import('../workflows/output-path.ts');
    const { planReport } = await import('../workflows/plan-report.ts');
    const { formatPlanSummary, formatPlanTable, formatUpgrades } = await import('../cli/plan-table.ts');
    const { siteTarget } = await import('../cli/target.ts');
    const { targetBase } = await import('../workflows/push-target.ts');
    const site =
      flags.site === undefined ? undefined : await (await import('../workflows/site.ts')).readSite(flags.site);
    const { registry } = site?.site ?? {};
    const target = siteTarget(
      flags.registry ?? (registry === undefined ? NO_TARGET : undefined),
      registry,
      flags['max-nested-paths'],
    );
    const options = await planOptions(flags, this.env, this.config.userAgent);
    const result = await planImageSet({ ...options, ...(site === undefined ? {} : { site }) }, ctx);
    const { plan, facts, lock, upgrades } = result;
    // What can not be read is told before anything is written.
    const difference = flags.diff === undefined ? undefined : await differenceTo(flags.diff, planReport(result));
    if (flags.output !== undefined) {
      const { assertRoom } = await import('../workflows/free-space.ts');
      assertRoom(flags.output, plan);
    }
    if (flags['write-lock'] !== undefined) {
      const { formatLock } = await import('../mirror/lock.ts');
      await writeOutputFile(flags['write-lock'], formatLock(lock), { flag: '--write-lock' });
    }
    if (flags.pinned !== undefined) {
      const { writePinned } = await import('../workflows/pinned-files.ts');
      await writePinned(flags.pinned, result, '--pinned');
    }
    if (flags.mapping !== undefined) {
      const { formatMapping } = await import('../mirror/mapping.ts');
      const destination = targetBase(target);
      const maxNestedPaths = target.maxNestedPaths ?? 0;
      const text = formatMapping(plan, { destination, maxNestedPaths, withInstances: false });
      await writeOutputFile(flags.mapping, text, { flag: '--mapping' });
    }
    this.log(flags.all ? formatPlanTable(plan) : formatPlanSummary(plan, facts));
    for (const text of formatUpgrades(upgrades)) this.log(text);
    if (difference === undefined) return planReport(result);
    const { formatPlanDiff } = await import('../cli/inspect-text.ts');
    this.log(formatPlanDiff(difference));
    return planReport(result, difference);
  }
}

async function differenceTo(path: string, plan: PlanFile): Promise<PlanDiff> {
  const { comparePlan } = await import('../workflows/compare-plan.ts');
  return comparePlan(path, plan);
}
