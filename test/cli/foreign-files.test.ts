/** Archives of other programs, made by them, given where a bundle is expected. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, pushContent } from '../support/images.ts';
import { flagsFor, jsonOf } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { optionsFor, startRegistry } from '../support/registry.ts';
import { resultOf, runCli, startCli, temporaryFolder } from '../support/run-cli.ts';
import { bundleOf, bytesOfBundle } from '../support/served-bundle.ts';

const app = image().layer('etc/x', 'y').build();

test('verify, inspect, unpack and serve say whose archive it is and what to do with it', async (t) => {
  const [skopeo, crane] = [needProgram(t, 'skopeo'), needProgram(t, 'crane')];
  if (skopeo === undefined || crane === undefined || needProgram(t, 'docker-registry') === undefined) return;
  const registry = await startRegistry({ implementation: 'docker-registry' });
  t.after(() => registry.stop());
  const ctx = { signal: new AbortController().signal, report: () => undefined };
  const client = createRegistryClient(optionsFor(registry), ctx);
  t.after(() => client.close());
  await pushContent(client.openRepository({ registry: registry.host, repository: 'team/app' }), app, 'v1');
  const cwd = temporaryFolder(t);
  const at = (name: string) => join(cwd, name);
  const reference = `${registry.host}/team/app:v1`;
  const copy = (target: string) =>
    execFileSync(skopeo, ['copy', '-q', '--src-tls-verify=false', `docker://${reference}`, target], { cwd });

  // oc-mirror is not here: it packs the storage of such a registry, and a folder of its own, into plain tars.
  mkdirSync(at('working-dir'));
  writeFileSync(at('working-dir/x'), 'x');
  const listed = execFileSync('find', ['docker', '-type', 'f'], { cwd: registry.storage, encoding: 'utf8' });
  const cached = ['-C', registry.storage, ...listed.trim().split('\n')];
  execFileSync('tar', ['cf', 'mirror_000001.tar', ...cached, '-C', cwd, 'working-dir/x'], { cwd });
  copy('docker-archive:save.tar:team/app:v1');
  copy('oci-archive:oci.tar:v1');
  execFileSync(crane, ['pull', reference, 'crane.tar'], { cwd });
  const bundle = bytesOfBundle(bundleOf([{ content: app, repository: 'team/app', tag: 'v1' }]));
  writeFileSync(at('trip.tar'), bundle);
  writeFileSync(at('trip.tar.gz'), gzipSync(bundle));
  writeFileSync(at('zarf-package-app-amd64-1.0.0.tar.zst'), zstdCompressSync(readFileSync(at('oci.tar'))));
  mkdirSync(at('taken-apart'));
  execFileSync('tar', ['xf', 'trip.tar', '-C', 'taken-apart'], { cwd });
  execFileSync('tar', ['cf', 'again.tar', '-C', 'taken-apart', '.'], { cwd });

  for (const [name, message, hint] of [
    ['mirror_000001.tar', /an archive of oc-mirror/, /airgap pack/],
    ['save.tar', /an archive of docker save/, /skopeo copy docker-archive:/],
    ['crane.tar', /an archive of docker save/, /skopeo copy docker-archive:/],
    ['oci.tar', /an OCI archive of images/, /skopeo copy --all oci-archive:/],
    ['trip.tar.gz', /a gzip file/, /gzip -d/],
    ['zarf-package-app-amd64-1.0.0.tar.zst', /a zstd file/, /zarf/],
    ['again.tar', /files of an airgap bundle/, /as airgap wrote it/],
  ] as const) {
    const trust = ['--insecure-unsigned', '--json'];
    for (const command of [
      ['verify', name, ...trust],
      ['inspect', name, '--json'],
      ['unpack', name, ...trust, '--registry', registry.host, ...flagsFor(registry, cwd)],
      ['serve', name, ...trust, '--listen', '127.0.0.1:0'],
    ]) {
      const result = await runCli(command, { cwd });
      assert.equal(result.status, 4, `${command.join(' ')}: ${result.stderr}`);
      const error = jsonOf(result);
      assert.equal(error['code'], 'E_LAYOUT', command.join(' '));
      assert.match(String(error['message']), message);
      assert.match(String(error['hint']), hint);
    }
  }
  const piped = startCli(['verify', '-', '--insecure-unsigned'], { cwd, stdin: '' });
  piped.stdin!.end(readFileSync(at('mirror_000001.tar')));
  assert.match((await resultOf(piped)).stderr, /error E_LAYOUT: this is an archive of oc-mirror/);
});
