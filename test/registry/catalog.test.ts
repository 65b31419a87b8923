/** Catalogs between real registries, read back by the program that made their format. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import type { GeneratedImage } from '../../src/mirror/mirror-plan.ts';
import { collectOperators } from '../../src/mirror/operators.ts';
import { resolvePlan } from '../../src/mirror/plan.ts';
import { isManifestType, type Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import type { Repository } from '../../src/registry/repository.ts';
import { openMirrorContext } from '../../src/workflows/mirror-context.ts';
import { catalog, catalogImage } from '../support/catalogs.ts';
import { image, pushContent } from '../support/images.ts';
import { needProgram } from '../support/programs.ts';
import { optionsFor } from '../support/registry.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };

for (const kind of plainRegistries) {
  test(`a catalog is read from a registry, planned with its images, rebuilt and read by opm (${kind.name})`, async (t) => {
    const opm = needProgram(t, 'opm');
    const access = await kind.open(t);
    if (opm === undefined || access === undefined) return;
    const client = createRegistryClient(optionsFor(access), ctx);
    t.after(() => client.close());
    const name = freshRepository('catalog');
    const open = (path: string) => client.openRepository({ registry: access.host, repository: `${name}/${path}` });

    const images = await Promise.all(
      ['bundle-1', 'bundle-2', 'operator'].map(async (path) => {
        const { digest } = await pushContent(open(path), image().layer('etc/x', path).build());
        return `${access.host}/${name}/${path}@${digest}`;
      }),
    );
    const [bundle1, bundle2, operator] = images as [string, string, string];
    const relatedImages = [{ name: 'operator', image: operator }];
    const built = catalog()
      .package('alpha', { defaultChannel: 'stable' })
      .channel('stable', ['alpha.2 replaces alpha.1', 'alpha.1'])
      .bundle('alpha.1', '1.0.0', { image: bundle1, relatedImages })
      .bundle('alpha.2', '2.0.0', { image: bundle2, relatedImages })
      .package('beta', { defaultChannel: 'c' })
      .channel('c', ['beta.1'])
      .bundles({ 'beta.1': '1.0.0' });
    const index = catalogImage(built.files(), { platforms: ['linux/amd64', 'linux/arm64'], isDocker: true });
    await pushEverything(open('index'), index.root, index.content, 'v1');

    const mirror = openMirrorContext(optionsFor(access), ctx);
    t.after(() => mirror.close());
    const operators = `  - catalog: ${access.host}/${name}/index:v1\n    packages: [{name: alpha}]\n`;
    const imageSet = loadImageSet(`kind: ImageSetConfiguration\nmirror:\n  operators:\n${operators}`, 'imageset.yaml');
    const collection = await collectOperators(imageSet, mirror);
    assert.deepEqual(collection.warnings, []);
    const options = { allowGaps: false, withSignatures: true, allowMissingSignatures: false };
    const plan = await resolvePlan([collection], mirror, options);
    assert.deepEqual(
      plan.images.map(({ kind: what, target }) => `${what} ${target.repository.slice(name.length + 1)}`).toSorted(),
      ['catalog index', 'operatorBundle bundle-2', 'relatedImage operator'],
    );

    const generated = collection.images.find(({ kind: what }) => what === 'catalog')!.generated!;
    await pushEverything(open('index'), generated.root, await contentOf(generated), 'rebuilt');
    const rendered = await run(opm, [
      'render',
      '--use-http',
      `${access.host}/${name}/index:rebuilt`,
      '--output',
      'json',
    ]);
    const documents = rendered.stdout.split(/(?<=^\})\n/m).filter((text) => text.trim() !== '');
    assert.deepEqual(
      documents
        .map((text) => JSON.parse(text) as { schema: string; name: string })
        .map((one) => `${one.schema} ${one.name}`),
      ['olm.package alpha', 'olm.channel stable', 'olm.bundle alpha.2'],
    );
  });
}

async function contentOf(generated: GeneratedImage): Promise<Map<string, Buffer>> {
  const content = new Map<string, Buffer>(
    [...generated.manifests].map(([digest, bytes]) => [digest, Buffer.from(bytes)]),
  );
  for (const [digest, blob] of generated.blobs) {
    const chunks: Buffer[] = [];
    for await (const chunk of await blob.open()) chunks.push(chunk as Buffer);
    content.set(digest, Buffer.concat(chunks));
  }
  return content;
}

/** Pushes a root and everything below it that is at hand: blobs first, then manifests, then the root by its tag. */
async function pushEverything(
  repository: Repository,
  root: Descriptor,
  content: ReadonlyMap<string, Buffer>,
  tag: string,
): Promise<void> {
  const push = async (descriptor: Descriptor): Promise<void> => {
    const bytes = content.get(descriptor.digest);
    if (bytes === undefined) return;
    if (isManifestType(descriptor.mediaType)) {
      const {
        config,
        layers = [],
        manifests = [],
      } = JSON.parse(bytes.toString()) as {
        config?: Descriptor;
        layers?: Descriptor[];
        manifests?: Descriptor[];
      };
      for (const child of [...(config === undefined ? [] : [config]), ...layers, ...manifests]) await push(child);
    }
    await repository.push(descriptor, () => Promise.resolve(Readable.from([bytes])), signal);
  };
  await push(root);
  await repository.tag(root, tag, signal);
}
