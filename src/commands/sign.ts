import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { signFlags } from '../cli/flags.ts';
import { chooseSigner } from '../cli/sign.ts';

interface SignResult {
  readonly ok: true;
  readonly signature: string;
  readonly manifestSha256: string;
}

export default class Sign extends AirgapCommand {
  static override summary = 'Sign a bundle that exists, without touching it.';
  static override description = `Writes one more signature over the bundle manifest to a file of its own: for a second person, or a second key. The far side
counts it with --signature FILE. BUNDLE may also be an airgap-manifest.json, or the receipt of an unpack: with its signature
the sender makes a bundle that leaves out what arrived (pack --base).`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar --sign-key second.key --out trip.second.sigstore.json',
    '<%= config.bin %> <%= command.id %> receipt.json --sign-key site.key --out receipt.json.sigstore.json',
  ];
  static override args = {
    bundle: Args.string({ required: true, description: 'bundle file, its bundle manifest, or a receipt' }),
  };
  static override flags = {
    out: Flags.string({
      required: true,
      helpValue: 'FILE',
      description: 'where the signature goes; never overwritten',
    }),
    ...signFlags,
  };

  async run(): Promise<SignResult> {
    const { args, flags } = await this.parse(Sign);
    const ctx = await this.startRun(flags);
    const signer = await chooseSigner(flags, this.env, ctx);
    const { writeOutputFile } = await import('../workflows/output-path.ts');
    const { signExisting } = await import('../workflows/sign.ts');
    const { signature, manifestSha256 } = await signExisting(args.bundle, signer, ctx);
    await writeOutputFile(flags.out, signature, { flag: '--out', isNew: true });
    this.log(`${flags.out}  signs for manifest sha256:${manifestSha256}`);
    return { ok: true, signature: flags.out, manifestSha256 };
  }
}
