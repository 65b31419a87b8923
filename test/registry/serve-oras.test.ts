/** A bundle shown as a registry, read by oras: lists, artifacts, copies into a layout, referrers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { noise, temporaryFolder } from '../support/bundles.ts';
import { createAuthority } from '../support/certificates.ts';
import { image, index } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { bundleOf, bytesOfBundle, startServe, writeBundle } from '../support/served-bundle.ts';

const run = promisify(execFile);
const app = index([
  image().layer('etc/x', 'y').rawLayer(noise(3_000_000, 'oras'), MEDIA_TYPE.ociLayer).build(),
  image().platform('linux/arm64').layer('etc/x', 'z').build(),
]).build();
const { mediaType, digest, size } = app.root;
const attached = (type: string) =>
  image()
    .rawLayer(Buffer.from(type), 'text/plain')
    .artifactType(type)
    .annotation('made-for', 'app')
    .subject({ mediaType, digest, size })
    .build();
const [signature, sbom] = [attached('application/signature'), attached('application/spdx+json')] as const;
const files = image()
  .artifactType('application/vnd.example.settings')
  .rawLayer(Buffer.from('a: 1\n'), 'application/yaml', { 'org.opencontainers.image.title': 'settings.yaml' })
  .rawLayer(noise(100_000, 'data'), 'application/octet-stream', { 'org.opencontainers.image.title': 'data.bin' })
  .build();
const BYTES = bytesOfBundle(
  bundleOf([
    { content: app, repository: 'team/app', tag: 'v1' },
    { content: app, repository: 'team/app', tag: 'v2' },
    { content: signature, repository: 'team/app' },
    { content: sbom, repository: 'team/app' },
    { content: files, repository: 'team/files', tag: 'latest' },
    { content: files, repository: 'other', tag: 'latest' },
  ]),
);

for (const kind of ['plain HTTP', 'TLS'] as const) {
  test(`oras lists, pulls, copies and discovers what a bundle holds (${kind})`, async (t) => {
    const oras = needProgram(t, 'oras');
    if (oras === undefined) return;
    const cwd = temporaryFolder(t);
    const authority = createAuthority();
    writeFileSync(join(cwd, 'ca.crt'), authority.ca);
    const tls = kind === 'TLS' ? { tls: authority.issue() } : {};
    const { host, url, stop } = await startServe(t, writeBundle(t, BYTES, 1_000_000), tls);
    assert.match(url, kind === 'TLS' ? /^https:/ : /^http:/);
    const ask = async (words: string, ...rest: string[]) => {
      // A configuration of its own: no credentials of whoever runs the tests.
      const env = { PATH: process.env['PATH'], HOME: cwd, DOCKER_CONFIG: cwd };
      const reach = kind === 'TLS' ? ['--ca-file', 'ca.crt'] : ['--plain-http'];
      return (await run(oras, [...words.split(' '), ...reach, ...rest], { cwd, env })).stdout;
    };

    assert.equal(await ask('repo ls', host), 'other\nteam/app\nteam/files\n');
    assert.equal(await ask('repo ls', `${host}/team`), 'app\nfiles\n');
    assert.equal(await ask('repo tags', `${host}/team/app`), 'v1\nv2\n');

    assert.equal(await ask('manifest fetch', `${host}/team/app:v1`), app.contents.at(-1)!.bytes.toString());
    const described = await ask('manifest fetch', '--descriptor', `${host}/team/app@${digest}`);
    assert.deepEqual(JSON.parse(described), { mediaType, digest, size });
    const arm = JSON.parse(await ask('manifest fetch', '--platform', 'linux/arm64', `${host}/team/app:v2`)) as {
      layers: { digest: string }[];
    };
    const [layer] = arm.layers;
    await ask('blob fetch', '--output', 'layer', `${host}/team/app@${layer!.digest}`);
    const known = app.contents.find(({ descriptor }) => descriptor.digest === layer!.digest)!;
    assert.ok(readFileSync(join(cwd, 'layer')).equals(known.bytes));

    await ask('pull', '--output', 'pulled', `${host}/team/files:latest`);
    assert.deepEqual(readdirSync(join(cwd, 'pulled')), ['data.bin', 'settings.yaml']);
    assert.equal(readFileSync(join(cwd, 'pulled/settings.yaml'), 'utf8'), 'a: 1\n');
    assert.ok(readFileSync(join(cwd, 'pulled/data.bin')).equals(noise(100_000, 'data')));

    const found = JSON.parse(await ask('discover', '--format', 'json', `${host}/team/app:v1`)) as {
      referrers: { digest: string; artifactType: string; annotations: Record<string, string> }[];
    };
    assert.deepEqual(
      found.referrers.map((one) => `${one.artifactType} ${one.digest} ${one.annotations['made-for']}`).toSorted(),
      [`application/signature ${signature.root.digest} app`, `application/spdx+json ${sbom.root.digest} app`],
    );
    const one = await ask('discover', '--artifact-type', 'application/spdx+json', `${host}/team/app@${digest}`);
    assert.ok(one.includes(sbom.root.digest) && !one.includes(signature.root.digest));

    const from = kind === 'TLS' ? ['--from-ca-file', 'ca.crt'] : ['--from-plain-http'];
    const copy = ['copy', ...from, '--recursive', `${host}/team/app:v1`, '--to-oci-layout', 'layout:v1'];
    await run(oras, copy, { cwd, env: { PATH: process.env['PATH'], HOME: cwd, DOCKER_CONFIG: cwd } });
    for (const { descriptor, bytes } of [...app.contents, ...signature.contents, ...sbom.contents]) {
      assert.ok(readFileSync(join(cwd, 'layout/blobs/sha256', descriptor.digest.slice(7))).equals(bytes));
    }

    await assert.rejects(ask('pull', `${host}/team/app:v3`), /not found/);
    await assert.rejects(ask('tag', `${host}/team/app:v1`, 'v4'), /read-only/);
    assert.ok((await stop()).requests > 20);
  });
}
