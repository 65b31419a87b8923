import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';

export interface ListenFlags {
  readonly listen: string;
  readonly 'tls-cert': string | undefined;
  readonly 'tls-key': string | undefined;
  readonly 'plain-http': boolean;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * Where to listen. An address others can reach needs TLS, or the word that it should do without.
 * Throws `E_USAGE` for what is no address, and for files that can not be read.
 */
export async function listenOptions(flags: ListenFlags): Promise<ListenOptions> {
  const { host, port } = parseListen(flags.listen);
  const cert = flags['tls-cert'];
  const key = flags['tls-key'];
  if (cert === undefined || key === undefined) {
    if (isLoopback(host) || flags['plain-http']) return { host, port };
    throw new AirgapError(
      'E_USAGE',
      `--listen ${flags.listen}: others can reach this address, and nothing is encrypted`,
      {
        hint: 'give --tls-cert and --tls-key, or --plain-http if that is what you want',
      },
    );
  }
  return { host, port, tls: { cert: await readPem(cert, '--tls-cert'), key: await readPem(key, '--tls-key') } };
}

/** Reads `HOST:PORT`, `[ADDRESS]:PORT` or `:PORT` (loopback). Throws `E_USAGE`. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const isAddress = match !== null && (match[1] === undefined || isIP(match[1]) === 6);
  if (!isAddress || port > 65_535) {
    throw new AirgapError('E_USAGE', `--listen ${JSON.stringify(text)} is no address`, {
      hint: 'write HOST:PORT, for example 127.0.0.1:5000 or [::1]:5000; port 0 takes any free one',
    });
  }
  return { host: match[1] ?? (match[2] === '' ? '127.0.0.1' : match[2]!), port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

async function readPem(file: string, flag: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `${file} can not be read: ${systemProblem(code)}`, {
      hint: `correct ${flag}`,
      cause: error,
    });
  }
}
