import { closeSync, constants, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { systemCodeOf } from '../core/errors.ts';
import { NO_FOLLOW, onOutput, openOutput, outputError } from './file-system.ts';

/** Data reaches the disk, and then the journal, this often while a bundle is written. */
const FLUSH_MS = 1000;
/** Progress of a large body is worth a line each time it grew by this many bytes. */
const PROGRESS_STEP = 16 * 1024 * 1024;
const FORMAT = 'airgap-journal-1';
const HEX = '[0-9a-f]{64}';
const FIRST_LINE = new RegExp(
  `^${FORMAT} (${HEX}) (${HEX}) (0|[1-9][0-9]{0,15}) (sparse|ordered)(?: ([1-9][0-9]{0,15}))?$`,
);
const ENTRY_LINE = /^d (0|[1-9][0-9]{0,6})$/;
const PROGRESS_LINE = /^p (0|[1-9][0-9]{0,6}) ([1-9][0-9]{0,15})$/;
const RESTART_LINE = /^r (0|[1-9][0-9]{0,6})$/;

/** What an unfinished file is going to be; a journal of anything else is worthless. */
export interface JournalSubject {
  readonly manifestSha256: string;
  /** sha256 of everything in front of the first carried file: the signatures differ in every run. */
  readonly headSha256: string;
  /** Length of the finished bundle. */
  readonly size: number;
  /** `sparse`: bodies in any order in a file of final length; `ordered`: front to back. */
  readonly mode: 'sparse' | 'ordered';
  /** Bytes of each volume; absent: one file. */
  readonly volumeSize?: number | undefined;
}

/** What a journal claims. Entries are layout indexes. */
export interface JournalContent {
  readonly subject: JournalSubject;
  readonly complete: ReadonlySet<number>;
  /** Bytes from the start of a body that are there, for bodies not complete. */
  readonly progress: ReadonlyMap<number, number>;
  /** Length of the readable part; what follows was torn off by the interruption. */
  readonly length: number;
}

/** The journal of a file that is being written. */
export interface Journal {
  /** The body and padding of the entry have been handed to the kernel. */
  completed(entry: number): void;
  /** So many bytes from the start of the body have been handed to the kernel. */
  progressed(entry: number, received: number): void;
  /** A body begins again: claims about it are void. */
  restarted(entry: number): void;
  /** Makes everything reported so far durable, then claims it. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Name of the journal of an unfinished bundle file. */
export function journalPath(partialPath: string): string {
  return `${partialPath}.journal`;
}

/**
 * Reads a journal as far as it is intact: a last line without its end, or anything that is no line of ours (a crash may leave
 * zeros), ends it. Undefined when there is none or its first line is unreadable. Throws `E_USAGE` when the system does not let it be read, or
 * it is a symbolic link.
 */
export function readJournal(path: string): JournalContent | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const firstEnd = text.indexOf('\n');
  const first = FIRST_LINE.exec(text.slice(0, Math.max(0, firstEnd)));
  if (first === null) return undefined;
  const complete = new Set<number>();
  const progress = new Map<number, number>();
  let at = firstEnd + 1;
  for (let end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
    const line = text.slice(at, end);
    const done = ENTRY_LINE.exec(line);
    const part = done === null ? PROGRESS_LINE.exec(line) : null;
    const restarted = done === null && part === null ? RESTART_LINE.exec(line) : null;
    if (done !== null) complete.add(Number(done[1]));
    else if (part !== null) progress.set(Number(part[1]), Number(part[2]));
    else if (restarted !== null) progress.delete(Number(restarted[1]));
    else break;
    at = end + 1;
  }
  for (const entry of complete) progress.delete(entry);
  const [, manifestSha256, headSha256, size, mode, volumeSize] = first as unknown as string[];
  return {
    subject: {
      manifestSha256: manifestSha256!,
      headSha256: headSha256!,
      size: Number(size),
      mode: mode === 'ordered' ? 'ordered' : 'sparse',
      ...(volumeSize === undefined ? {} : { volumeSize: Number(volumeSize) }),
    },
    complete,
    progress,
    length: at,
  };
}

function readText(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | NO_FOLLOW);
    try {
      return readFileSync(fd, 'latin1');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw outputError(path, error);
    return undefined;
  }
}

