import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { relative, resolve } from 'node:path';
import { getCACertificates } from 'node:tls';
import { AirgapError, systemCodeOf } from '../../core/errors.ts';
import type { RunContext } from '../../core/events.ts';
import { runLong, type LongRunEnd } from '../../core/exec.ts';
import type { RegistryOptions } from '../../registry/options.ts';
import type { ReleaseOptions } from '../../mirror/release.ts';
import { writeOutputFile } from '../output-path.ts';
import type { OcMirror } from './program.ts';

/** How the user wants the vendor's program to be run. */
export interface OcMirrorOptions {
  /** Name on the PATH, or path. */
  readonly program: string;
  /** More arguments, handed on as they are. */
  readonly args: readonly string[];
  /** Folder for its cache that is kept; absent: one of ours, for this run. */
  readonly cacheDir?: string;
}

/** The program refuses paths with these in them, wherever (oc-mirror behaviour, "Working directory"). */
const REFUSED_WORDS = [
  'cluster-resources',
  'dry-run',
  'graph-preparation',
  'helm',
  'hold-operator',
  'hold-release',
  'delete',
  'logs',
  'operator-catalogs',
  'release-images',
  'signatures',
];
/** Files it makes must be readable by everyone: catalogs run under any user (oc-mirror behaviour, "Preconditions"). */
const UMASK = 0o022;
/** Ports that are tried when others are faster to take them. */
const PORT_ATTEMPTS = 5;
/** It takes 1 to 10; each image is fetched over several connections. */
const MOST_IMAGES = 10;

/** A folder as the program accepts it. Throws `E_USAGE` when its path holds a word the program refuses. */
export function acceptedPath(folder: string): string {
  const candidates = [resolve(folder), relative('.', folder)];
  const accepted = candidates.find((path) => REFUSED_WORDS.every((word) => !path.includes(word)));
  if (accepted !== undefined) return accepted;
  const word = REFUSED_WORDS.find((candidate) => candidates[0]!.includes(candidate));
  throw new AirgapError('E_USAGE', `oc-mirror refuses ${candidates[0]}: its path contains "${word}"`, {
    hint: 'use a folder without that word anywhere in its path',
  });
}

export interface VendorRun {
  readonly oc: OcMirror;
  readonly options: OcMirrorOptions;
  readonly registry: RegistryOptions;
  /** Folder of its cache. */
  readonly cacheDir: string;
  /** Where a file of CA certificates may be written. */
  readonly caFile: string;
  /** What this run does: configuration, source, destination and the flags of its direction. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: string) => void;
}

/**
 * Runs the vendor's program to its end with what both directions share: cache, a free port, credentials, certificates,
 * umask. Ctrl-C reaches it as such. Its own environment (proxies, registries.conf) stays as it is.
 */
export async function runOcMirror(run: VendorRun, ctx: RunContext): Promise<LongRunEnd> {
  const { oc, registry } = run;
  const certificates = [...(registry.extraCa ?? []), ...Object.values(registry.hostCa ?? {}).flat()];
  if (certificates.length > 0) {
    const text = [...getCACertificates('system'), ...certificates].join('\n');
    // Never through a link that somebody put there.
    await rm(run.caFile, { force: true });
    await writeOutputFile(run.caFile, text, { flag: 'CA certificates for oc-mirror:', isNew: true });
  }
  const env = {
    // It refuses to run with both this and --cache-dir.
    OC_MIRROR_CACHE: undefined,
    ...(certificates.length > 0 ? { SSL_CERT_FILE: resolve(run.caFile) } : {}),
    ...run.env,
  };
  for (let attempt = 1; ; attempt += 1) {
    let isPortTaken = false;
    const onLine = (line: string): void => {
      if (!/\b\d+ is already bound and cannot be used/.test(line)) return run.onLine(line);
      isPortTaken = true;
      if (attempt === PORT_ATTEMPTS) run.onLine(line);
    };
    const args = argumentsFor(run, await freePort());
    const end = await runLong(oc.program, args, { signal: ctx.signal, env, umask: UMASK, onLine });
    // Somebody took the port between our look and its own; it has done nothing yet.
    if (!isPortTaken || attempt === PORT_ATTEMPTS) return end;
  }
}

function argumentsFor({ oc, options, registry, ...run }: VendorRun, port: number): string[] {
  const { authFiles, maxConnections = MOST_IMAGES } = registry;
  return [
    '--v2',
    ...['--log-level', 'info'],
    ...['--cache-dir', run.cacheDir],
    ...['--port', String(port)],
    ...['--parallel-images', String(Math.max(1, Math.min(MOST_IMAGES, Math.round(maxConnections / 2))))],
    // Several files are the usual places, which it knows itself.
    ...(authFiles.length === 1 ? ['--authfile', authFiles[0]!] : []),
    // Copied by default since 4.21, never before 4.19 (oc-mirror behaviour, "Signatures").
    ...(oc.minor === 19 || oc.minor === 20 ? ['--remove-signatures=false'] : []),
    ...options.args,
    ...run.args,
  ];
}

/** The variables the program reads in place of flags of ours. */
export function releaseEnvironment(releases: ReleaseOptions): Readonly<Record<string, string>> {
  const { graphEndpoint = '', signatureBaseUrl = '', verificationKeys } = releases;
  return {
    ...(graphEndpoint === '' ? {} : { UPDATE_URL_OVERRIDE: graphEndpoint }),
    ...(signatureBaseUrl === '' ? {} : { OCP_SIGNATURE_URL: signatureBaseUrl }),
    ...(verificationKeys === undefined ? {} : { OCP_SIGNATURE_VERIFICATION_PK: resolve(verificationKeys.origin) }),
  };
}

/**
 * A port nobody listens on now; the program opens its cache there, on all interfaces. Below those that Linux gives to outgoing
 * connections: one of these could take it before the program does.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    try {
      await once(server.listen(port), 'listening');
    } catch (error) {
      if (systemCodeOf(error) !== 'EADDRINUSE') throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
