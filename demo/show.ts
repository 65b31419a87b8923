import { spawn } from 'node:child_process';

/** Shows a command of the built CLI and runs it; returns what it printed. */
export type Airgap = (...args: readonly string[]) => Promise<string>;

/** Commands run in `folder` with this environment on top. */
export function createAirgap(entry: string, folder: string, env: Readonly<Record<string, string>>): Airgap {
  return async (...args) => {
    console.log(`\n$ airgap ${args.join(' ')}`);
    const child = spawn(process.execPath, [entry, ...args], {
      cwd: folder,
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
  };
}

/** A line of the demonstration itself. */
export function say(text: string): void {
  console.log(`\n— ${text}`);
}
