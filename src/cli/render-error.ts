import { AirgapError, type ErrorCode } from '../core/errors.ts';

/** What helps with most errors of a code, for those that say nothing better themselves. */
const DEFAULT_HINTS: Readonly<Record<ErrorCode, string>> = {
  E_USAGE: 'correct the command line or the file it names; --help shows what may be given',
  E_CONFIG: 'correct the named place of the configuration and run the command again',
  E_SIGNATURE: 'do not use the bundle; get it again, and the key or identity of its signer from a trusted place',
  E_MANIFEST: 'do not use the bundle; get it again from whoever packed it',
  E_LAYOUT: 'the copy is damaged or was not made by this tool: copy the bundle again and run airgap verify',
  E_LIMIT: 'this is larger than anything the tool makes or takes: check where it comes from',
  E_TRUNCATED: 'the copy is incomplete: copy it again, all volumes, and run airgap verify',
  E_TRAILING: 'something was added after the end: copy the bundle again and run airgap verify',
  E_DIGEST: 'the content is damaged or was changed: get it again from where it comes from',
  E_OCI: 'the image is not what its manifest says: have it built or pushed anew, or leave it out',
  E_NAME: 'give the bundle of the stream that is meant, or the name it has with --bundle-name',
  E_ROLLBACK: 'give the newest bundle; an older one than was applied before is refused',
  E_EQUIVOCATION: 'two different bundles have one serial: ask who packed them which one counts',
  E_EXPIRED: 'pack a new bundle; also check the clock of this machine',
  E_BASE: 'apply the bundle this one builds on first, or pack a complete one',
  E_SPACE: 'make room or name another place, and run the same command again',
  E_UNAUTHORIZED: 'log in to the registry, and check that the account may do this',
  E_NOT_FOUND: 'check the name, and that what it names is still there',
  E_UNREACHABLE: 'check the name, the network and the proxy settings, and run the same command again',
  E_RATE_LIMIT: 'wait, then run the same command again; it continues where it stopped',
  E_REGISTRY: 'the answer is not what the specification says: look into the log of the registry',
  E_PREFLIGHT: 'correct what was found on the cluster and run the same command again',
  E_CONFLICT: 'somebody else changed the object: look at it, then run the same command again',
  E_REJECTED: 'correct what the cluster refuses, by its message, and run the same command again',
  E_TIMEOUT: 'airgap status shows what is waited for; run the same command again to go on waiting',
  E_FAILED: 'see the message of the program or object that failed, then run the same command again',
  E_PARTIAL: 'correct what is named above and run the same command again; what is done is not done twice',
};

/** An error for people: code and message, then each cause once, then the fix. */
export function formatError(error: AirgapError): string {
  const lines = [`error ${error.code}: ${error.message}`];
  let cause = error.cause;
  for (let depth = 0; cause instanceof Error && depth < 5; depth += 1) {
    const code = cause instanceof AirgapError ? `${cause.code}: ` : '';
    if (!lines[0]!.includes(cause.message)) lines.push(`  because: ${code}${cause.message}`);
    cause = cause.cause;
  }
  lines.push(`  fix: ${hintOf(error)}`);
  return lines.join('\n');
}

/** The error as data for `--json`. */
export function errorAsJson(error: AirgapError): Record<string, unknown> {
  return {
    ok: false,
    code: error.code,
    message: error.message,
    hint: hintOf(error),
    ...error.data,
  };
}

/** The error's own fix, else that of its cause, else what helps with its code. */
function hintOf(error: AirgapError): string {
  return ownHint(error) ?? DEFAULT_HINTS[error.code];
}

function ownHint(error: AirgapError): string | undefined {
  if (error.hint !== undefined) return error.hint;
  return error.cause instanceof AirgapError ? ownHint(error.cause) : undefined;
}
