import { AirgapError } from '../core/errors.ts';

/** An error for people: code and message, then each cause once, then the fix. */
export function formatError(error: AirgapError): string {
  const lines = [`error ${error.code}: ${error.message}`];
  let cause = error.cause;
  for (let depth = 0; cause instanceof Error && depth < 5; depth += 1) {
    const code = cause instanceof AirgapError ? `${cause.code}: ` : '';
    if (!lines[0]!.includes(cause.message)) lines.push(`  because: ${code}${cause.message}`);
    cause = cause.cause;
  }
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  fix: ${hint}`);
  return lines.join('\n');
}

/** The error as data for `--json`. */
export function errorAsJson(error: AirgapError): Record<string, unknown> {
  const hint = hintOf(error);
  return {
    ok: false,
    code: error.code,
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...error.data,
  };
}

function hintOf(error: AirgapError): string | undefined {
  if (error.hint !== undefined) return error.hint;
  return error.cause instanceof AirgapError ? hintOf(error.cause) : undefined;
}
