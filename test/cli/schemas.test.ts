/** What `--json` prints is a contract: published as JSON Schema, and every command keeps to it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ErrorResultSchema, RESULT_SCHEMAS } from '../../src/workflows/result-schemas.ts';
import { image, index, pushContent } from '../support/images.ts';
import { jsonOf, openRepository, writeImageSet, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
/** What `status` prints follows the cluster and is not yet a contract; `completion` prints a script. */
const WITHOUT_SCHEMA = ['completion', 'status'];

test('every command has a schema', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as { commands: object };
  const commands = Object.keys(manifest.commands).map((id) => id.replaceAll(':', '-'));
  assert.deepEqual(commands.toSorted(), [...Object.keys(RESULT_SCHEMAS), ...WITHOUT_SCHEMA].toSorted());
});

test('what the commands print with --json is one document that matches its schema', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const folder = temporaryFolder(t);
  const repository = freshRepository('schemas');
  const instances = ['amd64', 'arm64'].map((name) => image().platform(`linux/${name}`).layer('a', name).build());
  await pushContent(openRepository(t, access, repository), index(instances).build(), 'v1');
  const platforms = [{ os: 'linux', architecture: 'amd64' }];
  const names = [{ name: `${access.host}/${repository}:v1`, platforms }];
  const config = writeImageSet(folder, [...names, { name: `${access.host}/${repository}/gone:v1` }]);
  writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }], 'whole.yaml');
  const { key, pub } = writeKeys(folder);
  const far = `${access.host}/${freshRepository('far')}`;
  const RUNS: readonly (readonly [keyof typeof RESULT_SCHEMAS, readonly string[], number])[] = [
    ['keygen', ['keygen', '--out-prefix', 'k', '--plain'], 0],
    ['plan', ['plan', '-c', config, '--allow-gaps'], 0],
    ['pack', ['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, '--allow-gaps', '--expires', '2099-01-01'], 11],
    ['verify', ['verify', 'x.tar', '--key', pub], 0],
    ['verify', ['verify', 'x.tar', '--insecure-unsigned', '--manifest-only'], 0],
    ['inspect', ['inspect', 'x.tar'], 0],
    ['inspect', ['inspect', 'x.tar', '--key', pub, '--against', 'x.tar'], 0],
    ['sign', ['sign', 'x.tar', '--sign-key', key, '--out', 's.json'], 0],
    ['pack', ['pack', '-c', 'whole.yaml', '-o', 'whole.tar', '--sign-key', key, '--ca-bundle', 'ca.pem'], 0],
    ['inspect', ['inspect', 'whole.tar'], 0],
    ['unpack', ['unpack', 'whole.tar', '--key', pub, '--registry', far], 0],
    ['mirror', ['mirror', '-c', 'whole.yaml', '--registry', far], 0],
  ];
  execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=x'.split(
      ' ',
    ),
    { cwd: folder, stdio: 'ignore' },
  );
  for (const [name, args, status] of RUNS) {
    const result = await runCli([...args, '--json'], { cwd: folder });
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}${result.stdout}`);
    const parsed = RESULT_SCHEMAS[name].safeParse(jsonOf(result));
    assert.equal(parsed.success, true, `${args.join(' ')}: ${JSON.stringify(parsed.error?.issues)}`);
  }
  for (const args of [
    ['plan', '-c', 'gone'],
    ['plan', '--nope'],
    ['verify', 'gone.tar', '--key', pub],
  ]) {
    const result = await runCli([...args, '--json'], { cwd: folder });
    const parsed = ErrorResultSchema.safeParse(jsonOf(result));
    assert.equal(parsed.success, true, `${args.join(' ')}: ${JSON.stringify(parsed.error?.issues)}`);
  }
});
