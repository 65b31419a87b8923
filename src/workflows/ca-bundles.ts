import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { certificateProblems, readCaBundle, type CaBundle } from '../core/certificates.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';

/** A CA bundle as it travels: for one registry (`registry`), or trusted in general. */
export interface NamedCaBundle extends CaBundle {
  /** Path inside the bundle: `ca/registry/<host..port>.pem` or `ca/trust/<name>.pem`. */
  readonly path: string;
  /** `host[:port]` this CA is for; absent for general trust. */
  readonly registry?: string;
}

const REGISTRY_FOLDER = 'ca/registry/';
const TRUST_FOLDER = 'ca/trust/';

/**
 * Reads `--ca-bundle` values, `FILE` or `HOST[:PORT]=FILE`, several for one host joined.
 * Throws `E_CONFIG` naming the file. (product, "CA bundles")
 */
export async function loadCaBundles(values: readonly string[]): Promise<NamedCaBundle[]> {
  const texts = new Map<string, { text: string; registry?: string; files: string[] }>();
  for (const value of values) {
    const equals = value.indexOf('=');
    const registry = equals > 0 ? value.slice(0, equals) : undefined;
    const file = equals > 0 ? value.slice(equals + 1) : value;
    if (registry !== undefined) assertHost(registry, value);
    const path =
      registry === undefined
        ? `${TRUST_FOLDER}${safeName(file)}.pem`
        : `${REGISTRY_FOLDER}${registry.replace(':', '..')}.pem`;
    const before = texts.get(path);
    const text = `${before?.text ?? ''}${await readText(file)}\n`;
    const files = [...(before?.files ?? []), file];
    texts.set(path, { text, files, ...(registry === undefined ? {} : { registry }) });
  }
  return [...texts].map(([path, { text, files, registry }]) => ({
    path,
    ...readCaBundle(text, files.join(', ')),
    ...(registry === undefined ? {} : { registry }),
  }));
}

/** Reads the CA files of an accepted bundle. `readFile` gives the content of a path inside it. */
export async function caBundlesOf(
  paths: readonly string[],
  read: (path: string) => Promise<Uint8Array>,
): Promise<NamedCaBundle[]> {
  const bundles: NamedCaBundle[] = [];
  for (const path of paths.filter((name) => name.startsWith('ca/')).toSorted()) {
    const bundle = readCaBundle(Buffer.from(await read(path)).toString('utf8'), path);
    const name = basename(path, '.pem');
    bundles.push({
      path,
      ...bundle,
      ...(path.startsWith(REGISTRY_FOLDER) ? { registry: name.replace('..', ':') } : {}),
    });
  }
  return bundles;
}

/** What a change board should know about the certificates, as warnings. */
export function caWarnings(bundles: readonly NamedCaBundle[], nowMs: number): Warning[] {
  return bundles.flatMap((bundle) =>
    certificateProblems(bundle.certificates, nowMs).map((problem) => ({
      code: 'W_CERTIFICATE' as const,
      message: `${bundle.path}: ${problem}`,
    })),
  );
}

function assertHost(host: string, value: string): void {
  if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/.test(host)) return;
  throw new AirgapError('E_USAGE', `--ca-bundle ${value}: ${JSON.stringify(host)} is no host[:port]`, {
    hint: 'write HOST:PORT=FILE for one registry, or FILE for general trust',
  });
}

/** A file name as a path segment every bundle can hold. */
function safeName(file: string): string {
  const name = basename(file)
    .replace(/\.(pem|crt|cer)$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_');
  return /^[A-Za-z0-9_]/.test(name) ? name.slice(0, 60) : `ca_${name.slice(0, 57)}`;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `CA bundle ${file} can not be read: ${systemProblem(code)}`, {
      hint: 'correct the path (--ca-bundle, --registry-ca, or caFiles of the site file)',
      cause: error,
    });
  }
}
