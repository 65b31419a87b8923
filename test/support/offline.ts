/** Programs run in a network namespace of their own, in which there is no network, not even loopback. */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

export interface OfflineResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let prefix: readonly string[] | undefined;

/** How such a namespace can be had here: as root directly, else within a user namespace; empty when it can not. */
function namespacePrefix(): readonly string[] {
  prefix ??=
    [
      ['unshare', '-n', '--'],
      ['unshare', '-rn', '--'],
    ].find(([program = '', ...args]) => spawnSync(program, [...args, 'true']).status === 0) ?? [];
  return prefix;
}

/** True when programs can be run offline; else the test is skipped, and fails with AIRGAP_REQUIRE_REAL=1 (CI). */
export function needOffline(test: TestContext): boolean {
  if (namespacePrefix().length > 0) return true;
  const message = 'needs network namespaces: unshare(1) as root or with user namespaces';
  if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(message);
  test.skip(message);
  return false;
}

/** The words to put before a command that shall run without network; see {@link needOffline}. */
export function offlinePrefix(): readonly string[] {
  return namespacePrefix();
}

/** Runs a program without network to its end. */
export function runOffline(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): OfflineResult {
  const [unshare = '', ...rest] = namespacePrefix();
  const result = spawnSync(unshare, [...rest, program, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: options.cwd, ...options.env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (result.error !== undefined) throw result.error;
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
