import { markup, type Markup, type MarkupValue } from './markup.ts';

/** A column of a table: its heading, and whether it holds numbers (aligned to the right). */
export interface Column {
  readonly title: MarkupValue;
  readonly isNumber?: true;
  /** A class for its width. */
  readonly width?: 'wide' | 'narrow';
}

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

/** A table whose first column names the row. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly MarkupValue[])[],
  footer?: readonly MarkupValue[],
): Markup {
  const classOf = ({ isNumber, width }: Column): Markup | undefined => {
    const names = [...(isNumber === true ? ['number'] : []), ...(width === undefined ? [] : [width])];
    return names.length === 0 ? undefined : markup` class="${names.join(' ')}"`;
  };
  const cell = (value: MarkupValue, at: number): Markup =>
    at === 0 ? markup`<th scope="row">${value}</th>` : markup`<td${classOf(columns[at]!)}>${value}</td>`;
  const foot =
    footer === undefined ? undefined : markup`<tfoot><tr>${footer.map((value, at) => cell(value, at))}</tr></tfoot>`;
  return markup`<div class="scroll"><table>
<thead><tr>${columns.map((column) => markup`<th scope="col"${classOf(column)}>${column.title}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => markup`<tr>${row.map((value, at) => cell(value, at))}</tr>\n`)}</tbody>${foot}</table></div>
`;
}

/** A section with a heading other places can link to. */
export function section(id: string, title: string, body: MarkupValue): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}</section>
`;
}

/** Something to open: a title, what stands at the right end of its line, and the content. */
export function foldable(
  title: MarkupValue,
  aside: MarkupValue,
  { body, isOpen = false, id }: { readonly body: MarkupValue; readonly isOpen?: boolean; readonly id?: string },
): Markup {
  const anchor = id === undefined ? undefined : markup` id="${id}"`;
  const open = isOpen ? markup` open` : undefined;
  return markup`<details${anchor}${open}><summary><span class="title">${title}</span><span class="aside">${aside}</span></summary>
<div class="body">${body}</div></details>
`;
}

export function chip(tone: Tone, text: MarkupValue): Markup {
  return markup`<span class="chip ${tone}">${text}</span>`;
}

/** A message that stands out. */
export function notice(tone: Tone, title: MarkupValue, body: MarkupValue): Markup {
  return markup`<div class="notice ${tone}"><p class="lead">${title}</p>${body}</div>
`;
}

/** A bar for a part of a whole. The number it shows always stands beside it. */
export function bar(part: number, whole: number, color: string): Markup {
  const width = whole === 0 ? 0 : Math.round((part / whole) * 1000) / 10;
  return markup`<svg class="bar c-${color}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="8" class="track"/><rect width="${width}" height="8" class="value"/></svg>`;
}

/** `1 image`, `2 images`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** A digest or another value to compare character by character. */
export function code(text: string): Markup {
  return markup`<code>${text}</code>`;
}

/** `2026-11-25T23:20:23Z` as `2026-11-25 23:20 UTC`. */
export function formatTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** Why something is in, from the outermost reason to the innermost. */
export function reasons(because: readonly string[]): Markup {
  return markup`<span class="because">${because.map((reason, at) => markup`${at === 0 ? undefined : markup` <span aria-hidden="true">›</span> `}${reason}`)}</span>`;
}
