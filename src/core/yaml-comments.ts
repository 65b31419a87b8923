import { formatYaml } from './yaml.ts';

/** Comment lines (without `#`) by the path of the key they stand above, `mirror.platform.graph`; list items share their list's path. */
export type YamlComments = Readonly<Record<string, readonly string[]>>;

const KEY = /^( *)((?:- )*)([A-Za-z][A-Za-z0-9]*):/;

/**
 * A document of mappings, lists and short scalars as YAML, with comments above its keys. Throws for a comment whose key is
 * not in the document: it would be lost without a word.
 */
export function formatCommentedYaml(document: unknown, comments: YamlComments): string {
  const open: { readonly column: number; readonly key: string }[] = [];
  const used = new Set<string>();
  const lines = formatYaml(document)
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const match = KEY.exec(line);
      if (match === null) return [line];
      const [, indent = '', dashes = '', key = ''] = match;
      const column = indent.length + dashes.length;
      while (open.length > 0 && open.at(-1)!.column >= column) open.pop();
      open.push({ column, key });
      const path = open.map((one) => one.key).join('.');
      if (used.has(path)) return [line];
      used.add(path);
      return [...(comments[path] ?? []).map((text) => `${indent}#${text === '' ? '' : ` ${text}`}`), line];
    });
  const lost = Object.keys(comments).filter((path) => !used.has(path));
  if (lost.length > 0) throw new Error(`comments without a key: ${lost.join(', ')}`);
  return `${lines.join('\n')}\n`;
}
