import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import { repositoryName } from '../../src/oci/reference.ts';
import { resolvePlan } from '../../src/mirror/plan.ts';
import { collectReleases } from '../../src/mirror/release.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { openMirrorContext } from '../../src/workflows/mirror-context.ts';
import { pushContent } from '../support/images.ts';
import { createTestKey } from '../support/openpgp.ts';
import { optionsFor } from '../support/registry.ts';
import {
  BASE_REPOSITORY,
  buildBaseImage,
  buildRelease,
  RELEASE_REPOSITORY,
  releaseWorld,
  startReleaseServer,
} from '../support/releases.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const ctx = { signal: new AbortController().signal, report: () => undefined };

for (const kind of plainRegistries) {
  test(`releases of a channel are planned from registry, update service and signature store (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const key = createTestKey();
    const releases = [buildRelease({ version: '4.17.3' }), buildRelease({ version: '4.17.5' })];
    const world = releaseWorld({
      key,
      releases,
      channels: { 'stable-4.17': ['4.17.3 -> 4.17.5'] },
      images: [buildBaseImage()],
    });
    const server = await startReleaseServer(world);
    t.after(() => server.close());
    const prefix = freshRepository('releases');
    const pushing = createRegistryClient(optionsFor(access), ctx);
    t.after(() => pushing.close());
    for (const { repository, tag, content } of world.images) {
      const name = `${prefix}/${repository}`;
      await pushContent(pushing.openRepository({ registry: access.host, repository: name }), content, tag);
    }

    const folder = mkdtempSync(join(tmpdir(), 'airgap-releases-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const registriesConf = join(folder, 'registries.conf');
    const redirected = ['quay.io/openshift-release-dev', BASE_REPOSITORY].map(
      (from) => `[[registry]]\nprefix = "${from}"\nlocation = "${access.host}/${prefix}/${from}"\ninsecure = true\n`,
    );
    writeFileSync(registriesConf, redirected.join('\n'));
    const context = openMirrorContext(
      optionsFor(access, { registriesConf: [registriesConf], insecure: [access.host] }),
      ctx,
    );
    t.after(() => context.close());

    const imageSet = loadImageSet(
      `kind: ImageSetConfiguration
mirror:
  platform:
    graph: true
    kubeVirtContainer: true
    channels: [{name: stable-4.17, minVersion: 4.17.3}]
`,
      'imageset.yaml',
    );
    const found = await collectReleases(imageSet, context, {
      graphEndpoint: server.graphEndpoint,
      signatureBaseUrl: server.signatureBaseUrl,
      verificationKeys: { text: key.armoured, origin: 'key.asc' },
    });
    assert.deepEqual(
      found.releases.map(({ tag }) => tag),
      ['4.17.3-x86_64', '4.17.5-x86_64'],
    );
    const components = releases.reduce((sum, release) => sum + release.components.size, 0);
    assert.equal(found.images.length, components + 2 + 2 + 1);

    const plan = await resolvePlan([found], context, {
      allowGaps: false,
      withSignatures: true,
      allowMissingSignatures: false,
    });
    const payload = plan.images.find(
      ({ kind: image, target }) => image === 'release' && target.tag === '4.17.5-x86_64',
    );
    assert.equal(payload?.root.digest, releases[1]?.root.digest);
    assert.equal(payload && repositoryName(payload.source), RELEASE_REPOSITORY);
    const generated = plan.blobs.filter((blob) => blob.generated !== undefined);
    assert.equal(generated.length, 3, 'two configs and one layer of the graph-data image');
    const sum = plan.images.reduce((total, image) => total + image.bytes, 0);
    assert.ok(plan.totalBytes < sum / 2, `shared layers count once: ${plan.totalBytes} of ${sum} bytes`);
  });
}
