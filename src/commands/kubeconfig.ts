import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { kubeFlags } from '../cli/flags.ts';

interface KubeconfigResult {
  readonly ok: true;
  readonly hostedClusters: readonly string[];
  /** Where it was written; absent when it was printed. */
  readonly file?: string;
  /** Hosted clusters that have none yet. */
  readonly skipped: readonly string[];
}

export default class Kubeconfig extends AirgapCommand {
  static override summary = 'Get the admin kubeconfig of a hosted cluster.';
  static override description = `Printed, or written with mode 0600 with --out. --merge adds it to an existing file and leaves everything else there as it is.
Without a name the kubeconfigs of all hosted clusters come in one file.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> example --out example.kubeconfig',
    '<%= config.bin %> <%= command.id %> --merge ~/.kube/config',
  ];
  static override args = { name: Args.string({ description: 'the hosted cluster; all of them by default' }) };
  static override flags = {
    ...kubeFlags,
    namespace: Flags.string({ char: 'n', helpValue: 'NAME', description: 'its namespace' }),
    out: Flags.string({
      helpValue: 'FILE',
      exclusive: ['merge'],
      description: 'write to this file; never overwritten',
    }),
    merge: Flags.string({ helpValue: 'FILE', description: 'add to this kubeconfig' }),
  };

  async run(): Promise<KubeconfigResult> {
    const { args, flags } = await this.parse(Kubeconfig);
    const ctx = await this.startRun(flags);
    const { readKubeconfigs } = await import('../workflows/status.ts');
    const { writeKubeconfigs } = await import('../cli/kubeconfig-file.ts');
    const { configs, skipped } = await readKubeconfigs(
      await this.managementCluster(flags),
      {
        ...(args.name === undefined ? {} : { name: args.name }),
        ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
      },
      ctx,
    );
    const written = await writeKubeconfigs(configs, flags);
    if (written.text !== undefined) this.log(written.text.trimEnd());
    const file = written.file === undefined ? {} : { file: written.file };
    return { ok: true, hostedClusters: configs.map(({ name }) => name), ...file, skipped };
  }
}
