import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { packEngine, packEngineFlags } from '../cli/engine.ts';
import { nestingFlag, planFlags, registryFlags, signFlags } from '../cli/flags.ts';
import { assertLifetime, defaultBundleName, parseTime } from '../cli/identity.ts';
import { planOptions } from '../cli/plan-options.ts';
import { chooseSigner } from '../cli/sign.ts';
import { openStandardOutput } from '../cli/standard-output.ts';
import { formatBytes } from '../core/bytes.ts';
import { AirgapError } from '../core/errors.ts';
import type { Base } from '../workflows/base-receipt.ts';
import type { PackResult } from '../workflows/pack.ts';
import type { BundleSigner } from '../workflows/signer.ts';

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
    base: Flags.string({
      helpGroup: 'BASE',
      helpValue: 'RECEIPT',
      dependsOn: ['base-key'],
      description:
        'receipt of the far side: layers it has are not carried again; the result is of use to that side only',
    }),
    'base-key': Flags.string({
      helpGroup: 'BASE',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['base'],
      description: 'public key of the far side, which signed the receipt (airgap sign)',
    }),
    'base-signature': Flags.string({
      helpGroup: 'BASE',
      helpValue: 'FILE',
      dependsOn: ['base'],
      description: 'signature of the receipt; RECEIPT.sigstore.json by default',
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
    ...packEngineFlags,
    ...registryFlags,
  };

  protected override resumeHint = 'Run the same command again to continue; what was fetched is kept in FILE.partial.';

  async run(): Promise<PackResult> {
    const { flags } = await this.parse(Pack);
    const ctx = await this.startRun(flags);
    if (flags.output === '-' && this.jsonEnabled()) throw resultInBundle();
    const output = outputOf(flags);
    const signer = flags.plan === undefined ? await chooseSigner(flags, this.env, ctx) : await notNow(flags);
    const site =
      flags.site === undefined ? undefined : await (await import('../workflows/site.ts')).readSite(flags.site);
    const { readSigningPlan } = await import('../workflows/signing-plan.ts');
    const planned = flags['from-plan'] === undefined ? undefined : await readSigningPlan(flags['from-plan']);
    const target = site?.site.registry?.target ?? flags.registry;
    const createdAt = parseTime('--created-at', flags['created-at'] ?? epochTime(this.env['SOURCE_DATE_EPOCH']));
    const expiresAt = parseTime('--expires', flags.expires);
    assertLifetime(createdAt, expiresAt);
    const { parseVolumeSize } = await import('../bundle/volume-size.ts');
    const size = flags['volume-size'];
    const volumeSize = size === undefined || size === 'none' ? size : parseVolumeSize(size);
    if (flags.output === '-' && typeof volumeSize === 'number') throw noVolumesInAPipe();
    const engine = packEngine(flags);
    if (engine !== undefined)
      this.resumeHint = `Run the same command again to continue; what oc-mirror fetched is kept in ${engine.cacheDir ?? `${output}.oc-mirror`}.`;
    const { siteCaBundles, siteTarget } = await import('../cli/target.ts');
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
        ...(flags.base === undefined ? {} : { base: await chosenBase(flags.base, flags) }),
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
    if (result.base !== undefined)
      this.log(`  on top of serial ${result.base.serial}: ${formatBytes(result.base.bytes)} are there and not carried`);
    if (result.gaps.length > 0) this.finishPartially();
    return result;
  }
}

/** What the far side vouches for. */
async function chosenBase(
  receipt: string,
  flags: { readonly 'base-key': readonly string[] | undefined; readonly 'base-signature': string | undefined },
): Promise<Base> {
  const { readBase } = await import('../workflows/base-receipt.ts');
  const { createTrust } = await import('../bundle/trust.ts');
  const { loadPublicKey } = await import('../bundle/keys.ts');
  const keys = await Promise.all(
    (flags['base-key'] ?? []).map(async (file) => ({ publicKey: await loadPublicKey(file) })),
  );
  return readBase({ receipt, signature: flags['base-signature'] ?? `${receipt}.sigstore.json` }, createTrust({ keys }));
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

/** The signer of a run that signs nothing yet. Throws `E_USAGE` for a flag that says how to sign. */
async function notNow(flags: Readonly<Record<string, unknown>>): Promise<BundleSigner> {
  const given = ['sign-key', 'keyless', 'unsigned'].find((flag) => ![undefined, false].includes(flags[flag] as never));
  if (given !== undefined) {
    throw new AirgapError('E_USAGE', `--plan and --${given} exclude each other: what is planned is signed elsewhere`, {
      hint: 'leave one of them out',
    });
  }
  return (await import('../workflows/signer.ts')).noSigner();
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
