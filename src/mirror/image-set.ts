import type { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { parseYaml } from '../core/yaml.ts';
import type { Platform } from '../oci/types.ts';
import {
  canonicalKeys,
  formatPath,
  knownKeys,
  unknownKey,
  valueAt,
  withoutPaths,
  type Problem,
} from './image-set-keys.ts';
import { checkRules } from './image-set-rules.ts';
import { FORMER_KEYS, ImageSetSchema, type ImageSetDocument } from './image-set-schema.ts';

/** What an ImageSetConfiguration describes, checked and with canonical names. */
export interface ImageSet {
  /** GiB per file when the bundle is split; 0 or absent: not chosen. */
  readonly archiveSize?: number | undefined;
  readonly platform?: PlatformSelection | undefined;
  readonly operators: readonly CatalogSelection[];
  readonly additionalImages: readonly AdditionalImage[];
  readonly helm?: HelmSelection | undefined;
  readonly blockedImages: readonly { readonly name: string }[];
  /** Accepted and without effect, as in the vendor tool. */
  readonly samples: readonly { readonly name: string }[];
  /** Sections in which a list was written without entries: the vendor tool writes them again, as `{}` at least. */
  readonly sectionsWithEmptyList?: readonly string[];
  readonly warnings: readonly Warning[];
}

export interface PlatformSelection {
  readonly graph: boolean;
  readonly channels: readonly ReleaseChannel[];
  /** As written; empty means `amd64`. Names of the update service: amd64, arm64, ppc64le, s390x, multi. */
  readonly architectures: readonly string[];
  readonly platforms?: readonly Platform[] | undefined;
  /** One payload reference, or empty. When set, channels are ignored. */
  readonly release: string;
  readonly kubeVirtContainer: boolean;
}

export interface ReleaseChannel {
  readonly name: string;
  readonly type: 'ocp' | 'okd';
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  readonly shortestPath: boolean;
  readonly full: boolean;
  /** The entry as the user wrote it when a lock has set the bounds: reasons must not depend on the lock. */
  readonly written?: ReleaseChannel;
}

/** One entry of `mirror.operators`. */
export interface CatalogSelection {
  readonly catalog: string;
  /** Absent: every package. An empty list is kept as such, it changes the filter hash. */
  readonly packages?: readonly PackageSelection[] | undefined;
  readonly full: boolean;
  readonly targetCatalog?: string | undefined;
  readonly targetTag?: string | undefined;
  readonly targetCatalogSourceTemplate?: string | undefined;
  readonly skipDependencies: boolean;
  readonly platforms?: readonly Platform[] | undefined;
}

export interface PackageSelection {
  readonly name: string;
  readonly channels?: readonly PackageChannel[] | undefined;
  readonly defaultChannel?: string | undefined;
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
}

export interface PackageChannel {
  readonly name: string;
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
}

export interface AdditionalImage {
  readonly name: string;
  readonly targetRepo?: string | undefined;
  readonly targetTag?: string | undefined;
  readonly platforms?: readonly Platform[] | undefined;
}

export interface HelmSelection {
  readonly repositories: readonly HelmRepository[];
  readonly local: readonly ChartSelection[];
}

export interface HelmRepository {
  readonly url: string;
  readonly name: string;
  /** Absent: every chart of the index. An empty list: none. */
  readonly charts?: readonly ChartSelection[] | undefined;
}

export interface ChartSelection {
  readonly name: string;
  readonly version?: string | undefined;
  readonly path?: string | undefined;
  readonly imagePaths: readonly string[];
  readonly platforms?: readonly Platform[] | undefined;
}

const MAX_PROBLEMS_SHOWN = 50;

/**
 * Reads an ImageSetConfiguration. Throws one `E_CONFIG` that lists every problem with its path; `data.problems` has them
 * as data. Things that are accepted but probably not meant are in `warnings`. Nothing but the text is read.
 */
export function loadImageSet(text: string, origin: string): ImageSet {
  const written = parseYaml(text, origin, { mergeKeys: true });
  const otherKind = kindProblem(written);
  if (otherKind !== undefined) throw configError(origin, [otherKind]);
  const { value, problems: keyProblems, warnings } = canonicalKeys(written, ImageSetSchema);
  const problems = [...keyProblems];
  const parsed = ImageSetSchema.safeParse(value);
  let document = parsed.data;
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => describeIssue(issue, value)));
    // What is left after removing the misfits is checked too, so that one run names every problem.
    document = ImageSetSchema.safeParse(withoutPaths(value, parsed.error.issues)).data;
  }
  if (document !== undefined) {
    const rules = checkRules(document);
    const known = problems.map(({ path }) => path);
    problems.push(...rules.problems.filter(({ path }) => !known.some((parent) => isWithin(path, parent))));
    warnings.push(...rules.warnings);
  }
  if (problems.length > 0 || document === undefined) throw configError(origin, problems);
  return {
    archiveSize: document.archiveSize,
    ...toSelections(document),
    sectionsWithEmptyList: ['platform', 'helm'].filter((name) => hasEmptyList(valueAt(value, ['mirror', name]))),
    warnings: warnings.map((message) => ({ code: 'W_CONFIG', message: `${origin}: ${message}` })),
  };
}

