/**
 * Translates the syntax of RE2 (https://github.com/google/re2/wiki/Syntax, as Go's `regexp` reads it) to a JavaScript
 * expression for the `u` flag. RE2 has no look-around and no back-references; both are refused, as is what only RE2
 * knows and nobody needs for image names (`\C`). Matching itself is done by JavaScript, so an
 * expression with nested repetitions can be slow where RE2 would not be; the texts are short and the pattern is the
 * user's own.
 */
export type Translation = { readonly source: string } | { readonly problem: string; readonly hint: string };

/** RE2 bounds repetition counts. */
const MAX_REPEAT = 1000;
const CORRECT = 'correct the expression';

/** First and last code point of every range, in ascending order. */
type Ranges = readonly (readonly [number, number])[];

const POSIX_CLASSES: Readonly<Record<string, Ranges>> = {
  alnum: rangesOf('09AZaz'),
  alpha: rangesOf('AZaz'),
  ascii: [[0, 0x7f]],
  blank: rangesOf('\t\t  '),
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: rangesOf('09'),
  graph: rangesOf('!~'),
  lower: rangesOf('az'),
  print: rangesOf(' ~'),
  punct: rangesOf('!/:@[`{~'),
  space: rangesOf('\t\r  '),
  upper: rangesOf('AZ'),
  word: rangesOf('09AZ__az'),
  xdigit: rangesOf('09AFaf'),
};

const LAST_CODE_POINT = 0x10ffff;

/** Perl classes are ASCII in RE2; JavaScript's `\s` is not. */
const PERL_CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' };
const CONTROL_ESCAPES: Readonly<Record<string, string>> = {
  a: '\\x07',
  f: '\\f',
  n: '\\n',
  r: '\\r',
  t: '\\t',
  v: '\\v',
};

class PatternProblem extends Error {
  readonly hint: string;

  constructor(problem: string, hint: string) {
    super(problem);
    this.hint = hint;
  }
}

/** The JavaScript source of an RE2 expression, or what is wrong with it. */
export function translatePattern(text: string): Translation {
  try {
    return { source: new Translator(text).run() };
  } catch (error) {
    if (!(error instanceof PatternProblem)) throw error;
    return { problem: error.message, hint: error.hint };
  }
}

/** Walks the expression once; every method consumes from `at` on. */
class Translator {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  run(): string {
    const source = this.alternatives('', '');
    if (this.at < this.text.length) throw new PatternProblem('unexpected ")"', 'write "\\)" for the character itself');
    return source;
  }

