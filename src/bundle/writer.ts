import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { AirgapError } from '../core/errors.ts';
import { assertSpace, canBeSparse, onOutput, removeOutput, renameOutput, syncFolder } from './file-system.ts';
import {
  isSameSubject,
  journalPath,
  openJournal,
  readJournal,
  type Journal,
  type JournalContent,
  type JournalSubject,
} from './journal.ts';
import { END_BYTES, headerOf, type BundleLayout } from './layout.ts';
import { headBytes, type BundleParts } from './ordered-output.ts';
import { openPieces, partialPathOf, piecesOf, type OpenPieces, type Piece } from './pieces.ts';

export { openBodyWriter, type BodyPlace, type BodyTransfer, type BodyWriter } from './body-writer.ts';
export { partialPathOf, type Piece } from './pieces.ts';
export { writeBundleTo, type BundleParts, type OpenBody } from './ordered-output.ts';

/** An unfinished bundle file with its journal: the part of writing that one thread does. */
export interface BundleFileWriter {
  /** `X.tar.partial`; body writers open it by this name. Of a bundle in volumes, the first one. */
  readonly partialPath: string;
  /** The unfinished files, in order; what body writers open. One unless the bundle is split. */
  readonly pieces: readonly Piece[];
  /**
   * `sparse`: bodies may be written in any order by body writers. `ordered`: the file system has no sparse files, use
   * `writeInOrder`.
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
  /** Splits the bundle into `X.tar.001`, `X.tar.002`, … of this many bytes each (signing, section 10). */
  readonly volumeSize?: number | undefined;
}

/**
 * Begins `finalPath.partial` (or `finalPath.001.partial`, … in volumes), or continues it when it is the same bundle (same
 * bundle manifest and signatures) in the same volumes. Free space is checked before the first byte. Throws `E_SPACE`, `E_USAGE`
 * when volumes of an earlier bundle would be taken for some of this one.
 */
export function openBundleFile(
  finalPath: string,
  parts: BundleParts,
  options: BundleFileOptions = {},
): BundleFileWriter {
  const { layout } = parts;
  const { volumeSize } = options;
  const folder = dirname(finalPath);
  const head = headBytes(parts);
  const subject: JournalSubject = {
    manifestSha256: layout.entries[0]!.sha256,
    headSha256: createHash('sha256').update(head).digest('hex'),
    size: layout.size,
    mode: (options.sparse ?? canBeSparse(folder)) ? 'sparse' : 'ordered',
    ...(volumeSize === undefined ? {} : { volumeSize }),
  };
  const pieces = piecesOf(finalPath, layout.size, volumeSize);
  if (volumeSize !== undefined) assertNoStrangers(finalPath, pieces);
  const journalFile = journalPath(partialPathOf(finalPath));
  const existing = readJournal(journalFile);
  const isSame = existing !== undefined && isSameSubject(existing.subject, subject);
  if (isSame) takeBackNames(pieces);
  const claimed = claimsFor(layout, existing);
  const isContinued = isSame && holdsHead(pieces, head, subject) && holdsClaims(pieces, layout, claimed);
  const largestFile = Math.max(...pieces.map(({ size }) => size));
  const files = pieces.map(({ path }) => path);
  assertSpace(files[0]!, layout.size, { kept: isContinued, largestFile, files });
  if (!isContinued) {
    // In this order: a journal must never stand beside a file it does not describe.
    removeOutput(journalFile);
    if (existing !== undefined) removePieces(finalPath, existing.subject, files);
    syncFolder(folder);
    beginFile(pieces, parts, head, subject.mode);
  }
  const data = openPieces(pieces, 'r+');
  const journal = openJournal(journalFile, subject, () => data.syncData(), isContinued ? existing : undefined);
  const { complete, progress } = isContinued ? claimed : claimsFor(layout, undefined);
  return makeWriter({ journalFile, pieces, parts, mode: subject.mode, data, journal }, complete, progress);
}

interface WriterState {
  readonly journalFile: string;
  readonly pieces: readonly Piece[];
  readonly parts: BundleParts;
  readonly mode: 'sparse' | 'ordered';
  readonly data: OpenPieces;
  readonly journal: Journal;
}