function hasEmptyList(section: unknown): boolean {
  return Object.values(section ?? {}).some((member) => Array.isArray(member) && member.length === 0);
}

function toSelections(
  document: ImageSetDocument,
): Omit<ImageSet, 'archiveSize' | 'sectionsWithEmptyList' | 'warnings'> {
  const {
    platform,
    operators = [],
    additionalImages = [],
    helm,
    blockedImages = [],
    samples = [],
  } = document.mirror ?? {};
  const channels = (platform?.channels ?? []).map((channel): ReleaseChannel => ({
    ...channel,
    type: channel.type === 'okd' ? 'okd' : 'ocp',
  }));
  return {
    platform: platform === undefined ? undefined : { ...platform, channels },
    operators,
    additionalImages,
    helm,
    blockedImages,
    samples,
  };
}

/**
 * A document of another kind is not looked at any further: every other message would only mislead. The two keys it is
 * told by are the only ones the vendor tool wants in exactly this case.
 */
function kindProblem(value: unknown): Problem | undefined {
  const hint = 'write kind: ImageSetConfiguration';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { path: 'kind', message: 'missing, the document is no mapping', hint };
  }
  const { kind } = value as { kind?: unknown };
  if (kind === 'DeleteImageSetConfiguration') {
    const message = 'a DeleteImageSetConfiguration describes deletions, which this tool does not do';
    return { path: 'kind', message, hint: 'give the ImageSetConfiguration the images were mirrored with' };
  }
  if (kind === undefined || kind === null || kind === '') return { path: 'kind', message: 'missing', hint };
  if (kind !== 'ImageSetConfiguration') return { path: 'kind', message: `${JSON.stringify(kind)} is not known`, hint };
  if ('mirror' in value) return undefined;
  return {
    path: 'mirror',
    message: 'missing',
    hint: 'put platform, operators, additionalImages, helm below "mirror:"',
  };
}

function describeIssue(issue: z.core.$ZodIssue, root: unknown): Problem[] {
  const path = formatPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(ImageSetSchema, issue.path);
    return issue.keys.map((key) => unknownKey(path === '' ? key : `${path}.${key}`, known, FORMER_KEYS));
  }
  const value = valueAt(root, issue.path);
  if (issue.code !== 'invalid_type') return [{ path, message: issue.message }];
  const found = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
  return [
    { path, message: `expected ${typeName(issue.expected)}, found ${found}`, ...typeHint(issue.expected, value) },
  ];
}

function isWithin(path: string, parent: string): boolean {
  if (parent === '' || !path.startsWith(parent)) return false;
  return path.length === parent.length || '.['.includes(path[parent.length]!);
}

function typeName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a mapping',
    array: 'a list',
    string: 'text',
    int: 'a whole number',
  };
  return names[expected] ?? (expected === 'boolean' ? 'true or false' : `a ${expected}`);
}

function typeHint(expected: string, value: unknown): { readonly hint?: string } {
  if (expected === 'string' && typeof value === 'number') return { hint: `put it in quotes: "${value}"` };
  if (expected === 'string' && typeof value === 'boolean') return { hint: `put it in quotes: "${value}"` };
  if (expected === 'boolean' && typeof value === 'string') return { hint: 'write true or false without quotes' };
  if (expected === 'number' || expected === 'int') return { hint: 'write a whole number without quotes' };
  if (expected === 'array') return { hint: 'start every entry with "- "' };
  if (expected === 'object' && typeof value === 'string') return { hint: 'write "key: value" pairs, e.g. name: …' };
  return {};
}

function configError(origin: string, problems: readonly Problem[]): AirgapError {
  const lines = problems.map(({ path, message, hint }) => {
    const place = path === '' ? '' : `${path}: `;
    return `${place}${message}${hint === undefined ? '' : ` (${hint})`}`;
  });
  const shown = lines.slice(0, MAX_PROBLEMS_SHOWN);
  if (lines.length > shown.length) shown.push(`… and ${lines.length - shown.length} more`);
  return new AirgapError('E_CONFIG', [`${origin}: ${lines.length} problem(s)`, ...shown].join('\n  '), {
    hint:
      problems.length === 1 && problems[0]?.hint !== undefined
        ? problems[0].hint
        : 'correct the image set at these places',
    data: { origin, problems },
  });
}
