/** The single executable where there is nothing but it and the C library: no Node, no account, no /proc, no /dev. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { bareSystem, EXECUTABLE, PLATFORM } from '../support/bare-system.ts';
import { noise, sha256 } from '../support/bundles.ts';
import { image, pushContent } from '../support/images.ts';
import { openRepository } from '../support/packing.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { summary: string }>;
};

test('every command starts and shows its help without Node', async (t) => {
  const system = bareSystem(t);
  if (system === undefined) return;
  assert.match((await system.run('--version')).stdout, /^airgap\/\d/);
  const overview = (await system.run('--help')).stdout;
  for (const [id, { summary }] of Object.entries(MANIFEST.commands)) {
    const words = id.split(':');
    assert.ok(overview.includes(words[0]!), id);
    const { stdout } = await system.run(...words, '--help');
    assert.ok(stdout.replaceAll(/\s+/g, ' ').startsWith(summary), id);
    // Its code is inside too: it gets as far as refusing a flag.
    await assert.rejects(system.run(...words, '--no-such-flag'), { code: 2 });
  }
});

test('the round trip works in the executable alone, workers included, and it travels in its own bundle', async (t) => {
  const system = bareSystem(t);
  const access = await plainRegistries[0]!.open(t);
  if (system === undefined || access === undefined) return;
  const name = freshRepository('sea');
  // Enough for worker threads: from 64 MiB on.
  const layers = [40, 41].map((size) => noise(size * 2 ** 20, `sea ${size}`));
  const app = layers.reduce((built, layer) => built.rawLayer(layer, MEDIA_TYPE.ociLayer), image()).build();
  await pushContent(openRepository(t, access, name), app, 'v1');
  const document = {
    apiVersion: 'mirror.openshift.io/v2alpha1',
    kind: 'ImageSetConfiguration',
    mirror: { additionalImages: [{ name: `${access.host}/${name}:v1` }] },
  };
  writeFileSync(join(system.folder, 'srv/imageset.yaml'), JSON.stringify(document));

  await system.run('keygen', '--out-prefix', '/srv/k', '--plain');
  const pack = ['pack', '-c', '/srv/imageset.yaml', '-o', '/srv/trip.tar', '--sign-key', '/srv/k.key'];
  await assert.rejects(system.run(...pack, '--include-tool', '--tool-platform', 'linux-other'), {
    code: 2,
    stderr: new RegExp(`no such executable, only ${PLATFORM}`),
  });
  await system.run(...pack, '--include-tool', '--volume-size', '100MiB');
  const volumes = ['/srv/trip.tar.003', '/srv/trip.tar.001', '/srv/trip.tar.002'].filter((path) =>
    existsSync(join(system.folder, path)),
  );
  assert.ok(volumes.length > 1);
  const verified = JSON.parse(
    (await system.run('verify', ...volumes, '--key', '/srv/k.pub', '--deep', '--json')).stdout,
  ) as {
    ok: boolean;
  };
  assert.equal(verified.ok, true);
  const target = freshRepository('unpacked');
  const unpack = ['unpack', ...volumes, '--key', '/srv/k.pub', '--state-dir', '/srv/state'];
  await system.run(...unpack, '--registry', `${access.host}/${target}`);
  const there = openRepository(t, access, `${target}/${name}`);
  assert.equal((await there.resolve('v1', new AbortController().signal)).digest, app.root.digest);

  const outside = join(system.folder, 'srv');
  const parts = volumes.toSorted().map((path) => join(system.folder, path));
  execFileSync('sh', ['-c', 'cat "$@" | tar xf - -C "$0"', outside, ...parts]);
  const tool = join(outside, 'tool', `airgap-${PLATFORM}`);
  assert.equal(sha256(readFileSync(tool)), sha256(readFileSync(EXECUTABLE)));
  const readme = readFileSync(join(outside, 'README.txt'), 'utf8');
  assert.ok(readme.includes(`${sha256(readFileSync(tool))}  tool/airgap-${PLATFORM}`));
  chmodSync(tool, 0o755);
  const { stdout } = await system.runProgram(`/srv/tool/airgap-${PLATFORM}`, '--version');
  assert.match(stdout, /^airgap\/\d/);
});
