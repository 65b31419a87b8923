/** Longest stretch of foreign text shown in a message (signing, section 7.1). */
const SHOWN_CHARACTERS = 80;

/**
 * Text taken from a bundle as it may be shown to people: JSON-quoted, cut to 80 characters, and with everything outside
 * printable ASCII escaped, so that it can neither move the cursor nor pass for another text.
 */
export function quoted(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  const escaped = JSON.stringify(cut).replace(
    /[^ -~…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped;
}
