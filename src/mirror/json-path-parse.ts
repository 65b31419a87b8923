import { AirgapError } from '../core/errors.ts';

/** One step from a set of values to the next. */
export type Step =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'constant'; readonly value: number | boolean }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'descend' }
  | Slice
  | { readonly kind: 'union'; readonly branches: readonly (readonly Step[])[] }
  | Filter;

export interface Slice {
  readonly kind: 'slice';
  readonly start?: number;
  readonly end?: number;
  /** True for a single index: an `end` of 0 then means the end of the list. */
  readonly single: boolean;
  readonly step: number;
}

export interface Filter {
  readonly kind: 'filter';
  readonly left: readonly Step[];
  readonly operator: 'exists' | '<' | '>' | '==' | '!=' | '<=' | '>=';
  readonly right: readonly Step[];
}

/** Literal text, an action in braces, or a `{range}` with everything up to its `{end}`. */
export type Block =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'action'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly over: readonly Step[]; readonly body: readonly Block[] };

type Word = { readonly kind: 'word'; readonly name: string };

interface Cursor {
  readonly text: string;
  at: number;
}

const OPERATORS: readonly Filter['operator'][] = ['<', '>', '==', '!=', '<=', '>='];
const TERMINATOR = /[ \t\r\n.,[\]$@{}]/;

/**
 * Parses a JSONPath template as `kubectl -o jsonpath` reads it: text outside braces is literal. Throws `E_CONFIG` that
 * shows the template and the place. (Kubernetes documentation, "JSONPath Support".)
 */
export function parseJsonPath(template: string): readonly Block[] {
  const cursor: Cursor = { text: template, at: 0 };
  const blocks = parseBlocks(cursor, false);
  return blocks;
}

function parseBlocks(cursor: Cursor, inRange: boolean): readonly Block[] {
  const blocks: Block[] = [];
  while (cursor.at < cursor.text.length) {
    const open = cursor.text.indexOf('{', cursor.at);
    const literal = cursor.text.slice(cursor.at, open < 0 ? undefined : open);
    if (literal !== '') blocks.push({ kind: 'literal', text: literal });
    if (open < 0) break;
    cursor.at = open + 1;
    const [first, ...rest] = parseAction(cursor);
    if (first?.kind !== 'word') {
      blocks.push({ kind: 'action', steps: withoutWords(cursor, first === undefined ? [] : [first, ...rest]) });
    } else if (first.name === 'range') {
      blocks.push({ kind: 'range', over: withoutWords(cursor, rest), body: parseBlocks(cursor, true) });
    } else if (first.name === 'end') {
      if (!inRange) throw pathError(cursor, '{end} without {range}');
      return blocks;
    } else {
      throw pathError(cursor, `${JSON.stringify(first.name)} is no keyword, a field begins with "."`);
    }
  }
  if (inRange) throw pathError(cursor, '{range} without {end}');
  cursor.at = cursor.text.length;
  return blocks;
}

function withoutWords(cursor: Cursor, steps: readonly (Step | Word)[]): readonly Step[] {
  return steps.map((step) => {
    if (step.kind !== 'word') return step;
    throw pathError(cursor, `${JSON.stringify(step.name)} is no keyword here, a field begins with "."`);
  });
}

/** The steps up to the closing brace, which is consumed. */
function parseAction(cursor: Cursor): (Step | Word)[] {
  const steps: (Step | Word)[] = [];
  for (;;) {
    const rest = cursor.text.slice(cursor.at);
    const character = rest[0];
    if (character === undefined || character === '\n' || character === '\r') throw pathError(cursor, 'unclosed "{"');
    if (character === '}') {
      cursor.at += 1;
      return steps;
    }
    if (character === ' ' || character === '@' || character === '$') cursor.at += 1;
    else if (rest.startsWith('..')) steps.push(...parseDescend(cursor, steps.at(-1)));
    else if (rest.startsWith('[?(')) steps.push(parseFilter(cursor));
    else if (character === '[') steps.push(...parseBrackets(cursor));
    else if (character === '"' || character === "'") steps.push({ kind: 'text', text: parseQuoted(cursor) });
    else if (character === '.') {
      cursor.at += 1;
      steps.push(parseField(cursor));
    } else if (/^[-+0-9]/.test(rest)) steps.push(parseNumber(cursor));
    else if (/^[\p{L}_]/u.test(rest)) steps.push(parseWord(cursor));
    else throw pathError(cursor, `unexpected ${JSON.stringify(character)}`);
  }
}

function parseDescend(cursor: Cursor, before: Step | Word | undefined): readonly Step[] {
  if (before?.kind === 'descend') throw pathError(cursor, '".." twice');
  cursor.at += 2;
  const named = /^[\p{L}\p{Nd}_]/u.test(cursor.text.slice(cursor.at));
  return named ? [{ kind: 'descend' }, parseField(cursor)] : [{ kind: 'descend' }];
}

