import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { nestingFlag, planFlags, registryFlags, signFlags } from '../cli/flags.ts';
import { defaultBundleName, parseTime } from '../cli/identity.ts';
import { planOptions } from '../cli/plan-options.ts';
import { chooseSigner } from '../cli/sign.ts';
import { openStandardOutput } from '../cli/standard-output.ts';
import { siteTarget } from '../cli/target.ts';
import { AirgapError } from '../core/errors.ts';
import type { PackResult } from '../workflows/pack.ts';

export default class Pack extends AirgapCommand {
  static override summary = 'Mirror everything a configuration asks for into one signed file.';
  static override description = `Every size is known before the first layer byte, so the file is signed first and bodies go to their final place in
FILE.partial. Stopped or killed, the same command continues and fetches only what is missing. FILE appears when it is complete
and its own check has passed. With "-o -" the bundle is written in order to standard output.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --ca-bundle registry.lab:8443=lab-ca.pem',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --volume-size fat32',
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
    ...nestingFlag,
    'ca-bundle': Flags.string({
      helpValue: '[HOST[:PORT]=]FILE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'CA certificates to carry: for one registry of the far side, or trusted in general',
    }),
    'include-tool': Flags.boolean({
      description: 'carry the tool itself as a single executable, tool/airgap-<platform>, for a far side without Node',
    }),
    'volume-size': Flags.string({
      helpValue: 'SIZE',
      description:
        'split into FILE.001, FILE.002, … for media: fat32, dvd, bd25, a size such as 4GiB or 700MB, or none; archiveSize of the configuration by default',
    }),
    'volume-index': Flags.boolean({
      allowNo: true,
      default: true,
      description: 'write digests of the volumes, signed and for sha256sum, so that each medium can be checked alone',
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
    if (flags.output === '-' && this.jsonEnabled()) throw resultInBundle();
    const signer = await chooseSigner(flags, this.env, ctx);
    const createdAt = parseTime('--created-at', flags['created-at'] ?? epochTime(this.env['SOURCE_DATE_EPOCH']));
    const expiresAt = parseTime('--expires', flags.expires);
    const { parseVolumeSize } = await import('../bundle/volume-size.ts');
    const size = flags['volume-size'];
    const volumeSize = size === undefined || size === 'none' ? size : parseVolumeSize(size);
    if (flags.output === '-' && typeof volumeSize === 'number') throw noVolumesInAPipe();
    const { packBundle } = await import('../workflows/pack.ts');
    const result = await packBundle(
      {
        ...(await planOptions(flags, this.env, this.config.userAgent)),
        toolVersion: this.config.version,
        output: flags.output === '-' ? openStandardOutput() : flags.output,
        signer,
        bundleName: flags['bundle-name'] ?? defaultBundleName(flags.config),
        caBundles: flags['ca-bundle'] ?? [],
        includeTool: flags['include-tool'],
        volumeIndex: flags['volume-index'],
        ...(volumeSize === undefined ? {} : { volumeSize }),
        fullSelfVerify: flags['self-verify'] === 'full',
        ...(flags.registry === undefined
          ? {}
          : { target: siteTarget(flags.registry, undefined, flags['max-nested-paths']) }),
        ...(flags.serial === undefined ? {} : { serial: flags.serial }),
        ...(createdAt === undefined ? {} : { createdAt }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(flags['detached-signature'] === undefined ? {} : { detachedSignature: flags['detached-signature'] }),
      },
      ctx,
    );
    if (flags.output !== '-')
      this.log(
        `${namesOf(result)}  ${result.bundle.name} serial ${result.bundle.serial}  manifest sha256:${result.manifestSha256}`,
      );
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}

function resultInBundle(): AirgapError {
  return new AirgapError('E_USAGE', '-o - and --json exclude each other: the result would end up in the bundle', {
    hint: 'leave out --json, or write to a file',
  });
}

function epochTime(seconds: string | undefined): string | undefined {
  if (seconds === undefined || seconds === '') return undefined;
  if (/^\d{1,11}$/.test(seconds)) return new Date(Number(seconds) * 1000).toISOString();
  throw new AirgapError('E_USAGE', `SOURCE_DATE_EPOCH: ${JSON.stringify(seconds)} is no time`, {
    hint: 'give whole seconds since 1970, or --created-at',
  });
}

/** What was written, as it is named on the disk. */
function namesOf({ output, volumes }: PackResult): string {
  if (volumes === undefined) return output;
  const paths = volumes.map(({ path }) => path);
  return paths.length === 1 ? paths[0]! : `${paths[0]} to ${paths.at(-1)}`;
}

function noVolumesInAPipe(): AirgapError {
  return new AirgapError('E_USAGE', 'standard output can not be split into volumes', {
    hint: 'write to a file with -o FILE, or leave out --volume-size',
  });
}
