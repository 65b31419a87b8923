import { listAt, textAt, type KubeObject } from './kube-object.ts';
import { withoutProvenance } from './provenance.ts';

/** What redirects pulls, as the cluster's nodes see it. */
export type MirrorKind = 'ImageDigestMirrorSet' | 'ImageTagMirrorSet' | 'ImageContentSourcePolicy';

export interface MirrorEntry {
  readonly source: string;
  readonly mirrors: readonly string[];
  /** `NeverContactSource` also blocks the source; absent: the source is asked when no mirror has the image. */
  readonly mirrorSourcePolicy?: string;
}

/** Something wrong, or worth knowing, about mirror sets. */
export interface MirrorFinding {
  readonly level: 'error' | 'warning';
  readonly message: string;
}

/** Field that holds the entries of a kind. All three lists are atomic: an apply replaces them as a whole. */
const ENTRY_FIELD: Readonly<Record<MirrorKind, string>> = {
  ImageDigestMirrorSet: 'imageDigestMirrors',
  ImageTagMirrorSet: 'imageTagMirrors',
  ImageContentSourcePolicy: 'repositoryDigestMirrors',
};
/** Sources the HyperShift operator looks up literally; an entry for their registry alone is enough for nodes, not for it. */
const RELEASE_SOURCES = ['quay.io/openshift-release-dev/ocp-release', 'quay.io/openshift-release-dev/ocp-v4.0-art-dev'];

export function isMirrorKind(kind: string): kind is MirrorKind {
  return kind in ENTRY_FIELD;
}

export function entriesOf(object: KubeObject): readonly MirrorEntry[] {
  const field = isMirrorKind(object.kind) ? ENTRY_FIELD[object.kind] : '';
  return listAt(object, 'spec', field).flatMap((entry): MirrorEntry[] => {
    const source = textAt(entry, 'source');
    if (source === undefined) return [];
    const mirrorSourcePolicy = textAt(entry, 'mirrorSourcePolicy');
    const mirrors = listAt(entry, 'mirrors').map(String);
    return [{ source, mirrors, ...(mirrorSourcePolicy === undefined ? {} : { mirrorSourcePolicy }) }];
  });
}

/** The same set with other entries, and without the annotations that only tell its origin. */
export function withEntries(object: KubeObject, entries: readonly MirrorEntry[]): KubeObject {
  const { apiVersion, kind, metadata } = withoutProvenance(object);
  return { apiVersion, kind, metadata, spec: { [ENTRY_FIELD[kind as MirrorKind]]: entries } };
}

/** An ImageDigestMirrorSet in the form of clusters that do not know it yet. That form can not block a source. */
export function asContentSourcePolicy(object: KubeObject): KubeObject {
  const policy = { ...object, apiVersion: 'operator.openshift.io/v1alpha1', kind: 'ImageContentSourcePolicy' };
  return withEntries(
    policy,
    entriesOf(object).map(({ source, mirrors }) => ({ source, mirrors })),
  );
}

/**
 * Entries of both, so that a later, smaller bundle takes nothing away: existing order, new sources after it, and for a common
 * source the wanted mirrors first unless all of them are there already.
 */
export function unionOfEntries(existing: readonly MirrorEntry[], wanted: readonly MirrorEntry[]): MirrorEntry[] {
  const bySource = new Map(wanted.map((entry) => [entry.source, entry]));
  const known = new Set(existing.map(({ source }) => source));
  return [
    ...existing.map((entry) => {
      const added = bySource.get(entry.source);
      return added === undefined ? entry : mergeEntry(entry, added);
    }),
    ...wanted.filter(({ source }) => !known.has(source)),
  ];
}

/**
 * What makes the machine config operator refuse to render, or HyperShift blind, in all sets of a cluster together: one source
 * with two policies, a source that is its own only way, sources without a path, missing release entries.
 */
