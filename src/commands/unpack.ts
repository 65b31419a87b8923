import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { registryOptions } from '../cli/environment.ts';
import { policyFlags, registryFlags, trustFlags } from '../cli/flags.ts';
import { parseTarget } from '../cli/target.ts';
import { acceptanceOptions } from '../cli/trust.ts';
import type { UnpackResult } from '../workflows/unpack.ts';

export default class Unpack extends AirgapCommand {
  static override summary = 'Push a bundle to the registry of the far side.';
  static override description = `Checks signature, layout and image closure, then pushes straight from the file: nothing is written on this machine. Every
blob is hashed while it is sent; each unique one is uploaded once and mounted wherever else it is needed; tags come last, so
that no tag ever names something incomplete. What is already there is left alone: running it again is the resume.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --registry registry.lab:8443/ocp',
    '<%= config.bin %> <%= command.id %> trip.tar.0* --key release.pub --registry registry.lab:8443 --ca-file lab-ca.pem',
  ];
  static override strict = false;
  static override args = {
    bundle: Args.string({ required: true, description: 'bundle file, or its volumes in any order' }),
  };
  static override flags = {
    registry: Flags.string({ required: true, helpValue: 'HOST[:PORT][/PREFIX]', description: 'where the images go' }),
    ...trustFlags,
    ...policyFlags,
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what arrived is not sent twice.';

  async run(): Promise<UnpackResult> {
    const { argv, flags } = await this.parse(Unpack);
    const ctx = await this.startRun(flags);
    const { unpackBundle } = await import('../workflows/unpack.ts');
    const result = await unpackBundle(
      {
        ...(await acceptanceOptions(flags)),
        paths: argv as string[],
        target: parseTarget(flags.registry),
        registry: await registryOptions(flags, this.env, this.config.userAgent),
      },
      ctx,
    );
    this.log(
      `${result.push.images} images of ${result.bundle.name} serial ${result.bundle.serial} are in ${result.registry}`,
    );
    if (result.gaps > 0) this.finishPartially();
    return result;
  }
}
