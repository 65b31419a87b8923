const LONGEST_QUOTE = 80;

/**
 * Text that came from outside (a bundle, a registry, a file name) as it may be shown on a terminal: JSON-quoted, only
 * printable ASCII (so no escape sequence and no direction mark gets through), cut to 80 characters.
 */
export function quoteForeign(text: string): string {
  const quoted = JSON.stringify(text.slice(0, LONGEST_QUOTE)).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (text.length <= LONGEST_QUOTE && quoted.length <= LONGEST_QUOTE) return quoted;
  return `${quoted.slice(0, LONGEST_QUOTE - 1).replace(/\\u?[0-9a-f]{0,3}$|"$/, '')}…"`;
}
