/** Column after which a blank becomes a line break, as in every document Kubernetes tools print. */
const BEST_WIDTH = 80;

const LITERAL_WORDS = new Set(
  ['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null', '.inf', '+.inf', '-.inf', '.nan'].flatMap((word) => [
    word,
    word.toUpperCase(),
    word.replace(/[a-z]/, (letter) => letter.toUpperCase()),
  ]),
)
  .add('~')
  .add('')
  .add('.NaN');
const INTEGER = /^[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const SEXAGESIMAL = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const TIMESTAMP =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d{2}:\d{2})| \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?))?$/;

const BREAK = /[\r\n\u0085\u2028\u2029]/;
/** What a YAML 1.1 writer puts out unescaped: no tab, nothing outside the basic plane. */
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;
const TO_ESCAPE = /["\\\r\n\u0085\u2028\u2029]|[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

/**
 * One YAML document in the form every Kubernetes tool writes (YAML 1.1 rules of the Go serialiser): keys in natural
 * order, lists not indented below their key, strings that another type could be read from in double quotes, several
 * lines as a literal block, long text folded at blanks. Byte for byte what `oc` and oc-mirror would print for the same
 * data. Members that are `undefined` are left out.
 */
export function formatKubernetesYaml(value: unknown): string {
  if (isCollection(value)) return `${block(value, 0)}\n`;
  return `${scalar(value, 0, '', false)}\n`;
}

/** Several documents, each introduced by `---`. */
export function formatKubernetesYamlStream(values: readonly unknown[]): string {
  return values.map((value) => `---\n${formatKubernetesYaml(value)}`).join('');
}

type Collection = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The lines of a non-empty collection; the first line carries no indentation, its writer has put it. */
function block(value: Collection, indent: number): string {
  const pad = `\n${' '.repeat(indent)}`;
  if (Array.isArray(value)) return value.map((item) => `-${child(item, indent, '-', false)}`).join(pad);
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareNaturally(a, b))
    .map(([name, member]) => {
      const key = `${scalar(name, indent, '', true)}:`;
      return `${key}${child(member, indent, key, true)}`;
    })
    .join(pad);
}

/** What follows `-` or `key:` on the line and below it. */
function child(value: unknown, indent: number, before: string, inMapping: boolean): string {
  if (!isCollection(value)) {
    const lead = `${' '.repeat(indent)}${before} `;
    return ` ${scalar(value, indent + 2, lead, false)}`;
  }
  if (!inMapping) return ` ${block(value, indent + 2)}`;
  const below = Array.isArray(value) ? indent : indent + 2;
  return `\n${' '.repeat(below)}${block(value, below)}`;
}

function isCollection(value: unknown): value is Collection {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : Object.values(value).some((member) => member !== undefined);
}

/** `lead` is what is on the line already, for folding; `indent` where continuation lines begin. */
function scalar(value: unknown, indent: number, lead: string, isKey: boolean): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return Array.isArray(value) ? '[]' : '{}';

  const shape = shapeOf(value);
  if (value.includes('\n') && !isKey && shape.literalAllowed) return literal(value, indent);
  const quoted = value.includes('\n') || readsAsOtherType(value);
  const fold: Fold = { indent, column: [...lead].length, allowed: !isKey };
  if (!quoted && shape.plainAllowed) return flow(value, '', fold);
  if (!quoted && shape.singleQuotesAllowed) return flow(value, "'", fold);
  return flow(value, '"', fold);
}

/** True when a YAML 1.1 reader would take the unquoted text for something that is no string. */
function readsAsOtherType(text: string): boolean {
  if (LITERAL_WORDS.has(text)) return true;
  if (!/^[-+.0-9]/.test(text)) return false;
  if (SEXAGESIMAL.test(text)) return true;
  const date = TIMESTAMP.exec(text);
  if (date !== null && isDate(Number(date[1]), Number(date[2]), Number(date[3]))) return true;
  const digits = text.replaceAll('_', '');
  return INTEGER.test(digits) || (FLOAT.test(digits) && Number.isFinite(Number(digits)));
}

function isDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

