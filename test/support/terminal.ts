/** A real terminal for tests: a program in a tmux session of its own. */
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needProgram } from './programs.ts';
import { cleanEnvironment } from './run-cli.ts';

export interface Terminal {
  /** The screen, once it matches. */
  until(expected: RegExp): Promise<string>;
  /** Presses keys, by their names in tmux: `y`, `Enter`, `C-c`. */
  press(...keys: string[]): void;
  /** Lines that have left the screen at its top. */
  scrolledLines(): number;
}

let sessions = 0;

/**
 * Runs a script with Node on a terminal of 110 columns and 30 lines; its exit status is shown when it ends. Undefined (the test is
 * skipped) without tmux.
 */
export function openTerminal(test: TestContext, folder: string, args: readonly string[]): Terminal | undefined {
  const tmux = needProgram(test, 'tmux');
  if (tmux === undefined) return undefined;
  sessions += 1;
  const own = ['-L', `airgap-test-${process.pid}-${sessions}`];
  const env = { ...cleanEnvironment(folder), TERM: 'xterm-256color' };
  const run = (...rest: string[]) => execFileSync(tmux, [...own, ...rest], { encoding: 'utf8', env });
  const words = [process.execPath, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  run(
    'new-session',
    '-d',
    '-c',
    folder,
    '-s',
    'test',
    '-x',
    '110',
    '-y',
    '30',
    `${words}; echo "ended with $?"; sleep 600`,
  );
  test.after(() => run('kill-server'));
  return {
    async until(expected) {
      for (;;) {
        const screen = run('capture-pane', '-p', '-t', 'test');
        if (expected.test(screen)) return screen;
        if (test.signal.aborted) throw new Error(`the terminal shows\n${screen}`);
        await sleep(200);
      }
    },
    press: (...keys) => void run('send-keys', '-t', 'test', ...keys),
    scrolledLines: () => Number(run('display', '-p', '-t', 'test', '#{history_size}')),
  };
}
