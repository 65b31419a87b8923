/** Every condition a user can act on, with the exit status of the process that reports it (ARCHITECTURE.md, "Errors"). */
const EXIT_STATUS = {
  E_USAGE: 2,
  E_CONFIG: 2,
  E_SIGNATURE: 3,
  E_MANIFEST: 4,
  E_LAYOUT: 4,
  E_LIMIT: 4,
  E_TRUNCATED: 4,
  E_TRAILING: 4,
  E_DIGEST: 4,
  E_OCI: 4,
  E_NAME: 5,
  E_ROLLBACK: 5,
  E_EQUIVOCATION: 5,
  E_EXPIRED: 5,
  E_BASE: 5,
  E_SPACE: 5,
  E_UNAUTHORIZED: 6,
  E_NOT_FOUND: 6,
  E_UNREACHABLE: 6,
  E_RATE_LIMIT: 6,
  E_REGISTRY: 6,
  E_PREFLIGHT: 7,
  E_CONFLICT: 8,
  E_REJECTED: 8,
  E_TIMEOUT: 9,
  E_FAILED: 10,
  E_PARTIAL: 11,
} as const;

/** Closed set of error codes; scripts and tests match on these, never on message text. */
export type ErrorCode = keyof typeof EXIT_STATUS;

export interface ErrorDetails {
  /** What the user should do next. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for `--json` consumers: byte offset, file, field path and the like. Never a secret. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** An error a user can act on. A defect of ours is a plain `Error` instead and ends with exit status 1. */
export class AirgapError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AirgapError';
    this.code = code;
    this.hint = details.hint;
    this.data = details.data;
  }
}

/** Every code there is. */
export const ERROR_CODES = Object.keys(EXIT_STATUS) as readonly ErrorCode[];

/** The exit status that belongs to a code. */
export function exitStatusOf(code: ErrorCode): number {
  return EXIT_STATUS[code];
}

/** True when `error` is an {@link AirgapError}, and has `code` where one is given. */
export function isAirgapError(error: unknown, ...codes: readonly ErrorCode[]): error is AirgapError {
  return error instanceof AirgapError && (codes.length === 0 || codes.includes(error.code));
}

/** The `code` of a Node system error (`ENOENT`, `ECONNRESET`, …), or undefined. */
export function systemCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/** What users mistake most often, in words. */
const SYSTEM_PROBLEMS: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'the file system is read-only',
};

/** What a code of the operating system says, in words where there are some. `missing` is what is not there. */
export function systemProblem(code: string | undefined, missing: 'file' | 'folder' = 'file'): string {
  if (code === 'ENOENT') return `no such ${missing}`;
  return SYSTEM_PROBLEMS[code ?? ''] ?? code ?? 'unknown';
}

/** The system call an operating system error came from (`write`, `read`, …); undefined for errors of any other kind. */
export function syscallOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : undefined;
}

/** True when `error` says that the run was cancelled through its AbortSignal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || systemCodeOf(error) === 'ABORT_ERR');
}
