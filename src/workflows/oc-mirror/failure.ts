import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AirgapError, systemCodeOf } from '../../core/errors.ts';
import type { LongRunEnd } from '../../core/exec.ts';
import { printableMessage } from '../../core/quote.ts';
import type { Said } from './output.ts';

/** The exit status is a mask of these (oc-mirror behaviour, "Exit codes"). */
const BITS: readonly (readonly [number, string])[] = [
  [2, 'releases'],
  [4, 'operators'],
  [8, 'additional images'],
  [16, 'Helm charts'],
];
const ALL_BITS = 1 + 2 + 4 + 8 + 16;
/** Lines shown; the rest is in the file that is named. */
const SHOWN = 5;

export interface RunFacts {
  readonly end: LongRunEnd;
  readonly said: Said;
  /** Milliseconds since 1970: older lists of failures belong to earlier runs. */
  readonly startedAt: number;
  /** Folder of the program's `working-dir`. */
  readonly workingDir: string;
  /** What the user does next. */
  readonly hint: string;
}

/** What is wrong with a run that ended like this; undefined for a good end. */
export async function failureOf({
  end,
  said,
  startedAt,
  workingDir,
  hint,
}: RunFacts): Promise<AirgapError | undefined> {
  if ('status' in end && end.status === 0) return undefined;
  const { lines, path } = await errorsFile(join(workingDir, 'logs'), startedAt);
  const reasons = lines.length > 0 ? lines : said.errors;
  const shown = reasons.slice(0, SHOWN).map((line) => `\n  ${printableMessage(line)}`);
  const more = reasons.length > SHOWN ? `\n  and ${reasons.length - SHOWN} more` : '';
  return new AirgapError('E_FAILED', `oc-mirror ${describeEnd(end)}${shown.join('')}${more}`, {
    hint: `${path === undefined ? '' : `all errors: ${path}; `}${hint}`,
    data: {
      ...end,
      parts: 'status' in end ? partsOf(end.status) : [],
      failed: [...said.failed],
      ...(path === undefined ? {} : { errors: path }),
    },
  });
}

/** How a run ended, in words. */
function describeEnd(end: LongRunEnd): string {
  if ('signalName' in end) return `was ended by ${end.signalName}`;
  const parts = partsOf(end.status);
  const what = parts.length === 0 ? '' : `: ${parts.join(', ')} failed`;
  return `ended with status ${end.status}${what}`;
}

function partsOf(status: number): string[] {
  // 255 is a refusal of its arguments, more than all bits is none of them.
  if (status > ALL_BITS) return [];
  return BITS.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name);
}

/** The list of failures of a run; one that failed before it copied anything has none. */
async function errorsFile(folder: string, startedAt: number): Promise<{ lines: readonly string[]; path?: string }> {
  try {
    const names = (await readdir(folder)).filter((name) => /^mirroring_errors_.*\.txt$/.test(name)).toSorted();
    const newest = names.at(-1);
    if (newest === undefined) return { lines: [] };
    const path = join(folder, newest);
    // File systems keep times in steps.
    if ((await stat(path)).mtimeMs < startedAt - 2000) return { lines: [] };
    const text = await readFile(path, 'utf8');
    return { lines: text.split('\n').filter((line) => line !== ''), path };
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return { lines: [] };
  }
}
