import { readFile } from 'node:fs/promises';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { PlanOptions } from '../workflows/plan.ts';
import { registryOptions, type RegistryFlags } from './environment.ts';

export interface PlanFlags extends RegistryFlags {
  readonly config: string;
  readonly 'allow-gaps': boolean;
  readonly 'allow-missing-signatures': boolean;
  readonly 'allow-unknown-names': boolean;
  readonly 'allow-unmirrored': boolean;
  readonly lock: string | undefined;
  readonly installed: string | undefined;
  readonly 'graph-url': string | undefined;
  readonly 'okd-graph-url': string | undefined;
  readonly 'signature-url': string | undefined;
  readonly 'release-key': string | undefined;
}

/** The plan flags with the environment the vendor tool reads too. */
export async function planOptions(flags: PlanFlags, env: NodeJS.ProcessEnv, userAgent: string): Promise<PlanOptions> {
  const graphEndpoint = flags['graph-url'] ?? env['UPDATE_URL_OVERRIDE'];
  const signatureBaseUrl = flags['signature-url'] ?? env['OCP_SIGNATURE_URL'];
  const keyFile = flags['release-key'] ?? env['OCP_SIGNATURE_VERIFICATION_PK'];
  return {
    config: flags.config,
    registry: await registryOptions(flags, env, userAgent),
    allowGaps: flags['allow-gaps'],
    allowUnmirrored: flags['allow-unmirrored'],
    allowUnknownNames: flags['allow-unknown-names'],
    allowMissingSignatures: flags['allow-missing-signatures'],
    releases: {
      graphEndpoint,
      okdGraphEndpoint: flags['okd-graph-url'],
      signatureBaseUrl,
      ...(keyFile === undefined || keyFile === '' ? {} : { verificationKeys: await readKey(keyFile) }),
    },
    ...(flags.lock === undefined ? {} : { lock: flags.lock }),
    ...(flags.installed === undefined ? {} : { installed: flags.installed }),
  };
}

async function readKey(path: string): Promise<{ text: string; origin: string }> {
  try {
    return { text: await readFile(path, 'utf8'), origin: path };
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `release key ${path} can not be read: ${systemProblem(code)}`, {
      hint: 'correct --release-key or OCP_SIGNATURE_VERIFICATION_PK',
      cause: error,
    });
  }
}
