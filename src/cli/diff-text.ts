import { createHash } from 'node:crypto';
import type { FieldDifference } from '../core/events.ts';

/** Longer texts (certificates, signatures, scripts) are named by their first line, size and digest. */
const MAX_TEXT = 160;
const FIRST_LINE = 40;

/** Text that needs no quotes to be read as what it is. */
const PLAIN = /^[A-Za-z0-9_./(@-](?:[A-Za-z0-9_./:@,()…+=* -]*[A-Za-z0-9_./@)…+=*-])?$/;
const OTHER_THAN_TEXT = /^(?:true|false|null|~|-|-?[\d.]+(?:e[+-]?\d+)?)$/i;

/**
 * Differences as lines for people, in the order of the resource: `+` what comes, `-` what goes. New parts are written in the
 * manner of YAML; long texts by first line, length and digest. Secret values are masked before they get here. (Own code: the
 * YAML library would be loaded at every start of the tool.)
 */
export function formatDifferences(differences: readonly FieldDifference[]): string[] {
  return differences.flatMap(({ path, before, after }) => [
    ...(before === undefined ? [] : side('-', path, before)),
    ...(after === undefined ? [] : side('+', path, after)),
  ]);
}

function side(sign: '+' | '-', path: string, value: unknown): string[] {
  return (path === '' ? linesOf(value) : fieldLines(path, value)).map((line) => `${sign} ${line}`);
}

function fieldLines(name: string, value: unknown): string[] {
  if (isEmptyOrScalar(value)) return [`${name}: ${scalar(value)}`];
  return [`${name}:`, ...linesOf(value).map((line) => `  ${line}`)];
}

function linesOf(value: unknown): string[] {
  if (isEmptyOrScalar(value)) return [scalar(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item) => linesOf(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  return Object.entries(value as object).flatMap(([key, part]) => fieldLines(scalar(key), part));
}

function isEmptyOrScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (value.length > MAX_TEXT) {
    const digest = createHash('sha256').update(value).digest('hex').slice(0, 16);
    const [first = ''] = value.split('\n');
    return `${quoted(first.slice(0, FIRST_LINE))} … (${Buffer.byteLength(value)} bytes, sha256:${digest})`;
  }
  return quoted(value);
}

/** Quotes also what could move the cursor or be taken for another type. */
function quoted(text: string): string {
  return PLAIN.test(text) && !OTHER_THAN_TEXT.test(text) ? text : JSON.stringify(text);
}
