import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { planFlags, registryFlags } from '../cli/flags.ts';
import { planOptions } from '../cli/plan-options.ts';
import { parseTarget } from '../cli/target.ts';
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
    registry: Flags.string({ required: true, helpValue: 'HOST[:PORT][/PREFIX]', description: 'where the images go' }),
    resources: Flags.string({ helpValue: 'DIR', description: 'folder to write the cluster resources to' }),
    icsp: Flags.boolean({ description: 'ImageContentSourcePolicy instead of mirror sets, for clusters before 4.13' }),
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what arrived is not sent twice.';

  async run(): Promise<MirrorResult> {
    const { flags } = await this.parse(Mirror);
    const ctx = await this.startRun(flags);
    const { mirrorImages } = await import('../workflows/mirror.ts');
    const result = await mirrorImages(
      {
        ...(await planOptions(flags, this.env, this.config.userAgent)),
        target: parseTarget(flags.registry),
        mirrorForm: flags.icsp ? 'policies' : 'sets',
        toolVersion: this.config.version,
        ...(flags.resources === undefined ? {} : { resources: flags.resources }),
      },
      ctx,
    );
    this.log(`${result.push.images} images are in ${result.registry}`);
    for (const file of result.resources) this.log(`  ${file}`);
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}
