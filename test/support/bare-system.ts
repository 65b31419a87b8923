/** A system that has nothing but the single executable and the C library: no Node, no account, no /proc, no /dev. */
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { temporaryFolder } from './run-cli.ts';

const start = promisify(execFile);

/** This machine, as the executables' names have it: `linux-x64`. */
export const PLATFORM = `${process.platform}-${process.arch}`;
/** The executable of this machine. */
export const EXECUTABLE = new URL(`../../dist-sea/airgap-${PLATFORM}`, import.meta.url).pathname;

export interface BareSystem {
  /** Its root folder, seen from outside. */
  readonly folder: string;
  /** Runs the executable in `/`; rejects unless it ends with 0. */
  run(...args: string[]): Promise<Output>;
  /** The same for another program inside. */
  runProgram(program: string, ...args: string[]): Promise<Output>;
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** A root folder with the executable, the libraries it is linked with and an empty /srv; undefined: skipped. */
export function bareSystem(t: TestContext): BareSystem | undefined {
  const problem = !existsSync(EXECUTABLE)
    ? 'needs the executable: run "npm run sea"'
    : process.getuid?.() !== 0
      ? 'needs root to change the root folder'
      : undefined;
  if (problem !== undefined) {
    if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(problem);
    t.skip(problem);
    return undefined;
  }
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'srv'));
  copyFileSync(EXECUTABLE, join(folder, 'airgap'));
  const linked = execFileSync('ldd', [EXECUTABLE], { encoding: 'utf8' }).matchAll(/\/\S+/g);
  for (const [library] of linked) {
    mkdirSync(join(folder, dirname(library)), { recursive: true });
    copyFileSync(library, join(folder, library));
  }
  const runProgram = (program: string, ...args: string[]): Promise<Output> =>
    start('chroot', [folder, program, ...args], {
      env: { PATH: '/usr/sbin:/sbin' },
      timeout: 120_000,
      maxBuffer: 64 * 2 ** 20,
    });
  return { folder, runProgram, run: (...args) => runProgram('/airgap', ...args) };
}
