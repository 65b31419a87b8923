/** What pack checks before a bundle gets its name, with content of a real registry. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packBundle, type PackOptions } from '../../src/workflows/pack.ts';
import { noSigner } from '../../src/workflows/signer.ts';
import { collectingContext, temporaryFolder } from '../support/bundles.ts';
import { image, index, pushContent } from '../support/images.ts';
import { openRepository, writeImageSet } from '../support/packing.ts';
import { needProgram } from '../support/programs.ts';
import { optionsFor, startRegistry, type RegistryAccess } from '../support/registry.ts';

const AMD64 = image().layer('etc/x', 'amd64').build();
const ARM64 = image().platform('linux/arm64').layer('etc/x', 'arm64').build();

function pack(
  registry: RegistryAccess,
  options: Pick<PackOptions, 'config' | 'output' | 'fullSelfVerify'>,
): ReturnType<typeof packBundle> {
  return packBundle(
    {
      ...options,
      registry: optionsFor(registry),
      signer: noSigner(),
      releases: {},
      allowGaps: false,
      allowMissingSignatures: true,
      allowUnknownNames: false,
      allowUnmirrored: false,
      bundleName: 'x',
      toolVersion: '0.0.0',
      caBundles: [],
      volumeIndex: false,
    },
    collectingContext(),
  );
}

for (const fullSelfVerify of [false, true]) {
  test(`a bundle whose image layout the far side refuses gets no name (full check: ${fullSelfVerify})`, async (t) => {
    needProgram(t, 'docker-registry');
    const registry = await startRegistry({ implementation: 'docker-registry' });
    t.after(() => registry.stop());
    const folder = temporaryFolder(t);
    // Only the check of the whole sees it: the instance named with a wrong size is taken for another image.
    const wrong = { ...ARM64, root: { ...ARM64.root, size: ARM64.root.size + 1 } };
    await pushContent(openRepository(t, registry, 'x/app'), index([AMD64, wrong]).build(), 'v1');
    await pushContent(openRepository(t, registry, 'x/app'), ARM64, 'arm64');
    const config = writeImageSet(folder, [
      { name: `${registry.host}/x/app:v1`, platforms: [{ os: 'linux', architecture: 'amd64' }] },
      { name: `${registry.host}/x/app:arm64` },
    ]);
    const output = join(folder, 'X.tar');
    const packing = pack(registry, { config, output, fullSelfVerify });
    await assert.rejects(packing, { code: 'E_OCI', message: new RegExp(`${wrong.root.size} bytes`) });
    assert.equal(existsSync(output), false);
  });
}

test('two runs do not write the same file at once', async (t) => {
  const registry = await startRegistry({ implementation: 'docker-registry' });
  t.after(() => registry.stop());
  const folder = temporaryFolder(t);
  await pushContent(openRepository(t, registry, 'x/app'), AMD64, 'v1');
  const config = writeImageSet(folder, [{ name: `${registry.host}/x/app:v1` }]);
  const options = { config, output: join(folder, 'X.tar'), fullSelfVerify: false };
  const runs = await Promise.allSettled([pack(registry, options), pack(registry, options)]);
  const refused = runs.filter((run) => run.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.equal(refused[0]!.reason.code, 'E_USAGE');
  assert.match(refused[0]!.reason.message, /X\.tar\.partial is in use by process/);
  assert.deepEqual(readdirSync(folder).toSorted(), ['X.tar', 'imageset.yaml']);
});
