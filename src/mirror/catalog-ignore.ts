import { compareText } from './catalog.ts';

interface Pattern {
  readonly domain: readonly string[];
  readonly isInclusion: boolean;
  readonly isDirectoryOnly: boolean;
  readonly parts: readonly string[];
  readonly isPath: boolean;
}

/** Name of the files that list what of a catalog's folder is not part of it. */
export const IGNORE_FILE = '.indexignore';

/**
 * Tells which files of a catalog its `.indexignore` files leave out: patterns of gitignore, each file for its own folder
 * and below, the last pattern that matches decides (file-based catalog specification, ".indexignore").
 * `ignoreFiles` maps paths (`a/b/.indexignore`) to content.
 */
export function ignoreMatcher(ignoreFiles: ReadonlyMap<string, string>): (path: string) => boolean {
  const patterns = [...ignoreFiles]
    .toSorted(([a], [b]) => comparePaths(a, b))
    .flatMap(([path, content]) => parsePatterns(content, path.split('/').slice(0, -1)))
    .toReversed();
  return (path) => {
    const parts = path.split('/');
    const decisive = patterns.find((pattern) => matches(pattern, parts));
    return decisive !== undefined && !decisive.isInclusion;
  };
}

/** Orders paths as a walk through the folders finds them. */
export function comparePaths(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compareText(left[index]!, right[index]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function parsePatterns(content: string, domain: readonly string[]): Pattern[] {
  return content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isInclusion = line.startsWith('!');
      const positive = isInclusion ? line.slice(1) : line;
      const isDirectoryOnly = positive.endsWith('/');
      const pattern = isDirectoryOnly ? positive.slice(0, -1) : positive;
      return { domain, isInclusion, isDirectoryOnly, parts: pattern.split('/'), isPath: pattern.includes('/') };
    });
}

function matches(pattern: Pattern, path: readonly string[]): boolean {
  if (path.length <= pattern.domain.length) return false;
  if (pattern.domain.some((part, index) => path[index] !== part)) return false;
  const inside = path.slice(pattern.domain.length);
  return pattern.isPath ? matchesPath(pattern, inside) : matchesName(pattern, inside);
}

/** A pattern without slash matches a name at any depth. */
function matchesName(pattern: Pattern, path: readonly string[]): boolean {
  const found = path.findIndex((name) => matchesPart(pattern.parts[0]!, name));
  return found >= 0 && !(pattern.isDirectoryOnly && found === path.length - 1);
}

/** A pattern with a slash is anchored at its folder; what is below a match is matched too. */
function matchesPath(pattern: Pattern, path: readonly string[]): boolean {
  let rest = path;
  let canSkip = false;
  let isMatched = false;
  for (const [index, part] of pattern.parts.entries()) {
    // An empty part in front only anchors the pattern.
    if (part === '') {
      canSkip = false;
      continue;
    }
    if (part === '**') {
      if (index === pattern.parts.length - 1) break;
      canSkip = true;
      continue;
    }
    const found = canSkip ? rest.findIndex((name) => matchesPart(part, name)) : 0;
    const name = rest[found];
    if (name === undefined || !matchesPart(part, name)) return false;
    rest = rest.slice(found + 1);
    canSkip = false;
    isMatched = true;
  }
  return isMatched && !(pattern.isDirectoryOnly && rest.length === 0);
}

/** `*`, `?`, `[…]` and `\x` inside one component. */
function matchesPart(pattern: string, name: string): boolean {
  const source = pattern.replace(
    /\\(.)|\*|\?|\[(\^|!)?((?:\\.|[^\]\\])+)\]|[\\^$.|+()[\]{}]/g,
    (token, escaped, negated, set) => {
      if (escaped !== undefined) return String(escaped).replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (set !== undefined) return `[${negated === undefined ? '' : '^'}${String(set).replace(/[[\]]/g, '\\$&')}]`;
      return `\\${token}`;
    },
  );
  return new RegExp(`^${source}$`, 'su').test(name);
}