function makeWriter(
  state: WriterState,
  complete: ReadonlySet<number>,
  progress: ReadonlyMap<number, number>,
): BundleFileWriter {
  const { journalFile, pieces, parts, data, journal } = state;
  const done = new Set(complete);
  const partialPath = pieces[0]!.path;
  return {
    partialPath,
    pieces,
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
        data.close();
      }
    },
    async finish() {
      const missing = parts.layout.entries.length - parts.layout.firstFile - done.size;
      if (missing > 0) throw new Error(`${partialPath}: ${missing} entries are not written`);
      await journal.flush();
      data.sync();
      // The first one last: as long as it has its unfinished name, the next run knows what it continues. All is still open
      // here, so that a rename that fails leaves a run that can be suspended.
      for (const { path, finalPath } of pieces.toReversed()) renameOutput(path, finalPath);
      syncFolder(dirname(partialPath));
      await journal.close();
      data.close();
      removeOutput(journalFile);
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
function beginFile(pieces: readonly Piece[], parts: BundleParts, head: Buffer, mode: 'sparse' | 'ordered'): void {
  const { layout } = parts;
  const data = openPieces(pieces, 'w+');
  try {
    data.writeSync(head, 0);
    if (mode === 'sparse') {
      data.truncate(layout.size);
      for (let index = layout.firstFile; index < layout.entries.length; index += 1) {
        const entry = layout.entries[index]!;
        data.writeSync(headerOf(entry.path, entry.size), entry.headerAt);
      }
      data.writeSync(Buffer.alloc(END_BYTES), layout.endAt);
    }
    data.sync();
  } finally {
    data.close();
  }
  syncFolder(dirname(pieces[0]!.path));
}

/** True when the files begin with exactly these bytes and, where they should, have their final lengths. */
function holdsHead(pieces: readonly Piece[], head: Buffer, { mode }: JournalSubject): boolean {
  for (const { path, size } of pieces) {
    const length = statSync(path, { throwIfNoEntry: false })?.size;
    if (length === undefined || (mode === 'sparse' && length !== size)) return false;
  }
  const data = openPieces(pieces, 'r');
  try {
    const found = Buffer.alloc(head.length);
    return data.readSync(found, 0) === head.length && found.equals(head);
  } finally {
    data.close();
  }
}

/**
 * True when the files reach as far as the journal says: repairing a file system may cut them, and what is written behind that
 * would fill the gap with zeros nobody looks at.
 */
function holdsClaims(
  pieces: readonly Piece[],
  { entries }: BundleLayout,
  { complete, progress }: ReturnType<typeof claimsFor>,
): boolean {
  let end = 0;
  for (const index of complete) end = Math.max(end, entries[index]!.bodyAt + entries[index]!.size);
  for (const [index, received] of progress) end = Math.max(end, entries[index]!.bodyAt + received);
  let start = 0;
  for (const { path, size } of pieces) {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < Math.min(size, end - start)) return false;
    start += size;
  }
  return true;
}

/** A run that was killed while it gave out the final names had everything complete: its journal still stands. */
function takeBackNames(pieces: readonly Piece[]): void {
  if (!existsSync(pieces[0]!.path)) return;
  for (const { path, finalPath } of pieces) {
    if (!existsSync(path) && existsSync(finalPath)) renameOutput(finalPath, path);
  }
}

/** Removes the unfinished files of another run that are not about to be overwritten. */
function removePieces(finalPath: string, subject: JournalSubject, but: readonly string[]): void {
  for (const { path } of piecesOf(finalPath, subject.size, subject.volumeSize)) {
    if (!but.includes(path)) removeOutput(path);
  }
}

/** Volumes with higher numbers, or a whole file, would be carried along and mixed up with this bundle. */
function assertNoStrangers(finalPath: string, pieces: readonly Piece[]): void {
  const name = basename(finalPath);
  const own = new Set(pieces.map((piece) => basename(piece.finalPath)));
  const folder = dirname(finalPath);
  const strangers = onOutput(folder, () => readdirSync(folder)).filter(
    (other) => other.startsWith(`${name}.`) && /^\d{3}$/.test(other.slice(name.length + 1)) && !own.has(other),
  );
  if (strangers.length === 0) return;
  throw new AirgapError('E_USAGE', `${strangers.toSorted().join(', ')} is left of another bundle of this name`, {
    hint: 'remove it, or choose another name with -o',
  });
}
