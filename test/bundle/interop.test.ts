// A bundle stays readable without airgap: GNU tar, Python's tarfile, skopeo and oras read what we write.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { END_BYTES, headerOf, planLayout } from '../../src/bundle/layout.ts';
import { MANIFEST_MEDIA_TYPE, serializeManifest, type BundleManifest } from '../../src/bundle/manifest.ts';
import { headBytes } from '../../src/bundle/ordered-output.ts';
import {
  archive,
  blob,
  buildBundle,
  file,
  noise,
  sha256,
  signForTest,
  temporaryFile,
  temporaryFolder,
  TEST_IDENTITY,
} from '../support/bundles.ts';
import { image as newImage, index } from '../support/images.ts';
import { CONFIG, imageManifest, oneImageLayout } from '../support/oci-layouts.ts';
import { needProgram } from '../support/programs.ts';
import { bundleOf, bytesOfBundle } from '../support/served-bundle.ts';

const FILES = [
  file('README.txt', 'read me'),
  file('empty', ''),
  file('a/b/c', noise(512, 'c')),
  blob(noise(70_000, 'blob')),
];
const BUNDLE = buildBundle(FILES);
const NAMES = ['airgap-manifest.json', 'airgap-manifest.json.1.sigstore.json', ...FILES.map(({ path }) => path)];

const PYTHON_LISTING = `
import json, sys, tarfile
with tarfile.open(sys.argv[1], 'r:') as archive:
    print(json.dumps([[m.name, m.size, m.mode, m.uid, m.gid, m.mtime, m.isreg(), m.offset_data] for m in archive]))
`;

