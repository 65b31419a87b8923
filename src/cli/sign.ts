import { AirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { BundleSigner } from '../workflows/signer.ts';
import { passwordProvider } from './password.ts';
import { readSignature } from './trust.ts';

export interface SignFlags {
  readonly 'sign-key': string | undefined;
  readonly 'password-file': string | undefined;
  readonly keyless: boolean;
  readonly 'identity-token': string | undefined;
  readonly 'fulcio-url': string | undefined;
  readonly 'rekor-url': string | undefined;
  readonly 'rekor-version': string;
  readonly 'tsa-url': string | undefined;
  readonly unsigned?: boolean;
  readonly signature?: readonly string[] | undefined;
  readonly key?: readonly string[] | undefined;
}

/** The signer the flags choose; `E_USAGE` unless exactly one is chosen: a bundle is never unsigned by accident. */
export async function chooseSigner(flags: SignFlags, env: NodeJS.ProcessEnv, ctx: RunContext): Promise<BundleSigner> {
  const { keySigner, noSigner } = await import('../workflows/signer.ts');
  const keyFile = flags['sign-key'];
  const isGiven = (flags.signature ?? []).length > 0;
  const ways = [keyFile !== undefined, flags.keyless, flags.unsigned === true, isGiven].filter(Boolean).length;
  if (ways !== 1) {
    const problem =
      ways === 0 ? 'nothing says how to sign' : '--sign-key, --keyless, --unsigned and --signature exclude each other';
    throw new AirgapError('E_USAGE', problem, {
      hint: `give --sign-key FILE (airgap keygen makes one), or --keyless${flags.unsigned === undefined ? '' : ', or on purpose --unsigned'}`,
    });
  }
  if (isGiven) return given(flags.signature ?? [], flags.key ?? []);
  if (keyFile !== undefined) {
    const { loadPrivateKey } = await import('../bundle/keys.ts');
    const password = passwordProvider(flags['password-file'], env);
    const key = await loadPrivateKey(keyFile, () => password(`password for ${keyFile}`));
    for (const warning of key.warnings) ctx.report({ type: 'warning', ...warning });
    return keySigner(key);
  }
  if (flags.keyless) return keyless(flags);
  ctx.report({
    type: 'warning',
    code: 'W_UNSIGNED',
    message: 'the bundle is not signed: nobody can tell later who made it or whether it was changed',
  });
  return noSigner();
}

async function keyless(flags: SignFlags): Promise<BundleSigner> {
  const { readIdentityToken } = await import('../bundle/keyless-options.ts');
  const { keylessSigner } = await import('../workflows/keyless-signer.ts');
  const tokenFile = flags['identity-token'];
  const url = flags['rekor-url'];
  if (flags['rekor-version'] === '2' && url === undefined) {
    throw new AirgapError('E_USAGE', '--rekor-version 2 needs --rekor-url: logs of that version change their address', {
      hint: 'give the address of the current log',
    });
  }
  return keylessSigner({
    rekor:
      flags['rekor-version'] === 'none'
        ? 'none'
        : flags['rekor-version'] === '2'
          ? { version: 2, url: url! }
          : { version: 1, ...(url === undefined ? {} : { url }) },
    ...(tokenFile === undefined ? {} : { identityToken: await readIdentityToken(tokenFile) }),
    ...(flags['fulcio-url'] === undefined ? {} : { fulcioUrl: flags['fulcio-url'] }),
    ...(flags['tsa-url'] === undefined ? {} : { tsaUrl: flags['tsa-url'] }),
  });
}

/** Signatures made elsewhere, checked against the public keys that are given with them. */
async function given(signatureFiles: readonly string[], keyFiles: readonly string[]): Promise<BundleSigner> {
  const { givenSignatures } = await import('../workflows/signer.ts');
  const { createTrust } = await import('../bundle/trust.ts');
  const { loadPublicKey } = await import('../bundle/keys.ts');
  const keys = await Promise.all(keyFiles.map(async (file) => ({ publicKey: await loadPublicKey(file) })));
  const signatures = await Promise.all(signatureFiles.map((file) => readSignature(file)));
  return givenSignatures(signatures, createTrust({ keys, threshold: Math.min(keys.length, signatures.length) }));
}
