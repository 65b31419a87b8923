/**
 * Measures one scenario against named peers and the limits of the machine, all in one run:
 *
 *     node bench/run.ts pack|verify|push|end-to-end|small|start [--runs 5] [--scale 0.3]
 *
 * Prints a table of ratios and writes JSON beside it. Needs docker-registry, crane and skopeo (npm run components), GNU time.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { formatYaml } from '../src/core/yaml.ts';
import { createRegistryClient } from '../src/registry/client.ts';
import { findProgram } from '../test/support/programs.ts';
import { startRegistry, type TestRegistry } from '../test/support/registry.ts';
import { releaseLike, smallBlobs, type BenchImage, type MakeContent } from './content.ts';
import { describeMachine, formatResults, measure, requireProgram, type Contender, type Result } from './measure.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const AIRGAP = `${process.execPath} ${join(ROOT, 'bin/run.js')}`;
const SCENARIOS = ['pack', 'verify', 'push', 'end-to-end', 'small', 'start'] as const;
type Scenario = (typeof SCENARIOS)[number];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, scale: { type: 'string', default: '0.3' } },
});
const scenario = positionals[0] as Scenario | undefined;
if (scenario === undefined || !SCENARIOS.includes(scenario)) throw new Error(`which scenario? ${SCENARIOS.join(', ')}`);

/** Never the synchronous form: the registries write into pipes this process has to read. */
async function shell(command: string): Promise<void> {
  await promisify(execFile)('bash', ['-c', command]);
}

interface Bench {
  readonly folder: string;
  readonly source: TestRegistry;
  readonly images: readonly BenchImage[];
  readonly crane: string;
  readonly skopeo: string;
}

async function main(name: Scenario, runs: number, scale: number): Promise<void> {
  const machine = describeMachine();
  const results =
    name === 'start' ? await startUp(runs) : await withContent(name, scale, (bench) => scenarios[name](bench, runs));
  const title = `${name}${name === 'start' ? '' : `, scale ${scale}`}, ${runs} runs`;
  console.log(`${machine}\n\n${formatResults(title, results)}`);
  mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
  writeFileSync(join(ROOT, `bench/results/${name}.json`), `${JSON.stringify({ machine, scale, results }, null, 2)}\n`);
}

const scenarios: Readonly<Record<Exclude<Scenario, 'start'>, (bench: Bench, runs: number) => Promise<Result[]>>> = {
  pack: (bench, runs) => measure([ours(bench), ...pullers(bench)], runs),
  verify: (bench, runs) => verifying(bench, runs),
  push: (bench, runs) => pushing(bench, runs),
  'end-to-end': (bench, runs) => endToEnd(bench, runs),
  small: (bench, runs) => measure([ours(bench), ...pullers(bench).slice(0, 1)], runs),
};