/** True when both speak of the same unfinished file. */
export function isSameSubject(a: JournalSubject, b: JournalSubject): boolean {
  return (
    a.manifestSha256 === b.manifestSha256 &&
    a.headSha256 === b.headSha256 &&
    a.size === b.size &&
    a.mode === b.mode &&
    a.volumeSize === b.volumeSize
  );
}

/**
 * Opens the journal at `path` for data that `syncData` makes durable: continues after `existing`, or begins a new one. A
 * line is written only after a sync that covers what it claims, at most once a second, on `flush` and on `close`.
 */
export function openJournal(
  path: string,
  subject: JournalSubject,
  syncData: () => Promise<void>,
  existing?: JournalContent,
): Journal {
  const fd = openOutput(path, existing === undefined ? 'w' : 'r+');
  let length = existing?.length ?? 0;
  const append = (text: string): void => {
    const bytes = Buffer.from(text, 'latin1');
    onOutput(path, () => {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(fd, bytes, done, bytes.length - done, length + done);
      }
    });
    length += bytes.length;
  };
  if (existing === undefined) {
    const { manifestSha256, headSha256, size, mode, volumeSize } = subject;
    const volumes = volumeSize === undefined ? '' : ` ${volumeSize}`;
    append(`${FORMAT} ${manifestSha256} ${headSha256} ${size} ${mode}${volumes}\n`);
  } else {
    onOutput(path, () => ftruncateSync(fd, length));
  }
  onOutput(path, () => fsyncSync(fd));

  let pendingDone: number[] = [];
  const pendingProgress = new Map<number, number>();
  const claimed = new Map(existing?.progress);
  /** Bodies that began again while a flush was under way: what it meant to claim about them is void. */
  const voided = new Set<number>();
  let queue = Promise.resolve();
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;

  const writeOut = async (): Promise<void> => {
    const done = pendingDone;
    const taken = [...pendingProgress];
    pendingDone = [];
    pendingProgress.clear();
    voided.clear();
    if (done.length === 0 && taken.length === 0) return;
    // Taken before the sync: what is reported while it runs waits for the next one.
    await syncData();
    const progress = taken.filter(([entry]) => !voided.has(entry));
    for (const [entry, received] of progress) claimed.set(entry, received);
    append(
      [...done.map((entry) => `d ${entry}\n`), ...progress.map(([entry, received]) => `p ${entry} ${received}\n`)].join(
        '',
      ),
    );
  };
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // One after the other, also after one that failed: what it was about is simply not claimed.
    queue = queue.then(writeOut, writeOut);
    await queue;
  };
  const schedule = (): void => {
    if (failure !== undefined) throw outputError(path, failure);
    timer ??= setTimeout(() => {
      flush().catch((error: unknown) => (failure = error));
    }, FLUSH_MS);
  };

  return {
    completed(entry) {
      pendingProgress.delete(entry);
      pendingDone.push(entry);
      schedule();
    },
    progressed(entry, received) {
      if (received - (claimed.get(entry) ?? 0) < PROGRESS_STEP) return;
      pendingProgress.set(entry, received);
      schedule();
    },
    restarted(entry) {
      pendingProgress.delete(entry);
      voided.add(entry);
      if (!claimed.delete(entry)) return;
      // At once and before any new byte: a stale claim would let a later run trust bytes that are being replaced.
      append(`r ${entry}\n`);
      onOutput(path, () => fsyncSync(fd));
    },
    flush,
    async close() {
      try {
        await flush();
      } finally {
        closeSync(fd);
      }
    },
  };
}
