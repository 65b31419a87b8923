import { z } from 'zod';
import { AirgapError, isAirgapError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import type { RunContext } from '../../core/events.ts';
import { runProgram } from '../../core/exec.ts';
import { quoteForeign } from '../../core/quote.ts';

/** The vendor's program, found and known to be new enough. */
export interface OcMirror {
  readonly program: string;
  /** As it says itself, `4.18.0-202502260503…`; `v0.0.0-unknown` for a build that was given none. */
  readonly version: string;
  /** Undefined for a build without a version. */
  readonly minor: number | undefined;
}

/** The first release whose second version is generally available, with exit bits (oc-mirror behaviour, Appendix B). */
const OLDEST_MINOR = 18;
const VERSION_TIMEOUT_MS = 60_000;

const VersionSchema = z.looseObject({ clientVersion: z.looseObject({ gitVersion: z.string().min(1) }) });

/** How airgap does the work by itself. */
const WITHOUT = 'leave --engine out at pack, give --engine native at unpack';

/**
 * Asks the vendor's program for its version. Throws `E_USAGE` when it is missing, is no such program, is made for another
 * platform, or is older than 4.18. A build without a version is taken, with a warning.
 */
export async function findOcMirror(program: string, ctx: RunContext): Promise<OcMirror> {
  const version = await askVersion(program, ctx.signal);
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)\./.exec(version) ?? [];
  if (major === '') throw notOcMirror(program, `its version is ${quoteForeign(version)}`);
  if (Number(major) === 0) {
    const message = `${program} was built without a version (${version}): whether it is 4.${OLDEST_MINOR} or newer can not be told`;
    ctx.report({ type: 'warning', code: 'W_ENGINE', message });
    return { program, version, minor: undefined };
  }
  if (Number(major) < 4 || (Number(major) === 4 && Number(minor) < OLDEST_MINOR)) {
    throw new AirgapError('E_USAGE', `${program} is version ${version}; at least 4.${OLDEST_MINOR} is needed`, {
      hint: `install oc-mirror 4.${OLDEST_MINOR} or newer, or let airgap do it by itself: ${WITHOUT}`,
    });
  }
  // From 5.0 on every feature of the fourth major version is there.
  return { program, version, minor: Number(major) > 4 ? Number.MAX_SAFE_INTEGER : Number(minor) };
}

async function askVersion(program: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await runVersion(program, signal);
  // Greetings of newer releases come first.
  const json = stdout.slice(Math.max(0, stdout.search(/^\{/m)));
  const document = parseJson(json.slice(0, json.lastIndexOf('}') + 1));
  const parsed = VersionSchema.safeParse(document);
  if (!parsed.success) throw notOcMirror(program, 'it does not tell its version');
  return parsed.data.clientVersion.gitVersion;
}

async function runVersion(program: string, signal: AbortSignal): Promise<{ readonly stdout: string }> {
  try {
    return await runProgram(program, ['version', '--output', 'json'], { signal, timeoutMs: VERSION_TIMEOUT_MS });
  } catch (error) {
    if (isAirgapError(error, 'E_FAILED')) throw notOcMirror(program, error.message, error);
    if (!isAirgapError(error, 'E_USAGE')) throw error;
    throw new AirgapError('E_USAGE', `--engine oc-mirror: ${error.message}`, {
      hint: `put oc-mirror 4.18 or newer on the PATH, name it with --oc-mirror FILE (with its folder: ./oc-mirror), or do without: ${WITHOUT}`,
      cause: error,
    });
  }
}

function notOcMirror(program: string, why: string, cause?: unknown): AirgapError {
  return new AirgapError('E_USAGE', `${program} does not work as oc-mirror: ${why}`, {
    hint: 'name the oc-mirror program for this machine with --oc-mirror FILE; "oc-mirror version --output json" must answer',
    cause,
  });
}
