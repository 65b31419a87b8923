import compare from 'semver/functions/compare.js';
import { isAirgapError } from '../core/errors.ts';
import { formatReference, isRepositoryPath, isTag, parseReference, type ImageRef } from '../oci/reference.ts';
import { compileBlocked } from './blocked.ts';
import type { Problem } from './image-set-keys.ts';
import type { ImageSetDocument } from './image-set-schema.ts';

type Mirror = NonNullable<ImageSetDocument['mirror']>;
type Operator = Mirror['operators'][number];
type Package = NonNullable<Operator['packages']>[number];
type Platforms = Operator['platforms'];
type Channel = NonNullable<Mirror['platform']>['channels'][number];

const API_VERSION = 'mirror.openshift.io/v2alpha1';

/** Names the update service knows. */
const ARCHITECTURES: readonly string[] = ['amd64', 'arm64', 'ppc64le', 's390x', 'multi'];
/** Names other tools use for the same machines. */
const OTHER_ARCHITECTURE_NAMES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** Semantic Versioning 2.0.0, without the usual leniencies. */
const STRICT_VERSION =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?$/;
/** Bounds of operator versions: `v` and missing components are fine. */
const LENIENT_VERSION =
  /^v?\d+(?:\.\d+)?(?:\.\d+)?(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?$/;

interface Findings {
  readonly problems: Problem[];
  readonly warnings: string[];
}

/** Everything the shape alone can not say (oc-mirror behaviour, "Configuration schema"): all problems and warnings. */
export function checkRules(document: ImageSetDocument): Findings {
  const findings: Findings = { problems: [], warnings: [] };
  const { apiVersion, archiveSize } = document;
  if (apiVersion !== API_VERSION) {
    findings.warnings.push(`apiVersion: ${apiVersion === '' ? 'missing' : apiVersion}, read as ${API_VERSION}`);
  }
  if (archiveSize !== undefined && archiveSize < 0) {
    problem(findings, 'archiveSize', `${archiveSize} is negative`, 'write GiB per archive, or remove it');
  }
  const mirror = document.mirror;
  if (mirror === undefined) return findings;
  checkPlatform(mirror, findings);
  checkOperators(mirror.operators, findings);
  checkAdditionalImages(mirror, findings);
  checkHelm(mirror, findings);
  for (const [index, { name }] of mirror.blockedImages.entries()) {
    const path = `mirror.blockedImages[${index}].name`;
    tryCheck(findings, path, () => compileBlocked(name));
  }
  if (mirror.samples.length > 0) findings.warnings.push('mirror.samples: has no effect');
  return findings;
}

function checkPlatform(mirror: Mirror, findings: Findings): void {
  const platform = mirror.platform;
  if (platform === undefined) return;
  const at = 'mirror.platform';
  checkUnique(platform.channels, `${at}.channels`, 'channel', findings);
  for (const [index, channel] of platform.channels.entries()) {
    checkReleaseChannel(channel, `${at}.channels[${index}]`, findings);
  }
  for (const [index, architecture] of platform.architectures.entries()) {
    if (ARCHITECTURES.includes(architecture)) continue;
    const path = `${at}.architectures[${index}]`;
    const other = OTHER_ARCHITECTURE_NAMES[architecture];
    const hint = other === undefined ? `known: ${ARCHITECTURES.join(', ')}` : `write ${other}`;
    problem(findings, path, `${JSON.stringify(architecture)} is no architecture of the update service`, hint);
  }
  checkPlatforms(platform.platforms, `${at}.platforms`, findings);
  if ((platform.platforms?.length ?? 0) > 0 && platform.architectures.length > 0) {
    problem(findings, `${at}.platforms`, 'can not be combined with architectures', 'keep one of them');
  }
  if (platform.release !== '') {
    tryCheck(findings, `${at}.release`, () => parseReference(platform.release));
    if (platform.channels.length > 0) findings.warnings.push(`${at}.channels: ignored, because release is set`);
  }
  const selectsReleases = platform.release !== '' || platform.channels.length > 0;
  if (platform.kubeVirtContainer && !selectsReleases) {
    findings.warnings.push(`${at}.kubeVirtContainer: has no effect without channels or release`);
  }
}

function checkReleaseChannel(channel: Channel, path: string, findings: Findings): void {
  if (!['', 'ocp', 'okd'].includes(channel.type)) {
    const meant = channel.type.toLowerCase() === 'okd' ? '; write okd' : '';
    findings.warnings.push(`${path}.type: ${JSON.stringify(channel.type)} is not known, read as "ocp"${meant}`);
  }
  const bounds = (['minVersion', 'maxVersion'] as const).map((key) => {
    const version = channel[key] ?? '';
    if (version === '') return undefined;
    if (STRICT_VERSION.test(version)) return version;
    problem(
      findings,
      `${path}.${key}`,
      `${JSON.stringify(version)} is no release version`,
      'write X.Y.Z, e.g. "4.17.3"',
    );
    return undefined;
  });
  const [min, max] = bounds;
  if (min !== undefined && max !== undefined && compare(min, max) > 0) {
    problem(findings, `${path}.minVersion`, `${min} is above maxVersion ${max}`, 'swap them, or correct one');
  }
}

function checkOperators(operators: readonly Operator[], findings: Findings): void {
  const seen = new Map<string, number>();
  for (const [index, operator] of operators.entries()) {
    const path = `mirror.operators[${index}]`;
    const ref = tryCheck(findings, `${path}.catalog`, () => required(operator.catalog, parseReference));
    checkTargetNames(operator.targetCatalog, operator.targetTag, { path, repositoryKey: 'targetCatalog' }, findings);
    if (ref !== undefined) {
      const name = uniqueName(ref, operator);
      const earlier = seen.get(name);
      if (earlier === undefined) seen.set(name, index);
      else {
        const message = `the same catalog as mirror.operators[${earlier}]`;
        problem(
          findings,
          `${path}.catalog`,
          message,
          'merge the two entries, or give one a targetCatalog or targetTag',
        );
      }
    }
    checkPlatforms(operator.platforms, `${path}.platforms`, findings);
    const packages = operator.packages ?? [];
    checkUnique(packages, `${path}.packages`, 'package', findings);
    for (const [at, item] of packages.entries()) {
      checkPackage(item, { path: `${path}.packages[${at}]`, isFull: operator.full }, findings);
    }
  }
}

function checkPackage(
  item: Package,
  place: { readonly path: string; readonly isFull: boolean },
  findings: Findings,
): void {
  const channels = item.channels ?? [];
  checkUnique(channels, `${place.path}.channels`, 'channel', findings);
  const ranged = [
    { entry: item, path: place.path },
    ...channels.map((entry, index) => ({ entry, path: `${place.path}.channels[${index}]` })),
  ];
  for (const { entry, path } of ranged) {
    for (const key of ['minVersion', 'maxVersion'] as const) {
      const version = entry[key] ?? '';
      if (version === '' || LENIENT_VERSION.test(version)) continue;
      problem(
        findings,
        `${path}.${key}`,
        `${JSON.stringify(version)} is no version`,
        'write up to three numbers, e.g. "4.17.0"',
      );
    }
    if (hasRange(entry) && place.isFull) {
      problem(findings, path, 'a version range can not be combined with full: true', 'remove full, or the versions');
    }
  }
  const rangedChannel = channels.findIndex(hasRange);
  if (hasRange(item) && rangedChannel >= 0) {
    const message = 'versions are given for the package and for one of its channels';
    problem(findings, `${place.path}.channels[${rangedChannel}]`, message, 'keep one of the two');
  }
}

function checkAdditionalImages(mirror: Mirror, findings: Findings): void {
  for (const [index, image] of mirror.additionalImages.entries()) {
    const path = `mirror.additionalImages[${index}]`;
    tryCheck(findings, `${path}.name`, () => required(image.name, parseReference));
    checkTargetNames(image.targetRepo, image.targetTag, { path, repositoryKey: 'targetRepo' }, findings);
    checkPlatforms(image.platforms, `${path}.platforms`, findings);
  }
}

function checkHelm(mirror: Mirror, findings: Findings): void {
  const charts = (mirror.helm?.local ?? []).map((chart, index) => ({ chart, path: `mirror.helm.local[${index}]` }));
  for (const { chart, path } of charts) {
    if ((chart.path ?? '') === '') {
      problem(findings, `${path}.path`, 'missing', 'name the chart directory or .tgz file');
    }
  }
  for (const [index, repository] of (mirror.helm?.repositories ?? []).entries()) {
    const path = `mirror.helm.repositories[${index}]`;
    if (repository.name === '') problem(findings, `${path}.name`, 'missing', 'give the repository a name');
    if (!URL.canParse(repository.url)) {
      problem(findings, `${path}.url`, `${JSON.stringify(repository.url)} is no URL`, 'write https://host/path/');
    }
    for (const [at, chart] of (repository.charts ?? []).entries()) {
      const chartPath = `${path}.charts[${at}]`;
      if (chart.name === '') problem(findings, `${chartPath}.name`, 'missing', 'name the chart');
      charts.push({ chart, path: chartPath });
    }
  }
  for (const { chart, path } of charts) checkPlatforms(chart.platforms, `${path}.platforms`, findings);
}

function checkPlatforms(platforms: Platforms, path: string, findings: Findings): void {
  for (const [index, platform] of (platforms ?? []).entries()) {
    for (const key of ['os', 'architecture'] as const) {
      if (platform[key] === '')
        problem(findings, `${path}[${index}].${key}`, 'missing', 'write e.g. os: linux, architecture: amd64');
    }
    const other = OTHER_ARCHITECTURE_NAMES[platform.architecture];
    if (other === undefined) continue;
    problem(
      findings,
      `${path}[${index}].architecture`,
      `images do not call it ${platform.architecture}`,
      `write ${other}`,
    );
  }
}

function checkTargetNames(
  repository: string | undefined,
  tag: string | undefined,
  place: { readonly path: string; readonly repositoryKey: 'targetCatalog' | 'targetRepo' },
  findings: Findings,
): void {
  if (repository !== undefined && repository !== '' && !isRepositoryPath(repository)) {
    const message = `${JSON.stringify(repository)} is no repository path`;
    const hint = 'lower-case letters and digits, separated by ".", "_", "-" or "/"; no registry, tag or digest';
    problem(findings, `${place.path}.${place.repositoryKey}`, message, hint);
  }
  if (tag === undefined || tag === '' || isTag(tag)) return;
  const hint = 'letters, digits, ".", "_" and "-", 128 at most';
  problem(findings, `${place.path}.targetTag`, `${JSON.stringify(tag)} is no tag`, hint);
}

function checkUnique(
  items: readonly { readonly name: string }[],
  path: string,
  noun: string,
  findings: Findings,
): void {
  const seen = new Map<string, number>();
  for (const [index, { name }] of items.entries()) {
    if (name === '') problem(findings, `${path}[${index}].name`, 'missing', `name the ${noun}`);
    else if (seen.has(name)) {
      const message = `${noun} ${JSON.stringify(name)} is listed already at ${path}[${seen.get(name)}]`;
      problem(findings, `${path}[${index}].name`, message, 'merge the two entries');
    } else seen.set(name, index);
  }
}

/** Two catalogs with this text in common would overwrite each other; a target tag stands for the digest too. */
function uniqueName(ref: ImageRef, operator: Operator): string {
  const { targetCatalog = '', targetTag = '' } = operator;
  const repository = targetCatalog === '' ? ref.repository : targetCatalog;
  if (ref.transport === 'oci') return `oci://${repository}:${targetTag}`;
  if (targetTag === '') return formatReference({ ...ref, repository });
  return formatReference({ transport: ref.transport, registry: ref.registry, repository, tag: targetTag });
}

function hasRange(entry: {
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
}): boolean {
  return (entry.minVersion ?? '') !== '' || (entry.maxVersion ?? '') !== '';
}

function required<T>(text: string, parse: (text: string) => T): T | undefined {
  return text === '' ? undefined : parse(text);
}

/** Runs a check that throws; an empty result means that the value is missing. */
function tryCheck<T>(findings: Findings, path: string, check: () => T | undefined): T | undefined {
  try {
    const result = check();
    if (result === undefined) problem(findings, path, 'missing', 'write registry/path:tag or registry/path@sha256:…');
    return result;
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    problem(findings, path, error.message, error.hint);
    return undefined;
  }
}

function problem(findings: Findings, path: string, message: string, hint: string | undefined): void {
  findings.problems.push({ path, message, ...(hint === undefined ? {} : { hint }) });
}