  /**
   * Up to the closing bracket. A flag set inside holds to the end of the group, across `|`, so every stretch with its
   * own flags gets its own bracket. `outer` are the flags that hold around it.
   */
  private alternatives(outer: string, initial: string): string {
    let flags = initial;
    let source = '';
    let piece = '';
    let canRepeat = false;
    const close = () => {
      source += withFlags(outer, flags, piece);
      piece = '';
      canRepeat = false;
    };
    while (this.at < this.text.length && this.text[this.at] !== ')') {
      const setFlags = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?\)/.exec(this.text.slice(this.at));
      if (setFlags !== null) {
        close();
        flags = changedFlags(flags, setFlags[1]!, setFlags[2]);
        this.at += setFlags[0].length;
      } else if (this.text[this.at] === '|') {
        close();
        source += '|';
        this.at += 1;
      } else {
        const repeat = this.repetition(canRepeat);
        piece += repeat ?? this.atom(flags);
        canRepeat = repeat === undefined;
      }
    }
    close();
    return source;
  }

  private repetition(canRepeat: boolean): string | undefined {
    const match = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/.exec(this.text.slice(this.at));
    if (match === null) return undefined;
    if (!canRepeat) throw new PatternProblem(`"${match[0]}" has nothing to repeat`, CORRECT);
    const [least, most] = [match[1], match[2]].map((count) =>
      count === undefined || count === '' ? 0 : Number(count),
    );
    if (Math.max(least!, most!) > MAX_REPEAT) {
      throw new PatternProblem(`"${match[0]}" repeats more than ${MAX_REPEAT} times`, CORRECT);
    }
    this.at += match[0].length;
    return match[0];
  }

  private atom(flags: string): string {
    const character = String.fromCodePoint(this.text.codePointAt(this.at)!);
    if (character === '(') return this.group(flags);
    if (character === '[') return this.characterClass();
    if (character === '\\') return this.escape(false);
    this.at += character.length;
    if (character === '.') return character;
    // In brackets, since RE2 lets anchors be repeated and JavaScript does not.
    if ('^$'.includes(character)) return `(?:${character})`;
    return literal(character);
  }

  private group(flags: string): string {
    const rest = this.text.slice(this.at);
    if (/^\(\?<?[=!]/.test(rest)) {
      throw new PatternProblem('look-around is not part of RE2', 'say what to block directly, without (?=, (?!, (?<');
    }
    const named = /^\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(rest);
    const flagged = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?:/.exec(rest);
    if (named === null && flagged === null && rest.startsWith('(?')) {
      throw new PatternProblem(`unknown group ${JSON.stringify(rest.slice(0, 4))}`, CORRECT);
    }
    this.at += (named ?? flagged)?.[0].length ?? 1;
    const inner = flagged === null ? flags : changedFlags(flags, flagged[1]!, flagged[2]);
    const body = this.alternatives(flags, inner);
    if (this.text[this.at] !== ')') throw new PatternProblem('a "(" is never closed', 'add ")" or write "\\("');
    this.at += 1;
    return `(?:${body})`;
  }

  private characterClass(): string {
    this.at += 1;
    let source = '[';
    if (this.text[this.at] === '^') {
      source += '^';
      this.at += 1;
    }
    for (let first = true; first || this.text[this.at] !== ']'; first = false) source += this.classMember();
    this.at += 1;
    return `${source}]`;
  }

  /** A set, one character, or a range; `-` stands for itself wherever it can not be a range. */
  private classMember(): string {
    const low = this.classItem();
    const isRange = this.text[this.at] === '-' && this.text[this.at + 1] !== ']' && this.at + 1 < this.text.length;
    if (low.isSet || !isRange) return low.source;
    this.at += 1;
    const high = this.classItem();
    if (high.isSet) throw new PatternProblem(`bad range end in ${JSON.stringify(this.text)}`, CORRECT);
    return `${low.source}-${high.source}`;
  }

  private classItem(): { readonly source: string; readonly isSet: boolean } {
    const rest = this.text.slice(this.at);
    if (rest === '') throw new PatternProblem('a "[" is never closed', 'add "]" or write "\\["');
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(rest);
    if (posix !== null) return { source: this.take(posix[0], posixClass(posix[2]!, posix[1] === '^')), isSet: true };
    if (rest[0] === '\\') return { source: this.escape(true), isSet: /^\\[dDwWsSpP]/.test(rest) };
    const character = String.fromCodePoint(rest.codePointAt(0)!);
    return { source: this.take(character, literal(character)), isSet: false };
  }

  private escape(inClass: boolean): string {
    const rest = this.text.slice(this.at);
    const quoted = /^\\Q(.*?)(?:\\E|$)/su.exec(rest);
    if (quoted !== null && !inClass) return this.take(quoted[0], [...quoted[1]!].map(literal).join('') || '(?:)');
    const hex = /^\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
    const octal = /^\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    const property = /^\\[pP](?:[A-Z]|\{\^?[A-Za-z_]+\})/.exec(rest);
    if (hex !== null) return this.take(hex[0], codePoint(Number.parseInt((hex[1] ?? hex[2])!, 16)));
    if (octal !== null) return this.take(octal[0], codePoint(Number.parseInt(octal[0].slice(1), 8)));
    if (property !== null) return this.take(property[0], unicodeProperty(property[0]));
    const letter = rest.length < 2 ? '' : String.fromCodePoint(rest.codePointAt(1)!);
    return this.take(`\\${letter}`, simpleEscape(letter, inClass));
  }

  private take(consumed: string, source: string): string {
    this.at += consumed.length;
    return source;
  }
}

