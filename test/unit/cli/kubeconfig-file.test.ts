import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeKubeconfigs } from '../../../src/cli/kubeconfig-file.ts';
import { formatYaml } from '../../../src/core/yaml.ts';
import { temporaryFolder } from '../../support/run-cli.ts';

const text = formatYaml({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'admin',
  clusters: [{ name: 'cluster', cluster: { server: 'https://192.0.2.1:6443' } }],
  users: [{ name: 'admin', user: { token: 't' } }],
  contexts: [{ name: 'admin', context: { cluster: 'cluster', user: 'admin' } }],
});
const configs = [{ namespace: 'clusters', name: 'example', text }];

test('merged into a link, the file it leads to is the one that changes', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'kept'));
  const [kept, link] = [join(folder, 'kept/config'), join(folder, 'config')];
  writeFileSync(kept, text);
  chmodSync(kept, 0o644);
  symlinkSync(kept, link);
  assert.deepEqual(await writeKubeconfigs(configs, { merge: link, out: undefined }), { file: link });
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.match(readFileSync(kept, 'utf8'), /clusters-example/);
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(folder, 'kept')), ['config']);
});

test('merged into a file that is not there it is made, readable by its owner alone', async (t) => {
  const path = join(temporaryFolder(t), 'config');
  await writeKubeconfigs(configs, { merge: path, out: undefined });
  assert.equal(statSync(path).mode & 0o777, 0o600);
});
