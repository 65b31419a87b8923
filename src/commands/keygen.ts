import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { newPassword } from '../cli/password.ts';

export default class Keygen extends AirgapCommand {
  static override summary = 'Make a key pair for signing bundles.';
  static override description = `Writes PREFIX.key (encrypted, mode 0600) and PREFIX.pub. Keep the first; carry the second to the far side once,
by a way you trust, and name it there with --key. The files are those of cosign: cosign uses them as they are.
Existing files are never overwritten.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --out-prefix release',
    'AIRGAP_KEY_PASSWORD=… <%= config.bin %> <%= command.id %> --out-prefix release --type rsa3072',
  ];
  static override flags = {
    'out-prefix': Flags.string({ default: 'airgap', helpValue: 'PREFIX', description: 'path without .key and .pub' }),
    type: Flags.string({ options: ['p256', 'rsa3072'] as const, default: 'p256', description: 'kind of key' }),
    plain: Flags.boolean({ description: 'do not encrypt the private key' }),
    'password-file': Flags.string({
      helpValue: 'FILE',
      exclusive: ['plain'],
      description: 'password; else AIRGAP_KEY_PASSWORD, COSIGN_PASSWORD, or a prompt',
    }),
  };

  async run(): Promise<{ privateKey: string; publicKey: string; name: string }> {
    const { flags } = await this.parse(Keygen);
    const { generateKeyPair, parsePublicKey, writeKeyPair } = await import('../bundle/keys.ts');
    const type = flags.type as 'p256' | 'rsa3072';
    const pair = flags.plain
      ? generateKeyPair({ type, plain: true })
      : generateKeyPair({ type, password: await newPassword(flags['password-file'], this.env) });
    const paths = await writeKeyPair(flags['out-prefix'], pair);
    const result = { ...paths, name: parsePublicKey(pair.publicKey, paths.publicKey).name };
    this.log(`private key  ${result.privateKey}\npublic key   ${result.publicKey}\nkey name     ${result.name}`);
    return result;
  }
}
