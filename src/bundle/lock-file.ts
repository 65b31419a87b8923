import { constants } from 'node:fs';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { NO_FOLLOW, outputError } from './file-system.ts';

const FILE_MODE = 0o600;

/**
 * Takes a lock: a file that is there as long as this process works. Throws `E_USAGE`, saying that `what` is in use, when another
 * process holds it; the lock of a process which has ended is taken over. Processes on other machines can not be told from
 * ended ones.
 */
export async function takeLock(path: string, what: string): Promise<AsyncDisposable> {
  for (;;) {
    try {
      await using file = await open(path, 'wx', FILE_MODE);
      return await sign(path, file);
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw outputError(path, error);
    }
    // A symbolic link is no lock of ours, and one that leads nowhere would be met again and again.
    const holder = await readIfThere(path, constants.O_RDONLY | NO_FOLLOW);
    if (holder === undefined) continue;
    const [pid = '', start = ''] = holder.toString('latin1').trim().split(' ');
    if (!(await isGone(Number(pid), start))) {
      throw new AirgapError('E_USAGE', `${what} is in use by process ${pid || '(unknown)'}`, {
        hint: `wait for it to end; remove ${path} only when no airgap is running`,
      });
    }
    await removeAbandoned(path, holder);
  }
}

/** Says whose a new lock is; one nobody could be named in would be held for ever. */
async function sign(path: string, file: FileHandle): Promise<AsyncDisposable> {
  const release = (): Promise<void> => rm(path, { force: true });
  try {
    await file.writeFile(`${process.pid} ${(await startOf(process.pid)) ?? ''}\n`);
  } catch (error) {
    await release();
    throw error;
  }
  return { [Symbol.asyncDispose]: release };
}

/** Takes an abandoned lock away; a rename, because of two processes that try this only one may succeed. */
async function removeAbandoned(path: string, expected: Buffer): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return;
  }
  const taken = await readIfThere(aside);
  // Another process was faster and this is its new lock: give it back.
  if (taken?.equals(expected) === false) await rename(aside, path);
  else await rm(aside, { force: true });
}

/** True when the process that wrote a lock has ended. An empty lock (its writer is between two calls) counts as held. */
async function isGone(pid: number, start: string): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  const now = await startOf(pid);
  // Numbers are used again, in containers almost always the same ones: a later start means another process.
  if (now !== undefined && start !== '') return now !== start;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (systemCodeOf(error) === 'ESRCH') return true;
    if (systemCodeOf(error) === 'EPERM') return false;
    throw error;
  }
}

/** When a process started, in clock ticks since boot (proc(5), `stat` field 22); undefined when that can not be told. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  // The program's name comes before, in brackets, and may hold anything.
  return stat?.toString('latin1').replace(/^.*\)/s, '').trim().split(' ')[19];
}

/** A whole file, or undefined when there is none. */
export async function readIfThere(path: string, flag: string | number = 'r'): Promise<Buffer | undefined> {
  try {
    return await readFile(path, { flag });
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw outputError(path, error);
    return undefined;
  }
}