interface Shape {
  readonly plainAllowed: boolean;
  readonly singleQuotesAllowed: boolean;
  readonly literalAllowed: boolean;
}

/** Which styles can hold the text (YAML 1.1, scalar styles). */
function shapeOf(text: string): Shape {
  const special = UNPRINTABLE.test(text) || / [\r\n\u0085\u2028\u2029]/.test(text);
  const breakThenBlank = /[\r\n\u0085\u2028\u2029] /.test(text);
  const indicators =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[-?:](?:[ \t]|$)/.test(text) ||
    /:(?:[ \t\r\n\u0085\u2028\u2029]|$)/.test(text) ||
    /[ \t\r\n\u0085\u2028\u2029]#/.test(text);
  const blankEnds = text.startsWith(' ') || text.endsWith(' ');
  return {
    plainAllowed: !special && !indicators && !blankEnds && !BREAK.test(text),
    singleQuotesAllowed: !special && !breakThenBlank,
    literalAllowed: !special && !text.endsWith(' '),
  };
}

function literal(text: string, indent: number): string {
  const hint = /^[ \r\n\u0085\u2028\u2029]/.test(text) ? '2' : '';
  const chomping = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  const pad = ' '.repeat(indent);
  const lines = body.split('\n').map((line) => (line === '' ? '' : `${pad}${line}`));
  return `|${hint}${chomping}\n${lines.join('\n')}`;
}

interface Fold {
  readonly indent: number;
  readonly column: number;
  readonly allowed: boolean;
}

/** Plain or quoted text; a single blank beyond the best width becomes a line break. */
function flow(text: string, quote: '' | "'" | '"', fold: Fold): string {
  const characters = [...text];
  const last = characters.length - 1;
  let column = fold.column + quote.length;
  let out = quote;
  let afterBlank = false;
  for (const [index, character] of characters.entries()) {
    const isBlank = character === ' ';
    const nextIsBlank = characters[index + 1] === ' ';
    const inside = quote === '' || (index > 0 && index < last);
    if (isBlank && fold.allowed && !afterBlank && column > BEST_WIDTH && inside && (quote === '"' || !nextIsBlank)) {
      const continued = nextIsBlank ? '\\' : '';
      out += `\n${' '.repeat(fold.indent)}${continued}`;
      column = fold.indent + continued.length;
    } else {
      const written = quote === '"' ? escape(character) : quote === "'" && character === "'" ? "''" : character;
      out += written;
      column += [...written].length;
    }
    afterBlank = isBlank;
  }
  return out + quote;
}

function escape(character: string): string {
  if (!TO_ESCAPE.test(character)) return character;
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${hex.padStart(4, '0')}`;
  return `\\U${hex.padStart(8, '0')}`;
}

/** Letters after everything else, runs of digits by their value, else by code point. */
function compareNaturally(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const [x, y] = [left[index] ?? '', right[index] ?? ''];
    if (x === y) continue;
    const [xIsLetter, yIsLetter] = [/\p{L}/u.test(x), /\p{L}/u.test(y)];
    if (xIsLetter !== yIsLetter) return xIsLetter ? 1 : -1;
    if (!xIsLetter) {
      const byNumber = compareDigits(left, right, index);
      if (byNumber !== 0) return byNumber;
    }
    return (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0);
  }
  return left.length - right.length;
}

function compareDigits(left: readonly string[], right: readonly string[], index: number): number {
  const [a, b] = [digitsFrom(left, index), digitsFrom(right, index)];
  // A zero in the middle of a number is a digit like any other; at its start it counts for nothing.
  const inNumber = /[1-9][0-9]*$/.test(left.slice(0, index).join(''));
  const lead = inNumber && (left[index] === '0' || right[index] === '0') ? '1' : '0';
  const [x, y] = [BigInt(lead + a), BigInt(lead + b)];
  if (x !== y) return x < y ? -1 : 1;
  return a.length - b.length;
}

function digitsFrom(characters: readonly string[], index: number): string {
  return /^[0-9]*/.exec(characters.slice(index).join(''))?.[0] ?? '';
}
