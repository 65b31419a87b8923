import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../../../src/apply/kube-object.ts';
import {
  asContentSourcePolicy,
  drainReasons,
  entriesOf,
  lintMirrorSets,
  missingReleaseSources,
  reloadReasons,
  unionOfEntries,
  withEntries,
  type MirrorEntry,
  type MirrorKind,
} from '../../../src/apply/mirror-rules.ts';

function set(kind: MirrorKind, ...entries: readonly MirrorEntry[]): KubeObject {
  const metadata = { name: kind.toLowerCase(), annotations: { createdAt: 'now', keep: 'this' } };
  return withEntries({ apiVersion: 'config.openshift.io/v1', kind, metadata }, entries);
}

function entry(source: string, ...mirrors: readonly string[]): MirrorEntry {
  return { source, mirrors };
}

const never = (source: string, ...mirrors: readonly string[]): MirrorEntry => ({
  source,
  mirrors,
  mirrorSourcePolicy: 'NeverContactSource',
});

test('the union of mirror entries', async (t) => {
  const cases: { title: string; existing: MirrorEntry[]; wanted: MirrorEntry[]; union: MirrorEntry[] }[] = [
    {
      title: 'keeps what a smaller bundle lacks',
      existing: [entry('a/x', 'r/x'), entry('a/y', 'r/y')],
      wanted: [entry('a/y', 'r/y')],
      union: [entry('a/x', 'r/x'), entry('a/y', 'r/y')],
    },
    {
      title: 'adds new sources at the end',
      existing: [entry('a/y', 'r/y')],
      wanted: [entry('a/x', 'r/x')],
      union: [entry('a/y', 'r/y'), entry('a/x', 'r/x')],
    },
    {
      title: 'puts a new mirror before the old ones',
      existing: [entry('a/x', 'old/x')],
      wanted: [entry('a/x', 'new/x')],
      union: [entry('a/x', 'new/x', 'old/x')],
    },
    {
      title: 'keeps the order when all mirrors are there',
      existing: [entry('a/x', 'one', 'two')],
      wanted: [entry('a/x', 'two')],
      union: [entry('a/x', 'one', 'two')],
    },
    {
      title: 'keeps a policy that is not named',
      existing: [never('a/x', 'r/x')],
      wanted: [entry('a/x', 'r/x')],
      union: [never('a/x', 'r/x')],
    },
  ];
  for (const { title, existing, wanted, union } of cases) {
    await t.test(title, () => assert.deepEqual(unionOfEntries(existing, wanted), union));
  }
});

test('drains are predicted', async (t) => {
  const digest = (...entries: MirrorEntry[]) => set('ImageDigestMirrorSet', ...entries);
  const tag = (...entries: MirrorEntry[]) => set('ImageTagMirrorSet', ...entries);
  const cases: { title: string; before: KubeObject[]; after: KubeObject[]; reasons: string[]; reloads?: string[] }[] = [
    {
      title: 'not for new digest entries',
      before: [digest(entry('a/x', 'r/x'))],
      after: [digest(entry('a/x', 'r/x'), entry('a/y', 'r/y'))],
      reasons: [],
      reloads: ['digest mirrors for a/y'],
    },
    {
      title: 'not for a mirror appended',
      before: [digest(entry('a/x', 'r/x'))],
      after: [digest(entry('a/x', 'r/x', 's/x'))],
      reasons: [],
      reloads: ['further digest mirrors for a/x'],
    },
    {
      title: 'not without a change',
      before: [tag(entry('a/x', 'r/x'))],
      after: [tag(entry('a/x', 'r/x'))],
      reasons: [],
    },
    { title: 'for tag mirrors', before: [], after: [tag(entry('a/x', 'r/x'))], reasons: ['tag mirrors for a/x'] },
    {
      title: 'for an entry that goes',
      before: [digest(entry('a/x', 'r/x'))],
      after: [],
      reasons: ['the entry for a/x goes'],
    },
    { title: 'for blocking', before: [], after: [digest(never('a/x', 'r/x'))], reasons: ['a/x becomes blocked'] },
    {
      title: 'for a policy that changes',
      before: [digest(entry('a/x', 'r/x'))],
      after: [digest(never('a/x', 'r/x'))],
      reasons: ['the policy of a/x changes'],
    },
    {
      title: 'for another order',
      before: [digest(entry('a/x', 'r', 's'))],
      after: [digest(entry('a/x', 's', 'r'))],
      reasons: ['the mirrors of a/x change their order or number'],
    },
  ];
  for (const { title, before, after, reasons, reloads = [] } of cases) {
    await t.test(title, () => {
      assert.deepEqual(drainReasons(before, after), reasons);
      assert.deepEqual(reloadReasons(before, after), reloads);
    });
  }
});

test('lint finds what nodes refuse and HyperShift does not follow', () => {
  const digest = set('ImageDigestMirrorSet', entry('quay.io', 'r/quay'), never('a/x', 'a/x'));
  const tag = set('ImageTagMirrorSet', entry('a/x', 'r/x'));
  assert.deepEqual(
    lintMirrorSets([digest, tag]).map(({ level, message }) => `${level}: ${message}`),
    [
      'warning: ImageDigestMirrorSet/imagedigestmirrorset: the source quay.io has no path, which HyperShift does not follow',
      'error: ImageDigestMirrorSet/imagedigestmirrorset: a/x is blocked and is its own mirror',
      'error: ImageTagMirrorSet/imagetagmirrorset: a/x has the policies NeverContactSource and AllowContactingSource',
    ],
  );
  assert.deepEqual(lintMirrorSets([set('ImageDigestMirrorSet', entry('a/x', 'r/x'))]), []);
});

test('release sources must be written out in digest mirrors', () => {
  const both = [
    entry('quay.io/openshift-release-dev/ocp-release', 'r/a'),
    entry('quay.io/openshift-release-dev/ocp-v4.0-art-dev', 'r/b'),
  ];
  assert.deepEqual(missingReleaseSources([set('ImageDigestMirrorSet', ...both)]), []);
  assert.deepEqual(missingReleaseSources([set('ImageTagMirrorSet', ...both)]).length, 2);
  assert.deepEqual(missingReleaseSources([set('ImageDigestMirrorSet', entry('quay.io', 'r'))]).length, 2);
});

test('a set in its older form keeps sources and mirrors, and no annotation of the moment', () => {
  const older = asContentSourcePolicy(set('ImageDigestMirrorSet', never('a/x', 'r/x')));
  assert.deepEqual(older, {
    apiVersion: 'operator.openshift.io/v1alpha1',
    kind: 'ImageContentSourcePolicy',
    metadata: { name: 'imagedigestmirrorset', annotations: { keep: 'this' } },
    spec: { repositoryDigestMirrors: [{ source: 'a/x', mirrors: ['r/x'] }] },
  });
  assert.deepEqual(entriesOf(older), [entry('a/x', 'r/x')]);
});