export function lintMirrorSets(sets: readonly KubeObject[]): MirrorFinding[] {
  const findings: MirrorFinding[] = [];
  const policies = new Map<string, string>();
  for (const set of sets) {
    for (const { source, mirrors, mirrorSourcePolicy } of entriesOf(set)) {
      const name = `${set.kind}/${set.metadata.name}`;
      if (mirrorSourcePolicy === 'NeverContactSource' && mirrors.includes(source)) {
        findings.push({ level: 'error', message: `${name}: ${source} is blocked and is its own mirror` });
      }
      if (set.kind !== 'ImageContentSourcePolicy') {
        const policy = mirrorSourcePolicy ?? 'AllowContactingSource';
        const other = policies.get(source) ?? policy;
        if (other !== policy)
          findings.push({ level: 'error', message: `${name}: ${source} has the policies ${other} and ${policy}` });
        policies.set(source, policy);
      }
      if (!source.includes('/')) {
        findings.push({
          level: 'warning',
          message: `${name}: the source ${source} has no path, which HyperShift does not follow`,
        });
      }
    }
  }
  return findings;
}

/** The release sources that no digest mirror names literally. */
export function missingReleaseSources(sets: readonly KubeObject[]): string[] {
  const sources = new Set(
    sets
      .filter(({ kind }) => kind !== 'ImageTagMirrorSet')
      .flatMap((set) => entriesOf(set).map(({ source }) => source)),
  );
  return RELEASE_SOURCES.filter((source) => !sources.has(source));
}

/**
 * Why nodes will be drained when `before` becomes `after`, empty when CRI-O only reloads (OpenShift, "Understanding image
 * registry repository mirroring"): tag mirrors, entries that go, blocking, a changed order.
 */
export function drainReasons(before: readonly KubeObject[], after: readonly KubeObject[]): string[] {
  const reasons: string[] = [];
  const entries = (sets: readonly KubeObject[]) =>
    new Map(
      sets.flatMap((set) =>
        entriesOf(set).map((entry) => [
          `${set.kind === 'ImageTagMirrorSet' ? 'tag' : 'digest'} ${entry.source}`,
          entry,
        ]),
      ),
    );
  const [old, next] = [entries(before), entries(after)];
  for (const [key, entry] of next) {
    const was = old.get(key);
    if (was === undefined) {
      if (key.startsWith('tag ')) reasons.push(`tag mirrors for ${entry.source}`);
      else if (entry.mirrorSourcePolicy === 'NeverContactSource') reasons.push(`${entry.source} becomes blocked`);
    } else if (was.mirrorSourcePolicy !== entry.mirrorSourcePolicy) {
      reasons.push(`the policy of ${entry.source} changes`);
    } else if (key.startsWith('tag ') ? !isSame(was.mirrors, entry.mirrors) : !isAppended(was.mirrors, entry.mirrors)) {
      reasons.push(`the mirrors of ${entry.source} change their order or number`);
    }
  }
  for (const [key, entry] of old) if (!next.has(key)) reasons.push(`the entry for ${entry.source} goes`);
  return reasons;
}

/** What becomes of `before` without a drain, since CRI-O only reloads: digest mirrors that come, or are added at the end. */
export function reloadReasons(before: readonly KubeObject[], after: readonly KubeObject[]): string[] {
  const old = new Map(digestEntries(before).map((entry) => [entry.source, entry]));
  return digestEntries(after).flatMap(({ source, mirrors, mirrorSourcePolicy }) => {
    const was = old.get(source);
    if (was === undefined) return mirrorSourcePolicy === 'NeverContactSource' ? [] : [`digest mirrors for ${source}`];
    if (was.mirrorSourcePolicy !== mirrorSourcePolicy || !isAppended(was.mirrors, mirrors)) return [];
    return was.mirrors.length === mirrors.length ? [] : [`further digest mirrors for ${source}`];
  });
}

function digestEntries(sets: readonly KubeObject[]): MirrorEntry[] {
  return sets.filter(({ kind }) => kind !== 'ImageTagMirrorSet').flatMap((set) => entriesOf(set));
}

function mergeEntry(existing: MirrorEntry, added: MirrorEntry): MirrorEntry {
  const hasAll = added.mirrors.every((mirror) => existing.mirrors.includes(mirror));
  const rest = existing.mirrors.filter((mirror) => !added.mirrors.includes(mirror));
  const policy = added.mirrorSourcePolicy ?? existing.mirrorSourcePolicy;
  return {
    source: existing.source,
    mirrors: hasAll ? existing.mirrors : [...added.mirrors, ...rest],
    ...(policy === undefined ? {} : { mirrorSourcePolicy: policy }),
  };
}

function isSame(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && isAppended(before, after);
}

function isAppended(before: readonly string[], after: readonly string[]): boolean {
  return before.every((mirror, index) => after[index] === mirror);
}
