import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Trust } from '../bundle/trust.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { AcceptanceOptions } from '../workflows/bundle-policy.ts';

export interface TrustFlags {
  readonly key: readonly string[] | undefined;
  readonly threshold: number;
  readonly signature: readonly string[] | undefined;
  readonly 'certificate-identity': string | undefined;
  readonly 'certificate-identity-regexp': string | undefined;
  readonly 'certificate-oidc-issuer': string | undefined;
  readonly 'certificate-oidc-issuer-regexp': string | undefined;
  readonly 'trusted-root': string | undefined;
  readonly 'trusted-root-sha256': string | undefined;
  readonly 'require-tlog': boolean | undefined;
  readonly 'require-timestamp': boolean;
  readonly 'insecure-ignore-sct': boolean;
  readonly 'trust-policy': string | undefined;
  readonly 'insecure-unsigned': boolean;
  readonly 'bundle-name': string | undefined;
}

/** Whom to trust, or `unsigned` when the user asked for no check. `stream` is set when a policy file decides it. */
export interface ChosenTrust {
  readonly trust: Trust | 'unsigned';
  readonly stream?: string;
  readonly detached: readonly Uint8Array[];
}

/**
 * Turns the trust flags into whom to trust: keys, an identity, or a policy file (the default one when nothing else is said).
 * Throws `E_USAGE` when nobody is named or ways are mixed: a bundle is never accepted without a choice.
 */
export async function chooseTrust(flags: TrustFlags): Promise<ChosenTrust> {
  const detached = await Promise.all((flags.signature ?? []).map((file) => readSignature(file)));
  const identity = textRule(flags, 'certificate-identity');
  const issuer = textRule(flags, 'certificate-oidc-issuer');
  const ways = [
    flags['insecure-unsigned'],
    (flags.key ?? []).length > 0,
    identity !== undefined || issuer !== undefined,
    flags['trust-policy'] !== undefined,
  ].filter(Boolean).length;
  if (ways > 1) {
    throw new AirgapError(
      'E_USAGE',
      '--key, --certificate-identity, --trust-policy and --insecure-unsigned exclude each other',
      {
        hint: 'name the signers one way; a policy file can combine keys and identities',
      },
    );
  }
  if (flags['insecure-unsigned']) return { trust: 'unsigned', detached };

  const { createTrust } = await import('../bundle/trust.ts');
  const { loadTrustedRoot } = await import('../bundle/trusted-root.ts');
  const rootFile = flags['trusted-root'];
  const trustedRoot =
    rootFile === undefined ? undefined : (await loadTrustedRoot(rootFile, flags['trusted-root-sha256'])).root;
  const common = {
    threshold: flags.threshold,
    requireTimestamp: flags['require-timestamp'],
    ignoreSct: flags['insecure-ignore-sct'],
    ...(flags['require-tlog'] === undefined ? {} : { requireTlog: flags['require-tlog'] }),
    ...(trustedRoot === undefined ? {} : { trustedRoot }),
  };
  if (flags.key !== undefined && flags.key.length > 0) {
    const { loadPublicKey } = await import('../bundle/keys.ts');
    const keys = await Promise.all(flags.key.map(async (file) => ({ publicKey: await loadPublicKey(file) })));
    return { trust: createTrust({ ...common, keys }), detached };
  }
  if (identity !== undefined && issuer !== undefined) {
    return { trust: createTrust({ ...common, identities: [{ identity, issuer }] }), detached };
  }
  if (identity !== undefined || issuer !== undefined) {
    throw new AirgapError('E_USAGE', 'an identity counts only together with its issuer', {
      hint: 'give both --certificate-identity and --certificate-oidc-issuer',
    });
  }
  return fromPolicy(flags, detached);
}

/** True when the flags say anything about whom to trust. */
export function namesTrust(flags: TrustFlags): boolean {
  return (
    (flags.key ?? []).length > 0 ||
    flags['certificate-identity'] !== undefined ||
    flags['certificate-identity-regexp'] !== undefined ||
    flags['trust-policy'] !== undefined
  );
}

export interface AcceptanceFlags extends TrustFlags {
  readonly 'min-serial': number | undefined;
  readonly 'state-dir': string | undefined;
  readonly 'allow-rollback': number | undefined;
  readonly 'enforce-expiry': boolean;
}

/** Trust and policy flags together, as the workflows take them. */
export async function acceptanceOptions(flags: AcceptanceFlags, env: NodeJS.ProcessEnv): Promise<AcceptanceOptions> {
  const { trust, stream, detached } = await chooseTrust(flags);
  const bundleName = flags['bundle-name'] ?? stream;
  return {
    trust,
    detached,
    enforceExpiry: flags['enforce-expiry'],
    ...(bundleName === undefined ? {} : { bundleName }),
    ...(flags['min-serial'] === undefined ? {} : { minSerial: flags['min-serial'] }),
    stateDir: flags['state-dir'] ?? defaultStateDir(env),
    ...(flags['allow-rollback'] === undefined ? {} : { allowRollback: flags['allow-rollback'] }),
  };
}

/** Where applied serials are recorded (XDG base directory specification). */
function defaultStateDir(env: NodeJS.ProcessEnv): string {
  const chosen = env['XDG_STATE_HOME'] ?? '';
  // Empty is as good as unset there, and a relative one is to be ignored.
  return join(isAbsolute(chosen) ? chosen : join(env['HOME'] ?? '/root', '.local/state'), 'airgap');
}

async function fromPolicy(flags: TrustFlags, detached: readonly Uint8Array[]): Promise<ChosenTrust> {
  const { DEFAULT_TRUST_POLICY, loadTrustPolicy, trustForStream } = await import('../bundle/trust-policy.ts');
  const path = flags['trust-policy'] ?? DEFAULT_TRUST_POLICY;
  if (flags['trust-policy'] === undefined && !(await exists(path))) {
    throw new AirgapError('E_USAGE', 'nothing says whose signature is to be accepted', {
      hint: `give --key FILE with the public key of the sender, or write ${path}`,
    });
  }
  const { trust, stream } = await trustForStream(await loadTrustPolicy(path), flags['bundle-name']);
  return { trust, stream, detached };
}

type TextFlag = 'certificate-identity' | 'certificate-oidc-issuer';

function textRule(flags: TrustFlags, name: TextFlag): { exact: string } | { regexp: string } | undefined {
  const exact = flags[name];
  const regexp = flags[`${name}-regexp`];
  if (exact !== undefined && regexp !== undefined) {
    throw new AirgapError('E_USAGE', `--${name} and --${name}-regexp exclude each other`, { hint: 'give one of them' });
  }
  if (exact !== undefined) return { exact };
  return regexp === undefined ? undefined : { regexp };
}

/** A detached signature. Throws `E_USAGE` when it can not be read. */
export async function readSignature(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `signature ${file} can not be read: ${systemProblem(code)}`, {
      hint: 'correct --signature',
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    // Anything else is said by who reads it.
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
