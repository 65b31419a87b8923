const TEXT = Symbol('markup');

/** Finished HTML. Made by {@link markup} and {@link trustedMarkup} only: no foreign document can hold the symbol. */
export interface Markup {
  readonly [TEXT]: string;
}

export type MarkupValue = Markup | string | number | undefined | readonly MarkupValue[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Characters that are invisible, control something or change the direction of text (Unicode general categories and
 * "Default_Ignorable_Code_Point"): with them a name could look like another one. Tab and line feed stay.
 */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * HTML from a template. Values are escaped, for text and for quoted attributes alike, unless they are markup; lists are
 * joined, `undefined` is nothing. Attributes must be written in double quotes.
 */
export function markup(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  let text = parts[0]!;
  for (const [at, value] of values.entries()) text += renderMarkup(value) + parts[at + 1]!;
  return { [TEXT]: text };
}

/** Text of our own that is HTML (or a style sheet) already. Never foreign text. */
export function trustedMarkup(text: string): Markup {
  return { [TEXT]: text };
}

/** A value as HTML text. */
export function renderMarkup(value: MarkupValue): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeMarkup(value);
  if (TEXT in value) return value[TEXT];
  return value.map((item) => renderMarkup(item)).join('');
}

/** Foreign text for HTML: nothing in it is markup, and what could not be seen is shown as `\u202e`. */
export function escapeMarkup(text: string): string {
  return text
    .replace(UNSEEN, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`)
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
