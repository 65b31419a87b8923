import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { RegistryOptions } from '../registry/options.ts';

/** Connections at once when nothing else is said. */
const DEFAULT_CONCURRENCY = 8;

export interface RegistryFlags {
  readonly authfile: string | undefined;
  readonly 'ca-file': readonly string[] | undefined;
  readonly insecure: readonly string[] | undefined;
  readonly concurrency: number | undefined;
}

/**
 * How registries are reached, from flags and environment: the places container tools look for credentials,
 * certificates, mirrors and proxies.
 */
export async function registryOptions(
  flags: RegistryFlags,
  env: NodeJS.ProcessEnv,
  userAgent: string,
): Promise<RegistryOptions> {
  const home = env['HOME'] ?? '/root';
  const chosen = env['XDG_CONFIG_HOME'] ?? '';
  // Empty is as good as unset (XDG base directory specification).
  const configHome = chosen === '' ? join(home, '.config') : chosen;
  const caFiles = flags['ca-file'] ?? [];
  return {
    userAgent,
    authFiles: flags.authfile === undefined ? authFiles(env, home, configHome) : [flags.authfile],
    certsDirs: [join(configHome, 'containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d'],
    extraCa: await Promise.all(caFiles.map((file) => readCaFile(file))),
    proxy: proxySettings(env),
    ...registriesConf(env, configHome),
    insecure: flags.insecure ?? [],
    maxConnections: flags.concurrency ?? DEFAULT_CONCURRENCY,
  };
}

function authFiles(env: NodeJS.ProcessEnv, home: string, configHome: string): string[] {
  const chosen = env['REGISTRY_AUTH_FILE'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    ...(runtime === undefined || runtime === '' ? [] : [join(runtime, 'containers/auth.json')]),
    join(configHome, 'containers/auth.json'),
    join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
  ];
}

function registriesConf(
  env: NodeJS.ProcessEnv,
  configHome: string,
): Pick<RegistryOptions, 'registriesConf' | 'registriesConfDirs'> {
  const chosen = env['CONTAINERS_REGISTRIES_CONF'];
  if (chosen !== undefined && chosen !== '') return { registriesConf: [chosen], registriesConfDirs: [] };
  return {
    registriesConf: [join(configHome, 'containers/registries.conf'), '/etc/containers/registries.conf'],
    registriesConfDirs: ['/etc/containers/registries.conf.d', join(configHome, 'containers/registries.conf.d')],
  };
}

/** The proxy variables, in upper or lower case. */
export function proxySettings(env: NodeJS.ProcessEnv): NonNullable<RegistryOptions['proxy']> {
  const either = (name: string): string | undefined => env[name] ?? env[name.toLowerCase()];
  const httpProxy = either('HTTP_PROXY');
  const httpsProxy = either('HTTPS_PROXY');
  const noProxy = either('NO_PROXY');
  return {
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  };
}

async function readCaFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `CA file ${file} can not be read: ${systemProblem(code)}`, {
      hint: 'correct --ca-file',
      cause: error,
    });
  }
}
