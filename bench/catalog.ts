/**
 * How long filtering a catalog of 1 GB takes, and how much memory: `node bench/catalog.ts [size in MB] [folder]`.
 * The catalog is made from a seed (as an OCI layout in the folder, kept for the next run), shaped like the large public
 * ones: one catalog.json per package, operator bundles of some 100 kB that are mostly base64. Every selection runs in a
 * process of its own, so that the peak is its own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadImageSet } from '../src/mirror/image-set.ts';
import { collectOperators } from '../src/mirror/operators.ts';
import { digestOf, hexOf } from '../src/oci/digest.ts';
import { buildLargeLayer } from '../src/oci/layer.ts';
import { openLayout } from '../src/oci/layout-source.ts';
import { MEDIA_TYPE, type Descriptor } from '../src/oci/types.ts';

const CHANNELS = 4;
const BUNDLES_PER_CHANNEL = 12;
const OBJECT_BYTES = 18_000;
const OBJECTS_PER_BUNDLE = 4;

const SELECTIONS: Readonly<Record<string, string>> = {
  'one package, its heads': '    packages: [{name: operator-0003}]',
  'ten packages with a range': `    packages: [${Array.from({ length: 10 }, (_, index) => `{name: operator-000${index}, minVersion: 1.4.0}`).join(', ')}]`,
  'heads of everything': '',
  'the full catalog': '    full: true',
};

/** A small generator of numbers that are the same everywhere (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function packageText(index: number): Buffer {
  const random = randomFrom(index + 1);
  const name = `operator-${String(index).padStart(4, '0')}`;
  const words = Array.from({ length: 400 }, () => random().toString(36).slice(2, 12));
  const manifest = () => {
    const parts: string[] = [];
    for (let length = 0; length < OBJECT_BYTES; length += parts.at(-1)!.length) {
      parts.push(`"${words[Math.floor(random() * words.length)]}":"${words[Math.floor(random() * words.length)]}",`);
    }
    return Buffer.from(`{${parts.join('')}"end":true}`).toString('base64');
  };
  const image = (path: string) => `registry.example.com/${name}/${path}@${digestOf(`${name}/${path}`)}`;
  const documents: object[] = [{ schema: 'olm.package', name, defaultChannel: 'stable-0' }];
  for (let channel = 0; channel < CHANNELS; channel += 1) {
    const names = Array.from({ length: BUNDLES_PER_CHANNEL }, (_, patch) => `${name}.v1.${channel}.${patch}`);
    const entries = names.map((entry, patch) => ({
      name: entry,
      ...(patch === 0 ? {} : { replaces: names[patch - 1] }),
    }));
    const stable = channel === 0 ? { name: `${name}.v1.4.99`, replaces: names.at(-1) } : undefined;
    documents.push({
      schema: 'olm.channel',
      package: name,
      name: `stable-${channel}`,
      entries: stable ? [...entries, stable] : entries,
    });
    for (const bundle of stable ? [...names, stable.name] : names) {
      documents.push({
        schema: 'olm.bundle',
        name: bundle,
        package: name,
        image: image(`${bundle}-bundle`),
        properties: [
          { type: 'olm.package', value: { packageName: name, version: bundle.slice(name.length + 2) } },
          { type: 'olm.gvk', value: { group: `${name}.example.com`, kind: 'Thing', version: 'v1' } },
          ...Array.from({ length: OBJECTS_PER_BUNDLE }, () => ({
            type: 'olm.bundle.object',
            value: { data: manifest() },
          })),
        ],
        relatedImages: Array.from({ length: 8 }, (_, part) => ({
          name: `part-${part}`,
          image: image(`${bundle}-${part}`),
        })),
      });
    }
  }
  return Buffer.from(documents.map((document) => `${JSON.stringify(document, null, 4)}\n`).join(''));
}

async function makeLayout(folder: string, megabytes: number): Promise<void> {
  const packages = Math.ceil((megabytes * 1e6) / packageText(0).length);
  const layer = await buildLargeLayer(
    Array.from({ length: packages }, (_, index) => ({
      path: `configs/operator-${String(index).padStart(4, '0')}/catalog.json`,
      content: () => packageText(index),
    })),
  );
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  const write = (bytes: Buffer, mediaType: string): Descriptor => {
    const digest = digestOf(bytes);
    writeFileSync(join(folder, 'blobs', 'sha256', hexOf(digest)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value: object, mediaType: string) => write(Buffer.from(JSON.stringify(value)), mediaType);
  const Labels = { 'operators.operatorframework.io.index.configs.v1': '/configs' };
  const rootfs = { type: 'layers', diff_ids: [layer.diffId] };
  const config = json({ os: 'linux', architecture: 'amd64', config: { Labels }, rootfs }, MEDIA_TYPE.ociConfig);
  const layers = [write(layer.content, layer.mediaType)];
  const manifest = json(
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers },
    MEDIA_TYPE.ociManifest,
  );
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

async function measure(folder: string, selection: string): Promise<string> {
  const text = `kind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: oci://${folder}\n${SELECTIONS[selection]}\n`;
  const start = performance.now();
  const { images } = await collectOperators(loadImageSet(text, 'bench'), {
    signal: new AbortController().signal,
    report: () => undefined,
    openSource: (ref) => openLayout(ref.repository),
    fetchDocument: () => Promise.reject(new Error('not needed')),
  });
  const seconds = (performance.now() - start) / 1000;
  const generated = images.find(({ kind }) => kind === 'catalog')?.generated;
  const sizes = [...(generated?.blobs.values() ?? [])].map(({ descriptor }) => descriptor.size);
  const rebuilt = generated === undefined ? 'untouched' : `${(Math.max(...sizes) / 1e6).toFixed(1)} MB layer`;
  // Not resourceUsage().maxRSS: that starts with the size of the process that forked this one.
  const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  return `${selection.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s  ${peak.toFixed(0).padStart(5)} MiB peak  ${images.length} images, ${rebuilt}`;
}

const [first = '1000', second] = process.argv.slice(2);
if (first === 'measure') {
  const [, , , folder = '', selection = ''] = process.argv;
  process.stdout.write(`${await measure(folder, selection)}\n`);
} else {
  const folder = second ?? join(tmpdir(), `airgap-bench-catalog-${first}`);
  if (!existsSync(join(folder, 'index.json'))) await makeLayout(folder, Number(first));
  for (const selection of Object.keys(SELECTIONS)) {
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'measure', folder, selection], {
      stdio: 'inherit',
    });
  }
}
