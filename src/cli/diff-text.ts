import { createHash } from 'node:crypto';
import type { FieldDifference } from '../core/events.ts';
import { formatYaml } from '../core/yaml.ts';

/** Longer texts (certificates, signatures, scripts) are named by their first line, size and digest. */
const MAX_TEXT = 160;
const FIRST_LINE = 40;

/**
 * Differences as lines for people, in the order of the resource: `+` what comes, `-` what goes. New parts are written as YAML;
 * long texts by first line, length and digest. Secret values are masked before they get here.
 */
export function formatDifferences(differences: readonly FieldDifference[]): string[] {
  return differences.flatMap(({ path, before, after }) => [
    ...(before === undefined ? [] : side('-', path, before)),
    ...(after === undefined ? [] : side('+', path, after)),
  ]);
}

function side(sign: '+' | '-', path: string, value: unknown): string[] {
  const shown = shortened(value);
  const text = formatYaml(shown).trimEnd();
  const isBlock = typeof shown === 'object' && shown !== null && Object.keys(shown).length > 0;
  if (path === '') return text.split('\n').map((line) => `${sign} ${line}`);
  if (!isBlock) return [`${sign} ${path}: ${text}`];
  return [`${sign} ${path}:`, ...text.split('\n').map((line) => `${sign}   ${line}`)];
}

function shortened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shortened(part)]));
  }
  if (typeof value !== 'string' || value.length <= MAX_TEXT) return value;
  const digest = createHash('sha256').update(value).digest('hex').slice(0, 16);
  const [first = ''] = value.split('\n');
  return `${first.slice(0, FIRST_LINE)} … (${Buffer.byteLength(value)} bytes, sha256:${digest})`;
}
