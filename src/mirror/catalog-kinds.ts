import { valueText } from './catalog.ts';

const MARK = Buffer.from('"olm.gvk"');
/** Group, version and kind with their field names fit easily; what is longer is no such value. */
const MAX_VALUE_LENGTH = 2048;

/** Group, version and kind of a property `olm.gvk` or `olm.gvk.required` as one text: `group/version/kind`. */
export function kindKey(value: unknown): string {
  return ['group', 'version', 'kind'].map((name) => valueText(value, name)).join('/');
}

/**
 * The kinds that an operator bundle's document says it provides, found by search instead of parsing. Only used for
 * hints: a value written in front of its type is not found.
 */
export function kindsIn(document: Buffer): string[] {
  const kinds: string[] = [];
  for (let at = document.indexOf(MARK); at >= 0; at = document.indexOf(MARK, at + MARK.length)) {
    const open = document.indexOf(0x7b, at);
    const close = document.indexOf(0x7d, at);
    if (open < 0 || close < open || close - at > MAX_VALUE_LENGTH) continue;
    try {
      kinds.push(kindKey(JSON.parse(document.toString('utf8', open, close + 1))));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return kinds;
}
