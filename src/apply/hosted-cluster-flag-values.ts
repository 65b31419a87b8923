import { AirgapError } from '../core/errors.ts';
import type { ClassMapping, HostDeviceInput, TolerationInput } from './hosted-cluster-schema.ts';

/** The text forms of the vendor tool's compound flags. Each throws `E_CONFIG` that names the flag and the text. */

/** Repeated `key=value`, split at the first `=`; the value may hold commas and `=`. */
export function readPairs(values: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    values.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw flagError(flag, text, 'write key=value with a key that is not empty');
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/**
 * `k=v,k=v`, repeatable. A text with exactly one `=` is one pair, whatever commas its value holds; with more it is a line of
 * comma-separated values, where quotes protect commas.
 */
export function readCommaPairs(values: readonly string[], flag: string): Record<string, string> {
  const pairs = values.flatMap((text) => {
    const equals = text.split('=').length - 1;
    if (equals === 0) throw flagError(flag, text, 'write key=value,key=value');
    return equals === 1 ? [text.replace(/^"+|"+$/g, '')] : splitCommas(text, flag);
  });
  return readPairs(pairs, flag);
}

/** Comma-separated values, repeatable. */
export function readCommaList(values: readonly string[], flag: string): string[] {
  return values.filter((text) => text !== '').flatMap((text) => splitCommas(text, flag));
}

/** `key=…,value=…,operator=…,effect=…,tolerationSeconds=…`; field names in any case. */
export function readToleration(text: string, flag: string): TolerationInput {
  const fix =
    'write key=…,value=…,operator=Exists|Equal,effect=NoSchedule|PreferNoSchedule|NoExecute,tolerationSeconds=…';
  const toleration: Record<string, string | number> = {};
  for (const part of text.split(',')) {
    const [name, value, ...more] = part.split('=').map((side) => side.trim());
    if (value === undefined || more.length > 0) throw flagError(flag, text, fix);
    switch (name!.toLowerCase()) {
      case 'key':
      case 'value':
      case 'operator':
      case 'effect':
        toleration[name!.toLowerCase()] = value;
        break;
      case 'tolerationseconds':
        if (!/^[+-]?\d+$/.test(value)) throw flagError(flag, text, 'tolerationSeconds is a whole number');
        toleration['tolerationSeconds'] = Number(value);
        break;
      default:
        throw flagError(flag, text, fix);
    }
  }
  return Object.fromEntries(Object.entries(toleration).filter(([, value]) => value !== ''));
}

/** `infra/guest[,group=G]`. Other well-formed options have no meaning and are passed over, as the vendor tool does. */
export function readClassMapping(text: string, flag: string): ClassMapping {
  const fix = 'write <infra class>/<guest class> or <infra class>/<guest class>,group=<name>';
  const [infra, right, ...more] = text.split('/');
  if (right === undefined || more.length > 0) throw flagError(flag, text, fix);
  const [guest, ...options] = right.split(',');
  let group: string | undefined;
  for (const option of options) {
    const [name, value, ...rest] = option.split('=');
    if (value === undefined || rest.length > 0) throw flagError(flag, text, fix);
    if (name!.trim().toLowerCase() === 'group') group ??= value;
  }
  return { infra: infra!, guest: guest!, ...(group === undefined ? {} : { group }) };
}

/** `name:<namespace>/<network attachment definition>`. */
export function readNetwork(text: string, flag: string): string {
  const fix = 'write name:<namespace>/<NetworkAttachmentDefinition>; "name" is the only parameter';
  let network: string | undefined;
  for (const part of text.split(',')) {
    const at = part.indexOf(':');
    if (at < 0 || part.slice(0, at) !== 'name') throw flagError(flag, text, fix);
    network = part.slice(at + 1);
  }
  return network ?? '';
}

/** `<device>[,count:N]`; without a count it is one device. */
export function readHostDevice(text: string, flag: string): HostDeviceInput {
  const match = /^([^,]*)(?:,count:([+-]?\d+))?$/.exec(text);
  if (match === null) throw flagError(flag, text, 'write <device> or <device>,count:<number>');
  return { deviceName: match[1]!, count: match[2] === undefined ? 1 : Number(match[2]) };
}

/** A whole number as a flag holds it. */
export function readInteger(text: string, flag: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw flagError(flag, text, 'write a whole number');
  return Number(text);
}

/** The words Go reads as a boolean. */
export function readBoolean(text: string, flag: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw flagError(flag, text, 'write true or false');
}

/** One line of comma-separated values (RFC 4180); a quote inside a quoted value is doubled. */
function splitCommas(text: string, flag: string): string[] {
  const values: string[] = [];
  for (let at = 0; at <= text.length;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(text.slice(at));
    const value = quoted === null ? /^[^,"]*(?=,|$)/.exec(text.slice(at))?.[0] : quoted[1]!.replaceAll('""', '"');
    if (value === undefined) throw flagError(flag, text, 'put values that hold a quote into double quotes');
    values.push(value);
    at += (quoted?.[0] ?? value).length + 1;
  }
  return values;
}

function flagError(flag: string, text: string, fix: string): AirgapError {
  return new AirgapError('E_CONFIG', `--${flag}: ${JSON.stringify(text)} can not be read`, { hint: fix });
}
