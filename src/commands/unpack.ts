import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { canAnswer } from '../cli/confirm.ts';
import { unpackEngine, unpackEngineFlags } from '../cli/engine.ts';
import { registryOptions } from '../cli/environment.ts';
import { policyFlags, receiptFlag, registryFlags, stepFlags, trustFlags } from '../cli/flags.ts';
import { hostedClusterFlags, withBooleanValues } from '../cli/hosted-cluster-flags.ts';
import { STEP_NAMES } from '../cli/steps.ts';
import { acceptanceOptions } from '../cli/trust.ts';
import type { UnpackResult } from '../workflows/unpack.ts';

export default class Unpack extends AirgapCommand {
  static override summary = 'Bring a bundle to the far side: registry, cluster, hosted clusters.';
  static override description = `Checks signature, layout and image closure, then pushes straight from the file: nothing is written on this machine. Every
blob is hashed while it is sent; each unique one is uploaded once and mounted wherever else it is needed; tags come last, so
that no tag ever names something incomplete. With a site file or --kubeconfig the steps on the cluster follow: trust, mirror
sets, catalogs, operators, hosted clusters; each is compared, applied and waited for. What is already there is left alone:
running it again is the resume. A bundle packed with --engine oc-mirror is brought to the registry by that program.

Steps: ${STEP_NAMES.join(', ')}.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --registry registry.lab:8443/ocp',
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --site site.yaml --dry-run',
    '<%= config.bin %> <%= command.id %> trip.tar.0* --key release.pub --site site.yaml --from-step catalogs',
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub --site site.yaml --render gitops/',
  ];
  static override strict = false;
  static override args = {
    bundle: Args.string({ required: true, description: 'bundle file, or its volumes in any order' }),
  };
  static override flags = {
    registry: Flags.string({
      helpValue: 'HOST[:PORT][/PREFIX]',
      description: 'where the images go; else the registry of the site file',
    }),
    'registry-ca': Flags.string({
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'CA of that registry: trusted here, by the cluster and by hosted clusters',
    }),
    ...receiptFlag,
    ...trustFlags,
    ...policyFlags,
    ...stepFlags,
    ...unpackEngineFlags,
    ...registryFlags,
    ...hostedClusterFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what is done is not done twice.';

  async run(): Promise<UnpackResult> {
    const { argv, flags } = await this.parse(Unpack, withBooleanValues(this.argv));
    const ctx = await this.startRun(flags);
    const { clusterRun, isPushWanted } = await import('../cli/cluster-options.ts');
    const { siteTarget } = await import('../cli/target.ts');
    const { loadSite } = await import('../workflows/site.ts');
    const { unpackBundle } = await import('../workflows/unpack.ts');
    const site = flags.site === undefined ? undefined : await loadSite(flags.site);
    const cluster = clusterRun(flags, site, { env: this.env, confirm: (question) => this.confirm(question) });
    if (cluster !== undefined && !canAnswer(flags)) {
      const message =
        'no terminal and no --yes: the run ends where it would have to ask, for example before nodes drain';
      ctx.report({ type: 'warning', code: 'W_CLUSTER', message });
    }
    const engine = unpackEngine(flags);
    const authfile = flags.authfile ?? site?.registry?.authFile;
    const result = await unpackBundle(
      {
        ...(await acceptanceOptions(flags, this.env)),
        paths: argv as string[],
        target: siteTarget(flags.registry, site?.registry),
        registry: await registryOptions(
          { ...flags, authfile, concurrency: flags.concurrency ?? site?.registry?.concurrency },
          this.env,
          this.config.userAgent,
        ),
        caFiles: [...(site?.registry?.caFiles ?? []), ...(flags['registry-ca'] ?? [])],
        push: isPushWanted(flags),
        toolVersion: this.config.version,
        ...(engine === undefined ? {} : { engine }),
        ...(cluster === undefined ? {} : { cluster }),
        ...(flags.receipt === undefined ? {} : { receipt: flags.receipt }),
      },
      ctx,
    );
    if (result.push !== undefined) {
      this.log(
        `${result.push.images} images of ${result.bundle.name} serial ${result.bundle.serial} are in ${result.registry}`,
      );
    }
    for (const file of result.rendered) this.log(file);
    if (result.receipt !== undefined) this.log(`receipt: ${result.receipt}`);
    if (result.gaps > 0) this.finishPartially();
    return result;
  }
}
