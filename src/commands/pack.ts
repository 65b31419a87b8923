import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { nestingFlag, ocMirrorFlags, planFlags, registryFlags, signFlags } from '../cli/flags.ts';
import { defaultBundleName, parseTime } from '../cli/identity.ts';
import { planOptions } from '../cli/plan-options.ts';
import { chooseSigner } from '../cli/sign.ts';
import { openStandardOutput } from '../cli/standard-output.ts';
import { siteTarget } from '../cli/target.ts';
import { AirgapError } from '../core/errors.ts';
import type { OcMirrorOptions } from '../workflows/oc-mirror/run.ts';
import type { PackResult } from '../workflows/pack.ts';
import type { BundleSigner } from '../workflows/signer.ts';
import type { Site } from '../workflows/site.ts';

export default class Pack extends AirgapCommand {
  static override summary = 'Mirror everything a configuration asks for into one signed file.';
  static override description = `Every size is known before the first layer byte, so the file is signed first and bodies go to their final place in
FILE.partial. Stopped or killed, the same command continues and fetches only what is missing. FILE appears when it is complete
and its own check has passed. With "-o -" the bundle is written in order to standard output.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --ca-bundle registry.lab:8443=lab-ca.pem',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --volume-size fat32',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o trip.tar --sign-key release.key --engine oc-mirror',
    '<%= config.bin %> <%= command.id %> -c imageset.yaml -o - --sign-key release.key | ssh diode receive',
  ];
  static override flags = {
    ...planFlags,
    output: Flags.string({
      char: 'o',
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
    plan: Flags.string({
      helpGroup: 'SIGNING',
      helpValue: 'DIR',
      exclusive: ['from-plan', 'output'],
      description: 'write what is to be signed into DIR and stop: for tokens, key services, a second person',
    }),
    'from-plan': Flags.string({
      helpGroup: 'SIGNING',
      helpValue: 'DIR',
      dependsOn: ['signature', 'key'],
      description: 'pack exactly what DIR planned, with signatures made elsewhere',
    }),
    signature: Flags.string({
      helpGroup: 'SIGNING',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['from-plan'],
      description: 'signature of the plan (a Sigstore bundle)',
    }),
    key: Flags.string({
      helpGroup: 'SIGNING',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['from-plan'],
      description: 'public key the signature is checked with before anything is fetched',
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
    site: Flags.string({
      helpValue: 'FILE',
      description: 'site file of the far side: travels inside, with the resources and CA of its registry',
    }),
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
    'tool-platform': Flags.string({
      helpValue: 'PLATFORM',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['include-tool'],
      description:
        'carry only the executables of these platforms (linux-x64, linux-arm64) instead of all that were built',
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
    engine: Flags.string({
      helpGroup: 'ENGINE',
      options: ['native', 'oc-mirror'],
      default: 'native',
      description: "what mirrors: airgap itself, or the vendor's oc-mirror, whose archive then travels in the bundle",
    }),
    ...ocMirrorFlags,
    'oc-mirror-cache': Flags.string({
      helpGroup: 'ENGINE',
      helpValue: 'DIR',
      description:
        'folder for its cache that is kept for later bundles; beside the bundle, and only for this one, by default',
    }),
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what was fetched is kept in FILE.partial.';

  async run(): Promise<PackResult> {
    const { flags } = await this.parse(Pack);
    const ctx = await this.startRun(flags);
    if (flags.output === '-' && this.jsonEnabled()) throw resultInBundle();
    const output = outputOf(flags);
    const signer = flags.plan === undefined ? await chooseSigner(flags, this.env, ctx) : await notNow();
    const site =
      flags.site === undefined ? undefined : await (await import('../workflows/site.ts')).readSite(flags.site);
    const { readSigningPlan } = await import('../workflows/signing-plan.ts');
    const planned = flags['from-plan'] === undefined ? undefined : await readSigningPlan(flags['from-plan']);
    const target = site?.site.registry?.target ?? flags.registry;
    const createdAt = parseTime('--created-at', flags['created-at'] ?? epochTime(this.env['SOURCE_DATE_EPOCH']));
    const expiresAt = parseTime('--expires', flags.expires);
    const { parseVolumeSize } = await import('../bundle/volume-size.ts');
    const size = flags['volume-size'];
    const volumeSize = size === undefined || size === 'none' ? size : parseVolumeSize(size);
    if (flags.output === '-' && typeof volumeSize === 'number') throw noVolumesInAPipe();
    const engine = engineOf(flags);
    if (engine !== undefined)
      this.resumeHint = `Run the same command again to continue; what oc-mirror fetched is kept in ${engine.cacheDir ?? `${output}.oc-mirror`}.`;
    const { packBundle } = await import('../workflows/pack.ts');
    const result = await packBundle(
      {
        ...(await planOptions(flags, this.env, this.config.userAgent)),
        toolVersion: this.config.version,
        output: output === '-' ? openStandardOutput() : output,
        signer,
        bundleName: flags['bundle-name'] ?? defaultBundleName(flags.config),
        caBundles: [...siteCaBundles(site?.site), ...(flags['ca-bundle'] ?? [])],
        ...(flags['include-tool'] ? { toolPlatforms: flags['tool-platform'] ?? [] } : {}),
        volumeIndex: flags['volume-index'],
        ...(volumeSize === undefined ? {} : { volumeSize }),
        fullSelfVerify: flags['self-verify'] === 'full',
        ...(target === undefined
          ? {}
          : { target: siteTarget(flags.registry, site?.site.registry, flags['max-nested-paths']) }),
        ...(site === undefined ? {} : { site }),
        ...(engine === undefined ? {} : { engine }),
        ...(flags.plan === undefined ? {} : { planOnly: flags.plan }),
        ...(planned === undefined ? {} : { signingPlan: planned }),
        ...(flags.serial === undefined ? {} : { serial: flags.serial }),
        ...(createdAt === undefined ? {} : { createdAt }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(flags['detached-signature'] === undefined ? {} : { detachedSignature: flags['detached-signature'] }),
      },
      ctx,
    );
    for (const file of result.signingPlan ?? []) this.log(file);
    if (output !== '-' && result.signingPlan === undefined)
      this.log(
        `${namesOf(result)}  ${result.bundle.name} serial ${result.bundle.serial}  manifest sha256:${result.manifestSha256}`,
      );
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}

function outputOf({
  output,
  plan,
}: {
  readonly output: string | undefined;
  readonly plan: string | undefined;
}): string {
  if (output !== undefined) return output;
  // Nothing is written there when only a plan is asked for.
  if (plan !== undefined) return plan;
  throw new AirgapError('E_USAGE', 'nothing says where the bundle goes', {
    hint: 'give --output FILE, - for standard output',
  });
}

/** How the other engine is run, when it is asked for. Throws `E_USAGE` for flags that would do nothing. */
function engineOf(flags: {
  readonly engine: string;
  readonly 'oc-mirror': string;
  readonly 'oc-mirror-arg': readonly string[] | undefined;
  readonly 'oc-mirror-cache': string | undefined;
  readonly 'okd-graph-url': string | undefined;
}): OcMirrorOptions | undefined {
  const cacheDir = flags['oc-mirror-cache'];
  const args = flags['oc-mirror-arg'] ?? [];
  if (flags.engine === 'oc-mirror') {
    if (flags['okd-graph-url'] !== undefined) {
      throw new AirgapError(
        'E_USAGE',
        '--okd-graph-url: oc-mirror can not be told another update service for OKD alone',
        {
          hint: 'give --graph-url, or leave --engine out',
        },
      );
    }
    return { program: flags['oc-mirror'], args, ...(cacheDir === undefined ? {} : { cacheDir }) };
  }
  if (cacheDir === undefined && args.length === 0 && flags['oc-mirror'] === 'oc-mirror') return undefined;
  throw new AirgapError('E_USAGE', '--oc-mirror, --oc-mirror-cache and --oc-mirror-arg need --engine oc-mirror', {
    hint: 'add --engine oc-mirror, or leave them out',
  });
}

/** The signer of a run that signs nothing yet. */
async function notNow(): Promise<BundleSigner> {
  return (await import('../workflows/signer.ts')).noSigner();
}

/** The CA files of the site's registry, for that registry. */
function siteCaBundles(site: Site | undefined): string[] {
  const registry = site?.registry;
  if (registry === undefined) return [];
  return registry.caFiles.map((file) => `${siteTarget(undefined, registry).registry}=${file}`);
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
