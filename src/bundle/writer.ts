import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AirgapError } from '../core/errors.ts';
import { assertSpace, canBeSparse, spaceError, syncFolder } from './file-system.ts';
import {
  isSameSubject,
  journalPath,
  openJournal,
  readJournal,
  type Journal,
  type JournalContent,
  type JournalSubject,
} from './journal.ts';
import { END_BYTES, entryEnd, headerOf, type BundleLayout } from './layout.ts';
import { headBytes, orderedBytes, type BundleParts, type OrderedOutputOptions } from './ordered-output.ts';

export { openBodyWriter, type BodyPlace, type BodyTransfer, type BodyWriter } from './body-writer.ts';
export { writeBundleTo, type BundleParts, type OpenBody } from './ordered-output.ts';

/** An unfinished bundle file with its journal: the part of writing that one thread does. */
export interface BundleFileWriter {
  /** `X.tar.partial`; body writers open it by this name. */
  readonly partialPath: string;
  /**
   * `sparse`: bodies may be written in any order by body writers. `ordered`: the file system has no sparse files, use
   * {@link writeInOrder}.
   */
  readonly mode: 'sparse' | 'ordered';
  /** Layout indexes of the entries an earlier run completed and this one need not write. */
  readonly complete: ReadonlySet<number>;
  /** Bytes an earlier run left of bodies not complete; continue with `resume` of the body writer. */
  readonly progress: ReadonlyMap<number, number>;
  /** Says that a body was written as a whole. */
  completed(index: number): void;
  /** Says that so many bytes of a body are in the file; call as often as you like. */
  progressed(index: number, received: number): void;
  /** Says that a body begins anew; to be called before its first byte when it had progress. */
  restarted(index: number): void;
  /** Makes everything said so far durable now, instead of within a second. */
  flush(): Promise<void>;
  /** Makes what is there durable, for the next run to continue from, and closes. The way out after a failure or an interrupt. */
  suspend(): Promise<void>;
  /**
   * Makes the file durable, gives it its final name, removes the journal. All entries must be complete. A check of the
   * result belongs before it.
   */
  finish(): Promise<void>;
}

export interface BundleFileOptions {
  /**
   * Whether the file may have holes. Absent: everywhere but on FAT and exFAT, as far as the file system says what it is (network
   * file systems do not).
   */
  readonly sparse?: boolean;
}

/** Name under which a bundle is written until it is complete. */
export function partialPathOf(finalPath: string): string {
  return `${finalPath}.partial`;
}

/**
 * Begins `finalPath.partial`, or continues it when it is the same bundle (same bundle manifest and signatures). Free
 * space is checked before the first byte. Throws `E_SPACE`.
 */
export function openBundleFile(
  finalPath: string,
  parts: BundleParts,
  options: BundleFileOptions = {},
): BundleFileWriter {
  const partialPath = partialPathOf(finalPath);
  const { layout } = parts;
  const head = headBytes(parts);
  const subject: JournalSubject = {
    manifestSha256: layout.entries[0]!.sha256,
    headSha256: createHash('sha256').update(head).digest('hex'),
    size: layout.size,
    mode: (options.sparse ?? canBeSparse(dirname(partialPath))) ? 'sparse' : 'ordered',
  };
  const existing = readJournal(journalPath(partialPath));
  const isContinued =
    existing !== undefined && isSameSubject(existing.subject, subject) && holdsHead(partialPath, head, subject);
  assertSpace(partialPath, layout.size, { kept: isContinued });
  if (!isContinued) {
    // In this order: a journal must never stand beside a file it does not describe.
    rmSync(journalPath(partialPath), { force: true });
    syncFolder(dirname(partialPath));
    beginFile(partialPath, parts, head, subject.mode);
  }
  const fd = openSync(partialPath, 'r+');
  const journal = openJournal(journalPath(partialPath), subject, fd, isContinued ? existing : undefined);
  const { complete, progress } = claimsFor(layout, isContinued ? existing : undefined);
  return makeWriter({ finalPath, partialPath, parts, mode: subject.mode, fd, journal }, complete, progress);
}

/**
 * Writes what is missing of a file that has to be written front to back. Bodies are opened in archive order, the first
 * one at the offset an earlier run reached.
 */
