import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** The built CLI. */
export const ENTRY = new URL('../../bin/run.js', import.meta.url).pathname;

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** An environment without anything of the person who runs the tests: no credentials, no proxies, no configuration. */
export function cleanEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, XDG_CONFIG_HOME: join(home, '.config'), NO_COLOR: '1' };
}

/** Starts the built CLI as a child process. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  const home = options.cwd ?? tmpdir();
  return spawn(process.execPath, [ENTRY, ...args], {
    cwd: options.cwd,
    env: { ...cleanEnvironment(home), ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // A run that hangs fails its own test and not the whole suite.
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
}

/** Runs the built CLI to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return resultOf(startCli(args, options), options.stdin);
}

/** Waits for a started CLI and collects what it printed. */
export async function resultOf(child: ChildProcess, stdin?: string): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  if (stdin !== undefined) child.stdin?.end(stdin);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  return { status, stdout, stderr };
}

/** A folder that is gone after the test. */
export function temporaryFolder(test: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
