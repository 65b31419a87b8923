import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { normalHost } from './credentials.ts';
import type { Endpoint } from './options.ts';

/** Where a repository is read from, in the order to try; the last is its own location. */
export interface Candidate extends Endpoint {
  /** Kinds of references this place is asked for. */
  readonly serves: 'all' | 'digest-only' | 'tag-only';
}

/** The `[[registry]]` tables of registries.conf that apply. */
export interface Rewrites {
  readonly entries: readonly RewriteEntry[];
}

export interface RewriteEntry {
  readonly prefix: string;
  readonly location: string;
  readonly isInsecure: boolean;
  readonly isBlocked: boolean;
  readonly mirrors: readonly {
    readonly location: string;
    readonly isInsecure: boolean;
    readonly serves: Candidate['serves'];
  }[];
  /** The file it comes from. */
  readonly file: string;
}

const RegistrySchema = z.looseObject({
  prefix: z.string().optional(),
  location: z.string().optional(),
  insecure: z.boolean().default(false),
  blocked: z.boolean().default(false),
  'mirror-by-digest-only': z.boolean().default(false),
  mirror: z
    .array(
      z.looseObject({
        location: z.string(),
        insecure: z.boolean().default(false),
        'pull-from-mirror': z.enum(['all', 'digest-only', 'tag-only', '']).optional(),
      }),
    )
    .default([]),
});

const RegistriesConfSchema = z.looseObject({ registry: z.array(RegistrySchema).default([]) });

/**
 * Loads registries.conf (the first of `files` that exists) and all drop-ins of `dirs` in order; a later table replaces an
 * earlier one of the same prefix (containers-registries.conf.d(5)). Throws `E_CONFIG` naming the file.
 */
export function loadRewrites(files: readonly string[], dirs: readonly string[]): Rewrites {
  const main = files.find((file) => readIfThere(file) !== undefined);
  const dropIns = dirs.flatMap((dir) => listConf(dir));
  const byPrefix = new Map<string, RewriteEntry>();
  for (const file of main === undefined ? dropIns : [main, ...dropIns]) {
    for (const entry of parseRegistriesConf(readIfThere(file) ?? '', file)) byPrefix.set(entry.prefix, entry);
  }
  return { entries: [...byPrefix.values()] };
}

/** The tables of one registries.conf, version 2. Throws `E_CONFIG` that names `file`. */
export function parseRegistriesConf(text: string, file: string): RewriteEntry[] {
  const document = parseToml(text, file);
  if ('registries' in document) {
    throw new AirgapError('E_CONFIG', `${file}: [registries.…] tables are the old version 1 format`, {
      hint: 'write [[registry]] tables, see containers-registries.conf(5)',
    });
  }
  const parsed = RegistriesConfSchema.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new AirgapError('E_CONFIG', `${file}: ${issue?.path.join('.')}: ${issue?.message}`, {
      hint: 'see containers-registries.conf(5)',
    });
  }
  return parsed.data.registry.map((registry) => {
    const location = trimmed(registry.location ?? '');
    const prefix = trimmed(registry.prefix ?? location);
    const isWild = prefix.startsWith('*.');
    if (prefix === '' || (location === '' && !isWild)) {
      throw new AirgapError('E_CONFIG', `${file}: a [[registry]] table has no location`, {
        hint: 'only a prefix that begins with "*." may go without',
      });
    }
    const mirrors = registry.mirror.map((mirror) => ({
      location: trimmed(mirror.location),
      isInsecure: mirror.insecure,
      serves: registry['mirror-by-digest-only']
        ? ('digest-only' as const)
        : mirror['pull-from-mirror'] || ('all' as const),
    }));
    return { prefix, location, isInsecure: registry.insecure, isBlocked: registry.blocked, mirrors, file };
  });
}

/**
 * Where `registry/repository` is read from: mirrors first, then its location, by the table with the longest matching
 * prefix. Throws `E_CONFIG` for a blocked registry.
 */
export function candidatesFor(rewrites: Rewrites, registry: string, repository: string): Candidate[] {
  const name = `${registry}/${repository}`;
  const own: Candidate = { registry, repository, isInsecure: false, serves: 'all' };
  const { entry, length } = longestMatch(rewrites, name);
  if (entry === undefined) return [own];
  if (entry.isBlocked) {
    throw new AirgapError('E_CONFIG', `${name}: the registry is blocked by ${entry.file} (prefix ${entry.prefix})`, {
      hint: 'remove "blocked = true" there, or read the content from somewhere else',
    });
  }
  const rest = name.slice(length);
  const at = (location: string, isInsecure: boolean, serves: Candidate['serves']): Candidate => {
    const path = `${location}${rest}`;
    const slash = path.indexOf('/');
    if (slash <= 0)
      throw new AirgapError('E_CONFIG', `${entry.file}: ${JSON.stringify(location)} is no registry location`, {
        hint: 'write host[:port]/path, see containers-registries.conf(5)',
      });
    return { registry: normalHost(path.slice(0, slash)), repository: path.slice(slash + 1), isInsecure, serves };
  };
  const mirrors = entry.mirrors.map((mirror) => at(mirror.location, mirror.isInsecure, mirror.serves));
  const target =
    entry.location === '' ? { ...own, isInsecure: entry.isInsecure } : at(entry.location, entry.isInsecure, 'all');
  return [...mirrors, target];
}

function longestMatch(rewrites: Rewrites, name: string): { entry?: RewriteEntry; length: number } {
  let best: { entry?: RewriteEntry; length: number } = { length: 0 };
  for (const entry of rewrites.entries) {
    const length = matchLength(name, entry.prefix);
    if (length > best.length) best = { entry, length };
  }
  return best;
}

/** How much of `name` a prefix covers, 0 when it does not match: whole path components, `*.` one or more leading labels. */
function matchLength(name: string, prefix: string): number {
  if (prefix.startsWith('*.')) {
    const rest = prefix.slice(1);
    const at = name.indexOf(rest);
    const end = at + rest.length;
    return at > 0 && !name.slice(0, at).includes('/') && isBoundary(name, end) ? end : 0;
  }
  return name.startsWith(prefix) && isBoundary(name, prefix.length) ? prefix.length : 0;
}

function isBoundary(name: string, at: number): boolean {
  return at === name.length || name[at] === '/' || name[at] === ':';
}

function trimmed(location: string): string {
  return location.replace(/\/+$/, '');
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new AirgapError('E_CONFIG', `${file}:${error.line}:${error.column}: not valid TOML`, {
      hint: 'correct the file at that place, see containers-registries.conf(5)',
      cause: error,
    });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw new AirgapError('E_CONFIG', `${file} can not be read`, { hint: 'check its permissions', cause: error });
  }
}

function listConf(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith('.conf'))
      .toSorted()
      .map((name) => join(dir, name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return [];
    throw new AirgapError('E_CONFIG', `${dir} can not be read`, { hint: 'check its permissions', cause: error });
  }
}
