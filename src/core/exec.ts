import { AirgapError } from './errors.ts';

export interface ExecOptions {
  readonly signal: AbortSignal;
  /** Milliseconds after which the program is ended. */
  readonly timeoutMs: number;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Added to (not instead of) the given base environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program with an argument array (no shell) and returns what it printed.
 * Throws `E_USAGE` when the program is not there, `E_FAILED` with the end of its stderr when it fails or takes too long.
 */
export async function runProgram(program: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  // Loaded when a program is run: most commands never do.
  const { execa, ExecaError } = await import('execa');
  try {
    const result = await execa(program, [...args], {
      cancelSignal: options.signal,
      timeout: options.timeoutMs,
      stripFinalNewline: false,
      ...(options.stdin === undefined ? { stdin: 'ignore' as const } : { input: options.stdin }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    return { stdout: String(result.stdout), stderr: String(result.stderr) };
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (error.isCanceled) options.signal.throwIfAborted();
    if (error.code === 'ENOENT') {
      throw new AirgapError('E_USAGE', `the program ${JSON.stringify(program)} is not installed`, {
        hint: `install ${program} or put it on the PATH`,
        cause: error,
      });
    }
    const why = error.timedOut
      ? `did not end within ${options.timeoutMs / 1000} s`
      : `ended with status ${error.exitCode}`;
    const said = String(error.stderr ?? '')
      .trim()
      .slice(-2000);
    throw new AirgapError('E_FAILED', `${program} ${why}${said === '' ? '' : `: ${said}`}`, { cause: error });
  }
}
