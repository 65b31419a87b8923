import assert from 'node:assert/strict';
import test from 'node:test';
import { planHostedCluster } from '../../../src/apply/hosted-cluster-plan.ts';
import { buildTagMirrors, readTagMirrors, tagMirrorFile } from '../../../src/apply/hosted-tag-mirrors.ts';
import { textMapAt, valueAt } from '../../../src/apply/kube-object.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { EMPTY_BUNDLE, FILES, FRESH, objectOf, optionsOf } from '../../support/hosted-cluster.ts';

const IDENTITY = { name: 'example', namespace: 'clusters' };
const TEAM = [{ source: 'quay.example/team', mirrors: ['r:5000/ocp/team'] }];

/** Tables of a drop-in, as `source: digest mirror … | tag mirror …`. */
function tables(text: string): string[] {
  return text
    .split('[[registry]]\n')
    .slice(1)
    .map((table) => {
      const [, source] = /^location = "(.*)"/.exec(table)!;
      const mirrors = (pulls: string) =>
        [...table.matchAll(/location = "(.*)"\npull-from-mirror = "(.*)"/g)]
          .filter(([, , kind]) => kind === pulls)
          .map(([, mirror]) => mirror);
      return `${source}: ${mirrors('digest-only').join(' ')} | ${mirrors('tag-only').join(' ')}`;
    });
}

test('a table with tag mirrors keeps the digest mirrors it replaces or hides', () => {
  const digests = [
    { source: 'quay.example', mirrors: ['r:5000/all'] },
    { source: 'quay.example/team', mirrors: ['r:5000/ocp/team', 's/team'] },
    { source: 'quay.example/team/app', mirrors: ['r:5000/apps/app'] },
    { source: 'quay.example/teams', mirrors: ['r:5000/ocp/teams'] },
  ];
  assert.deepEqual(tables(tagMirrorFile(TEAM, digests)), [
    'quay.example/team: r:5000/ocp/team s/team | r:5000/ocp/team',
    // Otherwise its own table in the main file would hide the tag mirrors.
    'quay.example/team/app: r:5000/apps/app | r:5000/ocp/team/app',
  ]);
  assert.deepEqual(tables(tagMirrorFile([{ source: 'quay.example/team/x', mirrors: ['r/x'] }], digests)), [
    'quay.example/team/x: r:5000/ocp/team/x s/team/x | r/x',
  ]);
});

test('they are machine configuration of workers, and are read back from it', () => {
  const configMap = buildTagMirrors(IDENTITY, TEAM, []);
  assert.equal(configMap.metadata.name, 'example-tag-mirrors');
  const config = parseYaml(textMapAt(configMap, 'data')['config']!, 'config');
  assert.equal(valueAt(config, 'metadata', 'labels', 'machineconfiguration.openshift.io/role'), 'worker');
  const [file] = valueAt(config, 'spec', 'config', 'storage', 'files') as { contents: { source: string } }[];
  const [head, body] = file!.contents.source.split(',');
  assert.equal(head, 'data:text/plain;charset=utf-8;base64');
  assert.equal(Buffer.from(body!, 'base64').toString(), tagMirrorFile(TEAM, []));
  assert.deepEqual(readTagMirrors(configMap), TEAM);
  assert.deepEqual(readTagMirrors(undefined), []);
});

test('every pool gets them when the hosted cluster asks for them, and a smaller bundle takes none away', () => {
  const bundle = { ...EMPTY_BUNDLE, tagged: { references: ['quay.example/team/app:1'], mirrors: TEAM } };
  const plan = (wanted: boolean, tagMirrors?: ReturnType<typeof buildTagMirrors>, allowRemovals = false) => {
    const live = { nodePools: [], ...(tagMirrors === undefined ? {} : { tagMirrors }) };
    const given = optionsOf();
    const options = { ...given, nodePool: { ...given.nodePool, nodeConfig: ['tuned'] }, tagMirrors: wanted };
    return planHostedCluster(options, FILES, { bundle, live, fresh: FRESH, allowRemovals }).objects;
  };
  assert.ok(plan(false).every(({ kind }) => kind !== 'ConfigMap'));
  const wanted = plan(true);
  assert.deepEqual(valueAt(objectOf(wanted, 'NodePool'), 'spec', 'config'), [
    { name: 'tuned' },
    { name: 'example-tag-mirrors' },
  ]);
  const earlier = buildTagMirrors(IDENTITY, [{ source: 'old.example/x', mirrors: ['r/x'] }], []);
  const sources = (objects: typeof wanted) =>
    readTagMirrors(objectOf(objects, 'ConfigMap', 'example-tag-mirrors')).map(({ source }) => source);
  assert.deepEqual(sources(plan(true, earlier)), ['old.example/x', 'quay.example/team']);
  assert.deepEqual(sources(plan(true, earlier, true)), ['quay.example/team']);
});

test('what somebody made of the entries is not written to nodes', () => {
  const configMap = buildTagMirrors(IDENTITY, TEAM, []);
  for (const tagMirrors of [
    'no JSON',
    '{}',
    '["quay.example"]',
    '[{"source":1,"mirrors":[]}]',
    '[{"mirrors":["r"]}]',
  ]) {
    const damaged = { ...configMap, data: { ...textMapAt(configMap, 'data'), tagMirrors } };
    assert.throws(() => readTagMirrors(damaged), {
      code: 'E_CONFIG',
      message: /example-tag-mirrors: tagMirrors holds no/,
    });
  }
});
