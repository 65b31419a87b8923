import * as Args from '@oclif/core/args';
import type { TrustedRootEntry } from '../../bundle/trusted-root.ts';
import { AirgapCommand } from '../../cli/command.ts';

export default class TrustShow extends AirgapCommand {
  static override summary = 'Show whom a trusted root believes.';
  static override examples = ['<%= config.bin %> <%= command.id %> trusted_root.json'];
  static override args = { file: Args.string({ required: true, description: 'a trusted root' }) };

  async run(): Promise<{ ok: true; sha256: string; entries: readonly TrustedRootEntry[] }> {
    const { args, flags } = await this.parse(TrustShow);
    await this.startRun(flags);
    const { listTrustedRoot, loadTrustedRoot } = await import('../../bundle/trusted-root.ts');
    const { formatTrustedRoot } = await import('../../cli/trusted-root-text.ts');
    const { root, sha256 } = await loadTrustedRoot(args.file);
    const entries = listTrustedRoot(root);
    this.log(`${formatTrustedRoot(entries)}\nsha256 ${sha256}`);
    return { ok: true, sha256, entries };
  }
}