export async function writeInOrder(
  writer: BundleFileWriter,
  parts: BundleParts,
  options: OrderedOutputOptions,
): Promise<void> {
  const { entries, firstFile } = parts.layout;
  let index = firstFile;
  while (writer.complete.has(index)) index += 1;
  const entry = entries[index];
  const received = writer.progress.get(index) ?? 0;
  const fd = openSync(writer.partialPath, 'r+');
  try {
    let at = entry === undefined ? parts.layout.endAt : received > 0 ? entry.bodyAt + received : entry.headerAt;
    ftruncateSync(fd, at);
    const hash = createHash('sha256');
    if (entry !== undefined) hashRange(fd, entry.bodyAt, received, (piece) => hash.update(piece));
    const onEntry = (done: number): void => {
      writer.completed(done);
      options.onEntry?.(done);
    };
    const bytes = orderedBytes(parts, { ...options, onEntry }, { index, received, hash });
    for await (const chunk of bytes) {
      try {
        writeAll(fd, chunk, at);
      } catch (error) {
        throw spaceError(writer.partialPath, error);
      }
      at += chunk.length;
      while (index < entries.length && at >= entryEnd(entries[index]!)) index += 1;
      const current = entries[index];
      if (current !== undefined && at > current.bodyAt) {
        writer.progressed(index, Math.min(at - current.bodyAt, current.size));
      }
    }
  } finally {
    closeSync(fd);
  }
}

interface WriterState {
  readonly finalPath: string;
  readonly partialPath: string;
  readonly parts: BundleParts;
  readonly mode: 'sparse' | 'ordered';
  readonly fd: number;
  readonly journal: Journal;
}

function makeWriter(
  state: WriterState,
  complete: ReadonlySet<number>,
  progress: ReadonlyMap<number, number>,
): BundleFileWriter {
  const { finalPath, partialPath, parts, fd, journal } = state;
  const done = new Set(complete);
  return {
    partialPath,
    mode: state.mode,
    complete,
    progress,
    completed(index) {
      done.add(index);
      journal.completed(index);
    },
    progressed: (index, received) => journal.progressed(index, received),
    restarted: (index) => journal.restarted(index),
    flush: () => journal.flush(),
    async suspend() {
      try {
        await journal.close();
      } finally {
        closeSync(fd);
      }
    },
    async finish() {
      const missing = parts.layout.entries.length - parts.layout.firstFile - done.size;
      if (missing > 0) throw new Error(`${partialPath}: ${missing} entries are not written`);
      await journal.close();
      fsyncSync(fd);
      closeSync(fd);
      renameSync(partialPath, finalPath);
      syncFolder(dirname(finalPath));
      rmSync(journalPath(partialPath), { force: true });
    },
  };
}

/**
 * What a journal says about entries that exist. A body not complete lacks at least one byte: asking a server for a range
 * of none is an error.
 */
export function claimsFor(
  { entries, firstFile }: BundleLayout,
  journal: JournalContent | undefined,
): { complete: Set<number>; progress: Map<number, number> } {
  const isFile = (index: number): boolean => index >= firstFile && index < entries.length;
  const complete = new Set([...(journal?.complete ?? [])].filter(isFile));
  const progress = new Map<number, number>();
  for (const [index, received] of journal?.progress ?? []) {
    const most = isFile(index) ? Math.min(received, entries[index]!.size - 1) : 0;
    if (most > 0) progress.set(index, most);
  }
  return { complete, progress };
}

/** The file at its final length with everything but the bodies (or, in order, just its beginning), durable. */
function beginFile(partialPath: string, parts: BundleParts, head: Buffer, mode: 'sparse' | 'ordered'): void {
  const { layout } = parts;
  const fd = openSync(partialPath, 'w', 0o644);
  try {
    writeAll(fd, head, 0);
    if (mode === 'sparse') {
      ftruncateSync(fd, layout.size);
      for (let index = layout.firstFile; index < layout.entries.length; index += 1) {
        const entry = layout.entries[index]!;
        writeAll(fd, headerOf(entry.path, entry.size), entry.headerAt);
      }
      writeAll(fd, Buffer.alloc(END_BYTES), layout.endAt);
    }
    fsyncSync(fd);
  } catch (error) {
    throw spaceError(partialPath, error);
  } finally {
    closeSync(fd);
  }
  syncFolder(dirname(partialPath));
}

/** True when the file begins with exactly these bytes and, where it should, has its final length. */
function holdsHead(partialPath: string, head: Buffer, { size, mode }: JournalSubject): boolean {
  const length = statSync(partialPath, { throwIfNoEntry: false })?.size;
  if (length === undefined || (mode === 'sparse' && length !== size)) return false;
  const fd = openSync(partialPath, 'r');
  try {
    const found = Buffer.alloc(head.length);
    return readSync(fd, found, 0, found.length, 0) === head.length && found.equals(head);
  } finally {
    closeSync(fd);
  }
}

function hashRange(fd: number, start: number, length: number, update: (piece: Buffer) => void): void {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (let done = 0; done < length;) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), start + done);
    if (count === 0) throw new AirgapError('E_TRUNCATED', 'the unfinished bundle is shorter than its journal says');
    update(buffer.subarray(0, count));
    done += count;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}
