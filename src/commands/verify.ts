import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { policyFlags, trustFlags } from '../cli/flags.ts';
import { acceptanceOptions } from '../cli/trust.ts';
import type { VerifyResult } from '../workflows/verify.ts';

export default class Verify extends AirgapCommand {
  static override summary = 'Check a bundle: who signed it, and that not a byte differs.';
  static override description = `Needs no network and opens no socket. The signature over the bundle manifest is checked before anything else is read, then
policy, layout, every digest and the end of the file, in one pass. The first thing that is not as it must be ends the run, with
its place, and an exit status: 3 signature, 4 content, 5 policy.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub',
    '<%= config.bin %> <%= command.id %> trip.tar.001 trip.tar.002 --key release.pub --deep',
    'ssh diode cat trip.tar | <%= config.bin %> <%= command.id %> - --key release.pub',
  ];
  static override strict = false;
  static override args = {
    bundle: Args.string({
      required: true,
      description: 'bundle file, its volumes in any order, or - for standard input',
    }),
  };
  static override flags = {
    ...trustFlags,
    ...policyFlags,
    'manifest-only': Flags.boolean({
      exclusive: ['deep'],
      description: 'check signature, bundle manifest and policy; do not read contents',
    }),
    deep: Flags.boolean({ description: 'also check that the image layout is complete and consistent' }),
  };

  async run(): Promise<VerifyResult> {
    const { argv, flags } = await this.parse(Verify);
    const ctx = await this.startRun(flags);
    const acceptance = await acceptanceOptions(flags, this.env);
    const paths = argv as string[];
    const { verifyBundleFile } = await import('../workflows/verify.ts');
    const result = await verifyBundleFile(
      {
        ...acceptance,
        input: paths.length === 1 && paths[0] === '-' ? { stream: process.stdin } : { paths },
        manifestOnly: flags['manifest-only'],
        deep: flags.deep,
      },
      ctx,
    );
    const { signersText } = await import('../cli/inspect-text.ts');
    this.log(`OK  ${result.bundle.name} serial ${result.bundle.serial}, made ${result.bundle.createdAt}`);
    this.log(`    ${result.signature === 'none' ? 'NOT SIGNED' : `signed by ${signersText(result.signers)}`}`);
    this.log(`    manifest sha256:${result.manifestSha256}`);
    return result;
  }
}
