import * as Args from '@oclif/core/args';
import { AirgapCommand } from '../cli/command.ts';
import { COMPLETED_SHELLS, completionScript } from '../cli/completion.ts';

export default class Completion extends AirgapCommand {
  /** The result is a script. */
  static override enableJsonFlag = false;
  static override summary = 'Print a script that lets the shell complete commands and flags.';
  static override description = `Nothing is installed or changed: source the script, or put it where the shell looks for completions. It knows this
version's commands and flags and starts no process when it completes.`;
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    '<%= config.bin %> <%= command.id %> bash > /etc/bash_completion.d/airgap',
    '<%= config.bin %> <%= command.id %> zsh > ~/.zfunc/_airgap',
  ];
  static override args = {
    shell: Args.string({ required: true, options: [...COMPLETED_SHELLS], description: 'the shell' }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    this.log(completionScript(args.shell as (typeof COMPLETED_SHELLS)[number], this.config.commands).trimEnd());
  }
}
