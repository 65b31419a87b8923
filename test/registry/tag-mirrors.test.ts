/** Mirrors of hosted nodes for pulls by tag, read by the library that nodes pull with. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tagMirrorFile } from '../../src/apply/hosted-tag-mirrors.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, pushContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { optionsFor } from '../support/registry.ts';
import { temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const run = promisify(execFile);
const ctx = { signal: new AbortController().signal, report: () => undefined };

test('skopeo follows the tag mirrors of hosted nodes, and still their digest mirrors', async (t) => {
  const [access, skopeo] = [await plainRegistries[0]!.open(t), needProgram(t, 'skopeo')];
  if (access === undefined || skopeo === undefined) return;
  const client = createRegistryClient(optionsFor(access), ctx);
  t.after(() => client.close());
  const prefix = freshRepository('tags');
  const built = image().layer('etc/x', 'y').build();
  for (const name of ['team/app', 'moved/tool']) {
    await pushContent(client.openRepository({ registry: access.host, repository: `${prefix}/${name}` }), built, '1.0');
  }

  // Nobody answers there.
  const source = '127.0.0.1:9';
  const digests = [
    { source: `${source}/team`, mirrors: [`${access.host}/${prefix}/team`] },
    { source: `${source}/team/tool`, mirrors: [`${access.host}/${prefix}/moved/tool`] },
  ];
  const home = temporaryFolder(t);
  const folder = join(home, '.config/containers/registries.conf.d');
  mkdirSync(folder, { recursive: true });
  const main = digests.map(
    (entry) =>
      `[[registry]]\nprefix = ""\nlocation = "${entry.source}"\n[[registry.mirror]]\nlocation = "${entry.mirrors[0]}"\npull-from-mirror = "digest-only"\n`,
  );
  writeFileSync(join(home, '.config/containers/registries.conf'), main.join('\n'));
  const pull = async (reference: string): Promise<string> => {
    const args = ['inspect', '--raw', '--tls-verify=false', `docker://${source}/${reference}`];
    return (await run(skopeo, args, { env: { ...process.env, HOME: home } })).stdout;
  };
  const byDigest = `@${built.root.digest}`;
  assert.match(await pull(`team/app${byDigest}`), /"layers"/);
  await assert.rejects(pull('team/app:1.0'), 'mirrors for digests are none for tags');

  const tags = [
    { source: `${source}/team`, mirrors: [`${access.host}/${prefix}/team`] },
    { source: `${source}/team/tool`, mirrors: [`${access.host}/${prefix}/moved/tool`] },
  ];
  for (const byTag of [tags, tags.slice(0, 1)]) {
    writeFileSync(join(folder, '99-airgap-tag-mirrors.conf'), tagMirrorFile(byTag, digests));
    for (const reference of ['team/app:1.0', `team/app${byDigest}`, `team/tool${byDigest}`])
      assert.match(await pull(reference), /"layers"/, reference);
  }
  // Below `team` the tag mirror of `team` counts, which does not have it.
  await assert.rejects(pull('team/tool:1.0'));
  writeFileSync(join(folder, '99-airgap-tag-mirrors.conf'), tagMirrorFile(tags, digests));
  assert.match(await pull('team/tool:1.0'), /"layers"/);
});
