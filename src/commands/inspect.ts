import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { trustFlags } from '../cli/flags.ts';
import { chooseTrust, namesTrust } from '../cli/trust.ts';
import type { InspectResult } from '../workflows/inspect.ts';

export default class Inspect extends AirgapCommand {
  static override summary = 'Show what a bundle holds and why.';
  static override description = `Reads the bundle manifest and the plan inside; layers are not read and no socket is opened. With --report the
same is written for a change board: one HTML page that needs no other file, no script and no network. Without --key (or another way to
name the signer) nothing is claimed about who made it, and every line of the head says UNVERIFIED.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar',
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --against last-trip.tar',
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --report trip.html',
    '<%= config.bin %> <%= command.id %> trip.tar --json | jq -r ".plan.images[] | [.origin, .bytes] | @tsv"',
  ];
  static override strict = false;
  static override args = {
    bundle: Args.string({ required: true, description: 'bundle file, or its volumes in any order' }),
  };
  static override flags = {
    against: Flags.string({ helpValue: 'BUNDLE', description: 'also show the difference to another bundle' }),
    report: Flags.string({ helpValue: 'FILE', description: 'write a report as one HTML page; FILE must not exist' }),
    ...trustFlags,
    'bundle-name': Flags.string({
      helpGroup: 'TRUST',
      helpValue: 'NAME',
      description: 'stream whose signers a policy file names',
    }),
  };

  async run(): Promise<InspectResult> {
    const { argv, flags } = await this.parse(Inspect);
    await this.startRun(flags);
    const chosen = namesTrust(flags) ? await chooseTrust(flags) : undefined;
    const { inspectBundle } = await import('../workflows/inspect.ts');
    const result = await inspectBundle({
      paths: argv as string[],
      detached: chosen?.detached ?? [],
      ...(chosen === undefined || chosen.trust === 'unsigned' ? {} : { trust: chosen.trust }),
      ...(flags.against === undefined ? {} : { against: flags.against }),
      ...(flags.report === undefined ? {} : { report: flags.report }),
    });
    if (result.report !== undefined) {
      const { name, serial } = result.bundle;
      this.log(`${result.report}  ${name} serial ${serial}${result.verified ? '' : '  UNVERIFIED'}`);
      return result;
    }
    const { formatInspection } = await import('../cli/inspect-text.ts');
    this.log(formatInspection(result, `${process.platform}-${process.arch}`));
    return result;
  }
}
