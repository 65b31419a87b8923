import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { StatusReport } from '../apply/collect-status.ts';
import { AirgapCommand } from '../cli/command.ts';
import { kubeFlags } from '../cli/flags.ts';

/** Often enough to follow a roll-out, seldom enough to be no burden for an API server. */
const WATCH_INTERVAL_MS = 5_000;

export default class Status extends AirgapCommand {
  static override summary = 'Show the hosted clusters: control plane, data plane, what is waited for and why.';
  static override description = `One table for both monitoring views: operator, control plane pods, conditions, machines and virtual machines on the management
cluster; version, nodes and cluster operators inside. Only reads.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --kubeconfig mgmt.kubeconfig',
    '<%= config.bin %> <%= command.id %> example --watch',
    '<%= config.bin %> <%= command.id %> --json | jq -r ".hostedClusters[] | [.name, .verdict] | @tsv"',
  ];
  static override args = { name: Args.string({ description: 'only this hosted cluster' }) };
  static override flags = {
    ...kubeFlags,
    namespace: Flags.string({ char: 'n', helpValue: 'NAME', description: 'only hosted clusters of this namespace' }),
    watch: Flags.boolean({ char: 'w', description: 'redraw every 5 s until stopped' }),
  };

  async run(): Promise<StatusReport> {
    const { args, flags } = await this.parse(Status);
    const ctx = await this.startRun(flags);
    const { openStatus } = await import('../workflows/status.ts');
    const { formatStatus } = await import('../cli/status-text.ts');
    const status = openStatus(await this.managementCluster(flags), ctx);
    const wanted = {
      ...(args.name === undefined ? {} : { name: args.name }),
      ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
    };
    try {
      if (!flags.watch || this.jsonEnabled()) {
        const report = await status.read(wanted);
        this.log(formatStatus(report));
        return report;
      }
      const { redraw } = await import('../cli/redraw.ts');
      return await redraw(() => status.read(wanted), formatStatus, {
        intervalMs: WATCH_INTERVAL_MS,
        signal: ctx.signal,
      });
    } finally {
      status.close();
    }
  }
}
