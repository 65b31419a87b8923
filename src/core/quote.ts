/** Longest result, quotes and the mark of a cut included. */
const LONGEST_QUOTE = 80;
const LONGEST_MESSAGE = 300;
const CUT_MARK = '..."';

/**
 * Text that came from outside (a bundle, a registry, a file name) as it may be shown on a terminal: JSON-quoted, only
 * printable ASCII (so no escape sequence and no direction mark gets through), cut to 80 characters.
 */
export function quoteForeign(text: string): string {
  const quoted = asciiJson(text.slice(0, LONGEST_QUOTE));
  if (text.length <= LONGEST_QUOTE && quoted.length <= LONGEST_QUOTE) return quoted;
  let cut = '"';
  for (const character of text.slice(0, LONGEST_QUOTE)) {
    const next = asciiJson(character).slice(1, -1);
    if (cut.length + next.length + CUT_MARK.length > LONGEST_QUOTE) break;
    cut += next;
  }
  return `${cut}${CUT_MARK}`;
}

/** A message that has foreign text somewhere inside, made printable in the same way but not quoted; cut to 300 characters. */
export function printableMessage(message: string): string {
  return escapeUnprintable(message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}...` : message);
}

function asciiJson(text: string): string {
  return escapeUnprintable(JSON.stringify(text));
}

function escapeUnprintable(text: string): string {
  return text.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
