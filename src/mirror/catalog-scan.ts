import { AirgapError } from '../core/errors.ts';

/** Where one document of a stream of JSON documents begins and ends, and what its first level says it is. */
export interface ScannedDocument {
  readonly schema: string | undefined;
  readonly package: string | undefined;
  readonly name: string | undefined;
  /** Line of its first character, counted from 1. */
  readonly line: number;
  /** All its bytes. Costs a copy when the document came in several chunks. */
  bytes(): Buffer;
}

export interface DocumentScanner {
  write(chunk: Buffer): void;
  /** Throws `E_CONFIG` when the last document is not complete. */
  end(): void;
}

/** A single document larger than this is refused (E_LIMIT); the largest real ones have a few MiB. */
const MAX_DOCUMENT_SIZE = 128 * 1024 * 1024;
/** Deeper nesting is refused (E_LIMIT): it can only be meant to exhaust the stack of a parser. */
const MAX_DEPTH = 500;
/** Text of a first-level field that is longer is not one of the names looked for. */
const MAX_NAME_LENGTH = 4096;
/** Native search pays off only behind the first bytes of a string: most strings are short. */
const SHORT_STRING = 24;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
/** White space, and the dashes of a YAML document separator between JSON documents. */
const SEPARATORS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d, 0x2d]);

type WantedField = 'schema' | 'package' | 'name';

/**
 * Splits a stream of JSON objects, with nothing but white space between them, into documents, without parsing them: most
 * documents of a large catalog are never needed. `schema`, `package` and `name` are read in passing where they are
 * plain text. Only what is needed to find the ends is checked. Errors name `file` and the line.
 */
export function scanDocuments(file: string, onDocument: (document: ScannedDocument) => void): DocumentScanner {
  let line = 1;
  let startLine = 1;
  let depth = 0;
  let size = 0;
  let parts: Buffer[] = [];
  let isInString = false;
  let isEscaped = false;
  let isKey = false;
  let key = '';
  let text: Buffer[] | undefined;
  let textLength = 0;
  let found: Partial<Record<WantedField, string>> = {};

  return { write, end };

  function write(chunk: Buffer): void {
    const length = chunk.length;
    let documentStart = depth > 0 ? 0 : -1;
    let textStart = text === undefined ? -1 : 0;
    let index = 0;
    while (index < length) {
      if (isInString) {
        const close = findStringEnd(chunk, index);
        if (text !== undefined) keepText(chunk.subarray(textStart, close));
        if (close === length) break;
        isInString = false;
        if (text !== undefined) finishText();
        index = close + 1;
        continue;
      }
      const byte = chunk[index]!;
      if (byte === QUOTE) {
        if (depth === 0) throw unexpected(byte);
        isInString = true;
        if (depth === 1) {
          text = [];
          textLength = 0;
          textStart = index + 1;
        }
      } else if (byte === 0x7b || byte === 0x5b) {
        if (depth === 0) {
          if (byte === 0x5b) throw unexpected(byte);
          documentStart = index;
          startLine = line;
          isKey = true;
        }
        depth += 1;
        if (depth > MAX_DEPTH) throw new AirgapError('E_LIMIT', `${at()}: nested deeper than ${MAX_DEPTH} levels`);
      } else if (byte === 0x7d || byte === 0x5d) {
        if (depth === 0) throw unexpected(byte);
        depth -= 1;
        if (depth === 0) {
          finishDocument(chunk.subarray(documentStart, index + 1));
          documentStart = -1;
        }
      } else if (byte === NEWLINE) {
        line += 1;
      } else if (depth === 1) {
        if (byte === 0x2c) isKey = true;
        else if (byte === 0x3a) isKey = false;
      } else if (depth === 0 && !SEPARATORS.has(byte)) {
        throw unexpected(byte);
      }
      index += 1;
    }
    if (depth > 0) keepPart(chunk.subarray(documentStart));
  }

  function end(): void {
    if (depth === 0) return;
    throw invalid(`${file}:${startLine}: the document that begins here is not complete`);
  }

  /** Index of the closing quote at or behind `from`, or the length of the chunk. */
  function findStringEnd(chunk: Buffer, from: number): number {
    let index = from;
    if (isEscaped) {
      isEscaped = false;
      index += 1;
    }
    const nearEnd = Math.min(chunk.length, index + SHORT_STRING);
    while (index < nearEnd) {
      const byte = chunk[index]!;
      if (byte === QUOTE) return index;
      index += byte === BACKSLASH ? 2 : 1;
    }
    while (index < chunk.length) {
      const quote = chunk.indexOf(QUOTE, index);
      const stop = quote < 0 ? chunk.length : quote;
      const isQuoteEscaped = countBackslashes(chunk, index, stop) % 2 === 1;
      if (quote < 0) {
        isEscaped = isQuoteEscaped;
        return stop;
      }
      if (!isQuoteEscaped) return quote;
      index = quote + 1;
    }
    isEscaped = index > chunk.length;
    return chunk.length;
  }

  function keepText(bytes: Buffer): void {
    textLength += bytes.length;
    if (textLength <= MAX_NAME_LENGTH) text!.push(bytes);
  }

  function finishText(): void {
    const bytes = text!.length === 1 ? text![0]! : Buffer.concat(text!);
    const isWhole = textLength <= MAX_NAME_LENGTH;
    text = undefined;
    if (isKey) {
      key = isWhole ? bytes.toString('latin1') : '';
    } else if (isWhole && (key === 'schema' || key === 'package' || key === 'name')) {
      const value = unquote(bytes);
      if (value !== undefined) found[key] = value;
    }
  }

  function keepPart(part: Buffer): void {
    size += part.length;
    if (size > MAX_DOCUMENT_SIZE) {
      throw new AirgapError('E_LIMIT', `${file}:${startLine}: the document has more than ${MAX_DOCUMENT_SIZE} bytes`);
    }
    parts.push(part);
  }

  function finishDocument(lastPart: Buffer): void {
    keepPart(lastPart);
    const documentParts = parts;
    const { schema, package: packageName, name } = found;
    parts = [];
    size = 0;
    found = {};
    onDocument({
      schema,
      package: packageName,
      name,
      line: startLine,
      bytes: () => (documentParts.length === 1 ? documentParts[0]! : Buffer.concat(documentParts)),
    });
  }

  function unexpected(byte: number): AirgapError {
    return invalid(`${at()}: unexpected ${JSON.stringify(String.fromCharCode(byte))} between JSON documents`);
  }

  function at(): string {
    return `${file}:${line}`;
  }
}

/** A defect of the catalog itself. */
export function invalid(message: string, cause?: unknown): AirgapError {
  return new AirgapError('E_CONFIG', message, {
    hint: 'the catalog itself is damaged: ask its owner, or take another version of it',
    ...(cause === undefined ? {} : { cause }),
  });
}

function countBackslashes(chunk: Buffer, from: number, stop: number): number {
  let count = 0;
  while (stop - count > from && chunk[stop - count - 1] === BACKSLASH) count += 1;
  return count;
}

/** The text between two quotes; undefined when it is not valid JSON (the parser will tell, if the document is needed). */
function unquote(bytes: Buffer): string | undefined {
  if (!bytes.includes(BACKSLASH)) return bytes.toString();
  try {
    return JSON.parse(`"${bytes.toString()}"`) as string;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
