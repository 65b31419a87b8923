import { basename } from 'node:path';
import { AirgapError } from '../core/errors.ts';

/** A time a person wrote as `YYYY-MM-DDThh:mm:ssZ`; a date alone is its first second. Throws `E_USAGE` naming the flag. */
export function parseTime(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  const hasForm = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  if (Number.isNaN(time) || !hasForm) {
    throw new AirgapError('E_USAGE', `${flag}: ${JSON.stringify(text)} is no time`, {
      hint: 'write it like 2026-11-22T16:00:00Z, or as a date',
    });
  }
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Throws `E_USAGE` for a bundle that would have expired when it is made. */
export function assertLifetime(createdAt: string | undefined, expiresAt: string | undefined): void {
  if (expiresAt === undefined || Date.parse(expiresAt) > (createdAt === undefined ? Date.now() : Date.parse(createdAt)))
    return;
  throw new AirgapError('E_USAGE', `--expires ${expiresAt} is not after the creation of the bundle`, {
    hint: 'give a later time',
  });
}

/** The stream a bundle belongs to when none is named: the configuration file's name in the form of a stream name. */
export function defaultBundleName(configPath: string): string {
  const name = basename(configPath)
    .replace(/\.(ya?ml|json)$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'airgap' : name;
}
