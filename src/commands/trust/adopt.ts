import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { TrustedRootDifference } from '../../bundle/trusted-root.ts';
import { AirgapCommand } from '../../cli/command.ts';
import { confirm } from '../../cli/confirm.ts';

export default class TrustAdopt extends AirgapCommand {
  static override summary = 'Replace the trusted root by a newer one, after showing what changes.';
  static override description = `For a trusted root that came in a bundle which was verified under the current one. Never adopt one from a bundle that was not.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> unpacked/trust/trusted_root.json --current /etc/airgap/trusted_root.json',
  ];
  static override args = { file: Args.string({ required: true, description: 'the newer trusted root' }) };
  static override flags = {
    current: Flags.string({ required: true, helpValue: 'FILE', description: 'the trusted root to replace' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
  };

  async run(): Promise<{ ok: true; adopted: boolean; sha256: string; difference: TrustedRootDifference }> {
    const { args, flags } = await this.parse(TrustAdopt);
    await this.startRun(flags);
    const { compareTrustedRoots, loadTrustedRoot, saveTrustedRoot } = await import('../../bundle/trusted-root.ts');
    const { formatDifference } = await import('../../cli/trusted-root-text.ts');
    const current = await loadTrustedRoot(flags.current);
    const next = await loadTrustedRoot(args.file);
    const difference = compareTrustedRoots(current.root, next.root);
    const isSame = difference.added.length === 0 && difference.removed.length === 0;
    this.log(isSame ? 'nothing changes' : formatDifference(difference));
    const adopted = !isSame && (flags.yes || (await confirm(`replace ${flags.current}?`)));
    if (adopted) await saveTrustedRoot(flags.current, next.bytes);
    this.log(adopted ? `adopted, sha256 ${next.sha256}` : 'not adopted');
    return { ok: true, adopted, sha256: next.sha256, difference };
  }
}
