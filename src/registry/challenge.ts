/** One challenge of a `WWW-Authenticate` header: scheme and parameter names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = String.raw`[!#$%&'*+.^_\`|~0-9A-Za-z-]+`;
const PARAMETER = new RegExp(String.raw`^\s*(${TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*`);
const SCHEME = new RegExp(String.raw`^\s*(${TOKEN})(?:\s+|$|(?=,))`);

/**
 * Reads `WWW-Authenticate` (RFC 9110, section 11.6.1): several challenges, quoted strings with commas and escapes.
 * What can not be read ends the list; nothing is thrown for what a server sends.
 */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = header ?? '';
  while ((rest = rest.replace(/^[\s,]+/, '')) !== '') {
    const parameter = PARAMETER.exec(rest);
    const current = challenges.at(-1);
    if (parameter !== null && current !== undefined) {
      const value = parameter[2] === undefined ? (parameter[3] ?? '') : parameter[2].replace(/\\(.)/g, '$1');
      current.parameters[parameter[1]!.toLowerCase()] = value;
      rest = rest.slice(parameter[0].length);
      continue;
    }
    const scheme = SCHEME.exec(rest);
    if (scheme === null) break;
    challenges.push({ scheme: scheme[1]!.toLowerCase(), parameters: {} });
    rest = rest.slice(scheme[0].length);
  }
  return challenges;
}
