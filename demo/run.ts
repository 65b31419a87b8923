/**
 * The main job on embedded defaults: builds a sample image set in a registry, packs it into one signed file, verifies it,
 * unpacks it into a second registry, and compares every manifest byte for byte. Needs nothing but Node.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../src/core/bytes.ts';
import { formatYaml } from '../src/core/yaml.ts';
import { readSuccessors } from '../src/oci/graph.ts';
import { parseReference } from '../src/oci/reference.ts';
import type { PlanFile } from '../src/mirror/plan-file.ts';
import { createRegistryClient, type RegistryClient } from '../src/registry/client.ts';
import { startEmbeddedRegistry, type EmbeddedRegistry } from './embedded-registry.ts';
import { pushSample } from './sample.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const FOLDER = join(ROOT, 'demo-output');
const PREFIX = 'mirror';
const signal = new AbortController().signal;

await main();

async function main(): Promise<void> {
  if (!existsSync(join(ROOT, 'dist/commands'))) throw new Error('the CLI is not built: run npm ci, or npm run build');
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  const source = await startEmbeddedRegistry();
  const target = await startEmbeddedRegistry();
  const client = createRegistryClient({ userAgent: 'airgap-demo', authFiles: [] }, { signal, report: () => {} });
  try {
    await roundTrip(source, target, client);
  } finally {
    client.close();
    await Promise.all([source.stop(), target.stop()]);
  }
}

async function roundTrip(source: EmbeddedRegistry, target: EmbeddedRegistry, client: RegistryClient): Promise<void> {
  say(`a source registry on ${source.host}, a target registry on ${target.host}, files in demo-output/`);
  const sample = await pushSample(client, source.host);
  try {
    writeFileSync(join(FOLDER, 'imageset.yaml'), formatYaml(sample.imageSet));
    writeFileSync(join(FOLDER, 'release-key.asc'), sample.releaseKey);
    writeFileSync(join(FOLDER, 'registries.conf'), registriesConf(sample.upstreams, source.host));
    say('sample pushed: a release with its KubeVirt disk, an operator catalog, multi-arch and signed images');
    const env = {
      CONTAINERS_REGISTRIES_CONF: 'registries.conf',
      UPDATE_URL_OVERRIDE: sample.server.graphEndpoint,
      OCP_SIGNATURE_URL: sample.server.signatureBaseUrl,
      OCP_SIGNATURE_VERIFICATION_PK: 'release-key.asc',
      AIRGAP_KEY_PASSWORD: 'demo',
      XDG_STATE_HOME: join(FOLDER, 'state'),
    };
    const to = `${target.host}/${PREFIX}`;
    await airgap(env, 'keygen', '--out-prefix', 'release');
    await airgap(env, 'plan', '-c', 'imageset.yaml');
    await airgap(env, 'pack', '-c', 'imageset.yaml', '-o', 'trip.tar', '--sign-key', 'release.key', '--registry', to);
    await airgap(env, 'verify', 'trip.tar', '--key', 'release.pub', '--deep');
    await airgap(env, 'unpack', 'trip.tar', '--key', 'release.pub', '--registry', to);

    const { plan } = JSON.parse(await airgap(env, 'inspect', 'trip.tar', '--json')) as { plan: PlanFile };
    const compared = await compare(plan, client, source, target);
    say(`${compared} manifests compared between source and target, all equal byte for byte`);

    target.requests.clear();
    await airgap(env, 'unpack', 'trip.tar', '--key', 'release.pub', '--registry', to);
    const asked = [...target.requests].map(([method, count]) => `${count} ${method}`).join(', ');
    const writes = ['POST', 'PUT', 'PATCH'].reduce((sum, method) => sum + (target.requests.get(method) ?? 0), 0);
    if (writes > 0) throw new Error(`a second unpack wrote to the registry: ${asked}`);
    say(`unpacked a second time: nothing was sent (${asked})`);
    const size = formatBytes(statSync(join(FOLDER, 'trip.tar')).size);
    say(`done: demo-output/trip.tar carries ${plan.images.length} images in ${size}`);
  } finally {
    await sample.server.close();
  }
}

/** Leads pulls from the public registries to the embedded one, as an enterprise mirror would. */
function registriesConf(upstreams: readonly string[], host: string): string {
  const entries = upstreams.map((name) => `[[registry]]\nprefix = "${name}"\nlocation = "${host}/${name}"\n`);
  return entries.join('\n');
}

/** Every manifest of every image that has a source, read from both sides. Returns how many there were. */
async function compare(
  plan: PlanFile,
  client: RegistryClient,
  source: EmbeddedRegistry,
  target: EmbeddedRegistry,
): Promise<number> {
  let compared = 0;
  const made = new Set(plan.catalogs.flatMap((catalog) => catalog.rebuilt?.digest ?? []));
  for (const image of plan.images.filter(({ kind, digest }) => kind !== 'graphData' && !made.has(digest))) {
    const { registry, repository } = parseReference(image.source);
    const from = client.openRepository({ registry: source.host, repository: `${registry}/${repository}` });
    const to = client.openRepository({ registry: target.host, repository: `${PREFIX}/${image.target.repository}` });
    const visit = async (reference: string): Promise<void> => {
      const [original, copy] = await Promise.all([
        from.fetchManifest(reference, signal),
        to.fetchManifest(reference, signal),
      ]);
      const isEqual =
        original.content.equals(copy.content) && original.descriptor.mediaType === copy.descriptor.mediaType;
      if (!isEqual) throw new Error(`${image.origin}: ${reference} differs on the target`);
      compared += 1;
      const { manifests } = readSuccessors(copy.content, copy.descriptor.mediaType, reference);
      for (const child of manifests) await visit(child.digest);
    };
    await visit(image.digest);
    const { tag } = image.target;
    if (tag !== undefined && (await to.resolve(tag, signal)).digest !== image.digest) {
      throw new Error(`${image.origin}: the tag ${tag} names something else on the target`);
    }
  }
  return compared;
}

/** Shows a command and runs it in the output folder; returns what it printed. */
async function airgap(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<string> {
  console.log(`\n$ airgap ${args.join(' ')}`);
  const child = spawn(process.execPath, [join(ROOT, 'bin/run.js'), ...args], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (!args.includes('--json')) process.stdout.write(text);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`airgap ${args[0]} ended with status ${status}`);
  return output;
}

function say(text: string): void {
  console.log(`\n— ${text}`);
}
