/**
 * Measures one scenario against named peers and the limits of the machine, all in one run:
 *
 *     node bench/run.ts SCENARIO [--runs 5] [--scale 0.3] [--against crane,skopeo,oras]
 *
 * `pack`, `push`, `verify`, `end-to-end` on content like a release (scale 1: 3 GB); `small…` on many small blobs (scale 1:
 * 50,000); `huge…` on one layer (scale 1: 9 GiB); `latency…` like a release over a line with 40 ms; `start`.
 * Prints a table of ratios and writes JSON beside it. Needs a build, docker-registry, the peers (npm run components), curl,
 * GNU time.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { formatYaml } from '../src/core/yaml.ts';
import { createRegistryClient } from '../src/registry/client.ts';
import { startRegistry } from '../test/support/registry.ts';
import { oneHuge, releaseLike, smallBlobs, type MakeContent } from './content.ts';
import {
  AIRGAP,
  ourPack,
  ourPush,
  ourVerify,
  PEERS,
  peerPack,
  peerPush,
  trivialPush,
  type Folder,
  type Peer,
  type Pusher,
} from './contenders.ts';
import { describeMachine, formatResults, measure, type Result } from './measure.ts';
import { startSlowLine } from './slow-line.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const ROUND_TRIP_MS = 40;

interface Scenario {
  readonly make: MakeContent;
  /** Between the tools and the registries. */
  readonly roundTripMs: number;
  readonly work: (folder: Folder, scenario: Scenario) => Promise<Result[]>;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  pack: { make: releaseLike, roundTripMs: 0, work: packing },
  push: { make: releaseLike, roundTripMs: 0, work: pushing },
  verify: { make: releaseLike, roundTripMs: 0, work: verifying },
  'end-to-end': { make: releaseLike, roundTripMs: 0, work: endToEnd },
  small: { make: smallBlobs, roundTripMs: 0, work: packing },
  'small-push': { make: smallBlobs, roundTripMs: 0, work: pushing },
  huge: { make: oneHuge, roundTripMs: 0, work: packing },
  'huge-push': { make: oneHuge, roundTripMs: 0, work: pushing },
  latency: { make: releaseLike, roundTripMs: ROUND_TRIP_MS, work: packing },
  'latency-push': { make: releaseLike, roundTripMs: ROUND_TRIP_MS, work: pushing },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '0.3' },
    against: { type: 'string', default: PEERS.join(',') },
  },
});
const name = positionals[0] ?? '';
const scenario = SCENARIOS[name];
if (scenario === undefined && name !== 'start')
  throw new Error(`which scenario? ${[...Object.keys(SCENARIOS), 'start'].join(', ')}`);
const runs = Number(values.runs);
const scale = Number(values.scale);
const peers = PEERS.filter((peer) => values.against.split(',').includes(peer));

const machine = describeMachine();
const results = scenario === undefined ? await startUp() : await withContent(scenario);
const title = `${name}${scenario === undefined ? '' : `, scale ${scale}`}, ${runs} runs`;
console.log(`${machine}\n\n${formatResults(title, results)}`);
mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
writeFileSync(join(ROOT, `bench/results/${name}.json`), `${JSON.stringify({ machine, scale, results }, null, 2)}\n`);

/** Never the synchronous form: the registries write into pipes this process has to read. */
async function shell(command: string): Promise<void> {
  await promisify(execFile)('bash', ['-c', command]);
}