test('GNU tar lists and extracts a bundle without a word', (t) => {
  const tar = needProgram(t, 'tar');
  if (tar === undefined) return;
  const path = temporaryFile(t, archive(BUNDLE));
  const out = join(path, '..', 'out');
  mkdirSync(out);
  const listed = execFileSync(tar, ['--warning=all', '-tf', path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.deepEqual(listed.trimEnd().split('\n'), NAMES);
  execFileSync(tar, ['-xf', path, '-C', out]);
  for (const { path: name, content } of FILES) assert.ok(readFileSync(join(out, name)).equals(content));
});

test('Python reads every header as a plain file at the computed place', (t) => {
  const python = needProgram(t, 'python3');
  if (python === undefined) return;
  const path = temporaryFile(t, archive(BUNDLE));
  const rows: unknown = JSON.parse(execFileSync(python, ['-c', PYTHON_LISTING, path], { encoding: 'utf8' }));
  const layout = planLayout(BUNDLE.manifestBytes, BUNDLE.signatures, BUNDLE.manifest);
  assert.deepEqual(
    rows,
    layout.entries.map(({ path: name, size, bodyAt }) => [name, size, 0o644, 0, 0, 0, true, bodyAt]),
  );
});

test('a header is byte for byte the one GNU tar writes for such a file, but for the name fields it fills', (t) => {
  const tar = needProgram(t, 'tar');
  if (tar === undefined) return;
  const folder = temporaryFolder(t);
  const written = openSync(join(folder, 'plain'), 'w', 0o644);
  writeSync(written, 'hello');
  closeSync(written);
  const flags = ['--format=ustar', '--owner=:0', '--group=:0', '--mtime=@0', '--mode=0644', '--numeric-owner'];
  const bytes = execFileSync(tar, [...flags, '-cf', '-', '-C', folder, 'plain']);
  const theirs = Buffer.from(bytes.subarray(0, 512));
  const ours = headerOf('plain', 5);
  // GNU tar fills the device numbers, which POSIX leaves open for files; that also changes the checksum.
  const device = '0000000\0'.repeat(2);
  assert.ok([device, '\0'.repeat(16)].includes(theirs.toString('latin1', 329, 345)));
  theirs.fill(0, 329, 345);
  theirs.fill(0, 148, 156);
  ours.fill(0, 148, 156);
  assert.equal(theirs.toString('latin1'), ours.toString('latin1'));
});

test('GNU tar and Python read an entry of 9 GiB and the one after it', (t) => {
  const tar = needProgram(t, 'tar');
  const python = needProgram(t, 'python3');
  if (tar === undefined || python === undefined) return;
  const huge = 9 * 2 ** 30 + 1;
  const manifest: BundleManifest = {
    mediaType: MANIFEST_MEDIA_TYPE,
    bundle: TEST_IDENTITY,
    files: [
      { path: 'huge', size: huge, sha256: '0'.repeat(64) },
      { path: 'after', size: 5, sha256: sha256('after') },
    ],
  };
  const manifestBytes = serializeManifest(manifest);
  const signatures = signForTest(manifestBytes, TEST_IDENTITY);
  const layout = planLayout(manifestBytes, signatures, manifest);
  const path = join(temporaryFolder(t), 'X.tar');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, layout.size);
  writeSync(fd, headBytes({ manifestBytes, signatures, layout }), 0, null, 0);
  for (const { path: name, size, headerAt } of layout.entries.slice(layout.firstFile)) {
    writeSync(fd, headerOf(name, size), 0, null, headerAt);
  }
  writeSync(fd, 'after', layout.entries.at(-1)!.bodyAt);
  closeSync(fd);
  assert.equal(layout.size, layout.endAt + END_BYTES);
  const listed = execFileSync(tar, ['-tvf', path], { encoding: 'utf8' });
  assert.match(listed, new RegExp(`^-rw-r--r-- 0/0\\s+${huge} .* huge$`, 'm'));
  assert.match(listed, /^-rw-r--r-- 0\/0\s+5 .* after$/m);
  assert.equal(execFileSync(tar, ['-xOf', path, 'after'], { encoding: 'utf8' }), 'after');
  const rows = JSON.parse(execFileSync(python, ['-c', PYTHON_LISTING, path], { encoding: 'utf8' })) as unknown[][];
  assert.deepEqual(
    rows.slice(-2).map(([name, size, , , , , , at]) => [name, size, at]),
    layout.entries.slice(-2).map(({ path: name, size, bodyAt }) => [name, size, bodyAt]),
  );
});

test('skopeo inspects an image in a bundle by its name', (t) => {
  const skopeo = needProgram(t, 'skopeo');
  if (skopeo === undefined) return;
  const image = imageManifest();
  const bundle = buildBundle([...oneImageLayout('registry.corp/team/app:1.0', image), file('plan.json', '{}')]);
  const path = temporaryFile(t, archive(bundle), 'X.tar');
  const raw = execFileSync(skopeo, ['inspect', '--raw', `oci-archive:${path}:registry.corp/team/app:1.0`]);
  assert.ok(raw.equals(image.content));
  const config = execFileSync(skopeo, [
    'inspect',
    '--config',
    '--raw',
    `oci-archive:${path}:registry.corp/team/app:1.0`,
  ]);
  assert.ok(config.equals(CONFIG.content));
});

test('oras copies images in a bundle by their digest, in either format, with what is attached to them', (t) => {
  const oras = needProgram(t, 'oras');
  if (oras === undefined) return;
  const app = index([newImage().layer('etc/x', 'y').build()]).build();
  const docker = newImage().docker().layer('etc/x', 'docker').build();
  const { mediaType, digest, size } = app.root;
  const signature = newImage()
    .rawLayer(Buffer.from('signature'), 'text/plain')
    .artifactType('application/signature')
    .subject({ mediaType, digest, size })
    .build();
  const bundle = bundleOf([
    { content: app, repository: 'team/app', tag: 'v1' },
    { content: docker, repository: 'team/docker', tag: 'v1' },
    { content: signature, repository: 'team/app' },
  ]);
  const path = temporaryFile(t, bytesOfBundle(bundle), 'X.tar');
  const cwd = join(path, '..');
  for (const { root } of [app, docker]) {
    const from = ['--recursive', '--from-oci-layout', `X.tar@${root.digest}`];
    execFileSync(oras, ['copy', ...from, '--to-oci-layout', 'layout:v1'], { cwd, stdio: 'pipe' });
  }
  for (const { descriptor, bytes } of [...app.contents, ...docker.contents, ...signature.contents]) {
    assert.ok(readFileSync(join(cwd, 'layout/blobs/sha256', descriptor.digest.slice(7))).equals(bytes));
  }
});
