import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../../cli/command.ts';

export default class TrustExport extends AirgapCommand {
  static override summary = 'Fetch the trusted root of keyless signatures, to carry to the far side.';
  static override description = `Needs the network. The sha256 that is printed is to be carried separately (on paper, in configuration management) and given there
with --trusted-root-sha256. --from takes the trusted root of a private deployment instead of the public one.`;
  static override examples = ['<%= config.bin %> <%= command.id %> --out trusted_root.json'];
  static override flags = {
    out: Flags.string({ required: true, helpValue: 'FILE', description: 'where it goes' }),
    from: Flags.string({ helpValue: 'FILE', description: 'trusted root of a private deployment' }),
  };

  async run(): Promise<{ ok: true; file: string; sha256: string }> {
    const { flags } = await this.parse(TrustExport);
    await this.startRun(flags);
    const { fetchTrustedRoot, loadTrustedRoot, saveTrustedRoot } = await import('../../bundle/trusted-root.ts');
    const loaded = flags.from === undefined ? await fetchTrustedRoot() : await loadTrustedRoot(flags.from);
    await saveTrustedRoot(flags.out, loaded.bytes);
    this.log(`${flags.out}  sha256 ${loaded.sha256}`);
    return { ok: true, file: flags.out, sha256: loaded.sha256 };
  }
}