function simpleEscape(letter: string, inClass: boolean): string {
  if (letter === '') throw new PatternProblem('a "\\" at the end', 'write "\\\\" for the character itself');
  if (/[1-9]/.test(letter))
    throw new PatternProblem('back-references are not part of RE2', 'repeat the expression instead');
  const perl = PERL_CLASSES[letter.toLowerCase()];
  if (perl !== undefined) {
    const negated = letter !== letter.toLowerCase();
    if (inClass) return negated ? `\\${letter}` : perl;
    return negated ? `[^${perl}]` : `[${perl}]`;
  }
  const control = CONTROL_ESCAPES[letter];
  if (control !== undefined) return control;
  if (!inClass) {
    if (letter === 'A') return '(?-m:^)';
    if (letter === 'z') return '(?-m:$)';
    if (letter === 'b' || letter === 'B') return `(?:\\${letter})`;
  }
  if (/[A-Za-z0-9]/.test(letter)) throw new PatternProblem(`unknown escape "\\${letter}"`, CORRECT);
  return literal(letter);
}

/** `source` in brackets that turn `outer` into `flags`, where they differ. */
function withFlags(outer: string, flags: string, source: string): string {
  if (outer === flags || source === '') return source;
  const added = [...flags].filter((flag) => !outer.includes(flag)).join('');
  const removed = [...outer].filter((flag) => !flags.includes(flag)).join('');
  return `(?${added}${removed === '' ? '' : `-${removed}`}:${source})`;
}

/**
 * JavaScript knows `i`, `m` and `s` as group modifiers with the meaning RE2 gives them. `U` only decides how much a
 * repetition takes, never whether there is a match.
 */
function changedFlags(current: string, added: string, removed: string | undefined): string {
  for (const flag of added + (removed ?? '')) {
    if (!'imsU'.includes(flag)) throw new PatternProblem(`unknown flag "${flag}"`, 'RE2 flags are i, m, s and U');
  }
  return [...'ims']
    .filter((flag) => (current.includes(flag) || added.includes(flag)) && removed?.includes(flag) !== true)
    .join('');
}

function posixClass(name: string, negated: boolean): string {
  const ranges = POSIX_CLASSES[name];
  if (ranges === undefined) throw new PatternProblem(`unknown character class "[:${name}:]"`, CORRECT);
  return (negated ? complementOf(ranges) : ranges)
    .map(([low, high]) => `${codePoint(low)}-${codePoint(high)}`)
    .join('');
}

function complementOf(ranges: Ranges): Ranges {
  const starts = [0, ...ranges.map(([, high]) => high + 1)];
  const ends = [...ranges.map(([low]) => low - 1), LAST_CODE_POINT];
  return starts.map((start, at) => [start, ends[at]!] as const).filter(([low, high]) => low <= high);
}

/** Pairs of first and last character. */
function rangesOf(pairs: string): Ranges {
  const points = [...pairs].map((character) => character.codePointAt(0)!);
  return points.flatMap((low, at) => (at % 2 === 0 ? [[low, points[at + 1]!] as const] : []));
}

function unicodeProperty(text: string): string {
  const name = text.replace(/^\\[pP]\{?\^?/, '').replace('}', '');
  const negated = text.startsWith('\\P') !== text.includes('^');
  const key = name.length <= 2 ? name : `Script=${name}`;
  return `\\${negated ? 'P' : 'p'}{${key}}`;
}

function codePoint(value: number): string {
  if (value > LAST_CODE_POINT) throw new PatternProblem('a character above U+10FFFF', CORRECT);
  return `\\u{${value.toString(16)}}`;
}

/** A character that stands for itself, in a class or outside. */
function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/-]/.test(character) ? codePoint(character.codePointAt(0)!) : character;
}
