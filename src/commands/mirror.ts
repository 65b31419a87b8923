import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { nestingFlag, planFlags, receiptFlag, registryFlags } from '../cli/flags.ts';
import { planOptions } from '../cli/plan-options.ts';
import type { MirrorResult } from '../workflows/mirror.ts';

export default class Mirror extends AirgapCommand {
  static override summary = 'Mirror straight from the sources to a registry, for sites that are partially connected.';
  static override description = `The same plan as pack, the same names on the target, the same cluster resources; no file in between. What is on the target is
left alone: running it again is the resume.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml --registry registry.lab:8443/ocp --resources cluster-resources',
  ];
  static override flags = {
    ...planFlags,
    registry: Flags.string({
      helpValue: 'HOST[:PORT][/PREFIX]',
      description: 'where the images go; else the registry of the site file',
    }),
    site: Flags.string({
      helpValue: 'FILE',
      description:
        'the site file: target registry, its CA and credentials; what its hosted clusters need must be taken, as for pack',
    }),
    ...nestingFlag,
    resources: Flags.string({ helpValue: 'DIR', description: 'folder to write the cluster resources to' }),
    icsp: Flags.boolean({ description: 'ImageContentSourcePolicy instead of mirror sets, for clusters before 4.13' }),
    ...receiptFlag,
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what arrived is not sent twice.';

  async run(): Promise<MirrorResult> {
    const { flags } = await this.parse(Mirror);
    const ctx = await this.startRun(flags);
    const { mirrorImages } = await import('../workflows/mirror.ts');
    const { siteTarget } = await import('../cli/target.ts');
    const site =
      flags.site === undefined ? undefined : await (await import('../workflows/site.ts')).readSite(flags.site);
    const registry = site?.site.registry;
    const caFiles = [...(flags['ca-file'] ?? []), ...(registry?.caFiles ?? [])];
    const options = await planOptions({ ...flags, 'ca-file': caFiles }, this.env, this.config.userAgent);
    // The target's credentials come first; those of the sources stay.
    const authFiles = [...(registry?.authFile === undefined ? [] : [registry.authFile]), ...options.registry.authFiles];
    const result = await mirrorImages(
      {
        ...options,
        ...(site === undefined ? {} : { site }),
        registry: { ...options.registry, authFiles },
        target: siteTarget(flags.registry, registry, flags['max-nested-paths']),
        mirrorForm: flags.icsp ? 'policies' : 'sets',
        toolVersion: this.config.version,
        ...(flags.resources === undefined ? {} : { resources: flags.resources }),
        ...(flags.receipt === undefined ? {} : { receipt: flags.receipt }),
      },
      ctx,
    );
    this.log(`${result.push.images} images are in ${result.registry}`);
    for (const file of result.resources) this.log(`  ${file}`);
    if (result.receipt !== undefined) this.log(`receipt: ${result.receipt}`);
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}
