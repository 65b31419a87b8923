/** Signatures made elsewhere (a token, a key service), further signatures, and what a site file does at pack. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { image, pushContent } from '../support/images.ts';
import { FIXED_IDENTITY, jsonOf, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

/** A folder with keys and a configuration of one image in a real registry; undefined when the registry is missing. */
async function prepared(t: TestContext) {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return undefined;
  const folder = temporaryFolder(t);
  const repository = freshRepository('elsewhere');
  const target = openRepository(t, access, repository);
  await pushContent(target, image().layer('a', 'first').build(), 'v1');
  const config = writeImageSet(folder, [{ name: `${access.host}/${repository}:v1` }]);
  return { folder, config, target, ...writeKeys(folder) };
}

test('what cosign signed from a plan is packed as planned and verified', async (t) => {
  const cosign = needProgram(t, 'cosign-3');
  const world = await prepared(t);
  if (cosign === undefined || world === undefined) return;
  const { folder: cwd, config } = world;
  const env = { ...process.env, COSIGN_PASSWORD: '' };
  execFileSync(cosign, ['generate-key-pair', '--output-key-prefix', 'token'], { cwd, env, stdio: 'ignore' });
  await succeed(['pack', '-c', config, '--plan', 'signing', ...FIXED_IDENTITY], { cwd });
  execFileSync(cosign, ['signing-config', 'create', '--out', 'empty.json'], { cwd, env, stdio: 'ignore' });
  const sign = ['attest-blob', '-y', '--key', 'token.key', '--signing-config', 'empty.json'];
  execFileSync(cosign, [...sign, '--statement', 'signing/statement.json', '--bundle', 'sig.json'], {
    cwd,
    env,
    stdio: 'ignore',
  });
  const fromPlan = ['pack', '-c', config, '-o', 'x.tar', '--from-plan', 'signing', '--signature', 'sig.json'];
  await succeed([...fromPlan, '--key', 'token.pub'], { cwd });
  const verified = jsonOf(await succeed(['verify', 'x.tar', '--key', 'token.pub', '--json'], { cwd }));
  assert.equal((verified['bundle'] as { serial: number }).serial, Number(FIXED_IDENTITY[1]));
});

test('a plan whose content has changed since is refused, and a signature by another key too', async (t) => {
  const world = await prepared(t);
  if (world === undefined) return;
  const { folder: cwd, config, key, pub, target } = world;
  await succeed(['pack', '-c', config, '--plan', 'signing'], { cwd });
  await succeed(['sign', 'signing/airgap-manifest.json', '--sign-key', key, '--out', 'sig.json'], { cwd });
  const { pub: otherPub } = writeKeys(cwd, 'other');
  const fromPlan = ['pack', '-c', config, '-o', 'x.tar', '--from-plan', 'signing', '--signature', 'sig.json', '--json'];
  const wrongKey = await runCli([...fromPlan, '--key', otherPub], { cwd });
  assert.deepEqual([wrongKey.status, jsonOf(wrongKey)['code']], [3, 'E_SIGNATURE']);
  await pushContent(target, image().layer('a', 'second').build(), 'v1');
  const moved = await runCli([...fromPlan, '--key', pub], { cwd });
  assert.deepEqual([moved.status, jsonOf(moved)['code']], [2, 'E_CONFIG']);
});

test('a second person signs a bundle that exists; both signatures count, one key does not count twice', async (t) => {
  const world = await prepared(t);
  if (world === undefined) return;
  const { folder: cwd, config, key, pub } = world;
  const { key: secondKey, pub: secondPub } = writeKeys(cwd, 'second');
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key], { cwd });
  const before = readFileSync(join(cwd, 'x.tar'));
  await succeed(['sign', 'x.tar', '--sign-key', secondKey, '--out', 'second.json'], { cwd });
  assert.ok(readFileSync(join(cwd, 'x.tar')).equals(before));
  const both = ['verify', 'x.tar', '--key', pub, '--key', secondPub, '--threshold', '2', '--json'];
  assert.equal((await runCli(both, { cwd })).status, 3);
  await succeed([...both, '--signature', 'second.json'], { cwd });
  await succeed(['sign', 'x.tar', '--sign-key', key, '--out', 'again.json'], { cwd });
  assert.equal((await runCli([...both, '--signature', 'again.json'], { cwd })).status, 3);
});

test('a site file travels inside; with hosted clusters a configuration without KubeVirt disk is refused', async (t) => {
  const world = await prepared(t);
  if (world === undefined) return;
  const { folder: cwd, config, key } = world;
  const site = 'apiVersion: airgap/v1alpha1\nkind: Site\nregistry:\n  target: registry.lab:8443/ocp # the lab\n';
  writeFileSync(join(cwd, 'site.yaml'), site);
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, '--site', 'site.yaml'], { cwd });
  const extract = (path: string) => execFileSync('tar', ['xOf', 'x.tar', path], { cwd, encoding: 'utf8' });
  assert.equal(extract('config/site.yaml'), site);
  assert.match(extract('resources/itms-oc-mirror.yaml'), /registry\.lab:8443\/ocp/);
  writeFileSync(join(cwd, 'site.yaml'), `${site}hostedClusters:\n  - name: example\n`);
  const refused = await runCli(
    ['pack', '-c', config, '-o', 'y.tar', '--sign-key', key, '--site', 'site.yaml', '--json'],
    { cwd },
  );
  assert.deepEqual([refused.status, jsonOf(refused)['code']], [2, 'E_CONFIG']);
  assert.match(String(jsonOf(refused)['hint']), /kubeVirtContainer/);
});