function parseField(cursor: Cursor): Step {
  const from = cursor.at;
  while (cursor.at < cursor.text.length) {
    const character = cursor.text.charAt(cursor.at);
    if (character === '\\') cursor.at += 1;
    else if (TERMINATOR.test(character)) break;
    cursor.at += 1;
  }
  const name = cursor.text.slice(from, cursor.at);
  return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') };
}

function parseWord(cursor: Cursor): Step | Word {
  const name = /^[^ \t\r\n.,[\]$@{}]*/.exec(cursor.text.slice(cursor.at))?.[0] ?? '';
  cursor.at += name.length;
  return name === 'true' || name === 'false' ? { kind: 'constant', value: name === 'true' } : { kind: 'word', name };
}

function parseNumber(cursor: Cursor): Step {
  const text = /^[-+]?[0-9.]*/.exec(cursor.text.slice(cursor.at))?.[0] ?? '';
  const value = Number(text);
  if (text === '' || Number.isNaN(value) || !/[0-9]/.test(text)) throw pathError(cursor, `${text} is no number`);
  cursor.at += text.length;
  return { kind: 'constant', value };
}

/** An index, a slice, `*`, a quoted key, or several of them separated by commas. */
function parseBrackets(cursor: Cursor): readonly Step[] {
  const close = cursor.text.indexOf(']', cursor.at);
  const inner = cursor.text.slice(cursor.at + 1, close);
  if (close < 0 || inner.includes('\n')) throw pathError(cursor, 'unclosed "["');
  const parts = inner.split(',').map((part) => parseIndex(cursor, inner.includes(',') ? part.trim() : part));
  cursor.at = close + 1;
  return parts.length === 1 ? (parts[0] ?? []) : [{ kind: 'union', branches: parts }];
}

function parseIndex(cursor: Cursor, text: string): readonly Step[] {
  const key = /^'([^']*)'$/.exec(text)?.[1];
  // A quoted key is read like the text after a dot: `\.` for a dot in a name.
  if (key !== undefined) return withoutWords(cursor, parseAction({ text: `.${key}}`, at: 0 }));
  const match = /^(-?\d*)(?::(-?\d*))?(?::(-?\d*))?$/.exec(text === '*' ? ':' : text);
  if (match === null) throw pathError(cursor, `${JSON.stringify(text)} is no index`);
  const start = toIndex(match[1]);
  const single = match[2] === undefined;
  const end = single ? (start ?? 0) + 1 : toIndex(match[2]);
  const step = toIndex(match[3]) ?? 1;
  if (step <= 0) throw pathError(cursor, 'the step of a slice must be positive');
  return [
    { kind: 'slice', ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }), single, step },
  ];
}

function toIndex(text: string | undefined): number | undefined {
  return text === undefined || text === '' || text === '-' ? undefined : Number(text);
}

function parseFilter(cursor: Cursor): Filter {
  const from = cursor.at + '[?('.length;
  const to = endOfFilter(cursor, from);
  if (cursor.text[to + 1] !== ']') throw pathError(cursor, 'expected "]" after the filter');
  cursor.at = to + 2;
  const text = cursor.text.slice(from, to);
  const match = /^([^!<>=]+)([!<>=]+)(.+?)$/.exec(text);
  const [, left = text, operator, right] = match ?? [];
  const operand = (side: string): readonly Step[] => withoutWords(cursor, parseAction({ text: `${side}}`, at: 0 }));
  if (operator === undefined || right === undefined)
    return { kind: 'filter', left: operand(left), operator: 'exists', right: [] };
  const known = OPERATORS.find((candidate) => candidate === operator);
  if (known === undefined) throw pathError(cursor, `unknown operator ${operator}`);
  return { kind: 'filter', left: operand(left), operator: known, right: operand(right) };
}

/** Position of the parenthesis that closes the filter; one in a quoted text does not. */
function endOfFilter(cursor: Cursor, from: number): number {
  let quote = '';
  for (let at = from; at < cursor.text.length && cursor.text[at] !== '\n'; at += 1) {
    const character = cursor.text.charAt(at);
    if (quote === '' && character === ')') return at;
    if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote && cursor.text[at - 1] !== '\\') quote = '';
  }
  throw pathError(cursor, 'unclosed filter');
}

function parseQuoted(cursor: Cursor): string {
  const quote = cursor.text.charAt(cursor.at);
  const match = new RegExp(`^${quote}((?:[^${quote}\\\\\\n]|\\\\[^\\n])*)${quote}`).exec(cursor.text.slice(cursor.at));
  if (match === null) throw pathError(cursor, 'unclosed quotation mark');
  cursor.at += match[0].length;
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
  return (match[1] ?? '').replace(/\\(.)/g, (_, character: string) => escapes[character] ?? character);
}

function pathError(cursor: Cursor, problem: string): AirgapError {
  const place = `JSONPath ${JSON.stringify(cursor.text)}, character ${cursor.at + 1}`;
  return new AirgapError('E_CONFIG', `${place}: ${problem}`, {
    hint: 'write it as for kubectl -o jsonpath, for example {.spec.image}',
  });
}