/** Makes the content and the keys, does the work, and leaves nothing behind. */
async function withContent(chosen: Scenario): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-bench-'));
  const source = await startRegistry({ implementation: 'docker-registry' });
  const line = chosen.roundTripMs === 0 ? undefined : await startSlowLine(source.host, chosen.roundTripMs);
  const client = createRegistryClient(
    { userAgent: 'bench', authFiles: [] },
    { signal: new AbortController().signal, report: () => {} },
  );
  try {
    const images = await chosen.make(client, source.host, scale);
    const host = line?.host ?? source.host;
    const list = images.map(({ repository, tag }) => ({ name: `${host}/${repository}:${tag}` }));
    const imageSet = {
      apiVersion: 'mirror.openshift.io/v2alpha1',
      kind: 'ImageSetConfiguration',
      mirror: { additionalImages: list },
    };
    writeFileSync(join(folder, 'imageset.yaml'), formatYaml(imageSet));
    writeFileSync(join(folder, 'references'), `${list.map((image) => image.name).join('\n')}\n`);
    await shell(`cd ${folder} && AIRGAP_KEY_PASSWORD= ${AIRGAP} keygen --out-prefix bench`);
    return await chosen.work(folder, chosen);
  } finally {
    client.close();
    line?.stop();
    await source.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function packing(folder: Folder): Promise<Result[]> {
  return measure([ourPack(folder), ...peers.map((peer) => peerPack(folder, peer))], runs);
}

async function verifying(folder: Folder): Promise<Result[]> {
  await shell(ourPack(folder).command);
  return measure(
    [
      ourVerify(folder),
      { name: 'openssl dgst -sha256', command: `openssl dgst -sha256 ${folder}/X.tar` },
      { name: 'sha256sum', command: `sha256sum ${folder}/X.tar` },
      { name: 'dd bs=4M (read only)', command: `dd if=${folder}/X.tar of=/dev/null bs=4M` },
    ],
    runs,
  );
}

async function pushing(folder: Folder, { roundTripMs }: Scenario): Promise<Result[]> {
  await shell(ourPack(folder).command);
  // The trivial client sends crane's layout.
  for (const peer of new Set<Peer>(['crane', ...peers])) await shell(peerPack(folder, peer).command);
  return withTargets(roundTripMs, (host) => [
    ourPush(folder, host('airgap')),
    trivialPush(folder, host('trivial')),
    ...peers.map((peer) => peerPush(folder, peer, host(peer))),
  ]);
}

async function endToEnd(folder: Folder): Promise<Result[]> {
  const crane = peerPack(folder, 'crane');
  const craneParts = [
    `sha256sum crane.tar && rm -rf crane && tar xf crane.tar`,
    peerPush(folder, 'crane', `$(cat ${hostFile('crane')})`).command,
  ];
  const ours = [ourPack(folder), ourVerify(folder)];
  return withTargets(0, (host) => [
    {
      id: 'airgap',
      name: 'airgap pack, verify, unpack',
      command: [...ours, ourPush(folder, host('airgap'))].map(({ command }) => command).join(' && '),
      reset: () => ours[0]!.reset?.(),
    },
    {
      id: 'crane',
      name: 'crane pull, tar; sha256sum; untar, crane push',
      command: [crane.command, ...craneParts].join(' && '),
      reset: () => crane.reset?.(),
    },
  ]);
}

function hostFile(id: string): string {
  return join(tmpdir(), `airgap-bench-host-${process.pid}-${id}`);
}

/** A new empty registry per contender and run, so that nothing is there before. */
async function withTargets(
  roundTripMs: number,
  make: (host: (id: string) => string) => readonly Pusher[],
): Promise<Result[]> {
  const stops = new Map<string, () => Promise<void>>();
  const contenders = make((id) => `$(cat ${hostFile(id)})`).map((contender) => ({
    ...contender,
    reset: async () => {
      await contender.reset?.();
      // One at a time: what others still have to write to the disk is not this one's fault.
      for (const stop of stops.values()) await stop();
      stops.clear();
      const registry = await startRegistry({ implementation: 'docker-registry' });
      const line = roundTripMs === 0 ? undefined : await startSlowLine(registry.host, roundTripMs);
      stops.set(contender.id, async () => {
        line?.stop();
        await registry.stop();
      });
      writeFileSync(hostFile(contender.id), line?.host ?? registry.host);
    },
  }));
  try {
    return await measure(contenders, runs);
  } finally {
    for (const stop of stops.values()) await stop();
    for (const { id } of contenders) rmSync(hostFile(id), { force: true });
  }
}

async function startUp(): Promise<Result[]> {
  return measure(
    [
      { name: 'airgap --version', command: `${AIRGAP} --version` },
      { name: 'airgap pack --help', command: `${AIRGAP} pack --help` },
      { name: 'node, empty script', command: `${process.execPath} -e 0` },
    ],
    runs,
  );
}
