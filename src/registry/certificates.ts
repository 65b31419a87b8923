import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { readCaBundle } from '../core/certificates.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { RegistryOptions } from './options.ts';

/**
 * The TLS context of a host: the trust of Node and of the system, what the options add, and the CA (`*.crt`) and client
 * certificate (`*.cert` with `*.key`) of `certs.d/<host[:port]>/` (containers-certs.d(5)).
 * Throws `E_CONFIG` that names the file for unreadable or incomplete certificates.
 */
export function secureContextFor(host: string, options: RegistryOptions): SecureContext {
  // URLs drop the default port, people and container tools write it in some places.
  const names = /:\d+$/.test(host) ? [host] : [host, `${host}:443`];
  const folder = readCertsFolder(names, options.certsDirs ?? []);
  const given = [...(options.extraCa ?? []), ...names.flatMap((name) => options.hostCa?.[name] ?? [])];
  // Read one by one: OpenSSL passes over what is no certificate without a word.
  const added = [...given.map((text) => readCaBundle(text, `the CA given for ${host}`).pem), ...folder.ca];
  if (added.length === 0 && folder.client === undefined) return (shared ??= createSecureContext({ ca: systemTrust() }));
  try {
    return createSecureContext({ ca: [...systemTrust(), ...added], ...folder.client });
  } catch (error) {
    throw new AirgapError('E_CONFIG', `the client certificate for ${host} or its key can not be used`, {
      hint: 'give both as PEM files that belong together',
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

function readCertsFolder(hosts: readonly string[], dirs: readonly string[]): CertsFolder {
  for (const folder of dirs.flatMap((dir) => hosts.map((host) => join(dir, host)))) {
    const names = listFolder(folder);
    if (names === undefined) continue;
    const read = (name: string) => readText(join(folder, name));
    const ca = names
      .filter((name) => name.endsWith('.crt'))
      .map((name) => readCaBundle(read(name), join(folder, name)).pem);
    const cert = names.find((name) => name.endsWith('.cert'));
    if (cert === undefined) return { ca };
    const key = cert.replace(/\.cert$/, '.key');
    if (!names.includes(key)) {
      throw new AirgapError('E_CONFIG', `${join(folder, cert)}: the key file ${key} is missing`, {
        hint: 'put the private key of the client certificate beside it',
      });
    }
    return { ca, client: { cert: read(cert), key: read(key) } };
  }
  return { ca: [] };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${path} can not be read: ${systemProblem(systemCodeOf(error))}`, {
      hint: 'check its permissions, or take it out of the folder',
      cause: error,
    });
  }
}

function listFolder(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw new AirgapError('E_CONFIG', `${folder} can not be read`, { cause: error });
  }
}
