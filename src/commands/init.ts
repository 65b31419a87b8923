import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { initClusterFlags } from '../cli/hosted-cluster-flags.ts';
import type { InitResult } from '../workflows/init.ts';

const SITE_GROUP = 'SITE FILE';

export default class Init extends AirgapCommand {
  static override summary = 'Write a commented configuration and site file for hosted control planes on KubeVirt.';
  static override description = `Asks on a terminal, or takes everything from flags. imageset.yaml says what to take: releases with the KubeVirt disk image,
upgrade data, and the operators that hosted clusters need. site.yaml says what the far side is to look like: registry,
management cluster, one hosted cluster. plan, pack and unpack accept both as they are; the files they name need not be there
yet. Their JSON Schemas are written beside them, so that editors complete and check them. Nothing is overwritten, and when
something is wrong nothing is written.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --channel stable-4.20 --registry registry.lab:8443/ocp --registry-ca registry-ca.pem',
    '<%= config.bin %> <%= command.id %> --channel eus-4.20 --min-version 4.20.3 --max-version 4.20.9 -o trip.yaml --no-site',
  ];
  static override flags = {
    output: Flags.string({
      char: 'o',
      default: 'imageset.yaml',
      helpValue: 'FILE',
      description: 'the configuration to write',
    }),
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
    site: Flags.string({
      helpGroup: SITE_GROUP,
      helpValue: 'FILE',
      description: 'the site file to write; site.yaml beside the configuration by default',
    }),
    'no-site': Flags.boolean({
      helpGroup: SITE_GROUP,
      description: 'write no site file',
    }),
    registry: Flags.string({
      helpGroup: SITE_GROUP,
      helpValue: 'HOST[:PORT][/PREFIX]',
      description: 'registry of the far side; asked otherwise',
    }),
    'registry-ca': Flags.string({
      helpGroup: SITE_GROUP,
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'CA of that registry',
    }),
    'address-pool': Flags.string({
      helpGroup: SITE_GROUP,
      helpValue: 'RANGE',
      multiple: true,
      multipleNonGreedy: true,
      description:
        'addresses MetalLB gives to API servers, FIRST-LAST or a CIDR; without any a load balancer is expected there',
    }),
    ...initClusterFlags,
  };

  async run(): Promise<InitResult> {
    const { flags } = await this.parse(Init);
    const ctx = await this.startRun(flags);
    const { assertNew, defaultSitePath, initFiles } = await import('../workflows/init.ts');
    const { draftAnswers } = await import('../cli/draft-answers.ts');
    const site = flags['no-site'] ? undefined : (flags.site ?? defaultSitePath(flags.output));
    const paths = { output: flags.output, site };
    assertNew(paths);
    const result = await initFiles(await draftAnswers(flags, ctx.signal), paths);
    const files = [result.path, ...(result.site === undefined ? [] : [result.site.path])];
    const next = `airgap plan -c ${files.join(' --site ')}`;
    this.log(`${files.join('\n')}\nnext: ${next}`);
    return result;
  }
}
