import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { BundleSigner } from '../workflows/signer.ts';
import { passwordProvider } from './password.ts';

export interface SignFlags {
  readonly 'sign-key': string | undefined;
  readonly 'password-file': string | undefined;
  readonly unsigned: boolean;
}

/** The signer the flags choose; `E_USAGE` unless exactly one is chosen: a bundle is never unsigned by accident. */
export async function chooseSigner(flags: SignFlags, env: NodeJS.ProcessEnv, ctx: RunContext): Promise<BundleSigner> {
  const { keySigner, noSigner } = await import('../workflows/signer.ts');
  const keyFile = flags['sign-key'];
  if (keyFile !== undefined && flags.unsigned) {
    throw new AirgapError('E_USAGE', '--sign-key and --unsigned exclude each other', { hint: 'give one of them' });
  }
  if (flags.unsigned) {
    ctx.report({
      type: 'warning',
      code: 'W_UNSIGNED',
      message: 'the bundle will not be signed: nobody can tell later who made it or whether it was changed',
    });
    return noSigner();
  }
  if (keyFile === undefined) {
    throw new AirgapError('E_USAGE', 'nothing says how the bundle is signed', {
      hint: 'give --sign-key FILE (airgap keygen makes one), or --unsigned',
    });
  }
  const { loadPrivateKey } = await import('../bundle/keys.ts');
  const password = passwordProvider(flags['password-file'], env);
  const key = await loadPrivateKey(keyFile, () => password(`password for ${keyFile}`));
  for (const warning of key.warnings) ctx.report({ type: 'warning', ...warning });
  return keySigner(key);
}
