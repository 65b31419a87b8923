import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { planFlags, registryFlags, signFlags } from '../cli/flags.ts';
import { defaultBundleName, parseTime } from '../cli/identity.ts';
import { planOptions } from '../cli/plan-options.ts';
import { chooseSigner } from '../cli/sign.ts';
import { parseTarget } from '../cli/target.ts';
import type { PackResult } from '../workflows/pack.ts';

export default class Pack extends AirgapCommand {
  static override summary = 'Mirror everything a configuration asks for into one signed file.';
  static override description = `Every size is known before the first layer byte, so the file is signed first and bodies go to their final place in
FILE.partial. Stopped or killed, the same command continues and fetches only what is missing. FILE appears when it is complete
and its own check has passed. With "-o -" the bundle is written in order to standard output.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --ca-bundle registry.lab:8443=lab-ca.pem',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o - --sign-key release.key | ssh diode receive',
  ];
  static override flags = {
    ...planFlags,
    output: Flags.string({
      char: 'o',
      required: true,
      helpValue: 'FILE',
      description: 'the bundle to write, - for standard output',
    }),
    ...signFlags,
    unsigned: Flags.boolean({
      helpGroup: 'SIGNING',
      description: 'do not sign; the far side refuses it unless told otherwise',
    }),
    'detached-signature': Flags.string({
      helpGroup: 'SIGNING',
      helpValue: 'FILE',
      description: 'also write the signature to FILE',
    }),
    'bundle-name': Flags.string({
      helpValue: 'NAME',
      description: 'stream the bundle belongs to; the name of the configuration file by default',
    }),
    serial: Flags.integer({
      min: 1,
      description: 'number in the stream, rising; the creation time in seconds by default',
    }),
    'created-at': Flags.string({
      helpValue: 'TIME',
      description: 'creation time to record (UTC), for reproducible bundles',
    }),
    expires: Flags.string({ helpValue: 'TIME', description: 'time after which the bundle should not be used' }),
    registry: Flags.string({
      helpValue: 'HOST[:PORT][/PREFIX]',
      description: 'registry of the far side: its cluster resources travel in the bundle, ready for oc apply',
    }),
    'ca-bundle': Flags.string({
      helpValue: '[HOST[:PORT]=]FILE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'CA certificates to carry: for one registry of the far side, or trusted in general',
    }),
    'self-verify': Flags.string({
      options: ['signature', 'full'],
      default: 'signature',
      description: 'what is checked before FILE gets its name; contents are hashed while written in any case',
    }),
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what was fetched is kept in FILE.partial.';

  async run(): Promise<PackResult> {
    const { flags } = await this.parse(Pack);
    const ctx = await this.startRun(flags);
    const signer = await chooseSigner(flags, this.env, ctx);
    const createdAt = parseTime('--created-at', flags['created-at'] ?? epochTime(this.env['SOURCE_DATE_EPOCH']));
    const expiresAt = parseTime('--expires', flags.expires);
    const { packBundle } = await import('../workflows/pack.ts');
    const result = await packBundle(
      {
        ...(await planOptions(flags, this.env, this.config.userAgent)),
        toolVersion: this.config.version,
        output: flags.output === '-' ? process.stdout : flags.output,
        signer,
        bundleName: flags['bundle-name'] ?? defaultBundleName(flags.config),
        caBundles: flags['ca-bundle'] ?? [],
        fullSelfVerify: flags['self-verify'] === 'full',
        ...(flags.registry === undefined ? {} : { target: parseTarget(flags.registry) }),
        ...(flags.serial === undefined ? {} : { serial: flags.serial }),
        ...(createdAt === undefined ? {} : { createdAt }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(flags['detached-signature'] === undefined ? {} : { detachedSignature: flags['detached-signature'] }),
      },
      ctx,
    );
    if (flags.output !== '-')
      this.log(
        `${result.output}  ${result.bundle.name} serial ${result.bundle.serial}  manifest sha256:${result.manifestSha256}`,
      );
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}

function epochTime(seconds: string | undefined): string | undefined {
  return seconds === undefined || seconds === '' ? undefined : new Date(Number(seconds) * 1000).toISOString();
}