async function withContent(
  name: Scenario,
  scale: number,
  work: (bench: Bench) => Promise<Result[]>,
): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-bench-'));
  const source = await startRegistry({ implementation: 'docker-registry' });
  const client = createRegistryClient(
    { userAgent: 'bench', authFiles: [] },
    { signal: new AbortController().signal, report: () => {} },
  );
  try {
    const make: MakeContent = name === 'small' ? smallBlobs : releaseLike;
    const images = await make(client, source.host, scale);
    const list = images.map(({ repository, tag }) => ({ name: `${source.host}/${repository}:${tag}` }));
    writeFileSync(
      join(folder, 'imageset.yaml'),
      formatYaml({
        apiVersion: 'mirror.openshift.io/v2alpha1',
        kind: 'ImageSetConfiguration',
        mirror: { additionalImages: list },
      }),
    );
    writeFileSync(join(folder, 'references'), `${list.map((image) => image.name).join('\n')}\n`);
    await shell(`cd ${folder} && AIRGAP_KEY_PASSWORD= ${AIRGAP} keygen --out-prefix bench`);
    const crane = requireProgram(findProgram('crane'), 'crane');
    const skopeo = requireProgram(findProgram('skopeo'), 'skopeo');
    return await work({ folder, source, images, crane, skopeo });
  } finally {
    client.close();
    await source.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** airgap pack into one signed file. */
function ours({ folder }: Bench): Contender {
  return {
    name: 'airgap pack',
    command: `cd ${folder} && AIRGAP_KEY_PASSWORD= ${AIRGAP} pack -c imageset.yaml -o X.tar --sign-key bench.key`,
    reset: () => rmSync(join(folder, 'X.tar'), { force: true }),
  };
}

/** Peers that make one file of the same references: fetch into an OCI layout, then tar. */
function pullers({ folder, crane, skopeo }: Bench): Contender[] {
  const clean = (): void => {
    for (const name of ['crane', 'skopeo', 'crane.tar', 'skopeo.tar'])
      rmSync(join(folder, name), { recursive: true, force: true });
  };
  return [
    {
      name: 'crane pull + tar',
      command: `cd ${folder} && mkdir crane && xargs ${crane} pull --insecure --format=oci < <(cat references; echo crane) && tar cf crane.tar crane`,
      reset: clean,
    },
    {
      name: 'skopeo copy + tar',
      command: `cd ${folder} && while read -r ref; do ${skopeo} copy -q --src-tls-verify=false docker://$ref oci:skopeo:$(basename $ref | tr : -); done < references && tar cf skopeo.tar skopeo`,
      reset: clean,
    },
  ];
}

async function verifying(bench: Bench, runs: number): Promise<Result[]> {
  const { folder } = bench;
  await shell(ours(bench).command);
  return measure(
    [
      { name: 'airgap verify', command: `cd ${folder} && ${AIRGAP} verify X.tar --key bench.pub --state-dir state` },
      { name: 'openssl dgst -sha256', command: `openssl dgst -sha256 ${folder}/X.tar` },
      { name: 'sha256sum', command: `sha256sum ${folder}/X.tar` },
      { name: 'dd bs=4M (read only)', command: `dd if=${folder}/X.tar of=/dev/null bs=4M` },
    ],
    runs,
  );
}

async function pushing(bench: Bench, runs: number): Promise<Result[]> {
  const { folder, crane, skopeo } = bench;
  await shell(ours(bench).command);
  const crane0 = pullers(bench)[0]!;
  await shell(crane0.command);
  await shell(pullers(bench)[1]!.command);
  return withTargets(runs, (host) => [
    {
      name: 'airgap unpack',
      command: `cd ${folder} && ${AIRGAP} unpack X.tar --key bench.pub --registry ${host('airgap')} --state-dir state`,
    },
    {
      name: 'crane push (layout extracted before)',
      command: `cd ${folder} && ${crane} push --insecure --index crane ${host('crane')}/all:v1`,
    },
    {
      name: 'skopeo (untar first)',
      command: `cd ${folder} && rm -rf s && mkdir s && tar xf skopeo.tar -C s && while read -r ref; do ${skopeo} copy -q --dest-tls-verify=false oci:s/skopeo:$(basename $ref | tr : -) docker://${host('skopeo')}/bench/release:$(basename $ref | cut -d: -f2); done < references && rm -rf s`,
    },
  ]);
}

async function endToEnd(bench: Bench, runs: number): Promise<Result[]> {
  const { folder, crane } = bench;
  const [craneTar] = pullers(bench);
  return withTargets(runs, (host) => [
    {
      name: 'airgap pack, verify, unpack',
      command: `${ours(bench).command} && ${AIRGAP} verify X.tar --key bench.pub --state-dir state && ${AIRGAP} unpack X.tar --key bench.pub --registry ${host('airgap')} --state-dir state`,
      reset: () => rmSync(join(folder, 'X.tar'), { force: true }),
    },
    {
      name: 'crane pull, tar; sha256sum; untar, crane push',
      command: `${craneTar!.command} && sha256sum crane.tar && mkdir c && tar xf crane.tar -C c && ${crane} push --insecure --index c/crane ${host('crane')}/all:v1 && rm -rf c`,
      reset: () => void craneTar!.reset?.(),
    },
  ]);
}

/** A new empty registry per contender and run, so that nothing is there before. */
async function withTargets(runs: number, make: (host: (name: string) => string) => Contender[]): Promise<Result[]> {
  const targets = new Map<string, TestRegistry>();
  const names = ['airgap', 'crane', 'skopeo'];
  const hostFile = (name: string): string => join(tmpdir(), `airgap-bench-host-${process.pid}-${name}`);
  const contenders = make((name) => `$(cat ${hostFile(name)})`).map((contender, index) => ({
    ...contender,
    reset: async () => {
      await contender.reset?.();
      const name = names[index]!;
      await targets.get(name)?.stop();
      const registry = await startRegistry({ implementation: 'docker-registry' });
      targets.set(name, registry);
      writeFileSync(hostFile(name), registry.host);
    },
  }));
  try {
    return await measure(contenders, runs);
  } finally {
    for (const registry of targets.values()) await registry.stop();
    for (const name of names) rmSync(hostFile(name), { force: true });
  }
}

async function startUp(runs: number): Promise<Result[]> {
  return measure(
    [
      { name: 'airgap --version', command: `${AIRGAP} --version` },
      { name: 'airgap pack --help', command: `${AIRGAP} pack --help` },
      { name: 'node, empty script', command: `${process.execPath} -e 0` },
    ],
    runs,
  );
}

await main(scenario, Number(values.runs), Number(values.scale));
