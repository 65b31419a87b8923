import { AirgapError } from '../core/errors.ts';

/**
 * Versions and ranges by the rules of Masterminds/semver v3, which the vendor tool filters catalogs with (oc-mirror
 * behaviour, "Version matching"). They differ from npm's: a missing component of a bound is a wildcard, and one bound
 * with a pre-release lets pre-releases pass both.
 */
export interface Version {
  /** Major, minor and patch as decimal text without leading zeros: they may exceed what a number holds. */
  readonly numbers: readonly [string, string, string];
  readonly prerelease: readonly string[];
  readonly build: string;
}

export interface VersionRange {
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
}

interface Bound {
  readonly version: Version;
  /** How many of major, minor and patch were written; the others are wildcards. */
  readonly components: number;
}

const NUMBER = '(0|[1-9][0-9]*)';
const IDENTIFIER = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';
const SUFFIX = `(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?`;
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}${SUFFIX}$`);
const LENIENT = new RegExp(`^v?([0-9]+)(?:\\.([0-9]+))?(?:\\.([0-9]+))?${SUFFIX}$`);

/** A version with three components and no `v` (semver 2.0.0), or undefined. */
export function parseVersion(text: string): Version | undefined {
  return STRICT.test(text) ? parseBound(text)?.version : undefined;
}

/** The version as text, the inverse of {@link parseVersion}. */
export function formatVersion({ numbers, prerelease, build }: Version): string {
  return `${numbers.join('.')}${prerelease.length > 0 ? `-${prerelease.join('.')}` : ''}${build === '' ? '' : `+${build}`}`;
}

/** Precedence as in semver 2.0.0, section 11: negative when `a` is the older one. Build metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) {
    const order = compareNumbers(a.numbers[index], b.numbers[index]);
    if (order !== 0) return order;
  }
  return comparePrereleases(a.prerelease, b.prerelease);
}

/** True when no bound is set. */
export function isOpenRange(range: VersionRange): boolean {
  return !range.minVersion && !range.maxVersion;
}

/**
 * The version a range names exactly: both bounds written alike. Bounds that are equal but written differently are an
 * ordinary range (oc-mirror behaviour, "exact version").
 */
export function exactVersionOf(range: VersionRange): string | undefined {
  return range.minVersion && range.minVersion === range.maxVersion ? range.minVersion : undefined;
}

/** True when `version` is the one that `exact` (lenient) names; build metadata does not count, `4.3` is `4.3.0`. */
export function equalsExact(version: Version, exact: string): boolean {
  return compareVersions(version, mustParseBound(exact).version) === 0;
}

/** Tells which versions are inside. Throws `E_CONFIG` for a bound that is no version. */
export function rangeMatcher(range: VersionRange): (version: Version) => boolean {
  const min = range.minVersion ? mustParseBound(range.minVersion) : undefined;
  const max = range.maxVersion ? mustParseBound(range.maxVersion) : undefined;
  const admitsPrereleases = [min, max].some((bound) => (bound?.version.prerelease.length ?? 0) > 0);
  return (version) =>
    (version.prerelease.length === 0 || admitsPrereleases) &&
    (min === undefined || compareVersions(version, min.version) >= 0) &&
    (max === undefined || isAtMost(version, max));
}

/** The range as text for messages: `>=1.2.0 <=2.0`. */
export function formatRange(range: VersionRange): string {
  return [range.minVersion ? `>=${range.minVersion}` : '', range.maxVersion ? `<=${range.maxVersion}` : '']
    .filter((part) => part !== '')
    .join(' ');
}

/** An upper bound with wildcards takes every version that agrees in the written components: `<=4.2` takes 4.2.9. */
function isAtMost(version: Version, bound: Bound): boolean {
  if (bound.components === 3) return compareVersions(version, bound.version) <= 0;
  const major = compareNumbers(version.numbers[0], bound.version.numbers[0]);
  if (major !== 0 || bound.components === 1) return major <= 0;
  return compareNumbers(version.numbers[1], bound.version.numbers[1]) <= 0;
}

function mustParseBound(text: string): Bound {
  const bound = parseBound(text);
  if (bound !== undefined) return bound;
  throw new AirgapError('E_CONFIG', `${JSON.stringify(text)} is not a version`, {
    hint: 'write minVersion and maxVersion as X.Y.Z, X.Y or X, with -prerelease where wanted',
  });
}

function parseBound(text: string): Bound | undefined {
  const match = LENIENT.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, prerelease, build] = match;
  return {
    version: {
      numbers: [plainNumber(major!), plainNumber(minor ?? '0'), plainNumber(patch ?? '0')],
      prerelease: prerelease === undefined ? [] : prerelease.split('.'),
      build: build ?? '',
    },
    components: [major, minor, patch].filter((part) => part !== undefined).length,
  };
}

/** Bounds may be written with leading zeros: 4.08 is 4.8. */
function plainNumber(digits: string): string {
  return digits.replace(/^0+(?=[0-9])/, '');
}

function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a !== b);
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const order = compareIdentifiers(a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareIdentifiers(a: string, b: string): number {
  const isNumber = [a, b].map((identifier) => /^[0-9]+$/.test(identifier));
  if (isNumber[0] && isNumber[1]) return compareNumbers(a, b);
  if (isNumber[0] !== isNumber[1]) return isNumber[0] ? -1 : 1;
  return a < b ? -1 : Number(a !== b);
}
