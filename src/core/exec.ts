import { AirgapError, systemCodeOf } from './errors.ts';

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

export interface LongRunOptions {
  readonly signal: AbortSignal;
  /** Added to the environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Mode bits that files of the program do not get. */
  readonly umask?: number;
  /** Every line of both streams, without its end. */
  readonly onLine: (line: string) => void;
}

/** How a long run ended: a status, or the signal that ended it. */
export type LongRunEnd = { readonly status: number } | { readonly signalName: string };

/** Milliseconds a program may go on after it was asked to stop. */
const STOP_MS = 20_000;

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
    if (error.code !== undefined && !error.timedOut) throw notStarted(program, error.code, error);
    const why = error.timedOut
      ? `did not end within ${options.timeoutMs / 1000} s`
      : `ended with status ${error.exitCode}`;
    const said = String(error.stderr ?? '')
      .trim()
      .slice(-2000);
    throw new AirgapError('E_FAILED', `${program} ${why}${said === '' ? '' : `: ${said}`}`, { cause: error });
  }
}

/**
 * Runs a program for as long as it takes and hands on what it prints. A signal of ours reaches it as an interrupt (what
 * Ctrl-C sends), with all it has started; then it has {@link STOP_MS} to end by itself; the call throws the signal's reason after
 * it has ended.
 * Throws `E_USAGE` when the program can not be started.
 */
export async function runLong(
  program: string,
  args: readonly string[],
  { signal, env, umask, onLine }: LongRunOptions,
): Promise<LongRunEnd> {
  const { execa } = await import('execa');
  signal.throwIfAborted();
  const before = umask === undefined ? undefined : process.umask(umask);
  const child = execa(program, [...args], {
    cancelSignal: signal,
    killSignal: 'SIGINT',
    forceKillAfterDelay: STOP_MS,
    // A script around the program does not hand signals on, and what it started would hold its output open.
    killDescendants: true,
    reject: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
    env: env ?? {},
  });
  // The program has its mask: it was started in this very call.
  if (before !== undefined) process.umask(before);
  let deadline: NodeJS.Timeout | undefined;
  const endGroup = (): void => {
    // What it started may live on when it is gone itself, and hold its output open.
    deadline = setTimeout(() => killGroup(child.pid), STOP_MS);
  };
  signal.addEventListener('abort', endGroup, { once: true });
  try {
    for await (const line of child.iterable({ from: 'all' })) onLine(line);
  } finally {
    signal.removeEventListener('abort', endGroup);
    clearTimeout(deadline);
  }
  const result = await child;
  signal.throwIfAborted();
  if (result.exitCode !== undefined) return { status: result.exitCode };
  if (result.signal !== undefined) return { signalName: result.signal };
  throw notStarted(program, result.code ?? 'unknown', result);
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // All of it has ended.
    if (systemCodeOf(error) !== 'ESRCH') throw error;
  }
}

function notStarted(program: string, code: string, cause: unknown): AirgapError {
  const name = JSON.stringify(program);
  if (code === 'ENOENT') {
    return new AirgapError('E_USAGE', `the program ${name} is not installed`, {
      hint: `install ${program} or put it on the PATH`,
      cause,
    });
  }
  const isForeign = code === 'ENOEXEC';
  return new AirgapError('E_USAGE', `the program ${name} can not be started: ${code}`, {
    hint: isForeign
      ? 'it was made for another platform: take the one for this machine'
      : 'check it and its permissions',
    cause,
  });
}
