import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { RegistryOptions } from './options.ts';

/**
 * The TLS context of a host: the trust of Node and of the system, what the options add, and the CA (`*.crt`) and client
 * certificate (`*.cert` with `*.key`) of `certs.d/<host[:port]>/` (containers-certs.d(5)).
 * Throws `E_CONFIG` that names the file for unreadable or incomplete certificates.
 */
export function secureContextFor(host: string, options: RegistryOptions): SecureContext {
  const folder = readCertsFolder(host, options.certsDirs ?? []);
  const added = [...(options.extraCa ?? []), ...(options.hostCa?.[host] ?? []), ...folder.ca];
  if (added.length === 0 && folder.client === undefined) return (shared ??= createSecureContext({ ca: systemTrust() }));
  try {
    return createSecureContext({ ca: [...systemTrust(), ...added], ...folder.client });
  } catch (error) {
    throw new AirgapError('E_CONFIG', `a CA or client certificate for ${host} can not be read`, {
      hint: 'give certificates and keys as PEM files',
      cause: error,
    });
  }
}

// Making a context from the whole trust store takes tens of milliseconds, and most hosts need no other.
let shared: SecureContext | undefined;
let trust: string[] | undefined;

function systemTrust(): string[] {
  return (trust ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]);
}

interface CertsFolder {
  readonly ca: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string };
}

function readCertsFolder(host: string, dirs: readonly string[]): CertsFolder {
  for (const dir of dirs) {
    const folder = join(dir, host);
    const names = listFolder(folder);
    if (names === undefined) continue;
    const ca = names.filter((name) => name.endsWith('.crt')).map((name) => readFileSync(join(folder, name), 'utf8'));
    const cert = names.find((name) => name.endsWith('.cert'));
    if (cert === undefined) return { ca };
    const key = cert.replace(/\.cert$/, '.key');
    if (!names.includes(key)) {
      throw new AirgapError('E_CONFIG', `${join(folder, cert)}: the key file ${key} is missing`, {
        hint: 'put the private key of the client certificate beside it',
      });
    }
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    return { ca, client: { cert: read(cert), key: read(key) } };
  }
  return { ca: [] };
}

function listFolder(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw new AirgapError('E_CONFIG', `${folder} can not be read`, { cause: error });
  }
}
