/** Runs whole commands in turn (A B C A B C …) and sums up: medians with minimum and maximum, and ratios within one run. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Contender {
  readonly name: string;
  /** A shell command; its exit status must be 0. */
  readonly command: string;
  /** Brings things back to where they were before the next run; not timed. */
  readonly reset?: () => void | Promise<void>;
}

export interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** CPU seconds of the registries meanwhile: what they do shares the cores. */
  readonly registrySeconds: number;
  /** Peak resident memory of the largest process, MiB. */
  readonly peakMib: number;
  /** Block output of the command and its children, MiB; 0 where the file system does not count. */
  readonly writtenMib: number;
}

export interface Result {
  readonly name: string;
  readonly samples: readonly Sample[];
  readonly median: Sample;
}

const TICKS_PER_SECOND = 100;
const GNU_TIME = '/usr/bin/time';

/** Measures contenders interleaved. The first one is what the ratios refer to. */
export async function measure(contenders: readonly Contender[], runs: number): Promise<Result[]> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const contender of contenders) {
      await contender.reset?.();
      samples.get(contender.name)!.push(await runOnce(contender));
    }
  }
  for (const { reset } of contenders) await reset?.();
  return contenders.map(({ name }) => ({ name, samples: samples.get(name)!, median: medianOf(samples.get(name)!) }));
}

/** The table a person reads. */
export function formatResults(title: string, results: readonly Result[]): string {
  const base = results[0]!.median.seconds;
  const lines = results.map(({ name, samples, median }) => {
    const seconds = samples.map((sample) => sample.seconds);
    const spread = `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}`;
    const cells = [
      median.seconds.toFixed(2),
      spread,
      `${(median.seconds / base).toFixed(2)} ×`,
      median.cpuSeconds.toFixed(1),
      median.registrySeconds.toFixed(1),
      String(Math.round(median.peakMib)),
      String(Math.round(median.writtenMib)),
    ];
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  const header = [
    '|  | s | min–max | ratio | CPU s | registry CPU s | peak MiB | written MiB |',
    '|---|---|---|---|---|---|---|---|',
  ];
  return [`### ${title}`, '', ...header, ...lines, ''].join('\n');
}

/** What the figures were measured on. */
export function describeMachine(): string {
  const cpu = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  return `${availableParallelism()} cores (${cpu}), ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0]!.toFixed(1)} at the start`;
}

/** Throws a clear error when a program the measurement needs is missing. */
export function requireProgram(path: string | undefined, name: string): string {
  if (path === undefined || !existsSync(path)) throw new Error(`${name} is missing: run "npm run components"`);
  return path;
}

async function runOnce({ name, command }: Contender): Promise<Sample> {
  requireProgram(GNU_TIME, 'GNU time (package "time")');
  const report = join(tmpdir(), `airgap-bench-${process.pid}`);
  execFileSync('sync');
  const before = cpuOfRegistries();
  const child = spawn(GNU_TIME, ['-o', report, '-f', '%e %U %S %M %O', 'bash', '-c', command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`${name} ended with status ${status}: ${errors}`);
  const [seconds, user, system, peak, output] = readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .at(-1)!
    .split(' ')
    .map(Number);
  rmSync(report);
  return {
    seconds: seconds!,
    cpuSeconds: user! + system!,
    registrySeconds: cpuOfRegistries() - before,
    peakMib: peak! / 1024,
    writtenMib: (output! * 512) / 2 ** 20,
  };
}

/** CPU seconds so far of the registries this process has started. */
function cpuOfRegistries(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const ticks = children.map((child) => {
    // The name, in parentheses, may contain spaces.
    const [name, rest] = readFileSync(`/proc/${child}/stat`, 'utf8').split(') ') as [string, string];
    const fields = rest.split(' ');
    return name.endsWith('(docker-registry') ? Number(fields[11]) + Number(fields[12]) : 0;
  });
  return ticks.reduce((sum, count) => sum + count, 0) / TICKS_PER_SECOND;
}

function medianOf(samples: readonly Sample[]): Sample {
  const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return {
    seconds: middle(samples.map((sample) => sample.seconds)),
    cpuSeconds: middle(samples.map((sample) => sample.cpuSeconds)),
    registrySeconds: middle(samples.map((sample) => sample.registrySeconds)),
    peakMib: middle(samples.map((sample) => sample.peakMib)),
    writtenMib: middle(samples.map((sample) => sample.writtenMib)),
  };
}
