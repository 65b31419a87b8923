import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import type { InitResult } from '../workflows/init.ts';

export default class Init extends AirgapCommand {
  static override summary = 'Write a commented configuration for hosted control planes on KubeVirt.';
  static override description = `Asks on a terminal, or takes everything from flags. The result is a complete imageset.yaml: releases with the KubeVirt disk
image, upgrade data, and the operators that hosted clusters need; plan and pack accept it as it is. Its JSON Schema is
written beside it, so that editors complete and check it. Nothing is overwritten.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --channel stable-4.20',
    '<%= config.bin %> <%= command.id %> --channel eus-4.20 --min-version 4.20.3 --max-version 4.20.9 -o trip.yaml',
  ];
  static override flags = {
    output: Flags.string({ char: 'o', default: 'imageset.yaml', helpValue: 'FILE', description: 'the file to write' }),
    channel: Flags.string({
      helpValue: 'NAME',
      description: 'release channel, for example stable-4.20; asked otherwise',
    }),
    'min-version': Flags.string({ helpValue: 'X.Y.Z', description: 'oldest release; the newest alone by default' }),
    'max-version': Flags.string({ helpValue: 'X.Y.Z', description: 'newest release' }),
    architecture: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      description: 'amd64 (default) or s390x',
    }),
    graph: Flags.boolean({ allowNo: true, default: true, description: 'take the data of the update service' }),
    operator: Flags.string({
      helpValue: 'PACKAGE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'operators, instead of the four that hosted clusters on bare metal usually need',
    }),
    catalog: Flags.string({
      helpValue: 'IMAGE',
      description: "operator catalog; the vendor's for the channel by default",
    }),
  };

  async run(): Promise<InitResult> {
    const { flags } = await this.parse(Init);
    const ctx = await this.startRun(flags);
    const { assertNew, initImageSet } = await import('../workflows/init.ts');
    const { draftAnswers } = await import('../cli/draft-answers.ts');
    assertNew(flags.output);
    const result = await initImageSet(await draftAnswers(flags, ctx.signal), flags.output);
    this.log(`${result.path}\nnext: airgap plan -c ${result.path}`);
    return result;
  }
}
